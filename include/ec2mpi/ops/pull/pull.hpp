#pragma once
/// pull: files and folders from many nodes. What is here already with the same size, mtime (and, if asked
/// for, checksum) stays as it is.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/node/path_filter.hpp"
#include "ec2mpi/ops/pull/remote_glob.hpp"

namespace ec2mpi::ops {

struct PullSource {
  std::string path;                ///< as remote_path gives it
  std::string name;                ///< what it is called in the target; empty: its content goes there
  std::optional<RemoteGlob> glob;  ///< if the path holds wildcards and nothing has just this name
};

/// What comes from one node, and where it goes.
struct PullPlan {
  std::vector<PullSource> sources;
  std::filesystem::path folder;  ///< of this machine; all comes into it
  std::string rename;            ///< the one source's new name; empty: its own
  std::string suffix;            ///< ".node1": put behind each source's name
};

/// How the nodes' files are kept apart.
enum class PullLayout {
  as_named,  ///< DST is one node's alone, as with scp
  per_node,  ///< DST/node1/, DST/node2/, ...
  flat,      ///< DST/name.node1, DST/name.node2, ...
};

/// as_named for a single node, or if the target names the node by {node}, {index} or {address}.
[[nodiscard]] PullLayout pull_layout(const std::string& target, std::size_t nodes, bool flat);

/// as_named: into DST if it is a folder, ends in a slash, or has to take several files; else DST is the new
/// name. Placeholders are filled in. Looks at DST, makes nothing. Errors: usage, local_io.
[[nodiscard]] Result<PullPlan> pull_plan(const std::vector<std::string>& sources, const std::string& target,
                                         const Node& node, PullLayout layout);

struct PullOptions {
  std::optional<std::uint64_t> max_size = {};  ///< bytes that may come from all nodes together
  PathFilter exclude = {};                     ///< what of each source is left out
  bool dry_run = false;                        ///< only tell the observer what would come, on Stream::out
  bool checksum = false;                       ///< compare contents where the sizes are the same
  bool follow = false;                         ///< go on until the stop is requested
  std::size_t streams = 1;  ///< connections to a node for big files, at most; a long link asks for several
};

/// What a pull did; bytes are those of files' content.
struct PullCounts {
  std::size_t copied = 0;
  std::size_t unchanged = 0;
  std::uint64_t bytes = 0;
};

/// One pull from many nodes.
struct PullJob {
  std::map<int, PullPlan> plans;  ///< by the nodes' indices
  PullOptions options;
  std::uint64_t planned = 0;  ///< bytes, of all nodes that have told what they have
  std::map<int, PullCounts> counts = {};
};

/// Every file comes under its name when it is whole. A node can write only below its plan's folder, and there
/// only what was asked for. What is left out (links that lead elsewhere, devices) is told to the observer, on
/// Stream::err. A big file that was broken off goes on where it stopped. Errors: remote_io with the node's
/// reason, protocol for what must not be, local_io.
[[nodiscard]] NodeTask pull_task(std::shared_ptr<PullJob> job);

}  // namespace ec2mpi::ops
