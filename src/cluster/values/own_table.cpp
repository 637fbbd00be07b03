#include "ec2mpi/cluster/values/own_table.hpp"

namespace ec2mpi {

/// An ended instance cannot start, and `start` refuses a list that has one.
std::string command_to_restart(const std::vector<Skipped>& skipped) {
  std::string startable;
  bool all = true;
  for (const Skipped& node : skipped) {
    const bool has_ended = node.state == "terminated" || node.state == "shutting-down";
    all = all && !has_ended;
    if (!has_ended) startable += (startable.empty() ? "" : ",") + node.instance_id;
  }
  if (all) return "ec2mpi start";
  return startable.empty() ? "ec2mpi up" : "ec2mpi start --ids " + startable;
}

}  // namespace ec2mpi
