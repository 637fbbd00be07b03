#include "ec2mpi/ops/doctor/diagnosis.hpp"

#include <algorithm>

#include "src/ops/doctor/checks.hpp"

namespace ec2mpi::ops {

namespace {

bool any_answered(const Records& records) {
  return std::any_of(records.begin(), records.end(),
                     [](const auto& record) { return record.answer.has_value(); });
}

}  // namespace

std::vector<Check> diagnose(const std::vector<NodeRecord>& records, const std::vector<std::string>& files) {
  std::vector<Check> checks = {check_ssh(records)};
  // Without any answer, the other checks have nothing to look at.
  if (!any_answered(records)) return checks;
  for (const auto check : {check_clock, check_disk, check_temp, check_memory, check_limits, check_mpirun,
                           check_mpi, check_path, check_settings, check_python, check_mpi4py, check_names,
                           check_shell, check_interfaces, check_logins, check_ports, check_leftovers})
    checks.push_back(check(records));
  if (!files.empty()) checks.push_back(check_files(records, files));
  checks.push_back(check_slots(records));
  checks.push_back(check_placement(records));
  return checks;
}

Check diagnose_ports(const std::vector<NodeRecord>& records) {
  return check_ports(records);
}

bool all_well(const std::vector<Check>& checks) {
  return std::none_of(checks.begin(), checks.end(),
                      [](const Check& check) { return check.verdict == Verdict::failed; });
}

}  // namespace ec2mpi::ops
