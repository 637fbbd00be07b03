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

/// A machine that may hold records of jobs, and its answer.
struct Holder {
  Node node;
  Result<Jobs> jobs;
};

/// The master comes first. `inventory` is the list that the nodes of all jobs belong to.
struct Answers {
  Inventory inventory;
  std::vector<Holder> holders;
};

/// Leaves the answers in `holders`. Always 0: the loop takes an exit code, which means nothing here.
asio::awaitable<int> list_jobs(CommandContext& context, std::vector<Holder>& holders) {
  const auto limit = Limit{.deadline = Clock::time_point::max(), .stop = context.runtime.stop()};
  for (auto& [node, jobs] : holders) {
    if (!jobs) continue;
    const auto patience = limit.at_most(context.flow.connect_timeout);
    auto session = co_await context.connector.connect(node, patience, [](ssh::Phase) {});
    if (session)
      jobs = co_await ops::list_jobs(**session, limit);
    else
      jobs = std::unexpected(session.error());
  }
  co_return 0;
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

/// Running jobs come first: their results do not exist yet. `before`: what must be done before the commands
/// that the message names.
Result<void> judge(const Jobs& jobs, Ending ending, const std::string& before) {
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
        fmt::format("{0}{1} is {2}; {3}`ec2mpi wait {0}` waits for its end, `ec2mpi cancel {0}` ends it, and "
                    "--force does not wait",
                    running[0].id, others(running), ops::state_name(running[0].state), before));
  // A stop keeps the disks, and with them the results.
  if (ending == Ending::down && !left.empty())
    return fail(
        ErrorKind::usage,
        fmt::format("the results of {0}{1} are not in results/ here; {2}`ec2mpi attach {0}` brings them, and "
                    "--force loses them",
                    left[0].id, others(left), before));
  return {};
}

/// Jobs that were started from here may be running, or have left results.
std::unexpected<Error> refuse_silent_master(const Error& why) {
  return fail(ErrorKind::usage,
              fmt::format("the master cannot be asked for running jobs and results that are not "
                          "here ({}); --force does without",
                          why.message));
}

/// The instances that hold jobs which were started from here, if an end can lose something of them.
std::vector<JobHolder> living_holders(const InstanceContext& context,
                                      const std::vector<cloud::Instance>& known, Ending ending) {
  auto holders = recall_job_holders(context.list->state);
  std::erase_if(holders, [&](const JobHolder& holder) {
    const auto one = std::ranges::find(known, holder.instance_id, &cloud::Instance::id);
    if (one == known.end() || one->is_ending()) return true;
    // No job runs on a machine that is stopped, and its disk stays.
    return ending == Ending::stop && one->state != "running";
  });
  return holders;
}

/// `attach` asks the master only, so a former one must be the master again for it, by the list's order.
std::string make_master_again(const InstanceContext& context, const std::string& id, bool runs) {
  const auto& list = context.list->file;
  const auto& nodes = context.list->nodes;
  const auto first = std::ranges::find_if(
      nodes, [&id](const Node& node) { return node.instance_id == id || node.state == "running"; });
  const bool is_first = first != nodes.end() && first->instance_id == id;
  const auto where =
      is_first ? std::string() : fmt::format("with its line as the first of {}, ", list.string());
  if (runs) return fmt::format("{}`ec2mpi ips --renumber` makes {} the master again", where, id);
  return fmt::format("{}`ec2mpi start --ids {}` and then `ec2mpi ips --renumber` make it the master again",
                     where, id);
}

std::unexpected<Error> refuse_silent_holder(const InstanceContext& context, const JobHolder& holder,
                                            const cloud::Instance& instance) {
  const bool runs = instance.state == "running";
  return fail(
      ErrorKind::usage,
      fmt::format("{} was the master of {}, {}, and cannot be asked for running jobs and results that are "
                  "not here; {}; --force does without",
                  title_of(context, holder.instance_id), holder.job,
                  runs ? "does not answer" : "is " + instance.state,
                  make_master_again(context, holder.instance_id, runs)));
}

/// All instances of the list, as EC2 has them: the master need not be among the chosen ones.
asio::awaitable<cloud::Answer<std::vector<cloud::Instance>>> all_listed(InstanceContext& context) {
  std::vector<std::string> all;
  for (const auto& node : context.list->nodes) all.push_back(node.instance_id);
  auto known = co_await context.ec2.instances_by_id(std::move(all), context.limit());
  co_return known;
}

/// Asks the master and the nodes with these instance ids. A node that does not run has an error for an
/// answer. Errors: those of reach_instances.
asio::awaitable<Result<Answers>> ask_for_jobs(InstanceContext& context, std::vector<cloud::Instance> known,
                                              std::vector<JobHolder> others) {
  CO_TRY_AS(reached, reach_instances(context, known));
  auto& [cluster, access, flow] = **reached;
  Answers answers;
  answers.inventory = cluster.inventory;
  answers.holders.push_back({cluster.inventory.master(), {}});
  for (const auto& node : cluster.inventory.nodes) {
    const auto is_other = std::ranges::count(others, node.instance_id, &JobHolder::instance_id) != 0;
    if (is_other && node.index != cluster.inventory.master().index) answers.holders.push_back({node, {}});
  }
  for (auto& [node, jobs] : answers.holders) {
    const auto one = std::ranges::find(known, node.instance_id, &cloud::Instance::id);
    if (one == known.end() || one->state != "running")
      jobs = fail(ErrorKind::unreachable, node.label() + " does not run");
  }
  Work ask = [&answers](CommandContext& command) { return list_jobs(command, answers.holders); };
  co_await work_on_loop(context.runtime, cluster, access, flow, std::move(ask));
  co_return std::move(answers);
}

/// Of the machines that have answered. A job on other nodes continues, as long as its machine stays.
Result<void> judge_answers(const InstanceContext& context, Answers& answers,
                           const std::vector<cloud::Instance>& targets, Ending ending) {
  for (auto& holder : answers.holders) {
    if (!holder.jobs) continue;
    std::string before;
    if (&holder == &answers.holders.front())
      std::erase_if(*holder.jobs,
                    [&](const ops::JobRecord& job) { return !concerns(job, answers.inventory, targets); });
    else
      before = make_master_again(context, holder.node.instance_id, true) + ", then ";
    TRY(judge(*holder.jobs, ending, before));
  }
  return {};
}

/// Nobody can know what a machine without an answer holds. Only jobs that were started from here count.
Result<void> judge_silence(const InstanceContext& context, const Answers& answers,
                           const std::vector<JobHolder>& expected,
                           const std::vector<cloud::Instance>& known) {
  const auto& master = answers.holders.front();
  for (const auto& one : expected) {
    const auto asked = std::ranges::find_if(
        answers.holders, [&one](const Holder& holder) { return holder.node.instance_id == one.instance_id; });
    if (asked != answers.holders.end() && asked->jobs) continue;
    if (master.node.instance_id == one.instance_id) return refuse_silent_master(master.jobs.error());
    return refuse_silent_holder(context, one,
                                *std::ranges::find(known, one.instance_id, &cloud::Instance::id));
  }
  return {};
}

/// Whether jobs were started from here of which nobody remembers the master: an earlier ec2mpi kept no ids.
bool has_jobs_without_holder(const InstanceContext& context) {
  const auto& state = context.list->state;
  return !recall_job(state).id.empty() && recall_job_holders(state).empty();
}

}  // namespace

asio::awaitable<Result<void>> refuse_unfinished(InstanceContext& context,
                                                std::vector<cloud::Instance> targets, Ending ending) {
  if (!context.list) co_return Result<void>{};
  const auto known = co_await all_listed(context);
  if (!known && recall_job(context.list->state).id.empty()) co_return Result<void>{};
  if (!known) co_return refuse_silent_master(known.error());
  const auto expected = living_holders(context, *known, ending);
  auto answers = co_await ask_for_jobs(context, *known, expected);
  const bool unknown_master = has_jobs_without_holder(context);
  if (!answers && expected.empty() && !unknown_master) co_return Result<void>{};
  if (!answers) co_return refuse_silent_master(answers.error());
  CO_TRY(judge_answers(context, *answers, targets, ending));
  const auto& master = answers->holders.front();
  if (unknown_master && !master.jobs) co_return refuse_silent_master(master.jobs.error());
  co_return judge_silence(context, *answers, expected, *known);
}

asio::awaitable<std::vector<std::string>> jobs_at_work(InstanceContext& context) {
  std::vector<std::string> said;
  if (!context.list) co_return said;
  const auto unknown = [&said](const Error& error) {
    said.push_back(fmt::format("jobs unknown ({})", error.message));
  };
  const auto known = co_await all_listed(context);
  if (!known) unknown(known.error());
  if (!known) co_return said;
  const auto answers = co_await ask_for_jobs(context, *known, {});
  if (!answers) unknown(answers.error());
  if (!answers) co_return said;
  const auto& jobs = answers->holders.front().jobs;
  if (!jobs) unknown(jobs.error());
  if (!jobs) co_return said;
  for (const auto& job : *jobs)
    if (!job.is_over()) said.push_back(fmt::format("{} is {}", job.id, ops::state_name(job.state)));
  co_return said;
}

}  // namespace ec2mpi::cli
