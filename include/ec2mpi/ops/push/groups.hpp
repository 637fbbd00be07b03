#pragma once
/// Nodes that get the same, where the sources of a push name the node: 'conf/{node}.conf'.

#include <memory>
#include <string>
#include <vector>

#include "ec2mpi/cluster/values/node.hpp"
#include "ec2mpi/ops/push/source_tree.hpp"

namespace ec2mpi::ops {

/// These nodes share a tree, and relay it to each other.
struct PushGroup {
  std::shared_ptr<const SourceTree> tree;
  std::vector<int> nodes;  ///< by index
};

/// Fills {node}, {index} and so on into the sources, and looks at them. Nodes with the same sources make a
/// group, in the order of their first nodes; one group if nothing is filled in. Errors: those of
/// scan_sources, behind the node's name if the sources are not the same for all nodes.
[[nodiscard]] Result<std::vector<PushGroup>> push_groups(const std::vector<std::string>& sources,
                                                         const std::vector<Node>& nodes,
                                                         const ScanOptions& options);

/// Files in all of them; one that goes to several groups counts once.
[[nodiscard]] std::size_t count_files(const std::vector<PushGroup>& groups);

}  // namespace ec2mpi::ops
