#pragma once
/// The checks of doctor, one function each, and what they have in common. Pure.

#include <map>
#include <string>
#include <vector>

#include "ec2mpi/ops/doctor/diagnosis.hpp"

namespace ec2mpi::ops {

using Records = std::vector<NodeRecord>;
using Verdict = Check::Verdict;

// checks_node.cpp
Check check_ssh(const Records& records);
Check check_shell(const Records& records);
Check check_clock(const Records& records);
Check check_disk(const Records& records);
Check check_temp(const Records& records);
Check check_memory(const Records& records);
Check check_limits(const Records& records);
Check check_leftovers(const Records& records);
Check check_files(const Records& records, const std::vector<std::string>& files);
Check check_slots(const Records& records);
// checks_mpi.cpp
Check check_mpirun(const Records& records);
Check check_mpi(const Records& records);
Check check_path(const Records& records);
Check check_python(const Records& records);
Check check_mpi4py(const Records& records);
// checks_network.cpp
Check check_names(const Records& records);
Check check_interfaces(const Records& records);
Check check_logins(const Records& records);
Check check_ports(const Records& records);
Check check_placement(const Records& records);

/// Nodes of which the same is said.
using Groups = std::map<std::string, std::vector<int>>;

/// The largest group's text; among equals the one that has the lowest index, which is the master's.
[[nodiscard]] std::string majority(const Groups& groups);

/// "2" or "1-3,5": what stands behind -w.
[[nodiscard]] std::string chosen(const std::vector<int>& nodes);

/// A finding for each group; `command` and `mend` may hold {} for the nodes.
void add_groups(Check& check, const Groups& groups, const std::string& command, const std::string& mend);

/// Calls `visit(record, facts, probe)` for each node that has answered.
template <class Visit>
void for_each_answer(const Records& records, Visit visit) {
  for (const auto& record : records) {
    if (record.answer) visit(record, record.answer->facts, record.answer->probe);
  }
}

}  // namespace ec2mpi::ops
