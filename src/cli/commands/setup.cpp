#include "src/cli/commands/setup.hpp"

#include <map>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/session/setup_memory.hpp"
#include "ec2mpi/cli/terminal/passphrase.hpp"
#include "ec2mpi/cli/views/setup_report.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "ec2mpi/ops/setup/setup.hpp"
#include "ec2mpi/ops/setup/undo.hpp"
#include "src/cli/commands/run_fleet.hpp"

namespace ec2mpi::cli {

namespace {

ops::MpiChoice mpi_choice(std::string_view name) {
  if (name == "openmpi") return ops::MpiChoice::open_mpi;
  if (name == "mpich") return ops::MpiChoice::mpich;
  return ops::MpiChoice::any;
}

/// The fleet's view, with the present step of each node.
class SetupView : public ops::SetupObserver {
 public:
  explicit SetupView(FleetView& view) : view_(view) {}
  void on_phase(const Node& node, ssh::Phase phase) override { view_.on_phase(node, phase); }
  void on_finish(const NodeResult& result) override { view_.on_finish(result); }
  void on_doing(const Node& node, std::string_view doing) override { view_.note(node, std::string(doing)); }

 private:
  FleetView& view_;
};

/// Asks on the terminal, once for all nodes; empty if that is not wanted.
ops::PasswordSource password_source(bool wanted) {
  return wanted ? prompt_secret_once("Password for sudo on the nodes: ") : ops::PasswordSource();
}

/// An instance that the list skips, because it does not run, has not left the cluster: the other
/// nodes keep its lines.
ops::ListedNodes listed_nodes(const Inventory& inventory) {
  ops::ListedNodes listed;
  for (const auto& skipped : inventory.skipped) listed.emplace(skipped.instance_id, ops::ListedNode{});
  for (const auto& node : inventory.nodes) listed[node_key(node)] = {node.index, node.private_address};
  return listed;
}

asio::awaitable<FleetReport> set_up(CommandContext& context, const SetupOptions& options,
                                    ops::SetupMemory memory, FleetView& view) {
  auto& [runtime, cluster, access, connector, flow] = context;
  auto& console = context.console();
  SetupView watching(view);
  // With -w or -x a node may be missing because it was not selected, so the key pair stays.
  const bool whole_list = cluster.nodes.size() == cluster.inventory.nodes.size();
  ops::SetupRequest request{.listed = listed_nodes(cluster.inventory),
                            .whole_list = whole_list,
                            .memory = std::move(memory),
                            .dry_run = options.dry_run,
                            .packages = !options.no_packages,
                            .mpi = mpi_choice(options.mpi),
                            .password = password_source(options.sudo)};
  // Called before the first node is changed, so that the setup after an interrupted one has the
  // same key pair.
  request.keep = [&context](const ops::SetupMemory& now) { return remember_setup(context.cluster, now); };
  ops::SetupNodes nodes{runtime.executor(), cluster.nodes, connector, flow, runtime.stop()};
  auto end = co_await ops::set_up(std::move(nodes), std::move(request), access.host_keys, watching);
  console.status("");
  if (options.json)
    console.result(dump_json(setup_json(options.dry_run, end)));
  else if (options.json_lines)
    view.emit("setup", setup_json(options.dry_run, end));
  else
    show_setup(console, options.dry_run, whole_list, end);
  if (options.on_end) options.on_end(end.report);
  co_return std::move(end.report);
}

asio::awaitable<FleetReport> undo(CommandContext& context, const SetupOptions& options, FleetView& view) {
  auto& [runtime, cluster, access, connector, flow] = context;
  ops::SetupNodes nodes{runtime.executor(), cluster.nodes, connector, flow, runtime.stop()};
  ops::UndoRequest request{options.dry_run, password_source(options.sudo)};
  auto end = co_await ops::undo_setup(std::move(nodes), std::move(request), view);
  context.console().status("");
  if (options.json)
    context.console().result(dump_json(restored_json(options.dry_run, end)));
  else if (options.json_lines)
    view.emit("undo", restored_json(options.dry_run, end));
  else
    show_restored(context.console(), options.dry_run, end);
  // Nodes that were not undone still trust the pair, so it is forgotten only after the last one.
  const bool everywhere =
      cluster.nodes.size() == cluster.inventory.nodes.size() && end.report.all_succeeded();
  if (everywhere && !options.dry_run) forget_setup(cluster);
  co_return std::move(end.report);
}

}  // namespace

Result<int> run_setup(const SetupOptions& options, const CommonOptions& common) {
  TRY_AS(cluster, open_cluster(options.list));
  // The memory holds the cluster's key pair. If others could have put it there, that is an error
  // before the first packet.
  TRY_AS(memory, recall_setup(*cluster));
  TRY_AS(access, open_access(*cluster, options.connect));
  FleetCommand command{.style = {.quiet = options.json,
                                 .json_lines = options.json_lines,
                                 .doing = options.undo ? "undo" : "setup"}};
  if (options.undo)
    command.steps = [&options](CommandContext& context, FleetView& view) {
      return undo(context, options, view);
    };
  else
    command.steps = [&options, memory = std::move(*memory)](CommandContext& context,
                                                            FleetView& view) mutable {
      return set_up(context, options, std::move(memory), view);
    };
  const auto flow = fleet_options(*cluster, options.connect, options.fleet);
  return run_fleet_command(*cluster, *access, flow, common, std::move(command));
}

void add_setup_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<SetupOptions>();
  auto& command =
      add_command(app, "setup",
                  "Makes the nodes trust each other by ssh, know each other's names, and have MPI; "
                  "changes nothing that is there already",
                  "ec2mpi setup --dry-run    shows the files and packages that it would add\n"
                  "  ec2mpi setup\n"
                  "  ec2mpi setup --undo       removes what it wrote; installed packages stay");
  add_selection_options(command, options->list);
  add_connect_options(command, options->connect);
  add_flag(command, "-n,--dry-run", options->dry_run, "Show the planned changes; change nothing");
  add_flag(command, "--undo", options->undo, "Remove the files and lines that setup wrote on the nodes");
  add_flag(command, "--no-packages", options->no_packages, "Install nothing");
  add_option(command, "--mpi", options->mpi,
             "The MPI to install: openmpi, mpich [the installed one, else openmpi]")
      .check(one_of({"openmpi", "mpich"}))
      .type_name("MPI");
  add_flag(command, "--sudo", options->sudo, "Ask for sudo's password once, if one is needed");
  const auto json =
      add_flag(command, "--json", options->json, "One JSON document with the changes on every node");
  add_flag(command, "--json-lines", options->json_lines, "One JSON object for each event, while it happens")
      .excludes(json);
  add_option(command, "--timeout", options->fleet.whole_timeout, "Time for everything [no limit]")
      .type_name("TIME")
      .transform(time_from(0, 1e8))
      .envname("EC2MPI_TIMEOUT");
  add_option(command, "--retries", options->fleet.retries, "Retries of a failed connection [0]")
      .type_name("N")
      .transform(number(0, 1'000'000))
      .envname("EC2MPI_RETRIES");
  set_work(command, dispatch, options, run_setup);
}

}  // namespace ec2mpi::cli
