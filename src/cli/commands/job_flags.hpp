#pragma once
/// The flags of `run` that change the job itself.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/job_spec.hpp"

namespace CLI {
class App;
}

namespace ec2mpi::cli {

struct JobFlags {
  int np = 0;
  int per_node = 0;
  int spawn = 0;
  std::optional<std::string> slots;
  std::optional<std::string> workdir;
  std::vector<std::string> env;
  std::vector<std::pair<std::string, std::string>> mca;
  std::string map_by;
  std::string rank_by;
  double timeout = 0;
  bool no_mpi4py_run = false;
  bool tag = false;
  bool profile = false;
  std::optional<std::string> mpirun;
};

void add_job_flags(CLI::App& command, JobFlags& flags);

/// The flags replace what ec2mpi.toml says. In a series they may ask for parameters, whose values `job` gets
/// after it, by JobSpec::filled(). Errors: usage.
[[nodiscard]] Result<JobSpec> with_flags(JobSpec job, const JobFlags& flags);

/// To be called with the values: adds the variables that have their value from here. Errors: usage, for a job
/// that cannot be started.
[[nodiscard]] Result<JobSpec> completed(JobSpec job, const JobFlags& flags);

}  // namespace ec2mpi::cli
