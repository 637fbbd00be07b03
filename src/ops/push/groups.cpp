#include "ec2mpi/ops/push/groups.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>

#include "ec2mpi/ops/node/placeholders.hpp"

namespace ec2mpi::ops {

namespace {

/// For an error about a name that nobody typed: the first source that has a placeholder.
std::string filled_in(const std::vector<std::string>& typed, const std::vector<std::string>& filled) {
  const auto at = std::ranges::mismatch(typed, filled);
  return at.in1 == typed.end() ? std::string() : filled_in_note(*at.in1, *at.in2);
}

}  // namespace

Result<std::vector<PushGroup>> push_groups(const std::vector<std::string>& sources,
                                           const std::vector<Node>& nodes, const ScanOptions& options) {
  std::vector<PushGroup> groups;
  std::map<std::vector<std::string>, std::size_t> known;
  for (const auto& node : nodes) {
    std::vector<std::string> filled;
    for (const auto& source : sources) filled.push_back(fill_placeholders(source, node));
    // A list of sources is scanned only for the first node that has it.
    const auto [group, added] = known.try_emplace(filled, groups.size());
    if (added) {
      auto tree = scan_sources(filled, options);
      // Without placeholders the error is that of all nodes, so it names none.
      if (!tree && filled == sources) return std::unexpected(tree.error());
      if (!tree) {
        auto error = tree.error().within(node.label());
        error.message += filled_in(sources, filled);
        return std::unexpected(std::move(error));
      }
      groups.push_back({std::make_shared<const SourceTree>(std::move(*tree)), {}});
    }
    groups[group->second].nodes.push_back(node.index);
  }
  return groups;
}

std::size_t count_files(const std::vector<PushGroup>& groups) {
  if (groups.size() == 1) return groups.front().tree->files;
  std::unordered_set<std::string> files;
  for (const auto& group : groups) {
    for (const auto& item : group.tree->items) {
      if (item.type == TarType::file) files.insert(group.tree->path_of(item).string());
    }
  }
  return files.size();
}

}  // namespace ec2mpi::ops
