// `ec2mpi ps` and `kill --orphans`: the processes that carry the mark of a job, on all nodes. An orphan is a
// process whose job the master no longer runs; `kill` asks the master before it ends one.

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/terminal/aligned.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/cli/views/job_json.hpp"
#include "ec2mpi/ops/job/jobs.hpp"
#include "ec2mpi/ops/process/ps.hpp"
#include "ec2mpi/ops/process/sweep.hpp"
#include "src/cli/commands/damaged_jobs.hpp"
#include "src/cli/commands/run_fleet.hpp"

namespace ec2mpi::cli {

namespace {

struct PsOptions {
  ListOptions list;
  ConnectOptions connect;
  bool json = false;
  bool orphans = false;
};

/// By the index of the node.
using Found = std::map<int, ops::NodeProcesses>;

std::string seconds_text(double amount) {
  return format_duration(std::chrono::milliseconds(static_cast<std::int64_t>(amount * 1000)));
}

constexpr std::size_t kLongestCommand = 120;

/// The place of the host in a line of ssh's, whose program stands at `ssh`; behind the line if there is none.
std::size_t host_place(const std::vector<std::string_view>& words, std::size_t ssh) {
  constexpr std::string_view kWithValue = "BbcDEeFIiJLlmOopPQRSWw";  // ssh(1)
  auto place = ssh + 1;
  while (place < words.size() && (words[place].empty() || words[place].starts_with('-'))) {
    const bool has_value =
        words[place].size() == 2 && kWithValue.find(words[place][1]) != std::string_view::npos;
    place += has_value ? 2 : 1;
  }
  return place;
}

/// For a table. A launcher's ssh carries the whole program that starts a daemon; its host says what it is.
std::string short_command(std::string_view command) {
  const auto words = split(command, ' ');
  const auto is_ours = words.size() > 1 && words[1].ends_with("/rsh") &&
                       words[1].find("/.ec2mpi/jobs/") != std::string_view::npos;
  const std::size_t ssh = is_ours ? 1 : 0;
  const auto host = host_place(words, ssh);
  const auto name = words[ssh].substr(words[ssh].rfind('/') + 1);  // npos + 1 is the beginning
  if ((is_ours || name == "ssh") && host < words.size())
    return fmt::format("{} {}{}", is_ours ? words[ssh] : name, words[host],
                       host + 1 < words.size() ? " …" : "");
  if (command.size() <= kLongestCommand) return std::string(command);
  auto end = kLongestCommand;
  while (end > 0 && (static_cast<unsigned char>(command[end]) & 0xc0U) == 0x80U) --end;  // within a character
  return std::string(command.substr(0, end)) + " …";
}

/// A row for each process, by node.
std::string table(const Found& found) {
  std::vector<std::vector<std::string>> rows = {
      {"NODE", "PID", "RANK", "JOB", "CPU", "TIME", "MEMORY", "PEAK", "AGE", "COMMAND"}};
  for (const auto& [index, of_node] : found) {
    for (const auto& process : of_node.processes) {
      rows.push_back({fmt::format("node{}", index), std::to_string(process.pid),
                      process.rank ? std::to_string(*process.rank) : "", process.job,
                      fmt::format("{:.0f}%", process.cpu), seconds_text(process.cpu_time),
                      format_bytes(process.rss), format_bytes(process.peak),
                      format_duration(std::chrono::seconds(process.age)), short_command(process.command)});
    }
  }
  return aligned(std::move(rows));
}

/// What the jobs have used on each node; empty where nothing has counted it.
std::string usage_table(const Found& found) {
  std::vector<std::vector<std::string>> rows = {{"NODE", "JOB", "RANKS", "TIME", "PEAK", "SENT"}};
  for (const auto& [index, of_node] : found)
    for (const auto& [job, usage] : of_node.usage)
      rows.push_back({fmt::format("node{}", index), job, std::to_string(usage.ranks), seconds_text(usage.cpu),
                      format_bytes(usage.peak), format_bytes(usage.sent)});
  return rows.size() == 1 ? std::string() : "\n" + aligned(std::move(rows));
}

/// The same rows, with exact numbers in seconds and bytes, and whole commands.
std::string json(const Found& found) {
  auto list = Json::array();
  for (const auto& [index, of_node] : found) {
    for (const auto& process : of_node.processes) {
      list.push_back({{"node", fmt::format("node{}", index)},
                      {"index", index},
                      {"pid", process.pid},
                      {"job", process.job},
                      {"cpu", process.cpu},
                      {"cpu_time", process.cpu_time},
                      {"rss", process.rss},
                      {"peak", process.peak},
                      {"age", process.age},
                      {"command", process.command}});
      if (process.rank) list.back()["rank"] = *process.rank;
      if (const auto usage = of_node.usage.find(process.job); usage != of_node.usage.end())
        list.back()["job_on_node"] = usage_json(usage->second);
    }
  }
  return dump_json(list);
}

/// Runs one task on the chosen nodes; only failures are shown.
asio::awaitable<FleetReport> run_quietly(CommandContext& context, NodeTask task, std::string doing) {
  FleetCommand command{.style = {.quiet = true, .doing = std::move(doing)},
                       .task = std::move(task),
                       .remembers_failures = false};
  return run_fleet(context, std::move(command));
}

/// Nodes that fail are reported by the fleet's view; the others are shown all the same.
asio::awaitable<int> show(CommandContext& context, bool as_json) {
  Found found;
  auto task = ops::ps_task(found);
  const auto report = co_await run_quietly(context, std::move(task), "looking");
  const bool any = std::any_of(found.begin(), found.end(),
                               [](const auto& node) { return !node.second.processes.empty(); });
  if (as_json)
    context.console().result(json(found));
  else if (any)
    context.console().result_table(table(found) + usage_table(found));
  else
    context.console().talk("ec2mpi: no process of a job on " + count_of(found.size(), "node"));
  co_return exit_code_for(report);
}

struct LivingJobs {
  std::set<std::string> ids;
  int code = exit_code::ok;  ///< node_failed, if records are damaged; each was named
};

/// The jobs that run or wait, according to the master, and those of which it does not know.
/// A lost job counts as over, so its processes are orphans.
asio::awaitable<Result<LivingJobs>> list_living_jobs(CommandContext& context) {
  const Limit all{Clock::time_point::max(), context.runtime.stop()};
  const auto limit = all.at_most(context.flow.connect_timeout);
  CO_TRY_AS(session, co_await context.connector.connect(context.master(), limit, [](ssh::Phase) {}));
  CO_TRY_AS(jobs, co_await ops::list_jobs(**session, all));
  LivingJobs living;
  living.code = tell_damaged_jobs(context, *jobs);
  for (const auto& job : *jobs) {
    if (!job.is_over() || (job.state == ops::JobState::lost && is_damaged(job))) living.ids.insert(job.id);
  }
  co_return living;
}

/// A process of a job that was seen before and is gone since has ended because we ended its launcher.
/// With Open MPI 5 the ranks are gone so soon that the sweep of their node finds nothing.
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

/// Jobs that have processes on the nodes and are not among the living ones.
std::set<std::string> find_dead_jobs(const Found& found, const std::set<std::string>& living) {
  std::set<std::string> dead;
  for (const auto& [index, of_node] : found) {
    for (const auto& process : of_node.processes) {
      if (!living.contains(process.job) && ops::is_job_id(process.job)) dead.insert(process.job);
    }
  }
  return dead;
}

/// Ends what one job has left on the nodes. Returns the exit code.
asio::awaitable<int> end_job(CommandContext& context, const Found& found, const std::string& id) {
  std::map<int, ops::Swept> swept;
  auto task = ops::sweep_task(id, context.master().index, swept);
  const auto report = co_await run_quietly(context, std::move(task), "ending " + id);
  int code = exit_code_for(report);
  for (auto& [index, of_node] : swept) {
    if (const auto seen = found.find(index); seen != found.end())
      add_gone(of_node, seen->second.processes, id);
    auto& fields = answer_fields();
    const auto entry = [&](const ops::Process& process) {
      return Json{{"node", fmt::format("node{}", index)},
                  {"index", index},
                  {"job", id},
                  {"pid", process.pid},
                  {"name", process.name}};
    };
    for (const auto& process : of_node.ended) {
      fields["ended"].push_back(entry(process));
      context.console().result(
          fmt::format("node{}: {}: ended pid {} {}", index, id, process.pid, process.name));
    }
    for (const auto& process : of_node.left) {
      fields["left"].push_back(entry(process));
      context.console().talk(
          fmt::format("node{}: {}: still running: pid {} {}", index, id, process.pid, process.name));
    }
    if (!of_node.left.empty()) code = exit_code::node_failed;
  }
  co_return code;
}

asio::awaitable<int> end_orphans(CommandContext& context) {
  Found found;
  auto task = ops::ps_task(found);
  const auto report = co_await run_quietly(context, std::move(task), "looking");
  // Asked after the processes: a job that starts in between is in this answer only, so it lives.
  const auto living = co_await list_living_jobs(context);
  // Without this answer every job would seem to be over.
  if (!living) {
    context.console().talk(
        fmt::format("ec2mpi: the master does not report which jobs run, so nothing was ended: {}",
                    printable(living.error().message)));
    co_return exit_code::node_failed;
  }
  const auto dead = find_dead_jobs(found, living->ids);
  answer_fields() = {{"ended", Json::array()}, {"left", Json::array()}};
  if (dead.empty()) context.console().talk("ec2mpi: no orphans on " + count_of(found.size(), "node"));
  int code = std::max(exit_code_for(report), living->code);
  for (const auto& id : dead) {
    const int ended = co_await end_job(context, found, id);
    code = std::max(code, ended);
  }
  co_return code;
}

/// The way of both commands from their options to the event loop.
Result<int> run_on_chosen(const PsOptions& options, const CommonOptions& common, Work work) {
  TRY_AS(cluster, open_cluster(options.list));
  TRY_AS(access, open_access(*cluster, options.connect));
  const auto flow = fleet_options(*cluster, options.connect, {});
  return run_on_loop(*cluster, *access, flow, common, std::move(work));
}

Result<int> run_ps(const PsOptions& options, const CommonOptions& common) {
  return run_on_chosen(options, common,
                       [as_json = options.json](CommandContext& context) { return show(context, as_json); });
}

/// The bare word must not end anything: `cancel` is for jobs that run.
Result<int> run_kill(const PsOptions& options, const CommonOptions& common) {
  if (!options.orphans)
    return fail(ErrorKind::usage, "kill needs --orphans; ec2mpi cancel ends a running job");
  return run_on_chosen(options, common, end_orphans);
}

std::shared_ptr<PsOptions> prepare(CLI::App& command, Dispatch& dispatch,
                                   Result<int> (*run)(const PsOptions&, const CommonOptions&)) {
  auto options = std::make_shared<PsOptions>();
  add_selection_options(command, options->list);
  add_connect_options(command, options->connect);
  set_work(command, dispatch, options, run);
  return options;
}

}  // namespace

void add_ps_commands(CLI::App& app, Dispatch& dispatch) {
  auto& ps =
      add_command(app, "ps", "Shows the processes of jobs on all nodes: ranks, launchers, daemons, children",
                  "ec2mpi ps -w workers");
  const auto of_ps = prepare(ps, dispatch, run_ps);
  add_flag(ps, "--json", of_ps->json, "As JSON");
  auto& kill =
      add_command(app, "kill", "Ends leftover processes of ended jobs on the nodes", "ec2mpi kill --orphans");
  const auto of_kill = prepare(kill, dispatch, run_kill);
  add_flag(kill, "--orphans", of_kill->orphans, "Processes whose job is not running any more");
}

}  // namespace ec2mpi::cli
