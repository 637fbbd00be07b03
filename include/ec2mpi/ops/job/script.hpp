#pragma once
/// The shell text that makes a job's folder on the master and hands the job to its supervisor; see shell.hpp
/// for the folder.

#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/ops/job/plan.hpp"

namespace ec2mpi::ops {

/// Shell text for another channel: passes its standard input on to that of the job (src/ops/job/feed.sh).
[[nodiscard]] std::string feed_text(const std::string& id);
/// Shell text that declares the input complete, which feed_text's program looks for at its end.
[[nodiscard]] std::string input_whole_text(const std::string& id);

/// The last line that busy_text prints.
inline constexpr std::string_view kBusyEnd = "ec2mpi-busy end";
/// Shell text: job_functions(), then the list of busy nodes for parse_busy(), and kBusyEnd.
[[nodiscard]] std::string busy_text();

/// What job_text needs that is known before the nodes have been asked; for the same shell, before it.
[[nodiscard]] std::string job_prelude();

/// For a shell's standard input, after job_prelude. nodeIPaddress is put into the folder where the job runs
/// too, for that is where the tutorial's scripts read it. A fault on the master is reported on standard
/// error, and the shell exits; else `then`, shell text, comes last. Everything stands in one pair of braces:
/// a text that was cut off by a lost connection does nothing.
[[nodiscard]] std::string job_text(const JobFiles& files, const std::string& then);

/// The same for jobs that wait in the queue: makes their folders, says "submitted ID" for each and begins
/// those that can begin. A fault of one of them is reported on standard error and does not stop the
/// others.
[[nodiscard]] std::string series_text(const std::vector<JobFiles>& jobs);

/// For a shell's standard input, after busy_text. It refuses the job as job_text would, but makes nothing;
/// files that only a push would bring are missing for it.
[[nodiscard]] std::string job_check_text(const JobFiles& files);
/// The same in place of series_text, with its answers.
[[nodiscard]] std::string series_check_text(const std::vector<JobFiles>& jobs);

}  // namespace ec2mpi::ops
