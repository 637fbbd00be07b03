#pragma once
/// Compares contents without sending them (pull --checksum).

#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/node/listed_fields.hpp"
#include "src/ops/pull/choice.hpp"

namespace ec2mpi::ops {

[[nodiscard]] asio::awaitable<Result<SumsByPath>> sums_on_node(NodeRun& run, bool as_root,
                                                               const std::vector<PullWant>& files);

[[nodiscard]] asio::awaitable<Result<std::string>> sum_here(SafeTree& tree, std::string place, Limit limit);

}  // namespace ec2mpi::ops
