// `ec2mpi stacks`: the master says which job is meant and on which nodes it runs; a task looks at the ranks
// on each of them (ops/stacks), and JobStacks groups those that do the same.

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/on_master.hpp"
#include "ec2mpi/cli/views/stacks_view.hpp"
#include "ec2mpi/ops/job/jobs.hpp"
#include "ec2mpi/ops/job/results.hpp"
#include "src/cli/commands/run_fleet.hpp"

namespace ec2mpi::cli {

namespace {

struct StacksOptions {
  MasterOptions master;
  std::string word;
  bool json = false;
};

/// Without a word the newest job that runs. A refusal of the master is no Error, but a part of
/// FoundJob.
asio::awaitable<Result<ops::FoundJob>> find_job(CommandContext& context, std::string word) {
  const Limit until_stopped{Clock::time_point::max(), context.runtime.stop()};
  const auto limit = until_stopped.at_most(context.flow.connect_timeout);
  CO_TRY_AS(session, co_await context.connector.connect(context.master(), limit, [](ssh::Phase) {}));
  auto found = co_await ops::find_running_job(**session, std::move(word), until_stopped);
  co_return found;
}

/// Gives the exit code: 1 if the master answered with an error, 255 if it did not answer.
int report_failure(CommandContext& context, const Error& error) {
  context.console().talk(fmt::format("{}: {}", context.master().label(), printable(error.message)));
  if (error.kind == ErrorKind::cancelled) return exit_code::interrupted;
  return error.kind == ErrorKind::remote_io ? exit_code::node_failed : exit_code::no_connection;
}

void show_stacks(CommandContext& context, const JobStacks& stacks, bool as_json) {
  if (as_json)
    context.console().result(dump_json(stacks.json()));
  else
    context.console().result_table(stacks.screen());
}

asio::awaitable<int> show(CommandContext& context, const StacksOptions& options) {
  const auto of_word = co_await find_job(context, options.word);
  if (!of_word) co_return report_failure(context, of_word.error());
  if (of_word->refusal.code != 0 && !of_word->kept_stacks.empty()) {
    // [jobs] hang has ended this job, and kept what its ranks did then.
    show_stacks(context, JobStacks(of_word->job.id, ops::parse_kept_stacks(of_word->kept_stacks)),
                options.json);
    co_return exit_code::ok;
  }
  if (of_word->refusal.code != 0) {
    context.console().talk(of_word->refusal.said);
    co_return of_word->refusal.code;
  }
  const auto& job = of_word->job;
  std::map<int, ops::NodeStacks> found;
  // The record of the job names the nodes on which its ranks are.
  auto nodes = ops::nodes_of_job(job, context.cluster.inventory.nodes);
  if (nodes.empty()) {
    context.console().talk("ec2mpi: the list does not have the nodes of " + job.id);
    co_return exit_code::not_started;
  }
  auto task = ops::stacks_task(job.id, found);
  // A look leaves the selector `failed` as it was.
  FleetCommand command{.style = {.quiet = true, .doing = "looking"},
                       .nodes = std::move(nodes),
                       .task = std::move(task),
                       .remembers_failures = false};
  const auto report = co_await run_fleet(context, std::move(command));
  show_stacks(context, JobStacks(job.id, std::move(found)), options.json);
  co_return exit_code_for(report);
}

}  // namespace

void add_stacks_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<StacksOptions>();
  auto& command = add_command(
      app, "stacks", "Shows what all ranks of a running job do now; ranks that do the same are one group",
      "ec2mpi stacks spread");
  add_job_argument(command, options->word, {.otherwise = "the newest that runs"});
  add_master_options(command, options->master);
  add_flag(command, "--json", options->json, "All ranks, as one JSON document");
  set_work(command, dispatch, options, [](const StacksOptions& chosen, const CommonOptions& common) {
    return work_on_master(chosen.master, common,
                          [&chosen](CommandContext& context) { return show(context, chosen); });
  });
}

}  // namespace ec2mpi::cli
