#pragma once
/// What the master is asked about series, as POSIX sh; each text stands behind job_functions().

#include <string>

namespace ec2mpi::ops {

/// Reports on the jobs of a series, in the order of their ids; for parse_series_records. Without `after` it
/// restarts the queue first (a supervisor that was killed could not).
struct ReportRequest {
  std::string series;
  bool all_runs =
      false;  ///< `series` is a name, and its later runs count, too; says what each job was made of
  bool outputs = false;    ///< with the last lines of those that are over
  std::string after = {};  ///< only jobs whose ids sort behind this one
  int count = 0;           ///< at most this many
};
[[nodiscard]] std::string report_text(const ReportRequest& request);

/// Cancels all jobs of the series that are not over. Those that wait end at once; those that run are ended by
/// their supervisors.
[[nodiscard]] std::string cancel_series_text(const std::string& series);

}  // namespace ec2mpi::ops
