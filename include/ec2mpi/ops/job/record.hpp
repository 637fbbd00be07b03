#pragma once
/// The master's report on a job. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/ops/process/sweep.hpp"

namespace ec2mpi::ops {

enum class JobState {
  waiting,  ///< not started yet
  running,
  ending,  ///< cancelled or out of time; its processes are being ended
  ended,   ///< and all nodes were looked at
  lost,    ///< its supervisor ended without a report: the master was booted, or somebody killed it
};
[[nodiscard]] std::string_view state_name(JobState state);

/// Whether it can be the id of a job: those are made by make_job_id, or of a series' name. They are printed
/// for copying into a shell, and name folders; others come from a master, or from the environment of any
/// process.
[[nodiscard]] bool is_job_id(std::string_view id);

struct JobRecord {
  std::string id;
  JobState state = JobState::waiting;
  int status = 0;   ///< of an ended job: its launcher's, as a shell shows it
  std::string why;  ///< of an ended job: "cancelled", "timeout", "hung", "daemon", "ranks missing" or empty;
                    ///< of a lost one: "rebooted", "killed", "gone" (its folder on the master),
                    ///< "unstarted" (its supervisor), "damaged"; of any with a file that cannot be read:
                    ///< "damaged FILE"
  std::string command;                 ///< for people
  std::string nodes;                   ///< "1-4"
  std::string mpi;                     ///< "Open MPI 4.1.4"; empty for a script
  std::vector<std::string> pull = {};  ///< absolute paths on its nodes, to be brought back after success
  bool profile = false;                ///< it was run with --profile
  int np = 0;                          ///< ranks
  std::int64_t submitted = 0;          ///< seconds since 1970 by the master's clock; 0 = not yet
  std::int64_t started = 0;
  std::int64_t ended = 0;
  std::optional<std::int64_t> ran = {};  ///< of one that runs: seconds so far, by the master's uptime
  std::map<std::string, Swept> swept;    ///< by the node's label: the processes found after the job's end
  std::map<std::string, std::string> not_swept;  ///< by the node's label: why there was no look

  /// It has ended, or is lost; then some of its processes may be left.
  [[nodiscard]] bool is_over() const { return state == JobState::ended || state == JobState::lost; }
  [[nodiscard]] bool succeeded() const { return state == JobState::ended && exit_code() == 0; }
  /// The exit code of `ec2mpi run`, `attach` and `wait`: the job's own, 130, 124; 255 only if the job is not
  /// known to have ended: a program that ends with 255 gives 1.
  [[nodiscard]] int exit_code() const;
};

/// Reads records as the shell functions `record` and `tell` print them. Texts in them are printable. Errors:
/// remote_io, for the text comes from a machine that may be anything.
[[nodiscard]] Result<std::vector<JobRecord>> parse_job_records(std::string_view printed);

/// Takes the record that stands between two lines with `nonce` out of a stream of the job's own bytes.
class RecordCutter {
 public:
  /// `nonce`: a word that the job can't know.
  explicit RecordCutter(std::string nonce) : begin_(nonce + "\n"), end_(nonce + " end\n") {}

  /// The bytes among these that are the job's; what may be the beginning of the nonce is held back.
  [[nodiscard]] std::string feed(std::string_view bytes);
  [[nodiscard]] bool complete() const { return complete_; }
  /// The text between the marks, once complete, and the bytes behind it.
  [[nodiscard]] const std::string& record() const { return held_; }
  [[nodiscard]] const std::string& rest() const { return rest_; }

 private:
  std::string begin_;
  std::string end_;
  std::string held_;
  std::string rest_;
  bool inside_ = false;
  bool complete_ = false;
};

}  // namespace ec2mpi::ops
