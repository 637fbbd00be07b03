#pragma once
/// doctor: asks all nodes at once for faults that keep MPI from running. Each node has one connection. No
/// step waits for a node longer than its limit; a node that is late misses the later steps.

#include <asio/awaitable.hpp>
#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/doctor/findings.hpp"

namespace ec2mpi::ops {

/// `ports`: only the health report and TCP between the nodes.
enum class DoctorSteps { all, ports };

struct DoctorPlan {
  std::vector<Node> nodes;         ///< in the list's order; not empty
  std::vector<std::string> files;  ///< to compare, as remote_path gives them
  bool end_leftovers = false;      ///< --fix
  Clock::duration patience = {};   ///< for a node to report about itself; zero means 45 seconds
  DoctorSteps steps = DoctorSteps::all;
};

struct DoctorEnd {
  std::vector<NodeRecord> records;  ///< in the list's order
  Ending ending = Ending::complete;
};

/// Steps, each on all nodes at once: the health report, TCP between the nodes, names and logins between the
/// nodes. Only connect_timeout and whole_timeout of the options count. When the whole time is over, the
/// records hold the answers that are known by then. `stop` ends it early.
[[nodiscard]] asio::awaitable<DoctorEnd> run_doctor(DoctorPlan plan, FleetContext context);

}  // namespace ec2mpi::ops
