#pragma once
/// The program that a command line hands to the login shell of a node, as a fake node reads it.

#include <string>
#include <string_view>

namespace ec2mpi::test {

/// The program in a command line, in which printf's octal numbers stand for special characters.
[[nodiscard]] inline std::string program_in(std::string_view command) {
  std::string text;
  for (std::size_t at = 0; at < command.size(); ++at) {
    if (command.substr(at, 2) == "\\0" && at + 5 <= command.size()) {
      text += static_cast<char>(std::stoi(std::string(command.substr(at + 2, 3)), nullptr, 8));
      at += 4;
    } else {
      text += command[at];
    }
  }
  return text;
}

/// The value of the first line `name=...` of a program's text; "" without such a line.
[[nodiscard]] inline std::string value_in(std::string_view program, const std::string& name) {
  const auto at = program.find("\n" + name + "=");
  if (at == std::string_view::npos) return "";
  const auto begin = program.find_first_not_of('\'', at + name.size() + 2);
  return std::string(program.substr(begin, program.find_first_of("'\n", begin) - begin));
}

}  // namespace ec2mpi::test
