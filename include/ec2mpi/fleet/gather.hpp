#pragma once
/// Equal outputs folded together: 64 nodes that agree are read once. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace ec2mpi {

/// One node's whole output.
struct NodeOutput {
  int index = 0;
  std::string text;
};

/// The nodes that printed the same.
struct OutputGroup {
  std::vector<int> indices;  ///< ascending
  std::string text;
};

/// The largest group first; among equals the one with the lowest index.
[[nodiscard]] std::vector<OutputGroup> gather(std::vector<NodeOutput> outputs);

/// "node3", "node[1-4,6] (5)".
[[nodiscard]] std::string nodes_label(const std::vector<int>& indices);

/// The same, with the first few named if there are many: "node[1,3,5,7,9,11,13,15,…] (500)".
[[nodiscard]] std::string short_nodes_label(const std::vector<int>& indices);

/// Every group under a header between dashes, as clush and dshbak show it.
[[nodiscard]] std::string render_groups(const std::vector<OutputGroup>& groups);

/// The majority's output, then for each other group what differs from it, line by line: "- theirs gone", "+
/// added".
[[nodiscard]] std::string render_differences(const std::vector<OutputGroup>& groups);

}  // namespace ec2mpi
