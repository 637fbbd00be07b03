// Selections: first line wanted, second excluded, the rest a group. Never crashes, and never chooses what
// isn't there.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/selection.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

ec2mpi::Inventory inventory() {
  ec2mpi::Inventory list;
  for (int index = 1; index <= 5; ++index) {
    ec2mpi::Node node;
    node.index = index;
    node.name = "n" + std::to_string(index);
    node.instance_id = "i-0123456789abcdef" + std::to_string(index);
    node.address = "203.0.113." + std::to_string(index);
    list.nodes.push_back(node);
  }
  return list;
}

void check(const ec2mpi::Result<std::vector<ec2mpi::Node>>& chosen) {
  if (!chosen) {
    require(!chosen.error().message.empty() &&
            ec2mpi::printable(chosen.error().message) == chosen.error().message);
    return;
  }
  require(!chosen->empty());
  int last = 0;
  std::vector<int> indices;
  for (const auto& node : *chosen) {
    require(node.index > last && node.index <= 5);
    indices.push_back(last = node.index);
  }
  const auto again = ec2mpi::select_nodes(inventory(), {ec2mpi::fold_indices(indices)}, {});
  require(again.has_value() && *again == *chosen);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lines = ec2mpi::split(text, '\n');
  const auto line = [&lines](std::size_t i) {
    return i < lines.size() ? std::string(lines[i]) : std::string();
  };
  ec2mpi::SelectionContext context;
  context.groups = {{"g", line(2)}, {"h", "@g,1"}};
  context.failed = std::vector<std::string>{"i-0123456789abcdef2"};
  const std::vector<std::string> excluded =
      lines.size() > 1 ? std::vector{line(1)} : std::vector<std::string>{};
  check(ec2mpi::select_nodes(inventory(), {line(0)}, excluded, context));
  return 0;
}
