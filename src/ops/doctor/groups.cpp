#include "src/ops/doctor/groups.hpp"

#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/selection.hpp"

namespace ec2mpi::ops {

namespace {

/// Puts "1-3,5" for each {} of a command or a fix.
std::string with_nodes(std::string text, const std::vector<int>& nodes) {
  for (auto place = text.find("{}"); place != std::string::npos; place = text.find("{}"))
    text.replace(place, 2, chosen(nodes));
  return text;
}

}  // namespace

std::string majority(const Groups& groups) {
  const auto best = std::max_element(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
    // Equal groups: the one with the lowest first node is the greater one, so max_element finds it.
    if (a.second.size() != b.second.size()) return a.second.size() < b.second.size();
    return a.second.front() > b.second.front();
  });
  return best == groups.end() ? std::string() : best->first;
}

std::string chosen(const std::vector<int>& nodes) {
  return fold_indices(nodes);
}

/// One line for all nodes with the same fault, also if its text has each node's own address or name.
std::vector<FailureLine> folded(const Groups& groups, const Records& records) {
  std::map<int, std::vector<std::string>> texts;
  for (const auto& [what, nodes] : groups)
    for (const int index : nodes) texts[index].push_back(what);
  std::vector<NodeReason> reasons;
  for (const auto& record : records) {
    const auto& node = record.node;
    const auto found = texts.find(node.index);
    if (found == texts.end()) continue;
    // Addresses, ids and names are what texts of one fault differ in from node to node.
    NodeReason reason{node.index,
                      {},
                      {node.address, node.public_address, node.private_address, node.ipv6},
                      {node.instance_id}};
    if (record.answer) {
      reason.addresses.push_back(record.answer->facts.private_address.text());
      reason.names.push_back(printable(record.answer->facts.hostname));
      reason.names.push_back(printable(record.answer->health.instance_id));
    }
    for (auto& text : found->second) {
      reason.reason = std::move(text);
      reasons.push_back(reason);
    }
  }
  return fold_reasons(std::move(reasons));
}

void add_groups(Check& check, const Records& records, const Groups& groups, const std::string& command,
                const std::string& fix) {
  for (const auto& [nodes, what] : folded(groups, records))
    check.findings.push_back({nodes, what, with_nodes(command, nodes), with_nodes(fix, nodes)});
}

std::string as_root(const std::string& command) {
  return "ec2mpi exec -w {} --sudo " + quote_word(command);
}

}  // namespace ec2mpi::ops
