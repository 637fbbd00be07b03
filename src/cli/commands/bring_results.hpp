#pragma once
/// Brings what jobs' `pull` asks for into results/, after they have succeeded.

#include <vector>

#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/ops/job/record.hpp"

namespace ec2mpi::cli {

/// The end of a command that has seen the end of `jobs` and would exit with `code`: brings the results of
/// each that has succeeded and asks for some, leaves the others alone, and returns the exit code. That is 1
/// if something is missing; it has been told. What has been brought before stays as it is.
[[nodiscard]] asio::awaitable<int> bring_results(CommandContext& context, std::vector<ops::JobRecord> jobs,
                                                 int code);

}  // namespace ec2mpi::cli
