#pragma once
/// push: files and folders to many nodes.

#include <memory>
#include <string>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/source_tree.hpp"

namespace ec2mpi::ops {

/// Where a push goes to, by scp's rule: into the folder, if the target is one, ends in a slash, or has to
/// take several sources; else it is the new name. What of this depends on the node is decided there.
struct PushTarget {
  std::string path;     ///< as remote_path gives it
  bool folder = false;  ///< must be a folder; made if it is missing
};

/// Errors: usage.
[[nodiscard]] Result<PushTarget> push_target(std::string_view typed, std::size_t sources);

/// Sends the tree. On each node either every file comes to its place whole, by renaming, or the node ends
/// with an Error and what it had is untouched (but for what an error in the midst of the renaming has left
/// half done, file by file). Errors: remote_io with the node's reason; local_io if files changed while they
/// were being sent.
[[nodiscard]] NodeTask push_task(std::shared_ptr<const SourceTree> tree, PushTarget target);

/// The reason for a failed push in the words of the node's script: without the tool's name, and with the
/// source's name for its number; "" if there is none in this text. Pure; for tests.
[[nodiscard]] std::string push_complaint(std::string_view err, const SourceTree& tree);

}  // namespace ec2mpi::ops
