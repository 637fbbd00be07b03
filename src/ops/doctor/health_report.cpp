#include "ec2mpi/ops/doctor/health_report.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/mpi/command.hpp"
#include "ec2mpi/ops/node/facts.hpp"
#include "ec2mpi/ops/node/metadata_script.hpp"
#include "src/ops/doctor/programs.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::string_view kReportBegin = "ec2mpi-health 1";
constexpr std::string_view kReportEnd = "ec2mpi-health end";
/// Bounds for a node that is broken or hostile: its report must not fill the memory.
constexpr std::size_t kLongestLine = 4096;
constexpr std::size_t kMostListed = 1000;  ///< interfaces, leftovers, programs
// In bytes, it still fits into 64 bits.
constexpr std::uint64_t kMostKb = 1ULL << 50U;

/// No control characters: the text may be printed, and become a word of a command.
bool is_clean(std::string_view text) {
  return text.size() <= kLongestLine && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

/// These readers return false for a value that health.sh cannot have printed; the report is then refused.
bool read_text(std::string_view text, std::string& target) {
  target = text;
  return is_clean(text);
}

/// Python's own words may hold anything.
bool read_words(std::string_view text, std::string& target) {
  target = printable(text.substr(0, 300));
  return true;
}

/// Seconds since 1970, with a fraction where the node's `date` has one.
bool read_clock(std::string_view text, double& target) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), target);
  // The comparisons refuse NaN, too.
  return wrong == std::errc{} && end == text.data() + text.size() && target > 0 && target < 1e11;
}

/// df and /proc/meminfo count in KiB.
bool read_kb(std::string_view text, std::uint64_t& target) {
  const auto number = parse_number(text);
  if (!number || *number > kMostKb) return false;
  target = *number * 1024;
  return true;
}

/// As `ulimit` prints it; no value means no limit.
bool read_limit(std::string_view text, std::optional<std::uint64_t>& target) {
  if (text == "unlimited") return true;
  target = parse_number(text);
  return target.has_value();
}

/// "NAME VALUE [can_go|is_seen FILE:NUMBER:TEXT]". Each limit once.
bool read_process_limit(std::string_view text, std::map<std::string, ProcessLimit>& target) {
  const auto [name, rest] = first_word(text);
  const auto [value, blamed] = first_word(rest);
  const auto [kind, line] = first_word(blamed);
  const auto number = parse_number(value);
  ProcessLimit limit{.value = number.value_or(0), .line = {}, .can_go = kind == "can_go"};
  const bool known = kind.empty() || kind == "is_seen" || limit.can_go;
  return number && known && read_words(trim(line), limit.line) && target.size() < kMostListed &&
         target.emplace(printable(name), std::move(limit)).second;
}

/// "NAME ADDRESS[/PREFIX] [MTU]". False if a part cannot be true.
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

/// "NAME PLACE VALUE"; the user's own words may be anything.
bool read_setting(std::string_view text, std::vector<MpiSetting>& target) {
  auto setting = parse_setting(text);
  if (setting && target.size() < kMostListed) target.push_back(std::move(*setting));
  return setting.has_value();
}

/// "FRAMEWORK COMPONENT"
bool read_component(std::string_view text, std::map<std::string, std::set<std::string>>& target) {
  const auto fields = words(text);
  if (fields.size() != 2) return false;
  auto& components = target[printable(fields[0])];
  if (components.size() < kMostListed) components.insert(printable(fields[1]));
  return target.size() <= kMostListed;
}

bool read_leftover(std::string_view text, std::vector<Process>& target) {
  const auto gap = std::min(text.find(' '), text.size());
  const auto pid = parse_number(text.substr(0, gap));
  if (!pid || *pid > 1U << 30U) return false;
  // Lists are cut, not refused: a node may have many of these.
  if (target.size() < kMostListed)
    target.push_back({static_cast<int>(*pid), printable(trim(text.substr(gap)).substr(0, 60))});
  return true;
}

/// The SHA-256 of a file, or of the list of a folder's files; or why there is none.
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
    // Lines of lists may repeat; every other line stands once.
    if (const auto list = lists_.find(key); list != lists_.end()) return list->second(value);
    const auto setter = once_.find(key);
    return setter != once_.end() && seen_.insert(key).second && setter->second(value);
  }

  [[nodiscard]] Result<HealthReport> finish(std::size_t files) {
    finish_program();
    // The lines that every node can print. A node without python3 has no mpi4py, for one.
    for (const auto* key : {"clock", "user", "own_name", "home_free", "tmp_free", "shm_free", "memory"}) {
      if (!seen_.contains(key))
        return fail(ErrorKind::remote_io, fmt::format("the node did not report its {}", key));
    }
    if (report_.files.size() != files)
      return fail(ErrorKind::remote_io, "the node did not report on all files");
    return std::move(report_);
  }

 private:
  using Setter = std::function<bool(std::string_view)>;

  /// "mpirun PATH" begins a program; the "says" lines behind it are its answer to --version.
  bool begin_program(std::string_view path) {
    finish_program();
    report_.mpiruns.push_back({});
    return read_text(path, report_.mpiruns.back().path) && report_.mpiruns.size() <= kMostListed;
  }

  /// All that a program says of itself has to fit into one line's bound.
  bool program_says(std::string_view line) {
    said_.append(line).append("\n");
    return !report_.mpiruns.empty() && said_.size() <= kLongestLine;
  }

  /// The answer to --version has several lines, so it is read when the next program begins.
  void finish_program() {
    if (!report_.mpiruns.empty()) report_.mpiruns.back().version = parse_mpi_version(said_);
    said_.clear();
  }

  /// "yes|no MILLISECONDS": whether the node resolves its own host name, and how long that took.
  bool own_name(std::string_view text) {
    const auto fields = words(text);
    if (fields.size() != 2 || (fields[0] != "yes" && fields[0] != "no")) return false;
    const auto took = parse_number(fields[1]);
    report_.own_name_resolves = fields[0] == "yes";
    report_.own_name_ms = static_cast<int>(std::min<std::uint64_t>(took.value_or(0), 60'000));
    return took.has_value();
  }

  /// "FIELD VALUE" of EC2's instance metadata; a field that was not asked for is refused.
  bool metadata(std::string_view text) {
    const auto gap = std::min(text.find(' '), text.size());
    const auto field = metadata_.find(text.substr(0, gap));
    return field != metadata_.end() && read_text(trim(text.substr(gap)), *field->second);
  }

  HealthReport report_;
  std::string said_;  ///< by the last mpirun
  std::set<std::string_view> seen_;
  const std::map<std::string_view, std::string*> metadata_ = {
      {"instance-id", &report_.instance_id},
      {"instance-type", &report_.instance_type},
      {"placement/availability-zone", &report_.zone},
      {"placement/group-name", &report_.placement_group}};
  const std::map<std::string_view, Setter> lists_ = {
      {"mpirun", [this](auto value) { return begin_program(value); }},
      {"says", [this](auto value) { return program_says(value); }},
      {"limit", [this](auto value) { return read_process_limit(value, report_.limits); }},
      {"interface", [this](auto value) { return read_interface(value, report_.interfaces); }},
      {"foreign_session", [this](auto value) { return read_path(value, report_.foreign_sessions); }},
      {"closed_session", [this](auto value) { return read_path(value, report_.closed_sessions); }},
      {"setting", [this](auto value) { return read_setting(value, report_.settings); }},
      {"component", [this](auto value) { return read_component(value, report_.components); }},
      {"leftover", [this](auto value) { return read_leftover(value, report_.leftovers); }},
      {"file", [this](auto value) { return read_file(value, report_.files); }},
      {"metadata", [this](auto value) { return metadata(value); }},
      // The last one is the graver one.
      {"names_error", [this](auto value) { return read_words(value, report_.names_error); }},
  };
  const std::map<std::string_view, Setter> once_ = {
      {"clock", [this](auto value) { return read_clock(value, report_.clock); }},
      {"user", [this](auto value) { return read_text(value, report_.user); }},
      {"mpi4py", [this](auto value) { return read_text(value, report_.mpi4py_version); }},
      {"library", [this](auto value) { return (report_.mpi4py_mpi = parse_mpi_library(value), true); }},
      {"mpi4py_error", [this](auto value) { return read_words(value, report_.mpi4py_error); }},
      {"own_name", [this](auto value) { return own_name(value); }},
      {"home_free", [this](auto value) { return read_kb(value, report_.home_free); }},
      {"tmp_free", [this](auto value) { return read_kb(value, report_.tmp_free); }},
      // Without /dev/shm, the value is empty.
      {"shm_free", [this](auto value) { return value.empty() || read_kb(value, report_.shm_free); }},
      {"temp", [this](auto value) { return read_text(value, report_.temp); }},
      {"home_error", [this](auto value) { return read_words(value, report_.home_error); }},
      {"temp_error", [this](auto value) { return read_words(value, report_.temp_error); }},
      {"temp_type", [this](auto value) { return read_text(value, report_.temp_type); }},
      {"temp_inodes", [this](auto value) { return value.empty() || read_limit(value, report_.temp_inodes); }},
      {"shm_size", [this](auto value) { return value.empty() || read_kb(value, report_.shm_size); }},
      {"settings_error", [this](auto value) { return read_words(value, report_.settings_error); }},
      {"memory", [this](auto value) { return read_kb(value, report_.memory); }},
      {"memory_available", [this](auto value) { return read_kb(value, report_.memory_available); }},
  };
};

/// What stands in front of the report is the login shell's; the facts within it have their own reader.
Result<HealthReport> read_health_report(std::string_view printed, std::size_t files) {
  ReportReader reader;
  bool begun = false;
  bool quiet = true;
  bool facts = false;
  for (const auto line : split(trim(printed), '\n')) {
    if (line == kReportBegin) {
      begun = true;
    } else if (!begun) {
      // A line in front of the report is a greeting of the login shell.
      quiet = false;
    } else if (line == kReportEnd) {
      auto health = reader.finish(files);
      if (health) health->quiet = quiet;
      return health;
    } else if (line == kFactsBegin || line == kFactsEnd) {
      // parse_facts reads the lines between these two.
      facts = line == kFactsBegin;
    } else if (!facts && !reader.take(line)) {
      return fail(ErrorKind::remote_io, fmt::format("the node's answer about itself is not understood: '{}'",
                                                    printable(line.substr(0, 80))));
    }
  }
  return fail(ErrorKind::remote_io,
              begun ? "the node's answer about itself is cut off"
                    : "the node did not report about itself; does its login shell run commands?");
}

}  // namespace

/// First the clock, which must come at once, then the facts and the slow lines. Of all programs in it, only
/// those of the facts may complain on standard error.
std::string health_command(const std::vector<std::string>& files) {
  return fmt::format("{}(\n{}\n) 2>&3 3>&-\nexec 3>&-\nset -- {}\n{}{}{}{}", kHealthBeginSh, facts_script(),
                     quote_words(files), kMetadataFunction, find_settings_functions(), kLeftoversSh,
                     kHealthSh);
}

std::string end_leftovers_command() {
  return std::string(kLeftoversSh).append(kEndLeftoversSh);
}

Result<NodeAnswer> parse_health_report(std::string_view printed, std::size_t files) {
  auto facts = parse_facts(printed);
  // Of a whole answer, the facts say best what is wrong: a tool that the node lacks spoils the report, too.
  if (!facts && printed.contains(kFactsEnd)) return std::unexpected(facts.error());
  TRY_AS(health, read_health_report(printed, files));
  if (!facts) return std::unexpected(facts.error());
  return NodeAnswer{std::move(*facts), std::move(*health)};
}

}  // namespace ec2mpi::ops
