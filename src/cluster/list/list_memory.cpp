#include "ec2mpi/cluster/list/list_memory.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <set>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi {

namespace {

/// Index 1 and up, the lowest that nobody holds first.
class FreeIndices {
 public:
  explicit FreeIndices(std::set<int> taken) : taken_(std::move(taken)) {}
  int next() {
    while (taken_.contains(next_)) ++next_;
    return next_++;
  }

 private:
  std::set<int> taken_;
  int next_ = 1;
};

/// People know their machines by name, and EC2 by id.
std::string with_name(const std::string& id, const std::string& name) {
  return name.empty() ? id : fmt::format("{} ({})", id, name);
}

/// A list of bare addresses has none: the same address may be another machine tomorrow.
bool all_have_ids(const Inventory& inventory) {
  return std::none_of(inventory.nodes.begin(), inventory.nodes.end(),
                      [](const Node& node) { return node.instance_id.empty(); });
}

/// In the list's order, from 1.
void count_anew(Inventory& inventory) {
  int index = 0;
  for (auto& node : inventory.nodes) node.index = ++index;
}

}  // namespace

std::string memory_text(const Inventory& inventory, const std::vector<RememberedNode>& before) {
  std::string text;
  std::set<int> taken;
  const auto add = [&](const RememberedNode& node) {
    if (node.instance_id.empty() || !taken.insert(node.index).second) return;
    text += fmt::format("{}\t{}\t{}\t{}\n", node.index, node.instance_id, node.address, node.name);
  };
  for (const auto& node : inventory.nodes) add({node.index, node.instance_id, node.address, node.name});
  for (const auto& old : before)
    if (std::ranges::find(inventory.skipped, old.instance_id, &Skipped::instance_id) !=
        inventory.skipped.end())
      add({old.index, old.instance_id, "", old.name});
  return text;
}

std::vector<RememberedNode> parse_memory(std::string_view text) {
  std::vector<RememberedNode> memory;
  std::set<std::string_view> ids;
  std::set<std::uint64_t> indices;
  for (const auto line : split(text, '\n')) {
    // As memory_text writes it: index, id, address, name. A line of another form is left out.
    const auto fields = split(line, '\t');
    if (fields.size() != 4 || fields[1].empty()) continue;
    const auto index = parse_number(fields[0]);
    // Fits into an int; a list of ten million nodes is none.
    if (!index || *index == 0 || *index > 10'000'000) continue;
    // Both go into messages and comparisons as they are.
    if (printable(fields[1]) != fields[1] || printable(fields[2]) != fields[2]) continue;
    if (!ids.insert(fields[1]).second || !indices.insert(*index).second) continue;
    memory.push_back(
        {static_cast<int>(*index), std::string(fields[1]), std::string(fields[2]), printable(fields[3])});
  }
  return memory;
}

/// Known instances keep their index, and their name if the list has none; new ones take free indices.
std::vector<std::string> merge_memory(Inventory& inventory, const std::vector<RememberedNode>& memory) {
  std::vector<std::string> changes;
  // Without ids, nobody can say which of the nodes is which.
  if (memory.empty() || !all_have_ids(inventory)) return changes;
  std::map<std::string_view, const RememberedNode*> known;
  for (const auto& old : memory) known.emplace(old.instance_id, &old);

  std::set<int> taken;
  std::vector<Node*> arrived;
  for (auto& node : inventory.nodes) {
    const auto found = known.find(node.instance_id);
    if (found == known.end()) {
      arrived.push_back(&node);
      continue;
    }
    const auto& old = *found->second;
    // The entries that stay in `known` are gone from the list.
    known.erase(found);
    // An index stays with its instance: node3 is the same machine in each run.
    node.index = old.index;
    taken.insert(old.index);
    if (node.name.empty()) node.name = old.name;
    if (old.address.empty()) {
      changes.push_back(fmt::format("{} runs again: {} at {}", node.label(),
                                    with_name(node.instance_id, node.name), node.address));
    } else if (node.address != old.address) {
      changes.push_back(fmt::format("{} moved from {} to {}", node.label(), old.address, node.address));
    }
  }
  for (const auto& [id, old] : known) {
    if (old->address.empty()) continue;  // that it does not run was said before
    changes.push_back(fmt::format("node{} is gone: {}", old->index, with_name(old->instance_id, old->name)));
  }
  FreeIndices free(taken);
  for (auto* node : arrived) {
    node->index = free.next();
    taken.insert(node->index);
    changes.push_back(fmt::format("{} is new: {} at {}", node->label(),
                                  with_name(node->instance_id, node->name), node->address));
  }
  std::stable_sort(inventory.nodes.begin(), inventory.nodes.end(),
                   [](const Node& a, const Node& b) { return a.index < b.index; });
  // The master is node1, so a list without node1 has no master.
  if (inventory.nodes.front().index != 1) {
    count_anew(inventory);
    changes.push_back(fmt::format("the master is gone: all nodes are counted anew, and {} is the master now",
                                  with_name(inventory.master().instance_id, inventory.master().name)));
  }
  return changes;
}

}  // namespace ec2mpi
