#include "ec2mpi/ops/doctor/probe.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "src/ops/doctor/probe_script.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kLongestLine = 4096;
constexpr std::size_t kMostListed = 1000;  ///< interfaces, leftovers, programs
constexpr std::uint64_t kMostKb = 1ULL << 50U;

bool is_clean(std::string_view text) {
  return text.size() <= kLongestLine && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

bool read_text(std::string_view text, std::string& target) {
  target = text;
  return is_clean(text);
}

/// Python's own words may hold anything.
bool read_words(std::string_view text, std::string& target) {
  target = printable(text.substr(0, 300));
  return true;
}

bool read_clock(std::string_view text, double& target) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), target);
  return wrong == std::errc{} && end == text.data() + text.size() && target > 0 && target < 1e11;
}

/// df and /proc/meminfo count in KiB.
bool read_kb(std::string_view text, std::uint64_t& target) {
  const auto number = parse_number(text);
  if (!number || *number > kMostKb) return false;
  target = *number * 1024;
  return true;
}

bool read_limit(std::string_view text, std::optional<std::uint64_t>& target) {
  if (text == "unlimited") return true;
  target = parse_number(text);
  return target.has_value();
}

bool read_interface(std::string_view text, std::vector<Interface>& target) {
  const auto fields = words(text);
  if (fields.size() < 2 || fields.size() > 3 || target.size() >= kMostListed) return false;
  const auto slash = std::min(fields[1].find('/'), fields[1].size());
  const auto address = parse_ipv4(fields[1].substr(0, slash));
  const auto prefix = slash < fields[1].size() ? parse_number(fields[1].substr(slash + 1)) : 32;
  const auto mtu = fields.size() == 3 ? parse_number(fields[2]) : 0;
  if (!address || !prefix || *prefix > 32 || !mtu || *mtu > 1U << 20U || !is_clean(fields[0])) return false;
  target.push_back({std::string(fields[0]), *address, static_cast<int>(*prefix), static_cast<int>(*mtu)});
  return true;
}

bool read_path(std::string_view text, std::vector<std::string>& target) {
  if (target.size() < kMostListed) target.emplace_back(text);
  return is_clean(text);
}

bool read_leftover(std::string_view text, std::vector<Process>& target) {
  const auto gap = std::min(text.find(' '), text.size());
  const auto pid = parse_number(text.substr(0, gap));
  if (!pid || *pid > 1U << 30U) return false;
  if (target.size() < kMostListed)
    target.push_back({static_cast<int>(*pid), printable(trim(text.substr(gap)).substr(0, 60))});
  return true;
}

bool read_file(std::string_view text, std::vector<FileState>& target) {
  if (text == "missing" || text == "unreadable") {
    target.push_back({text == "missing" ? FileState::Kind::missing : FileState::Kind::unreadable, {}});
    return true;
  }
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  target.push_back({FileState::Kind::sum, std::string(text)});
  return text.size() == 64 && std::all_of(text.begin(), text.end(), is_hex);
}

/// Takes the script's lines one by one.
class ReportReader {
 public:
  [[nodiscard]] bool take(std::string_view line) {
    if (line.size() > kLongestLine) return false;
    const auto gap = std::min(line.find(' '), line.size());
    const auto key = line.substr(0, gap);
    const auto value = trim(line.substr(gap));
    if (const auto list = lists_.find(key); list != lists_.end()) return list->second(value);
    const auto setter = once_.find(key);
    return setter != once_.end() && seen_.insert(key).second && setter->second(value);
  }

  [[nodiscard]] Result<Probe> finish(std::size_t files) {
    finish_program();
    for (const auto* key : {"clock", "user", "own_name", "home_free", "tmp_free", "shm_free", "memory"}) {
      if (!seen_.contains(key))
        return fail(ErrorKind::remote_io, fmt::format("the node did not tell its {}", key));
    }
    if (probe_.files.size() != files) return fail(ErrorKind::remote_io, "the node did not tell of all files");
    return std::move(probe_);
  }

 private:
  using Setter = std::function<bool(std::string_view)>;

  bool begin_program(std::string_view path) {
    finish_program();
    probe_.mpiruns.push_back({});
    return read_text(path, probe_.mpiruns.back().path) && probe_.mpiruns.size() <= kMostListed;
  }

  bool program_says(std::string_view line) {
    said_.append(line).append("\n");
    return !probe_.mpiruns.empty() && said_.size() <= kLongestLine;
  }

  void finish_program() {
    if (!probe_.mpiruns.empty()) probe_.mpiruns.back().version = parse_mpi_version(said_);
    said_.clear();
  }

  bool own_name(std::string_view text) {
    const auto fields = words(text);
    if (fields.size() != 2 || (fields[0] != "yes" && fields[0] != "no")) return false;
    const auto took = parse_number(fields[1]);
    probe_.own_name_resolves = fields[0] == "yes";
    probe_.own_name_ms = static_cast<int>(std::min<std::uint64_t>(took.value_or(0), 60'000));
    return took.has_value();
  }

  bool metadata(std::string_view text) {
    const auto gap = std::min(text.find(' '), text.size());
    const auto field = metadata_.find(text.substr(0, gap));
    return field != metadata_.end() && read_text(trim(text.substr(gap)), *field->second);
  }

  Probe probe_;
  std::string said_;  ///< by the last mpirun
  std::set<std::string_view> seen_;
  const std::map<std::string_view, std::string*> metadata_ = {
      {"instance-id", &probe_.instance_id},
      {"instance-type", &probe_.instance_type},
      {"placement/availability-zone", &probe_.zone},
      {"placement/group-name", &probe_.placement_group}};
  const std::map<std::string_view, Setter> lists_ = {
      {"mpirun", [this](auto value) { return begin_program(value); }},
      {"says", [this](auto value) { return program_says(value); }},
      {"interface", [this](auto value) { return read_interface(value, probe_.interfaces); }},
      {"foreign_session", [this](auto value) { return read_path(value, probe_.foreign_sessions); }},
      {"leftover", [this](auto value) { return read_leftover(value, probe_.leftovers); }},
      {"file", [this](auto value) { return read_file(value, probe_.files); }},
      {"metadata", [this](auto value) { return metadata(value); }},
  };
  const std::map<std::string_view, Setter> once_ = {
      {"clock", [this](auto value) { return read_clock(value, probe_.clock); }},
      {"user", [this](auto value) { return read_text(value, probe_.user); }},
      {"mpi4py", [this](auto value) { return read_text(value, probe_.mpi4py_version); }},
      {"library", [this](auto value) { return (probe_.mpi4py_mpi = parse_mpi_library(value), true); }},
      {"mpi4py_error", [this](auto value) { return read_words(value, probe_.mpi4py_error); }},
      {"own_name", [this](auto value) { return own_name(value); }},
      {"home_free", [this](auto value) { return read_kb(value, probe_.home_free); }},
      {"tmp_free", [this](auto value) { return read_kb(value, probe_.tmp_free); }},
      {"shm_free", [this](auto value) { return value.empty() || read_kb(value, probe_.shm_free); }},
      {"temp", [this](auto value) { return read_text(value, probe_.temp); }},
      {"temp_error", [this](auto value) { return read_words(value, probe_.temp_error); }},
      {"temp_type", [this](auto value) { return read_text(value, probe_.temp_type); }},
      {"temp_inodes", [this](auto value) { return value.empty() || read_limit(value, probe_.temp_inodes); }},
      {"memory", [this](auto value) { return read_kb(value, probe_.memory); }},
      {"memory_available", [this](auto value) { return read_kb(value, probe_.memory_available); }},
      {"open_files", [this](auto value) { return read_limit(value, probe_.open_files); }},
      {"locked_memory",
       [this](auto value) { return value.empty() || read_limit(value, probe_.locked_memory); }},
  };
};

Result<Probe> read_probe(std::string_view printed, std::size_t files) {
  ReportReader reader;
  bool begun = false;
  bool quiet = true;
  bool facts = false;
  for (const auto line : split(trim(printed), '\n')) {
    if (line == kProbeBegin) {
      begun = true;
    } else if (!begun) {
      quiet = false;
    } else if (line == kProbeEnd) {
      auto probe = reader.finish(files);
      if (probe) probe->quiet = quiet;
      return probe;
    } else if (line == kFactsBegin || line == kFactsEnd) {
      facts = line == kFactsBegin;
    } else if (!facts && !reader.take(line)) {
      return fail(ErrorKind::remote_io, fmt::format("the node's answer about itself is not understood: '{}'",
                                                    printable(line.substr(0, 80))));
    }
  }
  return fail(
      ErrorKind::remote_io,
      begun ? "the node's answer about itself is cut off"
            : "the node did not answer what it was asked about itself; does its login shell run commands?");
}

}  // namespace

std::string probe_command(const std::vector<std::string>& files) {
  return probe_script(files);
}

std::string end_leftovers_command() {
  return end_leftovers_script();
}

Result<ProbeAnswer> parse_probe(std::string_view printed, std::size_t files) {
  TRY_AS(probe, read_probe(printed, files));
  TRY_AS(facts, parse_facts(printed));
  return ProbeAnswer{std::move(*facts), std::move(*probe)};
}

}  // namespace ec2mpi::ops
