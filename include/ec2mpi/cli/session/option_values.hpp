#pragma once
/// Checks of option values, with our own short messages.

#include <fmt/format.h>
#include <string>
#include <utility>
#include <vector>

#include "ec2mpi/cli/session/flags.hpp"

namespace ec2mpi::cli {

/// "auto, always or never".
[[nodiscard]] std::string alternatives(const std::vector<std::string>& words);

/// One of these words.
[[nodiscard]] ReadValue one_of(std::vector<std::string> words);

/// A time in seconds, such as 10, 0.5, 90s, 10m, 1h30m or "2 h"; the option gets the number.
[[nodiscard]] ReadValue time_from(double least, double most);

/// One of these words, each of which stands for a value of an enumeration.
template <class T>
[[nodiscard]] ReadValue one_of(std::vector<std::pair<std::string, T>> choices) {
  return [choices = std::move(choices)](std::string& word) -> std::string {
    std::vector<std::string> words;
    for (const auto& [name, value] : choices) {
      if (name == word) {
        word = std::to_string(static_cast<int>(value));
        return {};
      }
      words.push_back(name);
    }
    return fmt::format("{}, not '{}'", alternatives(words), word);
  };
}

/// A number of bytes: 500M, 20G; the units are powers of 1000.
[[nodiscard]] ReadValue size();

/// A number from `least` to `most`; a whole one where they are. As a transformation, because CLI11 reads 010
/// as 8.
[[nodiscard]] ReadValue number(int least, int most);
[[nodiscard]] ReadValue number(double least, double most);

/// A file that is replaced as a whole: not -, which other tools take for standard output.
[[nodiscard]] ReadValue output_file();

}  // namespace ec2mpi::cli
