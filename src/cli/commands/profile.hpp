#pragma once
/// The profile of a job that was run with --profile.

#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/ops/job/record.hpp"

namespace ec2mpi::cli {

/// After the end of a job: prints its profile on standard error. Nothing for a job without one.
[[nodiscard]] asio::awaitable<void> show_profile_of(CommandContext& context, const ops::JobRecord& job);

}  // namespace ec2mpi::cli
