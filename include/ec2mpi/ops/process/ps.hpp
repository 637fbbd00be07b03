#pragma once
/// The processes of jobs on the nodes, found by their mark.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/process/usage.hpp"

namespace ec2mpi::ops {

struct JobProcess {
  int pid = 0;
  std::string job;          ///< the id in its mark
  std::optional<int> rank;  ///< launchers, daemons, and children with a cleared environment have none
  double cpu = 0;           ///< percent of one core, over its life
  std::uint64_t rss = 0;    ///< bytes
  std::int64_t age = 0;     ///< seconds
  double cpu_time = 0;      ///< seconds of processors
  std::uint64_t peak = 0;   ///< bytes: its rss at its highest
  std::string command;      ///< printable
};

/// What `ps` finds on one node.
struct NodeProcesses {
  std::vector<JobProcess> processes;
  std::map<std::string, NodeUsage> usage = {};  ///< by the job's id, since the job began on this node
};

/// Reads the answer of src/ops/process/ps.sh. Errors: remote_io.
[[nodiscard]] Result<NodeProcesses> parse_processes(std::string_view printed);

/// Looks at a node in one round trip; leaves the processes that it has found by the node's index.
[[nodiscard]] NodeTask ps_task(std::map<int, NodeProcesses>& found);

}  // namespace ec2mpi::ops
