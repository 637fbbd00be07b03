#pragma once
/// Pushes of a folder under a new name that some nodes have not finished. On the other nodes a folder has
/// that name by now, and the same command would copy into it. So we remember for which nodes the name was
/// new. .ec2mpi/unfinished-pushes has lines "PUSH named NODE" and "PUSH lacking NODE".

#include <set>
#include <string>
#include <vector>

#include "ec2mpi/base/state_folder.hpp"
#include "ec2mpi/cluster/values/node.hpp"
#include "ec2mpi/ops/push/push.hpp"

namespace ec2mpi::cli {

/// Nodes by node_key.
struct UnfinishedPush {
  std::set<std::string> named = {};    ///< where the target is the source's new name
  std::set<std::string> lacking = {};  ///< that have not finished; none: there is nothing to remember
};

/// The PUSH of the lines. `target` is as PushTarget::path, perhaps with placeholders, as `source`.
[[nodiscard]] std::string push_id(const std::string& source, const std::string& target);

/// Nothing if the push is not known or the state cannot be read.
[[nodiscard]] UnfinishedPush recall_push(const StateFolder& state, const std::string& id);
/// The indices of these nodes that are among `named`.
[[nodiscard]] std::set<int> named_nodes(const UnfinishedPush& push, const std::vector<Node>& nodes);
/// After a push to `nodes`, which are some of all `listed` nodes. Forgets the push when no listed node lacks
/// it.
void remember_push(const StateFolder& state, const std::string& id, UnfinishedPush push,
                   const std::vector<Node>& nodes, const std::vector<Node>& listed,
                   const ops::PushCount& count);

}  // namespace ec2mpi::cli
