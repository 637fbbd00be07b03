#pragma once
/// Checks of option values, with our own short messages.

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

namespace ec2mpi::cli {

/// "auto, always or never".
[[nodiscard]] std::string alternatives(const std::vector<std::string>& words);

/// One of these words.
[[nodiscard]] CLI::Validator one_of(std::vector<std::string> words);

/// A time in seconds, such as 10, 0.5, 90s, 10m, 1h30m or "2 h"; the option gets the number.
[[nodiscard]] CLI::Validator time_from(double least, double most);

/// One of these words, each of which stands for a value of an enumeration.
template <class T>
[[nodiscard]] CLI::Validator one_of(std::vector<std::pair<std::string, T>> choices) {
  const auto choose = [choices = std::move(choices)](std::string& word) -> std::string {
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
  return {choose, ""};
}

/// A number of bytes: 500M, 20G; the units are powers of 1000.
[[nodiscard]] CLI::Validator size();

/// A number from `least` to `most`; a whole one where they are. As a transformation, because CLI11 reads 010
/// as 8.
template <class T>
[[nodiscard]] CLI::Validator number(T least, T most) {
  const auto read = [least, most](std::string& word) -> std::string {
    T value{};
    const auto* const end = word.data() + word.size();
    const auto [stopped, wrong] = std::from_chars(word.data(), end, value);
    if (wrong == std::errc{} && stopped == end && value >= least && value <= most) {
      word = fmt::format("{}", value);
      return {};
    }
    return fmt::format("a number from {:.10g} to {:.10g}, not '{}'", static_cast<double>(least),
                       static_cast<double>(most), word);
  };
  return {read, ""};
}

}  // namespace ec2mpi::cli
