#include "ec2mpi/cli/session/option_values.hpp"

namespace ec2mpi::cli {

std::string alternatives(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

CLI::Validator one_of(std::vector<std::string> words) {
  const auto check = [words = std::move(words)](const std::string& word) -> std::string {
    if (std::find(words.begin(), words.end(), word) != words.end()) return {};
    return fmt::format("{}, not '{}'", alternatives(words), word);
  };
  return {check, ""};
}

}  // namespace ec2mpi::cli
