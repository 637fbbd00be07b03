#include "ec2mpi/cluster/values/facts.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi {

namespace {

constexpr std::string_view kLacks = "lacks ";
constexpr std::string_view kHangs = "hangs ";

// Bounds for the answer of a machine that may be broken or hostile.
constexpr std::size_t kLongestFact = 4096;
constexpr std::size_t kMostSettings = 32;
constexpr std::uint64_t kMostCpus = 100'000;

/// Facts go into messages, files and command lines, all of which have one line for each.
bool is_clean(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// The path goes into commands, so it may not depend on a folder.
bool is_path(std::string_view text) {
  return text.starts_with('/') && is_clean(text);
}

// The readers of single facts. False: the value cannot be one, and the whole answer is refused.
bool read_address(std::string_view text, Ipv4& target) {
  const auto address = parse_ipv4(text);
  if (address) target = *address;
  return address.has_value();
}

bool read_addresses(std::string_view text, std::vector<Ipv4>& target) {
  for (const auto word : words(text)) {
    const auto address = parse_ipv4(word);
    if (!address) return false;
    target.push_back(*address);
  }
  return true;
}

/// Processors: none at all, or more than any machine has, is no answer.
bool read_count(std::string_view text, int& target) {
  const auto number = parse_number(text);
  if (!number || *number == 0 || *number > kMostCpus) return false;
  target = static_cast<int>(*number);
  return true;
}

bool read_text(std::string_view text, std::string& target) {
  target = text;
  return is_clean(text);
}

bool read_path(std::string_view text, std::string& target) {
  target = text;
  return text.empty() || is_path(text);
}

/// The first line that is more than a rule of dashes.
std::string first_words(std::string_view said) {
  for (const auto line : split(said, '\n'))
    if (line.find_first_not_of("-* \t\r") != std::string_view::npos) return printable(trim(line));
  return {};
}

/// Another word than yes or no is an error.
bool read_flag(std::string_view text, bool& target) {
  target = text == "yes";
  return target || text == "no";
}

/// Takes the script's lines one by one.
class FactsReader {
 public:
  [[nodiscard]] bool take(std::string_view line) {
    const auto gap = std::min(line.find(' '), line.size());
    const auto key = line.substr(0, gap);
    const auto value = trim(line.substr(gap));
    if (key == "mpi") {  // several lines, as mpirun printed them
      mpi_said_.append(value).append("\n");
      return mpi_said_.size() <= kLongestFact;
    }
    if (key == "setting") {
      auto setting = parse_setting(value);
      if (setting && facts_.settings.size() < kMostSettings) facts_.settings.push_back(std::move(*setting));
      return setting.has_value();
    }
    const auto setter = setters_.find(key);
    // Each fact once: a second line could contradict the first one.
    return line.size() <= kLongestFact && setter != setters_.end() && seen_.insert(key).second &&
           setter->second(value);
  }

  [[nodiscard]] Result<NodeFacts> finish() {
    for (const auto& [key, setter] : setters_) {
      if (!seen_.contains(key))
        return fail(ErrorKind::remote_io, fmt::format("the node did not tell its {}", key));
    }
    if (facts_.cores > facts_.threads)
      facts_.cores = facts_.threads;  // a container that may use only some of them
    facts_.mpi = parse_mpi_version(mpi_said_);
    if (!facts_.mpi) facts_.mpi_error = first_words(mpi_said_);
    return facts_;
  }

 private:
  using Setter = std::function<bool(std::string_view)>;

  NodeFacts facts_;
  std::string mpi_said_;
  std::set<std::string_view> seen_;
  // The keys of facts.sh, each once.
  const std::map<std::string_view, Setter> setters_ = {
      {"private_address", [this](auto value) { return read_address(value, facts_.private_address); }},
      {"addresses", [this](auto value) { return read_addresses(value, facts_.addresses); }},
      {"hostname", [this](auto value) { return read_text(value, facts_.hostname); }},
      // The only path that may not be empty.
      {"home", [this](auto value) { return read_text(value, facts_.home) && is_path(value); }},
      {"boot_id", [this](auto value) { return read_text(value, facts_.boot_id); }},
      {"cores", [this](auto value) { return read_count(value, facts_.cores); }},
      {"threads", [this](auto value) { return read_count(value, facts_.threads); }},
      {"mpirun", [this](auto value) { return read_path(value, facts_.mpirun); }},
      {"python3", [this](auto value) { return read_path(value, facts_.python3); }},
      {"mpi4py", [this](auto value) { return read_flag(value, facts_.mpi4py); }},
      {"settings", [this](auto value) { return read_flag(value, facts_.has_settings); }},
      {"efa", [this](auto value) { return read_flag(value, facts_.efa); }},
  };
};

}  // namespace

std::string Ipv4::text() const {
  return fmt::format("{}.{}.{}.{}", value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255);
}

/// Four decimal numbers; the short forms that inet_aton accepts are none.
std::optional<Ipv4> parse_ipv4(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  Ipv4 address;
  for (const auto part : parts) {
    const auto number = parse_number(part);
    // No leading zeros: inet_aton reads 010 as 8.
    if (!number || *number > 255 || (part.size() > 1 && part.front() == '0')) return std::nullopt;
    address.value = address.value << 8 | static_cast<std::uint32_t>(*number);
  }
  return address;
}

std::optional<MpiSetting> parse_setting(std::string_view text) {
  constexpr std::size_t kMost = 300;
  const auto [name, rest] = first_word(text);
  const auto [place, value] = first_word(rest);
  if (name.empty() || place.empty()) return std::nullopt;
  return MpiSetting{printable(name.substr(0, kMost)), printable(place.substr(0, kMost)),
                    printable(trim(value).substr(0, kMost))};
}

/// Errors: remote_io. "lacks" and "hangs" are the script's own refusals, and say what to do.
Result<NodeFacts> parse_facts(std::string_view printed) {
  FactsReader reader;
  bool begun = false;
  // Lines in front of the first mark are a greeting of the login shell.
  for (const auto line : split(trim(printed), '\n')) {
    if (line == kFactsBegin) {
      begun = true;
    } else if (begun && line == kFactsEnd) {
      return reader.finish();
    } else if (begun && line.starts_with(kLacks)) {
      return fail(ErrorKind::remote_io,
                  fmt::format("ec2mpi needs programs that this node lacks: {}; install them",
                              printable(line.substr(kLacks.size(), 80))));
    } else if (begun && line.starts_with(kHangs)) {
      return fail(
          ErrorKind::remote_io,
          fmt::format("{} does not answer there within 20 s; does it lie on a file server that is down?",
                      printable(line.substr(kHangs.size(), 200))));
    } else if (begun && !reader.take(line)) {
      return fail(ErrorKind::remote_io, fmt::format("the node's answer about itself is not understood: '{}'",
                                                    printable(line.substr(0, 80))));
    }
  }
  return fail(ErrorKind::remote_io,
              begun ? "the node's answer about itself is cut off"
                    : "the node did not answer what it was asked about itself; does its login "
                      "shell run commands?");
}

}  // namespace ec2mpi
