#pragma once
/// The shell text that makes a job's folder on the master and becomes the job.
///
/// The folder is ~/.ec2mpi/jobs/ID, mode 0700: `hosts` (hostfile), `nodeIPaddress` (private addresses, in the
/// list's order), `cmd` (what is run, as shell text), `pid` (of the launcher, or of the script's shell).
/// nodeIPaddress is put into the folder where the job runs too, for that is where the tutorial's scripts read
/// it.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/ops/job_plan.hpp"

namespace ec2mpi::ops {

struct JobFiles {
  std::string id;
  std::string hosts;
  std::string addresses;
  std::string workdir;                             ///< absolute
  std::map<std::string, std::string> environment;  ///< for the launcher or the script
  std::vector<std::string> command;                ///< all words of the line; for a script its arguments
};

/// Everything stands in one pair of braces, so that the shell has read it all before it becomes the job.
[[nodiscard]] std::string job_text(const JobFiles& files, const std::optional<JobScript>& script);

}  // namespace ec2mpi::ops
