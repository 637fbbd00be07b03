#pragma once
/// A list that changes. After stop/start every public address is new, and a new paste may come in another
/// order; the instance id identifies the machine, so index and name stay with the instance.

#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/cluster/values/inventory.hpp"

namespace ec2mpi {

/// An instance as it was when its list was last read.
struct RememberedNode {
  int index = 0;
  std::string instance_id;
  std::string address;  ///< empty if it did not run
  std::string name;
};

/// One instance a line: index, id, address, name, between tabs. An instance of `before` that the list still
/// has, but which does not run, keeps its index if no other has it.
[[nodiscard]] std::string memory_text(const Inventory& inventory, const std::vector<RememberedNode>& before);

/// Lines that can't be read are skipped: the memory only keeps the indices stable, and the list itself
/// decides.
[[nodiscard]] std::vector<RememberedNode> parse_memory(std::string_view text);

/// Gives every instance that is remembered its index (and its name, if the list has none now); new ones take
/// the free indices from the lowest on. So indices may have gaps. If the instance with index 1 is gone, all
/// are counted anew, because there must be a master. Names the new, gone and moved instances, in one sentence
/// each. Lists without ids stay as they are.
[[nodiscard]] std::vector<std::string> merge_memory(Inventory& inventory,
                                                    const std::vector<RememberedNode>& memory);

}  // namespace ec2mpi
