#pragma once
/// The failures of many nodes in few lines. Pure.

#include <string>
#include <vector>

#include "ec2mpi/fleet/outcome.hpp"

namespace ec2mpi {

/// Why one node failed, and the words by which that text may call the node.
struct NodeReason {
  int node = 0;
  std::string reason;
  std::vector<std::string> addresses;
  std::vector<std::string> names;  ///< its id, its host name
};

struct FailureLine {
  std::vector<int> nodes;
  std::string reason;
};

/// One line for each reason. Reasons that differ only in the node's own address are one line, with "its
/// address" in its place. Reasons that hold the node's name may hold a command to type, so the first stays
/// whole, and a second line counts the others.
[[nodiscard]] std::vector<FailureLine> fold_reasons(std::vector<NodeReason> reasons);

/// The same for the nodes that did not succeed.
[[nodiscard]] std::vector<FailureLine> group_failures(const FleetReport& report);

}  // namespace ec2mpi
