#pragma once
/// Compares contents without sending them (pull --checksum).

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "src/ops/pull/choice.hpp"

namespace ec2mpi::ops {

/// SHA-256 by path; files that can't be read are missing.
using SumsByPath = std::unordered_map<std::string, std::string>;

/// Reads what sha256sum(1) prints: a line with a "\" in front has its name escaped. Other lines are
/// skipped. Pure.
[[nodiscard]] SumsByPath parse_sums(std::string_view text);

[[nodiscard]] asio::awaitable<Result<SumsByPath>> sums_on_node(NodeRun& run, bool as_root,
                                                               const std::vector<PullWant>& files);

[[nodiscard]] asio::awaitable<Result<std::string>> sum_here(SafeTree& tree, std::string place, Limit limit);

}  // namespace ec2mpi::ops
