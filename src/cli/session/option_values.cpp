#include "ec2mpi/cli/session/option_values.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <CLI/CLI.hpp>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::cli {

namespace {
template <class T>
ReadValue number_between(T least, T most) {
  return [least, most](std::string& word) -> std::string {
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
}
}  // namespace

std::string alternatives(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

ReadValue one_of(std::vector<std::string> words) {
  return [words = std::move(words)](const std::string& word) -> std::string {
    if (std::find(words.begin(), words.end(), word) != words.end()) return {};
    return fmt::format("{}, not '{}'", alternatives(words), word);
  };
}

ReadValue time_from(double least, double most) {
  return [least, most](std::string& word) -> std::string {
    double value = 0;
    const auto* const end = word.data() + word.size();
    const auto [stopped, wrong] = std::from_chars(word.data(), end, value);
    if (wrong != std::errc{} || stopped != end) {
      const auto time = parse_seconds(word);
      if (!time) return fmt::format("a time such as 10, 0.5, 500ms, 90s, 10m or 2h, not '{}'", word);
      value = *time;
    }
    // Also false for NaN, which from_chars reads.
    if (!(value >= least && value <= most))
      return fmt::format("a time from {:.10g} to {:.10g} seconds, not '{}'", least, most, word);
    word = fmt::format("{}", value);
    return {};
  };
}

ReadValue number(int least, int most) {
  return number_between(least, most);
}

ReadValue number(double least, double most) {
  return number_between(least, most);
}

/// CLI11 would answer a wrong unit with the names of all that there are, and it takes -1 for the largest
/// number, which it also makes of a larger one.
ReadValue size() {
  const CLI::AsSizeValue convert(true);
  return [convert](std::string& word) -> std::string {
    const auto typed = word;
    std::uint64_t count = 0;
    const auto [stopped, wrong] = std::from_chars(word.data(), word.data() + word.size(), count);
    const auto unit = word.substr(static_cast<std::size_t>(stopped - word.data()));
    const bool plain = wrong == std::errc{} && unit.find_first_of("0123456789") == std::string::npos;
    word = std::to_string(count) + unit;
    try {
      if (plain && convert(word).empty()) return {};
    } catch (const CLI::ValidationError&) {
      // A wrong unit comes as an exception, and another wrong text as a message.
    }
    return fmt::format("a size such as 500M or 20G, not '{}'", typed);
  };
}

ReadValue output_file() {
  return [](std::string& file) -> std::string {
    return file == "-" ? "'-' is no file, and nothing is written to standard output; name a file" : "";
  };
}

}  // namespace ec2mpi::cli
