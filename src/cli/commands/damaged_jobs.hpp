#pragma once

#include <vector>

#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/ops/job/record.hpp"

namespace ec2mpi::cli {

[[nodiscard]] bool is_damaged(const ops::JobRecord& job);

/// Names the jobs whose records are damaged, each with what to do. Returns the exit code: node_failed if
/// there are any.
[[nodiscard]] int tell_damaged_jobs(CommandContext& context, const std::vector<ops::JobRecord>& jobs);

}  // namespace ec2mpi::cli
