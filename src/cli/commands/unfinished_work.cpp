#include "src/cli/commands/unfinished_work.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/job/jobs.hpp"
#include "ec2mpi/ops/job/results.hpp"
#include "src/cli/commands/cluster_of_instances.hpp"

namespace ec2mpi::cli {

namespace {

using Jobs = std::vector<ops::JobRecord>;

/// Leaves the answer in `jobs`. Always 0: the loop takes an exit code, which means nothing here.
asio::awaitable<int> list_jobs(CommandContext& context, Result<Jobs>& jobs) {
  const auto limit = Limit{.deadline = Clock::time_point::max(), .stop = context.runtime.stop()};
  const auto patience = limit.at_most(context.flow.connect_timeout);
  auto session = co_await context.connector.connect(context.master(), patience, [](ssh::Phase) {});
  if (session)
    jobs = co_await ops::list_jobs(**session, limit);
  else
    jobs = std::unexpected(session.error());
  co_return 0;
}

/// Errors: unreachable, if the master does not run; those of reach_instances.
Result<std::unique_ptr<ReachedCluster>> reach_master(const InstanceContext& context,
                                                     const std::vector<cloud::Instance>& instances) {
  TRY_AS(reached, reach_instances(context, instances));
  const auto& master = (*reached)->cluster.inventory.master();
  const auto runs = [&master](const cloud::Instance& one) {
    return one.id == master.instance_id && one.state == "running";
  };
  if (std::ranges::any_of(instances, runs)) return reached;
  return fail(ErrorKind::unreachable, master.label() + " does not run");
}

/// The job's own nodes, or the master, on which its record lies.
bool concerns(const ops::JobRecord& job, const Inventory& inventory,
              const std::vector<cloud::Instance>& targets) {
  auto nodes = ops::nodes_of_job(job, inventory.nodes);
  nodes.push_back(inventory.master());
  return std::ranges::any_of(nodes, [&targets](const Node& node) {
    return std::ranges::count(targets, node.instance_id, &cloud::Instance::id) != 0;
  });
}

/// The message names one job with its command; " (and 2 jobs more)" for the others.
std::string others(const Jobs& jobs) {
  return jobs.size() == 1 ? std::string() : fmt::format(" (and {} more)", count_of(jobs.size() - 1, "job"));
}

/// Running jobs come first: their results do not exist yet.
Result<void> judge(const Jobs& jobs, Ending ending) {
  Jobs running;
  Jobs left;
  for (const auto& job : jobs) {
    if (!job.is_over()) running.push_back(job);
    // results/ of this folder: `run` and `attach` write there.
    if (ops::has_results(job) && !ops::results_are_here("results", job)) left.push_back(job);
  }
  if (!running.empty())
    return fail(
        ErrorKind::usage,
        fmt::format("{0}{1} is {2}; `ec2mpi wait {0}` waits for its end, `ec2mpi cancel {0}` ends it, and "
                    "--force does not wait",
                    running[0].id, others(running), ops::state_name(running[0].state)));
  // A stop keeps the disks, and with them the results.
  if (ending == Ending::down && !left.empty())
    return fail(
        ErrorKind::usage,
        fmt::format("the results of {0}{1} are not in results/ here; `ec2mpi attach {0}` brings them, and "
                    "--force loses them",
                    left[0].id, others(left)));
  return {};
}

/// Jobs that were started from here may be running, or have left results.
Result<void> judge_silent_master(const InstanceContext& context, const Error& why) {
  if (!context.list || recall_job(context.list->state).id.empty()) return {};
  return fail(ErrorKind::usage,
              fmt::format("the master cannot be asked for running jobs and results that are not "
                          "here ({}); --force does without",
                          why.message));
}

/// The master's jobs, and the list that its nodes belong to.
struct MasterJobs {
  Jobs jobs;
  Inventory inventory;
};

asio::awaitable<Result<MasterJobs>> ask_master(InstanceContext& context) {
  std::vector<std::string> all;
  // The whole list: the master need not be among the chosen instances.
  for (const auto& node : context.list->nodes) all.push_back(node.instance_id);
  CO_TRY_AS(known, co_await context.ec2.instances_by_id(std::move(all), context.limit()));
  const auto reached = reach_master(context, *known);
  if (!reached) co_return std::unexpected(reached.error());
  Result<Jobs> jobs;
  Work ask = [&jobs](CommandContext& command) { return list_jobs(command, jobs); };
  auto& [cluster, access, flow] = **reached;
  co_await work_on_loop(context.runtime, cluster, access, flow, std::move(ask));
  if (!jobs) co_return std::unexpected(jobs.error());
  MasterJobs answer;
  answer.jobs = std::move(*jobs);
  answer.inventory = cluster.inventory;
  co_return std::move(answer);
}

}  // namespace

asio::awaitable<Result<void>> refuse_unfinished(InstanceContext& context,
                                                std::vector<cloud::Instance> targets, Ending ending) {
  if (!context.list) co_return Result<void>{};
  auto asked = co_await ask_master(context);
  if (!asked) co_return judge_silent_master(context, asked.error());
  auto& [jobs, inventory] = *asked;
  // A job on other nodes continues, as long as the master stays.
  std::erase_if(jobs, [&](const ops::JobRecord& job) { return !concerns(job, inventory, targets); });
  co_return judge(jobs, ending);
}

asio::awaitable<std::vector<std::string>> jobs_at_work(InstanceContext& context) {
  std::vector<std::string> said;
  if (!context.list) co_return said;
  const auto asked = co_await ask_master(context);
  if (!asked) said.push_back(fmt::format("jobs unknown ({})", asked.error().message));
  if (!asked) co_return said;
  for (const auto& job : asked->jobs)
    if (!job.is_over()) said.push_back(fmt::format("{} is {}", job.id, ops::state_name(job.state)));
  co_return said;
}

}  // namespace ec2mpi::cli
