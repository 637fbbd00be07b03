#pragma once
/// push: files and folders to many nodes; only what they lack.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/push/groups.hpp"
#include "ec2mpi/ops/push/source_tree.hpp"

namespace ec2mpi::ops {

/// Where a push goes to, by scp's rule: into the folder, if the target is one, ends in a slash, or has to
/// take several sources; else it is the new name. The node decides the part of this that depends on it.
struct PushTarget {
  std::string path;     ///< as remote_path gives it
  bool folder = false;  ///< must be a folder; made if it is missing
};

/// Errors: usage.
[[nodiscard]] Result<PushTarget> push_target(std::string_view typed, std::size_t sources);

/// `erase` would clean up the login folder or "/", as far as the path shows; the node checks again.
[[nodiscard]] bool cleans_up_home(const PushTarget& target, const SourceTree& tree);

/// Why that is refused.
[[nodiscard]] std::string home_refusal(std::string_view folder);

/// A folder on storage that nodes share.
struct SharedFolder {
  std::string writer = {};    ///< the label of the node that has written; "" if it has not
  std::set<int> others = {};  ///< nodes, by index, that found there all that they would have got
};

/// The result so far, for the views. Bytes are those of files, without names and padding; over
/// the uplink and between nodes they are those of the compressed archive if there is one.
struct PushCount {
  std::uint64_t uplink = 0;                     ///< bytes sent from here
  std::uint64_t inside = 0;                     ///< bytes that nodes have relayed to each other
  std::uint64_t sent = 0;                       ///< content that has left, before it was compressed
  std::uint64_t expected = 0;                   ///< bytes to be sent from here, as far as is known
  std::size_t all_files = 0;                    ///< of the sources
  std::unordered_set<std::string> lacked = {};  ///< files sent, by path: once however many nodes lacked them
  std::size_t files = 0;                        ///< so many
  std::unordered_set<std::string> placed = {};  ///< of these, those that a node which has ended well has got
  std::size_t partly = 0;       ///< files that a node has got whose last steps have failed, at most
  std::size_t unchanged = 0;    ///< files that no node lacked
  std::size_t erased = 0;       ///< paths removed, over all nodes
  std::size_t connections = 1;  ///< that one node was fed by, at most
  std::set<int> named = {};     ///< nodes, by index, on which the target is the new name of the source
  std::set<int> finished = {};  ///< nodes that have all
  std::map<int, std::uint64_t> arrived = {};  ///< on nodes at work, by index: how much of the archive, about
  std::map<int, SharedFolder> shared = {};    ///< by the index of the writer
  std::string note = {};  ///< why some node was not served by another one; "" if all was well

  /// Files that are in their place on some node, of those that were to be sent.
  [[nodiscard]] std::size_t in_place() const { return std::max(placed.size(), partly); }
};

/// Whether nodes relay the archive to each other.
enum class RelayMode {
  automatic,  ///< where that saves much of the uplink; a node that can't be reached so is served from here
  always,     ///< a node that can't be reached so fails
  never,
};

struct PushPlan {
  std::vector<PushGroup> groups;
  std::string target;   ///< as typed; {node}, {index} and so on are filled in
  bool folder = false;  ///< there are several sources
  /// Nodes, by index, where the target is the new name of the source even if it is a folder: an earlier push
  /// that some nodes have not finished has made it.
  std::set<int> named = {};
  bool checksum = false;  ///< compare contents, not size and mtime
  bool erase = false;     ///< remove paths that the source folders no longer have
  bool force = false;     ///< even in the home, and above it
  RelayMode relay = RelayMode::automatic;
  bool as_root = false;              ///< write by sudo, without a password; `relay` must be never
  bool compress = false;             ///< once for all nodes; they unpack it
  bool dry_run = false;              ///< only report, line by line, the planned steps
  std::shared_ptr<PushCount> count;  ///< never null
};

/// Sends to each node the files that it lacks. There, either every file that was sent gets its final name
/// when it is complete, or the node ends with an Error and its own files are untouched. Only an error in the
/// middle of the renaming leaves some files new and others old; each file is whole. Files that arrived before
/// the connection was lost are kept beside the target, and the next push of the same sources continues from
/// there. Errors: remote_io with the node's reason; local_io if files changed while they were being sent.
[[nodiscard]] NodeTask push_task(PushPlan plan);

/// A complaint of the node's script for the user: without the mark and the tool's name, and with the source's
/// name for its number. Pure; for tests.
[[nodiscard]] std::string push_complaint(std::string_view line, const SourceTree& tree);

}  // namespace ec2mpi::ops
