#pragma once
/// pull: files and folders from many nodes.

#include <filesystem>
#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"

namespace ec2mpi::ops {

struct PullPlan {
  std::vector<std::string> sources;  ///< as remote_path gives them
  std::vector<std::string> names;    ///< what each is called in the target; empty: its content goes there
  std::filesystem::path
      folder;             ///< of this machine; what is pulled comes into it, or into a folder per node in it
  std::string rename;     ///< the one source's new name; empty: its own
  bool per_node = false;  ///< DST/node1/, DST/node2/, ...
};

/// From several nodes: into DST/<node>/. From one: into DST if it is a folder, ends in a slash, or has to
/// take several sources; else DST is the new name, as with scp. Looks at DST, makes nothing. Errors: usage,
/// local_io.
[[nodiscard]] Result<PullPlan> pull_plan(const std::vector<std::string>& sources, const std::string& target,
                                         bool per_node);

/// Every file comes under its name when it is whole. The node can write only below the plan's folder, and
/// there only what was asked for. What is left out (links that lead elsewhere, devices) is told to the
/// observer, on Stream::err. Errors: remote_io with the node's reason, protocol for what must not be,
/// local_io.
[[nodiscard]] NodeTask pull_task(PullPlan plan);

}  // namespace ec2mpi::ops
