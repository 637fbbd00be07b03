#include "ec2mpi/cluster/list/inventory_text.hpp"

#include <fmt/format.h>

#include <iterator>

namespace ec2mpi {

std::string addresses_text(const Inventory& inventory) {
  std::string out;
  for (const Node& node : inventory.nodes) out += node.address + '\n';
  return out;
}

std::string hostfile_text(const Inventory& inventory) {
  std::string out;
  for (const Node& node : inventory.nodes) {
    out += node.address;
    if (node.slots > 0) fmt::format_to(std::back_inserter(out), " slots={}", node.slots);
    out += '\n';
  }
  return out;
}

}  // namespace ec2mpi
