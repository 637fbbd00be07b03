#pragma once
/// exec and exec-all: a command on many nodes.

#include <string>

#include "ec2mpi/fleet/fleet.hpp"

namespace ec2mpi::ops {

/// Runs `command` (shell text) with the node's login shell; hands its output to the observer line by line.
[[nodiscard]] NodeTask exec_task(std::string command);

}  // namespace ec2mpi::ops
