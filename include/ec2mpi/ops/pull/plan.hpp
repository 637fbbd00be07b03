#pragma once
/// The sources of a pull on one node, and their places here.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/node.hpp"
#include "ec2mpi/ops/pull/remote_glob.hpp"

namespace ec2mpi::ops {

struct PullSource {
  std::string path;                ///< as remote_path gives it
  std::string filled_in;           ///< for an error about it: that a placeholder was filled in, or nothing
  std::string name;                ///< its name in the target; empty: its content goes there
  std::optional<RemoteGlob> glob;  ///< if the path holds wildcards; a file of this very name goes first
};

/// The sources of one node, and their places here.
struct PullPlan {
  std::vector<PullSource> sources;
  std::filesystem::path folder;  ///< of this machine; everything goes into it
  std::string rename;            ///< the one source's new name; empty: its own
  std::string mark;      ///< of a new folder with the new name: a hidden file in it until it is complete
  std::string suffix;    ///< ".node1": stands behind each source's name
  bool as_root = false;  ///< read the sources by sudo
};

/// How the files of several nodes are kept separate.
enum class PullLayout {
  as_named,  ///< DST is one node's alone, as with scp
  per_node,  ///< DST/node1/, DST/node2/, ...
  flat,      ///< DST/name.node1, DST/name.node2, ...
};

/// as_named for a single node, or if the target names the node by {node}, {index} or {address}.
[[nodiscard]] PullLayout pull_layout(const std::string& target, std::size_t nodes, bool flat);

/// as_named: into DST if it is a folder, ends in a slash, or has to take several files; else DST is the new
/// name. A folder that an interrupted pull of the same source has begun under a new name is that new name
/// again. Placeholders are filled in. Looks at DST and makes nothing. Errors: usage, local_io.
[[nodiscard]] Result<PullPlan> pull_plan(const std::vector<std::string>& sources, const std::string& target,
                                         const Node& node, PullLayout layout);

}  // namespace ec2mpi::ops
