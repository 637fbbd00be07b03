#pragma once
/// The checks of doctor, one function each. Pure.

#include <string>
#include <vector>

#include "src/ops/doctor/groups.hpp"

namespace ec2mpi::ops {

using Verdict = Check::Verdict;

// checks_node.cpp
Check check_ssh(const Records& records);
Check check_shell(const Records& records);
Check check_clock(const Records& records);
Check check_disk(const Records& records);
Check check_temp(const Records& records);
Check check_memory(const Records& records);
Check check_leftovers(const Records& records);
Check check_files(const Records& records, const std::vector<std::string>& files);
Check check_slots(const Records& records);
// checks_limits.cpp
Check check_limits(const Records& records);
// checks_mpi.cpp
Check check_mpirun(const Records& records);
Check check_mpi(const Records& records);
/// The path by which the master's mpirun starts its daemons on all nodes; empty if it is not known.
std::string masters_daemon(const Records& records);
Check check_path(const Records& records);
Check check_settings(const Records& records);
Check check_python(const Records& records);
Check check_mpi4py(const Records& records);
// checks_names.cpp
Check check_names(const Records& records);
// checks_network.cpp
Check check_interfaces(const Records& records);
Check check_ports(const Records& records);
Check check_placement(const Records& records);
// checks_logins.cpp
Check check_logins(const Records& records);

}  // namespace ec2mpi::ops
