#pragma once
/// Commands that need the master only: one connection, one thing to do.

#include <functional>

#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/runtime.hpp"

namespace CLI {
class App;
}

namespace ec2mpi::cli {

struct MasterOptions {
  ListOptions list;
  ConnectOptions connect;
};

void add_master_options(CLI::App& command, MasterOptions& options);

/// What there is to work with on the loop; lives until the command has ended.
struct OnMaster {
  Runtime& runtime;
  Cluster& cluster;
  ssh::Connector& connector;
  FleetOptions flow;

  [[nodiscard]] const Node& master() const { return cluster.inventory.master(); }
};

/// Reads list and keys, and runs the work on a loop. It gives the exit code.
[[nodiscard]] Result<int> work_on_master(const MasterOptions& options, const CommonOptions& common,
                                         std::function<asio::awaitable<int>(OnMaster&)> work);

/// Connects to the master and asks; what can't be reached is told, as exit code 255.
[[nodiscard]] asio::awaitable<int> ask_master(
    OnMaster& on, std::function<asio::awaitable<int>(OnMaster&, ssh::Session&)> ask);

}  // namespace ec2mpi::cli
