#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/cluster_setup.hpp"
#include "ec2mpi/cli/fleet_view.hpp"
#include "ec2mpi/cli/runtime.hpp"
#include "ec2mpi/ops/pull.hpp"
#include "ec2mpi/ops/push.hpp"
#include "src/cli/command.hpp"

namespace ec2mpi::cli {

namespace {

struct CopyOptions {
  ListOptions list;
  ConnectOptions connect;
  FleetFlags fleet;
  std::vector<std::string> paths;  ///< SRC... DST

  [[nodiscard]] std::vector<std::string> sources() const { return {paths.begin(), paths.end() - 1}; }
  [[nodiscard]] const std::string& target() const { return paths.back(); }
};

/// What is the same for both directions.
struct Copy {
  std::string verb;
  NodeTask task;
  std::vector<std::string> notes;  ///< said before the summary
};

asio::awaitable<int> run_on_loop(Runtime& runtime, const CopyOptions& options, Cluster& cluster,
                                 Access& access, Copy& copy) {
  const auto connector = ssh::make_libssh_connector(runtime.executor(), access.transport, access.host_keys);
  FleetView view(runtime.console(), runtime.executor(), cluster.nodes,
                 {.labels = true, .quiet = runtime.options().quiet, .doing = copy.verb});
  runtime.set_parting_words([&view] { return view.still_running(); });
  const auto flow = fleet_options(cluster, options.connect, options.fleet);
  const auto report = co_await run_on_nodes(cluster.nodes, *connector, copy.task, flow, view, runtime.stop());
  for (const auto& note : copy.notes) runtime.console().talk("ec2mpi: " + note);
  view.summarize(report);
  if (auto kept = remember_failures(cluster, report); !kept)
    runtime.console().talk("ec2mpi: " + kept.error().message);
  co_return exit_code_for(report);
}

int carry_out(const CopyOptions& options, const CommonOptions& common, Cluster& cluster, Access& access,
              Copy copy) {
  Runtime runtime(common);
  return runtime.run(run_on_loop(runtime, options, cluster, access, copy));
}

Result<int> run_push(const CopyOptions& options, const CommonOptions& common) {
  auto target = ops::push_target(options.target(), options.sources().size());
  if (!target) return std::unexpected(target.error());
  auto tree = ops::scan_sources(options.sources());
  if (!tree) return std::unexpected(tree.error());
  auto cluster = open_cluster(options.list);
  if (!cluster) return std::unexpected(cluster.error());
  auto access = open_access(*cluster, options.connect);
  if (!access) return std::unexpected(access.error());
  Copy copy{.verb = "push", .task = {}, .notes = {}};
  for (const auto& path : tree->skipped) {
    copy.notes.push_back(fmt::format("skipped {}: it is a device, pipe or socket", printable(path)));
  }
  copy.task = ops::push_task(std::make_shared<const ops::SourceTree>(std::move(*tree)), std::move(*target));
  return carry_out(options, common, *cluster, *access, std::move(copy));
}

Result<int> run_pull(const CopyOptions& options, const CommonOptions& common) {
  auto cluster = open_cluster(options.list);
  if (!cluster) return std::unexpected(cluster.error());
  auto plan = ops::pull_plan(options.sources(), options.target(), cluster->nodes.size() > 1);
  if (!plan) return std::unexpected(plan.error());
  auto access = open_access(*cluster, options.connect);
  if (!access) return std::unexpected(access.error());
  Copy copy{.verb = "pull", .task = ops::pull_task(std::move(*plan)), .notes = {}};
  return carry_out(options, common, *cluster, *access, std::move(copy));
}

using Run = Result<int> (*)(const CopyOptions&, const CommonOptions&);

void add(CLI::App& app, Dispatch& dispatch, const std::string& name, const std::string& description,
         const std::string& example, const std::string& paths, Run run) {
  auto options = std::make_shared<CopyOptions>();
  auto& command = add_command(app, name, description, example);
  add_selection_options(command, options->list);
  add_connect_options(command, options->connect);
  add_fleet_options(command, options->fleet);
  command.add_option("paths", options->paths, paths)
      ->required()
      ->expected(2, 1 << 20)
      ->type_name("SRC... DST");
  command.callback([options, run, &dispatch] {
    dispatch.chosen = [options, run](const CommonOptions& common) { return run(*options, common); };
  });
}

}  // namespace

void add_copy_commands(CLI::App& app, Dispatch& dispatch) {
  add(app, dispatch, "push", "Copies files and folders to the chosen nodes, to all at once",
      "ec2mpi push train.py data proj/          into ~/proj on every node\n"
      "  ec2mpi push -w workers a.conf b.conf      under a new name",
      "What is here, and where it goes on the nodes: into DST if that is a folder there, ends in / or has to "
      "take "
      "several SRC; else DST is the new name. What is relative lies in the login folder. Files replace files "
      "of the "
      "same name when they have arrived whole",
      run_push);
  add(app, dispatch, "pull", "Copies files and folders from the chosen nodes, from all at once",
      "ec2mpi pull results/ out/                 out/node1/results, out/node2/results, ...\n"
      "  ec2mpi pull -w master log.txt today.txt   from one node: as scp does",
      "What is on the nodes, and where it goes here: from several nodes into DST/node1, DST/node2, ...; from "
      "one into "
      "DST if that is a folder, ends in / or has to take several SRC; else DST is the new name",
      run_pull);
}

}  // namespace ec2mpi::cli
