// `ec2mpi start` and `stop`: one sequence for both, with a dry run and the user's agreement before the call.
// At the end the list gets the new states and addresses: EC2 gives a started instance another address.

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "src/cli/commands/change_instances.hpp"
#include "src/cli/commands/instance_life.hpp"
#include "src/cli/commands/instances.hpp"
#include "src/cli/commands/unfinished_work.hpp"

namespace ec2mpi::cli {

namespace {

constexpr std::size_t kMostNamed = 3;  ///< in one line

/// The direction of the sequence.
enum class Change { stop, start };

const char* verb_of(Change change) {
  return change == Change::stop ? "stop" : "start";
}
const char* final_state(Change change) {
  return change == Change::stop ? "stopped" : "running";
}

/// The instances that are not in the final state yet.
std::vector<cloud::Instance> to_change(std::vector<cloud::Instance> instances, Change change) {
  std::erase_if(instances, [change](const cloud::Instance& one) { return one.state == final_state(change); });
  return instances;
}

/// An ended instance cannot come back; it is named before anything is changed.
std::optional<Error> ended_one(const InstanceContext& context,
                               const std::vector<cloud::Instance>& instances) {
  if (std::ranges::all_of(instances, &cloud::Instance::is_ending))
    return Error{ErrorKind::usage, next_step_after_end(context)};
  for (const auto& one : instances)
    if (one.is_ending())
      return Error{
          ErrorKind::usage,
          fmt::format("{0} is {1}; choose others with -w, or take it out of the list with ec2mpi down "
                      "--ids {2}",
                      title_of(context, one.id), one.state, one.id)};
  return std::nullopt;
}

asio::awaitable<cloud::Answer<void>> call(InstanceContext& context, Change change,
                                          std::vector<std::string> ids, bool dry_run) {
  if (change == Change::stop) return context.ec2.stop(std::move(ids), dry_run, context.limit());
  return context.ec2.start(std::move(ids), dry_run, context.limit());
}

/// An instance whose life was over begins a new one with its start; its tag then has the new end.
asio::awaitable<cloud::Answer<void>> renew_lives(InstanceContext& context,
                                                 std::vector<cloud::Instance> instances) {
  const auto now = std::chrono::floor<std::chrono::seconds>(context.runtime.options().world->now());
  for (const auto& one : instances) {
    auto tags = life_after_start(one, now);
    if (!tags || one.state != "running") continue;
    std::vector<std::string> ids = {one.id};
    CO_TRY(co_await context.ec2.tag(std::move(ids), std::move(*tags), false, context.limit()));
  }
  co_return cloud::Answer<void>();
}

/// The chosen instances that a command leaves as they are, and stopped ones that no number means.
void tell_left_alone(const InstanceContext& context, const std::vector<cloud::Instance>& found,
                     Change change) {
  if (context.options.wanted.empty() || context.runtime.options().quiet) return;
  std::vector<std::string> alone;
  for (const auto& one : found)
    if (one.state == final_state(change)) alone.push_back(title_of(context, one.id));
  if (!alone.empty())
    context.console().talk(
        fmt::format("ec2mpi: {} {} {} already",
                    alone.size() <= kMostNamed ? join(alone, ", ") : count_of(alone.size(), "instance"),
                    alone.size() == 1 ? "was" : "were", final_state(change)));
  if (change != Change::start) return;
  for (const auto& node : context.list->nodes)
    if (node.index == 0 && node.state == "stopped")
      context.console().talk(fmt::format(
          "ec2mpi: {0} (stopped) has no number; `ec2mpi start --ids {0}` starts it", node.instance_id));
}

/// After a Ctrl-C EC2 continues with what it was asked to do, also if its answer did not arrive. The list
/// must not name stopped instances as running.
asio::awaitable<int> leave(InstanceContext& context, std::vector<std::string> ids) {
  context.console().talk("ec2mpi: interrupted; EC2 continues, and `ec2mpi status` shows how far it is");
  // The same Ctrl-C must not end the call that the list needs.
  context.stop = {};
  ListChange change{.own = std::move(ids)};
  const auto written = co_await write_list(context, std::move(change));
  if (!written) context.console().talk("ec2mpi: " + written.error().message);
  co_return exit_code::interrupted;
}

/// First come the checks: unknown and ended ids, the permission of EC2, jobs and results, the user.
/// Until then nothing is changed and an error is exit code 2; later errors are 1.
asio::awaitable<int> change_state(InstanceContext& context, Change change, Agreement agreement, bool force) {
  const auto found = co_await look_up_known(context);
  if (!found) co_return report_error(context, found.error(), exit_code::not_started);
  if (const auto ended = ended_one(context, *found))
    co_return report_error(context, *ended, exit_code::not_started);
  const auto ids = ids_of(*found);
  const auto targets = to_change(*found, change);
  if (!targets.empty()) {
    const auto allowed = co_await call(context, change, ids_of(targets), true);
    if (!allowed) co_return report_error(context, allowed.error(), exit_code::not_started);
  }
  if (agreement.dry_run) {
    context.console().talk(
        fmt::format("EC2 would {} {}", verb_of(change), count_of(targets.size(), "instance")));
    co_return exit_code::ok;
  }
  if (change == Change::stop) {
    if (const auto sure = refuse_new_numbers(context, agreement); !sure)
      co_return report_error(context, sure.error(), exit_code::not_started);
  }
  // A start cannot end a job, so only a stop asks the master.
  if (!targets.empty() && change == Change::stop && !force) {
    const auto finished = co_await refuse_unfinished(context, targets, Ending::stop);
    if (!finished) co_return report_error(context, finished.error(), exit_code::not_started);
  }
  if (!targets.empty()) {
    const auto agreed = co_await ask_to_agree(context, agreement, verb_of(change), targets);
    if (!agreed) co_return report_error(context, agreed.error(), exit_code::not_started);
    if (!*agreed) co_return exit_code::not_started;
    const auto done = co_await call(context, change, ids_of(targets), false);
    if (!done && !context.stop.stop_requested())
      co_return report_error(context, done.error(), exit_code::node_failed);
  }
  // Waits for all chosen instances, also those that were in this state before: an end of life that
  // is over is renewed for them, too.
  const auto now = co_await wait_for_state(context, ids, final_state(change));
  if (context.stop.stop_requested()) {
    const int interrupted = co_await leave(context, ids);
    co_return interrupted;
  }
  if (!now) co_return report_error(context, now.error(), exit_code::node_failed);
  if (change == Change::start) {
    const auto renewed = co_await renew_lives(context, *now);
    if (!renewed) co_return report_error(context, renewed.error(), exit_code::node_failed);
  }
  tell_left_alone(context, *found, change);
  // An instance has another public address after each start.
  ListChange lines{.own = ids};
  const auto written = co_await write_list(context, std::move(lines));
  if (!written) co_return report_error(context, written.error(), exit_code::node_failed);
  const bool all =
      std::ranges::all_of(*now, [&](const cloud::Instance& one) { return one.state == final_state(change); });
  if (all && !context.runtime.options().quiet)
    context.console().talk(fmt::format("{} {}", count_of(now->size(), "instance"), final_state(change)));
  co_return all ? exit_code::ok : exit_code::node_failed;
}

Result<int> run_change(Change change, const ChangeRequest& request, const CommonOptions& common) {
  return run_on_instances(request.which, common, [change, &request](InstanceContext& context) {
    return change_state(context, change, request.agreement, request.force);
  });
}

void add_change_command(CLI::App& app, Dispatch& dispatch, Change change, const char* description,
                        const char* example) {
  auto options = std::make_shared<ChangeRequest>();
  auto& command = add_command(app, verb_of(change), description, example);
  add_instance_options(command, options->which);
  add_agreement_options(command, options->agreement);
  if (change == Change::stop) add_flag(command, "--force", options->force, "Also while jobs run");
  set_work(command, dispatch, options, [change](const auto& chosen, const CommonOptions& common) {
    return run_change(change, chosen, common);
  });
}

}  // namespace

Result<int> stop_instances(const ChangeRequest& request, const CommonOptions& common) {
  return run_change(Change::stop, request, common);
}

void add_start_stop_commands(CLI::App& app, Dispatch& dispatch) {
  add_change_command(app, dispatch, Change::start,
                     "Starts stopped instances of the list, and writes their new addresses into it",
                     "ec2mpi start\n  ec2mpi exec-all uptime        the remembered host keys stay valid");
  add_change_command(app, dispatch, Change::stop,
                     "Stops instances of the list: jobs on them end, and their disks stay and cost money",
                     "ec2mpi stop                   asks for the words `stop 4`\n"
                     "  ec2mpi stop --yes --ids i-0123456789abcdef0");
}

}  // namespace ec2mpi::cli
