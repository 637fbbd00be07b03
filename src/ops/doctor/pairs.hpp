#pragma once
/// Pairs of nodes that do not reach each other, for the checks. Pure.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/ops/doctor/groups.hpp"

namespace ec2mpi::ops {

/// From one node to another, by index.
using Pair = std::pair<int, int>;

/// The nodes to name: the one node that is part of each of several pairs, or all nodes of the pairs.
[[nodiscard]] std::vector<int> concerned(const std::set<Pair>& pairs);

/// "between all nodes"; "to and from 3 other nodes" if one node is concerned; "node1 to node2, node3 and
/// node4".
[[nodiscard]] std::string pairs_text(const std::set<Pair>& pairs, std::size_t tried);

/// The private address; empty for a node that did not answer.
[[nodiscard]] std::string address_of(const Records& records, int index);

/// Nodes that answered at first and then fell silent: probably frozen. If other nodes cannot reach them, the
/// others are not at fault.
[[nodiscard]] std::set<int> silent_nodes(const Records& records);

/// The smallest network that holds all private addresses.
[[nodiscard]] std::string network_of(const Records& records);

/// The fix for TCP connections that fail with the text `why`.
[[nodiscard]] std::string connection_fix(const std::string& why, const std::set<Pair>& pairs,
                                         std::size_t tried, const std::string& network);

}  // namespace ec2mpi::ops
