#include "ec2mpi/ops/job/record.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::uint64_t kLatest = 253'402'300'799;  // the end of the year 9999
// A master that may be hostile must not fill the memory.
constexpr std::size_t kMostRecord = 16 << 20;
constexpr std::size_t kLongestId = 160;  ///< a variant's name has up to 120, and "-run2-try3" behind it

/// Nothing for a word that the supervisor does not write.
std::optional<JobState> parse_state(std::string_view name) {
  for (const auto state :
       {JobState::waiting, JobState::running, JobState::ending, JobState::ended, JobState::lost}) {
    if (state_name(state) == name) return state;
  }
  return std::nullopt;
}

/// What the master prints is checked word by word: ids become paths and shell words later.
class RecordReader {
 public:
  Result<std::vector<JobRecord>> read(std::string_view printed) {
    for (const auto line : split(printed, '\n')) {
      if (!take(line))
        return fail(ErrorKind::remote_io, fmt::format("the master says '{}' of a job, which means nothing",
                                                      printable(line.substr(0, 80))));
    }
    end_job();
    return std::move(records_);
  }

 private:
  /// A record is "job ID" and its facts, then for each node "node LABEL" and the answer of the look there.
  /// False for a line that no master prints.
  bool take(std::string_view line) {
    const auto [key, value] = first_word(line);
    if (key == "job") {
      end_job();
      records_.emplace_back().id = std::string(value);
      return is_job_id(value);
    }
    if (records_.empty()) return trim(line).empty();
    if (key == "node") {
      end_node();
      node_ = printable(value);
      return true;
    }
    if (!node_.empty()) {
      if (key == "trouble")
        trouble_ = printable(value);
      else
        look_ += std::string(line) + "\n";
      return true;
    }
    return line.empty() || take_fact(records_.back(), key, value);
  }

  /// False for an unknown fact: these are our own program's words, so something else has printed the line.
  bool take_fact(JobRecord& record, std::string_view key, std::string_view value) {
    if (key == "why") return record.why = printable(value), true;
    if (key == "state") return take_state(record, value);
    const auto [name, rest] = first_word(value);
    if (key == "meta") return has_meta_ = true, take_meta(record, name, rest);
    if (key != "times") return false;
    // Of this job only: a damaged file must not hide the other jobs.
    if (!take_time(record, name, rest)) record.why = "damaged times";
    return true;
  }

  static bool take_state(JobRecord& record, std::string_view value) {
    const auto [name, detail] = first_word(value);
    const auto state = parse_state(name);
    if (!state) return false;
    record.state = *state;
    if (record.state == JobState::lost) return record.why = printable(detail), true;
    if (record.state != JobState::ended) return true;
    const auto status = parse_number(trim(detail));
    // A status that cannot be read must not count as success.
    record.status = status && *status <= 255 ? static_cast<int>(*status) : exit_code::no_connection;
    return true;
  }

  /// Keys that we do not know are left alone: a newer ec2mpi may have started the job.
  static bool take_meta(JobRecord& record, std::string_view name, std::string_view value) {
    if (name == "command") record.command = printable(value);
    if (name == "nodes") record.nodes = printable(value);
    if (name == "mpi") record.mpi = printable(value);
    if (name == "profile") record.profile = true;
    if (name == "pull") record.pull.emplace_back(value);
    if (name == "np")
      record.np = static_cast<int>(std::min<std::uint64_t>(parse_number(value).value_or(0), 1'000'000));
    return true;
  }

  /// Seconds since 1970. Later than kLatest, the formatting of a date would fail.
  static bool take_time(JobRecord& record, std::string_view name, std::string_view value) {
    const auto number = parse_number(value);
    if (!number || *number > kLatest) return false;
    const auto time = static_cast<std::int64_t>(*number);
    if (name == "submitted") record.submitted = time;
    if (name == "started") record.started = time;
    if (name == "ended") record.ended = time;
    if (name == "ran") record.ran = time;
    return true;
  }

  /// Also called when there was no job: it does nothing then.
  void end_job() {
    end_node();
    // Each job has a command, so what its file says was not written by us.
    if (has_meta_ && records_.back().command.empty()) records_.back().why = "damaged meta";
    has_meta_ = false;
    if (!records_.empty()) mind_loss(records_.back());
  }

  /// The end of a lost job, which the queue has cleaned up after, is the cleaner's.
  static void mind_loss(JobRecord& record) {
    constexpr std::string_view kLost = "lost ";
    if (record.state != JobState::ended || !record.why.starts_with(kLost)) return;
    record.state = JobState::lost;
    record.why.erase(0, kLost.size());
  }

  /// Also called when there was no node: it does nothing then.
  void end_node() {
    if (node_.empty()) return;
    auto& record = records_.back();
    // A look without its last line proves nothing.
    if (auto swept = parse_swept(look_))
      record.swept[node_] = std::move(*swept);
    else
      record.not_swept[node_] = trouble_.empty() ? swept.error().message : trouble_;
    node_.clear();
    look_.clear();
    trouble_.clear();
  }

  std::vector<JobRecord> records_;
  bool has_meta_ = false;  ///< of the job that is being read
  std::string node_;       ///< whose look is being read
  std::string look_;
  std::string trouble_;
};

}  // namespace

bool is_job_id(std::string_view id) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !id.empty() && id.size() <= kLongestId && id.front() != '.' && id.front() != '-' &&
         std::all_of(id.begin(), id.end(), fits);
}

std::string_view state_name(JobState state) {
  switch (state) {
    case JobState::waiting:
      return "waiting";
    case JobState::running:
      return "running";
    case JobState::ending:
      return "ending";
    case JobState::ended:
      return "ended";
    case JobState::lost:
      return "lost";
  }
  return "";
}

/// The code of `run`, also for a command that only looks at the job afterwards.
int JobRecord::exit_code() const {
  // Of a job whose end nobody has seen, the status 0 would be a guess.
  if (state != JobState::ended) return exit_code::no_connection;
  if (why == "cancelled") return exit_code::interrupted;
  if (why == "timeout") return exit_code::timed_out;
  // 255 is ec2mpi's code for a lost connection, so the 255 of a job becomes 1.
  return status == exit_code::no_connection ? exit_code::node_failed : status;
}

Result<std::vector<JobRecord>> parse_job_records(std::string_view printed) {
  return RecordReader().read(printed);
}

/// Returns the bytes of the job's own output. Two reads may cut a mark, so what could be its beginning is
/// held back until the next one.
std::string RecordCutter::feed(std::string_view bytes) {
  if (complete_) return {};
  held_ += bytes;
  std::string job;
  if (!inside_) {
    auto at = held_.find(begin_);
    inside_ = at != std::string::npos;
    if (!inside_) {  // as much as can't be a part of it
      auto keep = std::min(held_.size(), begin_.size() - 1);
      while (!std::string_view(begin_).starts_with(std::string_view(held_).substr(held_.size() - keep)))
        --keep;
      at = held_.size() - keep;
    }
    job = held_.substr(0, at);
    held_.erase(0, inside_ ? at + begin_.size() : at);
  }
  if (!inside_) return job;
  const auto end = held_.find(end_);
  if (end != std::string::npos) {
    rest_ = held_.substr(end + end_.size());
    held_.erase(end);
    complete_ = true;
  } else if (held_.size() > kMostRecord) {
    held_.clear();
  }
  return job;
}

}  // namespace ec2mpi::ops
