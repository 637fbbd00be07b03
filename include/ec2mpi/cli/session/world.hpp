#pragma once
/// The seam between the command line and what lies outside of this machine's files: the time and the network.
/// Streams, variables and the working folder belong to the process, and are read from there.

#include <chrono>
#include <functional>
#include <memory>

#include "ec2mpi/cloud/ec2.hpp"
#include "ec2mpi/ssh/host_keys.hpp"
#include "ec2mpi/ssh/libssh/libssh_transport.hpp"

namespace ec2mpi::cli {

struct World {
  using Time = std::chrono::system_clock::time_point;

  /// The time of day.
  std::function<Time()> now;
  /// Makes the connector to the nodes. It borrows the host keys.
  std::function<std::unique_ptr<ssh::NamingConnector>(asio::any_io_executor, ssh::LibsshOptions,
                                                      ssh::HostKeys&)>
      make_connector;
  /// Opens the account at EC2.
  std::function<std::unique_ptr<cloud::Ec2>(asio::any_io_executor, cloud::CloudSettings, cloud::Environment)>
      open_ec2;
};

/// This machine's clock, and libssh.
[[nodiscard]] const World& real_world();

}  // namespace ec2mpi::cli
