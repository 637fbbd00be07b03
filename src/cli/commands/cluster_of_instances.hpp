#pragma once
/// From instances, as EC2 has them, to their nodes, which are reached by ssh.

#include <vector>

#include "ec2mpi/cli/session/command_context.hpp"
#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

/// The running ones among the instances as nodes of the list. Errors: those of the list and the keys; usage
/// if there is no list, or it does not have them at their present addresses.
struct ReachedCluster {
  Cluster cluster;  ///< its selected nodes are the running instances
  Access access;
  FleetOptions flow;
};
[[nodiscard]] Result<std::unique_ptr<ReachedCluster>> reach_instances(
    const InstanceContext& context, const std::vector<cloud::Instance>& instances);

}  // namespace ec2mpi::cli
