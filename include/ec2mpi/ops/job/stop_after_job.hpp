#pragma once
/// The master stops all nodes when a job has ended: for a job that was left alone.

#include <asio/awaitable.hpp>
#include <string>
#include <vector>

#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

/// Begins to wait for the end of the job, and returns. `addresses`: the private ones of all nodes. Errors:
/// those of the session; remote_io with the master's words, if it could not stop itself or another node.
[[nodiscard]] asio::awaitable<Result<void>> stop_nodes_after_job(ssh::Session& session, std::string id,
                                                                 std::vector<std::string> addresses,
                                                                 Limit limit);

}  // namespace ec2mpi::ops
