#pragma once
/// Which nodes the last commands on nodes have reached: .ec2mpi/reached has a line "yes KEY" or "no KEY" for
/// each node that was tried.

#include <vector>

#include "ec2mpi/base/state_folder.hpp"
#include "ec2mpi/fleet/outcome.hpp"

namespace ec2mpi::cli {

struct SeenNodes {
  std::vector<int> reached;
  std::vector<int> missed;
};

/// The nodes of the list by their last attempt; one that no command has tried is in neither.
[[nodiscard]] SeenNodes recall_reached(const StateFolder& state, const std::vector<Node>& nodes);
void remember_reached(const StateFolder& state, const FleetReport& report);

}  // namespace ec2mpi::cli
