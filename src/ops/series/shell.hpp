#pragma once
/// What the master is asked about series, as POSIX sh; each text stands behind job_functions().

#include <string>

namespace ec2mpi::ops {

/// Restarts the queue (a supervisor that was killed could not), and reports on the jobs of a series. With
/// `all_runs` `series` is a name, and its later runs count too. With `outputs` the last lines of those that
/// are over are told as well, of at most `count` jobs behind the first `skip`; for parse_series_records.
struct ReportRequest {
  std::string series;
  bool all_runs = false;
  bool outputs = false;
  int skip = 0;
  int count = 1'000'000;
};
[[nodiscard]] std::string report_text(const ReportRequest& request);

/// Cancels all jobs of the series that are not over. Those that wait end at once; those that run are ended by
/// their supervisors.
[[nodiscard]] std::string cancel_series_text(const std::string& series);

}  // namespace ec2mpi::ops
