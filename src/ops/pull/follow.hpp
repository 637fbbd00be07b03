#pragma once
/// pull --follow: brings what a running job writes, while it writes it.

#include <memory>

#include "ec2mpi/ops/pull/pull.hpp"

namespace ec2mpi::ops {

/// Pulls once, then looks every second. Bytes appended to a file are appended here, in place; files that are
/// new, were shortened or replaced come whole; what is not there yet is waited for. A connection that is lost
/// is made again, with growing pauses. Ends well when the stop is requested; else only with an error.
[[nodiscard]] asio::awaitable<Result<ssh::ExitStatus>> pull_and_follow(NodeRun run,
                                                                       std::shared_ptr<PullJob> job);

}  // namespace ec2mpi::ops
