#pragma once
/// Makes a diagnosis of the cluster from the answers of all nodes. Pure.

#include <string>
#include <vector>

#include "ec2mpi/ops/doctor/findings.hpp"

namespace ec2mpi::ops {

/// All checks, in the order of the output: each needs the ones above it. `records` are in the list's order
/// and may be incomplete. `files` are those of `doctor FILE...`, as typed.
[[nodiscard]] std::vector<Check> diagnose(const std::vector<NodeRecord>& records,
                                          const std::vector<std::string>& files);

/// Only the check of TCP between the nodes.
[[nodiscard]] Check diagnose_ports(const std::vector<NodeRecord>& records);

/// True if no check failed; warnings do not count.
[[nodiscard]] bool all_well(const std::vector<Check>& checks);

}  // namespace ec2mpi::ops
