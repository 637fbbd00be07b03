#include <fmt/format.h>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/connecting.hpp"
#include "ec2mpi/cli/session/runtime.hpp"
#include "ec2mpi/cli/terminal/aligned.hpp"
#include "ec2mpi/cli/views/fleet_view.hpp"
#include "ec2mpi/ops/job/jobs.hpp"
#include "ec2mpi/ops/process/ps.hpp"
#include "ec2mpi/ops/process/sweep.hpp"

namespace ec2mpi::cli {

namespace {

struct PsOptions {
  ListOptions list;
  ConnectOptions connect;
  bool json = false;
  bool orphans = false;
};

using Found = std::map<int, std::vector<ops::JobProcess>>;

std::string table(const Found& found) {
  std::vector<std::vector<std::string>> rows = {
      {"NODE", "PID", "RANK", "JOB", "CPU", "MEMORY", "AGE", "COMMAND"}};
  for (const auto& [index, processes] : found) {
    for (const auto& process : processes) {
      rows.push_back({fmt::format("node{}", index), std::to_string(process.pid),
                      process.rank ? std::to_string(*process.rank) : "", process.job,
                      fmt::format("{:.0f}%", process.cpu), format_bytes(process.rss),
                      format_duration(std::chrono::seconds(process.age)), process.command});
    }
  }
  return aligned(std::move(rows));
}

std::string json(const Found& found) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& [index, processes] : found) {
    for (const auto& process : processes) {
      list.push_back({{"node", fmt::format("node{}", index)},
                      {"index", index},
                      {"pid", process.pid},
                      {"job", process.job},
                      {"cpu", process.cpu},
                      {"rss", process.rss},
                      {"age", process.age},
                      {"command", process.command}});
      if (process.rank) list.back()["rank"] = *process.rank;
    }
  }
  return list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// One look or sweep on the chosen nodes; failures are shown and remembered.
asio::awaitable<FleetReport> on_all(Runtime& runtime, const PsOptions& options, Cluster& cluster,
                                    ssh::Connector& connector, NodeTask task, std::string doing) {
  FleetView view(runtime.console(), runtime.executor(), cluster.nodes,
                 {.labels = true, .quiet = true, .doing = std::move(doing)});
  const auto flow = fleet_options(cluster, options.connect, {});
  auto report = co_await run_on_nodes(cluster.nodes, connector, std::move(task), flow, view, runtime.stop());
  view.summarize(report);
  co_return report;
}

asio::awaitable<int> show(Runtime& runtime, const PsOptions& options, Cluster& cluster, Access& access) {
  const auto connector = make_connector(runtime, access);
  Found found;
  auto task = ops::ps_task(found);
  const auto report = co_await on_all(runtime, options, cluster, *connector, std::move(task), "looking");
  const bool any =
      std::any_of(found.begin(), found.end(), [](const auto& node) { return !node.second.empty(); });
  if (options.json)
    runtime.console().result(json(found));
  else if (any)
    runtime.console().result_table(table(found));
  else
    runtime.console().talk("ec2mpi: no process of a job on " + count_of(found.size(), "node"));
  co_return exit_code_for(report);
}

/// The jobs that are alive by what the master says.
asio::awaitable<Result<std::set<std::string>>> living_jobs(Runtime& runtime, const PsOptions& options,
                                                           Cluster& cluster, ssh::Connector& connector) {
  const auto flow = fleet_options(cluster, options.connect, {});
  const Limit all{Clock::time_point::max(), runtime.stop()};
  const auto limit = all.at_most(flow.connect_timeout);
  auto session = co_await connector.connect(cluster.inventory.master(), limit, [](ssh::Phase) {});
  if (!session) co_return std::unexpected(session.error());
  CO_TRY_AS(jobs, co_await ops::list_jobs(**session, all));
  std::set<std::string> living;
  for (const auto& job : *jobs) {
    if (job.state != ops::JobState::ended && job.state != ops::JobState::lost) living.insert(job.id);
  }
  co_return living;
}

bool is_job_id(const std::string& id) {
  return !id.empty() &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
             std::string::npos;
}

/// What was seen of a job before and is gone since has ended because we ended its launcher.
void add_gone(ops::Swept& swept, const std::vector<ops::JobProcess>& seen, const std::string& id) {
  for (const auto& process : seen) {
    const auto is_it = [&](const auto& known) { return known.pid == process.pid; };
    if (process.job != id || std::ranges::any_of(swept.ended, is_it) ||
        std::ranges::any_of(swept.left, is_it))
      continue;
    const auto program = process.command.substr(0, process.command.find(' '));
    swept.ended.push_back({process.pid, program.substr(program.rfind('/') + 1)});
  }
}

asio::awaitable<int> end_orphans(Runtime& runtime, const PsOptions& options, Cluster& cluster,
                                 Access& access) {
  const auto connector = make_connector(runtime, access);
  Found found;
  auto task = ops::ps_task(found);
  const auto report = co_await on_all(runtime, options, cluster, *connector, std::move(task), "looking");
  const auto living = co_await living_jobs(runtime, options, cluster, *connector);
  if (!living) {
    runtime.console().talk(
        fmt::format("ec2mpi: the master does not tell which jobs run, so nothing was ended: {}",
                    printable(living.error().message)));
    co_return exit_code::node_failed;
  }
  std::set<std::string> dead;
  for (const auto& [index, processes] : found) {
    for (const auto& process : processes) {
      if (!living->contains(process.job) && is_job_id(process.job)) dead.insert(process.job);
    }
  }
  int code = exit_code_for(report);
  for (const auto& id : dead) {
    std::map<int, ops::Swept> swept;
    auto sweep = ops::sweep_task(id, cluster.inventory.master().index, swept);
    const auto cleaned =
        co_await on_all(runtime, options, cluster, *connector, std::move(sweep), "ending " + id);
    code = std::max(code, exit_code_for(cleaned));
    for (auto& [index, of_node] : swept) {
      add_gone(of_node, found[index], id);
      for (const auto& process : of_node.ended)
        runtime.console().result(
            fmt::format("node{}: {}: ended pid {} {}", index, id, process.pid, process.name));
      for (const auto& process : of_node.left)
        runtime.console().talk(
            fmt::format("node{}: {}: still running: pid {} {}", index, id, process.pid, process.name));
      if (!of_node.left.empty()) code = exit_code::node_failed;
    }
  }
  if (dead.empty()) runtime.console().talk("ec2mpi: no orphans on " + count_of(found.size(), "node"));
  co_return code;
}

using Work = asio::awaitable<int> (*)(Runtime&, const PsOptions&, Cluster&, Access&);

Result<int> carry_out(const PsOptions& options, const CommonOptions& common, Work work) {
  TRY_AS(cluster, open_cluster(options.list));
  TRY_AS(access, open_access(*cluster, options.connect));
  Runtime runtime(common);
  return runtime.run(work(runtime, options, *cluster, *access));
}

Result<int> run_ps(const PsOptions& options, const CommonOptions& common) {
  return carry_out(options, common, show);
}

Result<int> run_kill(const PsOptions& options, const CommonOptions& common) {
  if (!options.orphans)
    return fail(ErrorKind::usage, "kill needs --orphans; a running job is ended by ec2mpi cancel");
  return carry_out(options, common, end_orphans);
}

std::shared_ptr<PsOptions> prepare(CLI::App& command, Dispatch& dispatch,
                                   Result<int> (*run)(const PsOptions&, const CommonOptions&)) {
  auto options = std::make_shared<PsOptions>();
  add_selection_options(command, options->list);
  add_connect_options(command, options->connect);
  command.callback([options, run, &dispatch] {
    dispatch.chosen = [options, run](const CommonOptions& common) { return run(*options, common); };
  });
  return options;
}

}  // namespace

void add_ps_commands(CLI::App& app, Dispatch& dispatch) {
  auto& ps =
      add_command(app, "ps", "Shows the processes of jobs on all nodes: ranks, launchers, daemons, children",
                  "ec2mpi ps -w workers");
  const auto of_ps = prepare(ps, dispatch, run_ps);
  ps.add_flag("--json", of_ps->json, "As JSON");
  auto& kill = add_command(app, "kill", "Ends what jobs that are over have left on the nodes",
                           "ec2mpi kill --orphans");
  const auto of_kill = prepare(kill, dispatch, run_kill);
  kill.add_flag("--orphans", of_kill->orphans, "Processes whose job is not running any more");
}

}  // namespace ec2mpi::cli
