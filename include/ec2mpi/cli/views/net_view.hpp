#pragma once
/// The map of the network, for people and for programs.

#include <string>

#include "ec2mpi/cli/terminal/console.hpp"
#include "ec2mpi/ops/doctor/net.hpp"

namespace ec2mpi::cli {

/// Up to 32 nodes every pair, otherwise a line for each node and the worst pairs; then the outliers.
void show_net(Console& console, const ops::NetMap& map);

[[nodiscard]] std::string net_json(const ops::NetMap& map);

}  // namespace ec2mpi::cli
