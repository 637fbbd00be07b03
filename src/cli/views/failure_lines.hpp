#pragma once
/// The failures of many nodes in few lines. Pure.

#include <string>
#include <vector>

#include "ec2mpi/fleet/outcome.hpp"

namespace ec2mpi::cli {

struct FailureLine {
  std::vector<int> nodes;
  std::string reason;
};

/// One line for each reason. Reasons that differ only in the node's own address are one line, with "its
/// address" in its place. Reasons that hold the node's id may hold a command to type, so the first stays
/// whole, and a second line counts the others.
[[nodiscard]] std::vector<FailureLine> group_failures(const FleetReport& report);

}  // namespace ec2mpi::cli
