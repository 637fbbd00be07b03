#include "src/ops/doctor/groups.hpp"

#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/selection.hpp"

namespace ec2mpi::ops {

namespace {

std::string with_nodes(std::string text, const std::vector<int>& nodes) {
  for (auto place = text.find("{}"); place != std::string::npos; place = text.find("{}"))
    text.replace(place, 2, chosen(nodes));
  return text;
}

}  // namespace

std::string majority(const Groups& groups) {
  const auto best = std::max_element(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
    if (a.second.size() != b.second.size()) return a.second.size() < b.second.size();
    return a.second.front() > b.second.front();
  });
  return best == groups.end() ? std::string() : best->first;
}

std::string chosen(const std::vector<int>& nodes) {
  return fold_indices(nodes);
}

void add_groups(Check& check, const Groups& groups, const std::string& command, const std::string& fix) {
  for (const auto& [what, nodes] : groups)
    check.findings.push_back({nodes, what, with_nodes(command, nodes), with_nodes(fix, nodes)});
}

std::string as_root(const std::string& command) {
  return "ec2mpi exec -w {} --sudo " + quote_word(command);
}

}  // namespace ec2mpi::ops
