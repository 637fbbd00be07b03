#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/cluster_setup.hpp"
#include "ec2mpi/cli/fleet_view.hpp"
#include "ec2mpi/cli/runtime.hpp"
#include "ec2mpi/ops/exec.hpp"
#include "src/cli/command.hpp"

namespace ec2mpi::cli {

namespace {

struct ExecOptions {
  ListOptions list;
  ConnectOptions connect;
  FleetFlags fleet;
  bool no_labels = false;
  bool pass_status = false;  ///< one node's own status is ours
  std::vector<std::string> command;
};

asio::awaitable<int> run_on_loop(Runtime& runtime, const ExecOptions& options, Cluster& cluster, Access& access) {
  const auto connector = ssh::make_libssh_connector(runtime.executor(), access.transport, access.host_keys);
  FleetView view(runtime.console(), runtime.executor(), cluster.nodes,
                 {.labels = !options.no_labels, .quiet = runtime.options().quiet, .doing = {}});
  runtime.set_parting_words([&view] { return view.still_running(); });
  std::string command;
  for (const auto& word : options.command) command += (command.empty() ? "" : " ") + word;
  const auto flow = fleet_options(cluster, options.connect, options.fleet);
  auto task = ops::exec_task(command);
  const auto report = co_await run_on_nodes(cluster.nodes, *connector, std::move(task), flow, view, runtime.stop());
  view.summarize(report);
  if (auto kept = remember_failures(cluster, report); !kept) runtime.console().talk("ec2mpi: " + kept.error().message);
  const bool single = options.pass_status && report.results.size() == 1;
  co_return single ? exit_code_for_one(report) : exit_code_for(report);
}

Result<int> run_exec(const ExecOptions& options, const CommonOptions& common) {
  auto cluster = open_cluster(options.list);
  if (!cluster) return std::unexpected(cluster.error());
  auto access = open_access(*cluster, options.connect);
  if (!access) return std::unexpected(access.error());
  Runtime runtime(common);
  return runtime.run(run_on_loop(runtime, options, *cluster, *access));
}

void add(CLI::App& app, Dispatch& dispatch, const std::string& name, const std::string& description,
         const std::string& example, bool choose_nodes) {
  auto options = std::make_shared<ExecOptions>();
  options->pass_status = choose_nodes;
  auto& command = add_command(app, name, description, example);
  add_selection_options(command, options->list);
  add_connect_options(command, options->connect);
  add_fleet_options(command, options->fleet);
  command.add_flag("-N,--no-labels", options->no_labels, "No node names in front of the lines");
  command.add_option("command", options->command, "Shell text for the nodes; quote it")->required()->type_name("CMD");
  command.positionals_at_end();
  command.callback([options, &dispatch] {
    dispatch.chosen = [options](const CommonOptions& common) { return run_exec(*options, common); };
  });
}

}  // namespace

void add_exec_commands(CLI::App& app, Dispatch& dispatch) {
  add(app, dispatch, "exec", "Runs a command on the chosen nodes, on all at once",
      "ec2mpi exec -w 2-4 'df -h /home'", true);
  add(app, dispatch, "exec-all", "Runs a command on every node, on all at once", "ec2mpi exec-all 'killall python3'", false);
}

}  // namespace ec2mpi::cli
