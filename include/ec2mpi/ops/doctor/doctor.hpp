#pragma once
/// doctor: asks all nodes at once what could keep MPI from running. One connection for each node; nobody is
/// waited for longer than a limit, and who is late misses what comes later.

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/doctor/diagnosis.hpp"

namespace ec2mpi::ops {

struct DoctorPlan {
  std::vector<Node> nodes;         ///< in the list's order; not empty
  std::vector<std::string> files;  ///< to be compared, as remote_path gives them
  bool end_leftovers = false;      ///< --fix
  Clock::duration patience = {};   ///< for a node to tell about itself; zero means 45 seconds
};

struct DoctorEnd {
  std::vector<NodeRecord> records;  ///< in the list's order
  Ending ending = Ending::complete;
};

/// Steps, each on all nodes at once: the probe, TCP between the nodes, names and
/// logins between the nodes (a minute at most). Only connect_timeout of `options` counts. `stop` ends it
/// early.
[[nodiscard]] asio::awaitable<DoctorEnd> run_doctor(const asio::any_io_executor& executor, DoctorPlan plan,
                                                    ssh::Connector& connector, FleetOptions options,
                                                    Observer& observer, std::stop_token stop);

}  // namespace ec2mpi::ops
