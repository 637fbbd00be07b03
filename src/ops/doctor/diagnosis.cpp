#include "ec2mpi/ops/doctor/diagnosis.hpp"

#include <algorithm>

#include "ec2mpi/cluster/values/selection.hpp"
#include "src/ops/doctor/checks.hpp"

namespace ec2mpi::ops {

namespace {

std::string with_nodes(std::string text, const std::vector<int>& nodes) {
  for (auto place = text.find("{}"); place != std::string::npos; place = text.find("{}"))
    text.replace(place, 2, chosen(nodes));
  return text;
}

bool somebody_answered(const Records& records) {
  return std::any_of(records.begin(), records.end(),
                     [](const auto& record) { return record.answer.has_value(); });
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

void add_groups(Check& check, const Groups& groups, const std::string& command, const std::string& mend) {
  for (const auto& [what, nodes] : groups)
    check.findings.push_back({nodes, what, with_nodes(command, nodes), with_nodes(mend, nodes)});
}

std::vector<Check> diagnose(const std::vector<NodeRecord>& records, const std::vector<std::string>& files) {
  std::vector<Check> checks = {check_ssh(records)};
  if (!somebody_answered(records)) return checks;
  for (const auto check : {check_clock, check_disk, check_temp, check_memory, check_limits, check_mpirun,
                           check_mpi, check_path, check_python, check_mpi4py, check_names, check_shell,
                           check_interfaces, check_logins, check_ports, check_leftovers})
    checks.push_back(check(records));
  if (!files.empty()) checks.push_back(check_files(records, files));
  checks.push_back(check_slots(records));
  checks.push_back(check_placement(records));
  return checks;
}

bool all_well(const std::vector<Check>& checks) {
  return std::none_of(checks.begin(), checks.end(),
                      [](const Check& check) { return check.verdict == Verdict::failed; });
}

}  // namespace ec2mpi::ops
