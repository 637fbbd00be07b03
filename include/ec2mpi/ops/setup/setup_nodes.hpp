#pragma once

#include <asio/any_io_executor.hpp>
#include <stop_token>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"

namespace ec2mpi::ops {

/// The nodes to work on, and the way to them.
struct SetupNodes {
  asio::any_io_executor executor;
  std::vector<Node> nodes;
  ssh::Connector& connector;
  FleetOptions options;  ///< only limits and retries count: all nodes are at work at once
  std::stop_token stop;
};

}  // namespace ec2mpi::ops
