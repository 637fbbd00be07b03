#include "ec2mpi/ops/mpi/words.hpp"

#include <fmt/format.h>
#include <regex>

#include "ec2mpi/base/text.hpp"
#include "src/ops/mpi/rank_tag.hpp"

namespace ec2mpi::ops {

namespace {

/// A line that might be noise is held back up to here; a prompt without a line end must not wait longer.
constexpr std::size_t kLongestNoise = 400;

/// A race in Open MPI: its launcher warns often, and the job runs well. Seen with 4.1.4 and 5.0.7.
bool is_noise(std::string_view line) {
  const auto word = line.find("] plm:");
  return line.starts_with('[') && word != std::string_view::npos &&
         line.find("Warning: setpgid(", word) != std::string_view::npos;
}

int number(const std::string& text) {
  // Bounded, so that it fits into an int.
  return static_cast<int>(std::min<std::uint64_t>(parse_number(text).value_or(0), 1'000'000));
}

/// By the numbers of Linux on x86 and ARM; empty for signals that speak for themselves.
std::string_view signal_meaning(int signal) {
  switch (signal) {
    case 4:
      return "illegal instruction: built for another processor?";
    case 6:
      return "it aborted itself";
    case 7:
      return "bus error: /dev/shm or the disk full?";
    case 8:
      return "arithmetic error";
    case 9:
      return "out of memory, or somebody's kill";
    case 11:
      return "segmentation fault";
    case 15:
      return "somebody ended it";
    default:
      return {};
  }
}

/// The first text that fits; ranks that mpirun ended afterwards are not reported by it.
std::optional<RankFailure> reported_by_launcher(const std::string& text) {
  // The texts of Open MPI for a signal, for an exit status and for a rank that left, then that of Hydra.
  static const std::regex kSignal(
      R"(noticed that process rank (\d+) with PID \d+ on node (\S+) exited on\s+signal (\d+))");
  static const std::regex kCode(R"(Process name: \[\S+,(\d+)\]\s+Exit code:\s+(\d+))");
  static const std::regex kLeft(
      R"(has exited due to process rank (\d+) with PID \d+ on\s+node (\S+) exiting (improperly|without calling))");
  static const std::regex kHydra(R"(PID \d+ RUNNING AT (\S+)\s+=\s+EXIT CODE: (\d+))");
  // Of Intel MPI, and of MPICH.
  static const std::regex kHydraSignal(R"((?:KILLED BY SIGNAL: |EXIT STRING: [^\n(]{0,60}\(signal )(\d+))");
  std::smatch found;
  if (std::regex_search(text, found, kSignal))
    return RankFailure{number(found[1]), found[2], 0, number(found[3]), {}};
  if (std::regex_search(text, found, kCode))
    return RankFailure{number(found[1]), {}, number(found[2]), 0, {}};
  if (std::regex_search(text, found, kLeft))
    return RankFailure{number(found[1]), found[2], 0, 0,
                       "ended without MPI_Finalize (exit, os._exit, a crash)"};
  if (std::regex_search(text, found, kHydra)) {
    const int code = number(found[2]);
    // Hydra prints the number of the signal as the exit code, and names the signal below.
    std::smatch by;
    const auto below = found.suffix().str();
    const bool killed = std::regex_search(below, by, kHydraSignal) && number(by[1]) == code;
    return RankFailure{std::nullopt, found[1], killed ? 0 : code, killed ? code : 0, {}};
  }
  return std::nullopt;
}

/// Open MPI's page of MPI_Abort. Version 4 numbers the rank within the communicator, version 5 names it as
/// well.
std::optional<RankFailure> aborted_by(const std::string& text) {
  static const std::regex kAbort(R"(-{9}\s+MPI_ABORT was invoked on rank (\d+) in communicator ([^\n]+)\n)"
                                 R"((?:\s*Proc: \[\S+,(\d+)\]\s+Errorcode:|with errorcode) (-?\d+))");
  std::smatch found;
  if (!std::regex_search(text, found, kAbort)) return std::nullopt;
  if (!found[3].matched && trim(found[2].str()) != "MPI_COMM_WORLD") return std::nullopt;
  return RankFailure{number(found[3].matched ? found[3] : found[1]),
                     {},
                     0,
                     0,
                     fmt::format("called MPI_Abort with {}", found[4].str())};
}

/// The lines of one rank about an error of MPI: "[HOST:PID] *** An error occurred in MPI_Recv" and more, each
/// with the same beginning. Lines of other ranks may stand between them.
std::optional<RankFailure> erred_by(std::string_view text) {
  constexpr std::string_view kFirst = "] *** An error occurred in ";
  std::string_view begin;
  RankFailure failure;
  for (const auto line : split(text, '\n')) {
    if (const auto at = line.find(kFirst); at != std::string_view::npos && begin.empty()) {
      const auto bracket = line.rfind('[', at);
      if (bracket == std::string_view::npos) continue;
      begin = line.substr(bracket, at + 6 - bracket);  // "[HOST:PID] *** "
      failure.host = begin.substr(1, begin.find(':') - 1);
      failure.deed = fmt::format("failed in {}", trim(line.substr(at + kFirst.size())));
      continue;
    }
    const auto at = begin.empty() ? std::string_view::npos : line.find(begin);
    if (at == std::string_view::npos) continue;
    const auto says = trim(line.substr(at + begin.size()));
    if (says.starts_with("reported by process [") && says.ends_with(']'))
      failure.rank = number(std::string(says.substr(says.rfind(',') + 1, says.size() - says.rfind(',') - 2)));
    if (says.starts_with("MPI_ERR_")) failure.deed += fmt::format(": {}", says);
    if (says.starts_with("MPI_ERRORS_ARE_FATAL") && failure.rank) return failure;
  }
  return std::nullopt;
}

std::optional<RankFailure> told_by_rank(std::string_view err) {
  auto aborted = aborted_by(std::string(err));
  return aborted ? aborted : erred_by(err);
}

}  // namespace

std::string_view RankFilter::text_of(std::string_view line) {
  const auto tag = rank_tag(line);
  if (!tag) return {};
  saw_tags_ = true;
  auto text = line.substr(tag->size);
  // Open MPI 5 writes a blank behind its tags, Open MPI 4 does not: one line without it decides.
  if (tag->of_open_mpi && text.size() > 1 && !text.starts_with(' ')) no_blank_ = true;
  if (tag->rank != rank_) return {};
  saw_rank_ = true;
  if (tag->of_open_mpi && !no_blank_ && text.starts_with(' ')) text.remove_prefix(1);
  return text;
}

/// Whole lines only: a tag may be cut between two reads.
std::string RankFilter::feed(std::string_view bytes) {
  std::string passed;
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto part = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
    bytes.remove_prefix(part.size());
    line_ += part;
    if (!part.ends_with('\n')) break;
    passed += text_of(line_);
    line_.clear();
  }
  return passed;
}

std::string RankFilter::finish() {
  const auto last = std::exchange(line_, {});
  return std::string(text_of(last));
}

std::string NoiseFilter::feed(std::string_view bytes) {
  std::string passed;
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto part = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
    bytes.remove_prefix(part.size());
    const bool whole = part.ends_with('\n');
    // Only a line that begins with [ can be noise, so all others pass at once.
    if (in_line_ || (held_.empty() && !part.starts_with('['))) {
      passed += part;
      in_line_ = !whole;
      continue;
    }
    held_ += part;
    // Too long to be noise: the line passes without its end.
    if (!whole && held_.size() < kLongestNoise) continue;
    if (!is_noise(held_)) passed += held_;
    in_line_ = !whole;
    held_.clear();
  }
  return passed;
}

std::string NoiseFilter::finish() {
  return std::exchange(held_, {});
}

std::string RankFailure::describe() const {
  auto text = rank ? fmt::format("rank {}", *rank) : std::string("a rank");
  if (!host.empty()) text += " on " + printable(host);
  if (!deed.empty()) return text + " " + printable(deed);
  if (signal == 0) return fmt::format("{} ended with {}", text, code);
  const auto meaning = signal_meaning(signal);
  return fmt::format("{} was killed (signal {}){}{}", text, signal, meaning.empty() ? "" : ": ", meaning);
}

/// A shell and a launcher add 128 to the number of the signal.
std::string signal_of_status(int status) {
  constexpr int kSignals = 64;  // of Linux
  const int signal = status - 128;
  if (signal < 1 || signal > kSignals) return {};
  const auto meaning = signal_meaning(signal);
  return fmt::format("signal {}{}{}", signal, meaning.empty() ? "" : ": ", meaning);
}

/// A launcher's report names the first rank that ended, but not what it did. An error of MPI often makes
/// other ranks fail, too, so it counts only for the rank that the launcher names, or if the launcher names
/// none.
std::optional<RankFailure> first_failure(std::string_view err) {
  const auto reported = reported_by_launcher(std::string(err));
  auto told = told_by_rank(err);
  const bool is_other = reported && told && (reported->signal != 0 || reported->rank != told->rank);
  return told && !is_other ? told : reported;
}

}  // namespace ec2mpi::ops
