#pragma once
/// What a command works with once its arguments and files are checked, and the event loop it runs on.

#include <functional>

#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/runtime.hpp"

namespace ec2mpi::cli {

/// Lives until the command has ended.
struct CommandContext {
  Runtime& runtime;
  Cluster& cluster;
  Access& access;
  ssh::Connector& connector;
  FleetOptions flow;

  [[nodiscard]] Console& console() const { return runtime.console(); }
  [[nodiscard]] const Node& master() const { return cluster.inventory.master(); }
};

/// The part of a command that uses the network. It returns the exit code.
using Work = std::move_only_function<asio::awaitable<int>(CommandContext&)>;

/// The same on a loop that runs already, with work of another kind before and after it.
[[nodiscard]] asio::awaitable<int> work_on_loop(Runtime& runtime, Cluster& cluster, Access& access,
                                                FleetOptions flow, Work work);

/// Runs the work to its end on an event loop, with a connector to the nodes.
[[nodiscard]] int run_on_loop(Cluster& cluster, Access& access, FleetOptions flow,
                              const CommonOptions& common, Work work);

}  // namespace ec2mpi::cli
