#pragma once
/// pull --follow: copies the output of a running job while the job writes it.

#include <memory>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/pull/job.hpp"

namespace ec2mpi::ops {

/// Pulls once, then looks every second. Bytes appended to a file are appended here, in place; new,
/// shortened and replaced files are copied as a whole; sources that are not there yet are waited for. After a
/// lost connection it connects again, with growing pauses. A requested stop is a success; otherwise it ends
/// only with an error.
[[nodiscard]] asio::awaitable<Result<ssh::ExitStatus>> pull_and_follow(NodeRun run,
                                                                       std::shared_ptr<PullJob> job);

}  // namespace ec2mpi::ops
