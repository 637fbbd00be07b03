#include "src/cli/commands/cluster_of_instances.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/try.hpp"

namespace ec2mpi::cli {

Result<std::unique_ptr<ReachedCluster>> reach_instances(const InstanceContext& context,
                                                        const std::vector<cloud::Instance>& instances) {
  // As with --cluster: EC2 knows neither the login user nor the port.
  if (!context.list)
    return fail(ErrorKind::usage, "the nodes are reached by ssh, for which their list is needed");
  ListOptions list;
  list.list = context.list->file.string();
  TRY_AS(cluster, open_cluster(list));
  std::vector<Node> nodes;
  for (const auto& one : instances) {
    if (one.state != "running") continue;
    // By the id and never by the address: EC2 may have given an old address to another machine.
    const auto node = std::ranges::find(cluster->inventory.nodes, one.id, &Node::instance_id);
    if (node == cluster->inventory.nodes.end())
      return fail(ErrorKind::usage,
                  fmt::format("{} runs, but {} has no running instance of this id; ec2mpi start "
                              "writes the present addresses",
                              one.id, context.list->file.string()));
    nodes.push_back(*node);
  }
  cluster->nodes = std::move(nodes);
  // Commands on instances have no flags for ssh; the settings and the key beside the list count.
  ConnectOptions connect;
  TRY_AS(access, open_access(*cluster, connect));
  access->persist.reset();  // kept sessions are used, but none outlives this command
  const auto flow = fleet_options(*cluster, connect, {});
  return std::make_unique<ReachedCluster>(std::move(*cluster), std::move(*access), flow);
}

}  // namespace ec2mpi::cli
