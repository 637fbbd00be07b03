#include "src/cli/commands/run_fleet.hpp"

#include <spdlog/spdlog.h>
#include <algorithm>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::cli {

namespace {

bool ran_out_of_time(const NodeResult& result) {
  const auto* error = std::get_if<Error>(&result.outcome);
  return error != nullptr && error->kind == ErrorKind::timeout && result.reached == ssh::Phase::running;
}

/// 124, as timeout(1) gives, also if the limit of -u ended the work on every node.
int exit_code_under_limit(const FleetReport& report, const FleetOptions& flow,
                          int (*usual)(const FleetReport&)) {
  const bool is_limited = flow.task_timeout > Clock::duration::zero() && !report.results.empty();
  if (is_limited && std::ranges::all_of(report.results, ran_out_of_time)) return exit_code::timed_out;
  return usual(report);
}

asio::awaitable<int> run_to_exit_code(CommandContext& context, FleetCommand command) {
  // Copied first, because the command is moved away.
  const auto usual = command.exit_code;
  const auto report = co_await run_fleet(context, std::move(command));
  co_return exit_code_under_limit(report, context.flow, usual);
}

}  // namespace

/// The common way of all commands on many nodes: make the view, run the steps, print notes and summary,
/// remember the failures for -w failed.
asio::awaitable<FleetReport> run_fleet(CommandContext& context, FleetCommand command) {
  auto& runtime = context.runtime;
  auto& console = context.console();
  auto style = std::move(command.style);
  style.quiet = style.quiet || runtime.options().quiet;
  style.all_nodes = runtime.options().verbose > 0;
  const auto& nodes = command.nodes.empty() ? context.cluster.nodes : command.nodes;
  FleetView view(console, runtime.executor(), nodes, std::move(style));
  if (command.output) view.set_output(command.output(console));
  if (command.names_nodes_at_work) runtime.set_parting_words([&view] { return view.still_running(); });
  auto running = command.steps ? command.steps(context, view)
                               : run_on_nodes(nodes, std::move(command.task),
                                              {context.connector, context.flow, view, runtime.stop()});
  auto report = co_await std::move(running);
  // The words use `view`, which ends with this function.
  if (command.names_nodes_at_work) runtime.set_parting_words({});
  if (command.notes)
    for (const auto& note : command.notes()) console.talk("ec2mpi: " + note);
  // For last.log; it gets outcomes and times, and never the output of a command.
  for (const auto& result : report.results)
    spdlog::trace("{}: {} after {}", result.node.label(), printable(describe(result.outcome)),
                  format_duration(result.elapsed));
  view.summarize(report, exit_code_under_limit(report, context.flow, command.exit_code));
  // A memory that cannot be written is a note: the command has done its work.
  if (command.remembers_failures)
    if (auto kept = remember_failures(context.cluster, report); !kept)
      console.talk("ec2mpi: " + kept.error().message);
  co_return report;
}

int run_fleet_command(Cluster& cluster, Access& access, FleetOptions flow, const CommonOptions& common,
                      FleetCommand command) {
  return run_on_loop(cluster, access, flow, common,
                     [command = std::move(command)](CommandContext& context) mutable {
                       return run_to_exit_code(context, std::move(command));
                     });
}

}  // namespace ec2mpi::cli
