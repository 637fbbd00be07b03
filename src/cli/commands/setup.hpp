#pragma once
/// The command setup, which is also the last step of up.

#include <functional>
#include <string>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cli/session/options.hpp"
#include "ec2mpi/fleet/outcome.hpp"

namespace ec2mpi::cli {

struct SetupOptions {
  ListOptions list;
  ConnectOptions connect;
  FleetFlags fleet;
  bool undo = false;
  bool dry_run = false;
  bool no_packages = false;
  bool sudo = false;
  bool json = false;
  bool json_lines = false;
  std::string mpi;
  std::function<void(const FleetReport&)> on_end = {};  ///< called with the outcome of each node
};

/// Returns the exit code. Errors: those that are found before the first packet.
[[nodiscard]] Result<int> run_setup(const SetupOptions& options, const CommonOptions& common);

}  // namespace ec2mpi::cli
