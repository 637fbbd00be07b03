#pragma once
/// The processes of jobs on the nodes, found by their mark.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"

namespace ec2mpi::ops {

struct JobProcess {
  int pid = 0;
  std::string job;          ///< the id in its mark
  std::optional<int> rank;  ///< launchers, daemons, and children with a cleared environment have none
  double cpu = 0;           ///< percent of one core, over its life
  std::uint64_t rss = 0;    ///< bytes
  std::int64_t age = 0;     ///< seconds
  std::string command;      ///< printable
};

/// Reads the answer of src/ops/process/ps.sh. Errors: remote_io.
[[nodiscard]] Result<std::vector<JobProcess>> parse_processes(std::string_view printed);

/// Looks at a node in one round trip; leaves the processes that it has found by the node's index.
[[nodiscard]] NodeTask ps_task(std::map<int, std::vector<JobProcess>>& found);

}  // namespace ec2mpi::ops
