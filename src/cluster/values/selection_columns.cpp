#include "src/cluster/values/selection_columns.hpp"

#include <algorithm>
#include <vector>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi {
namespace {

template <std::string Node::*member>
std::string text_of(const Node& node) {
  return node.*member;
}

std::string index_of(const Node& node) {
  return std::to_string(node.index);
}

std::string role_of(const Node& node) {
  return node.index == 1 ? "master" : "worker";
}

constexpr SelectionColumn kColumns[] = {{"index", index_of},
                                        {"role", role_of},
                                        {"name", text_of<&Node::name>, true},
                                        {"id", text_of<&Node::instance_id>},
                                        {"type", text_of<&Node::type>},
                                        {"address", text_of<&Node::address>},
                                        {"public_address", text_of<&Node::public_address>},
                                        {"private_address", text_of<&Node::private_address>},
                                        {"ipv6", text_of<&Node::ipv6>},
                                        {"launched", text_of<&Node::launched>}};

}  // namespace

const SelectionColumn* column_called(std::string_view small_name) {
  const auto* found = std::ranges::find(kColumns, small_name, &SelectionColumn::name);
  return found == std::end(kColumns) ? nullptr : found;
}

std::string names_of_columns() {
  std::vector<std::string> names;
  for (const auto& column : kColumns) names.emplace_back(column.name);
  return join(names, ", ");
}

}  // namespace ec2mpi
