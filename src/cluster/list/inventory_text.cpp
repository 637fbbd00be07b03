#include "ec2mpi/cluster/list/inventory_text.hpp"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

namespace ec2mpi {
namespace {

// The EC2 console's en dash for an empty cell.
constexpr std::string_view kDash = "\xE2\x80\x93";

std::string_view or_dash(std::string_view text) {
  return text.empty() ? kDash : text;
}

/// In quotes if the reader would take the first sign for a comment or an opening quote.
std::string name_cell(std::string_view name) {
  if (name.empty()) return std::string(kDash);
  if (name.front() != '#' && name.front() != '"') return std::string(name);
  std::string out = "\"";
  // As in CSV, a quote within quotes is written twice.
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace

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

std::string console_text(const Inventory& inventory) {
  std::string out;
  for (const Node& node : inventory.nodes) {
    fmt::format_to(std::back_inserter(out), "{}\t{}\t{}\t{}\t{}\n", name_cell(node.name), node.instance_id,
                   or_dash(node.type), or_dash(node.address), or_dash(node.launched));
  }
  return out;
}

}  // namespace ec2mpi
