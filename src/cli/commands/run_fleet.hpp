#pragma once
/// The one way of a command that does one thing on many nodes: view, parting words, run, summary, failures.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/views/fleet_view.hpp"
#include "ec2mpi/fleet/fleet.hpp"

namespace ec2mpi::cli {

using OutputMaker = std::move_only_function<std::unique_ptr<ExecOutput>(Console&)>;
using FleetSteps = std::move_only_function<asio::awaitable<FleetReport>(CommandContext&, FleetView&)>;

struct FleetCommand {
  FleetView::Style style = {};
  std::vector<Node> nodes = {};  ///< if not the selected ones
  NodeTask task = {};            ///< for each node
  FleetSteps steps = {};         ///< in the place of `task`, if one task on each node is not all
  OutputMaker output = {};       ///< another form than live lines
  std::function<std::vector<std::string>()> notes = {};  ///< printed before the summary
  bool names_nodes_at_work = true;                       ///< when a second Ctrl-C ends the program at once
  bool remembers_failures = true;                        ///< for `-w failed`
  int (*exit_code)(const FleetReport&) = exit_code_for;
};

/// The part on the loop, for a command that has more to do after it.
[[nodiscard]] asio::awaitable<FleetReport> run_fleet(CommandContext& context, FleetCommand command);

/// The whole, for a command that has nothing else to do. Returns the exit code.
[[nodiscard]] int run_fleet_command(Cluster& cluster, Access& access, FleetOptions flow,
                                    const CommonOptions& common, FleetCommand command);

}  // namespace ec2mpi::cli
