#pragma once
/// A job as JSON, for every command that shows jobs.

#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/ops/job/record.hpp"

namespace ec2mpi::cli {

/// "running", "ok", "exit 3", "cancelled", "lost (rebooted)".
[[nodiscard]] std::string outcome_of(const ops::JobRecord& job);

/// What a job has used on one node.
[[nodiscard]] Json usage_json(const ops::NodeUsage& usage);

[[nodiscard]] Json job_json(const ops::JobRecord& job);

}  // namespace ec2mpi::cli
