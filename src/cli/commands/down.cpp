// `ec2mpi down`: ends instances. The order: a dry run of EC2's, jobs and results on the master, the user's
// agreement, the end itself, and then what can only be removed without instances: groups, keys, the list.

#include <fmt/format.h>
#include <algorithm>
#include <set>
#include <tuple>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "src/cli/commands/change_instances.hpp"
#include "src/cli/commands/cluster_parts.hpp"
#include "src/cli/commands/instances.hpp"
#include "src/cli/commands/unfinished_work.hpp"
#include "src/cli/commands/unlisted_instances.hpp"

namespace ec2mpi::cli {

namespace {

/// Removes the groups and keys of clusters that have no instance left.
/// A cluster about which EC2 does not answer counts as one of which something remains.
asio::awaitable<PartsRemoved> remove_emptied(InstanceContext& context, std::set<std::string> clusters) {
  PartsRemoved sum;
  const auto is_listed = [&context](const cloud::Instance& one) {
    return context.list && std::ranges::count(context.list->nodes, one.id, &Node::instance_id) != 0;
  };
  for (const auto& cluster : clusters) {
    const auto left = co_await context.ec2.instances(cloud::of_cluster(cluster), context.limit());
    if (!left) {
      context.console().talk("ec2mpi: " + left.error().message);
      sum.all = false;
      continue;
    }
    if (!std::ranges::all_of(*left, &cloud::Instance::is_gone)) continue;
    const auto removed = co_await remove_cluster_parts(context, cluster);
    // A cluster of another region may have the same name, and its key here.
    if (removed.all && std::ranges::any_of(*left, is_listed)) remove_key_file(context.list->file, cluster);
    sum.all = sum.all && removed.all;
    sum.count += removed.count;
  }
  co_return sum;
}

/// With --cluster also a cluster without instances, whose groups may remain. A tag that is no plain
/// name is left out: EC2 takes * and ? in it for any text, and would find the things of others.
std::set<std::string> clusters_of(const InstanceContext& context,
                                  const std::vector<cloud::Instance>& instances) {
  std::set<std::string> clusters;
  if (context.options.cluster) clusters.insert(*context.options.cluster);
  for (const auto& one : instances)
    if (const auto cluster = one.tag(cloud::kClusterTag); cloud::is_cluster_name(cluster))
      clusters.insert(cluster);
  return clusters;
}

/// It is no error if none is left: a second `down` removes the things that the first one could not.
asio::awaitable<cloud::Answer<std::vector<cloud::Instance>>> find_targets(InstanceContext& context) {
  CO_TRY_AS(found, co_await look_up(context));
  CO_TRY(refuse_unknown(context, *found));
  co_return std::move(found->known);
}

/// Whether the user means everything that there is, so that nothing of it may be left.
bool chose_all(const InstanceContext& context) {
  if (!context.list) return true;
  return std::ranges::all_of(context.list->nodes, [&context](const Node& node) {
    return std::ranges::count(context.ids, node.instance_id) != 0;
  });
}

/// Names live instances of the cluster that were not among the targets. False if there are some, or if EC2
/// does not say.
asio::awaitable<bool> name_unlisted(InstanceContext& context, const std::vector<cloud::Instance>& targets) {
  auto unlisted = co_await find_unlisted(context, targets);
  if (!unlisted) {
    // After a Ctrl-C leave() asks again.
    if (!context.stop.stop_requested()) context.console().talk("ec2mpi: " + unlisted.error().message);
    co_return false;
  }
  // EC2 may show a target as running for some seconds after its end was asked for.
  std::erase_if(unlisted->instances, [&targets](const cloud::Instance& one) {
    return std::ranges::count(targets, one.id, &cloud::Instance::id) != 0;
  });
  report_unlisted(context, *unlisted);
  co_return unlisted->instances.empty();
}

/// For a failure after the first change. The next `down` finds the remaining things by the list or by the
/// tag.
int name_rest(const InstanceContext& context, const std::vector<cloud::Instance>& found, int code) {
  context.console().talk(
      fmt::format("ec2mpi: `{}` again does the rest", repeated_down(context, ids_of(found))));
  return code;
}

/// Where EC2 has refused the end. It may have ended those of other zones, so their states are asked for.
asio::awaitable<void> name_kept(InstanceContext& context, const std::vector<cloud::Instance>& found) {
  ListChange change{.own = ids_of(found)};
  const auto written = co_await write_list(context, std::move(change));
  if (!written) context.console().talk("ec2mpi: " + written.error().message);
  const auto now = co_await find_targets(context);
  std::vector<std::string> kept;
  for (const auto& one : now ? *now : found)
    if (!one.is_ending()) kept.push_back(fmt::format("{} ({})", one.id, one.state));
  if (!kept.empty())
    context.console().talk(fmt::format("ec2mpi: not ended, and so at your cost: {}; when EC2 allows it: {}",
                                       join(kept, ", "), repeated_down(context, ids_of(found))));
}

/// After a Ctrl-C EC2 continues with what it was asked to do, and the list must not name ended instances as
/// running.
asio::awaitable<int> leave(InstanceContext& context, const std::vector<cloud::Instance>& found) {
  context.console().talk("ec2mpi: interrupted");
  // The same Ctrl-C must not end the calls that the list needs.
  context.stop = {};
  ListChange change{.own = ids_of(found)};
  const auto written = co_await write_list(context, std::move(change));
  if (!written) context.console().talk("ec2mpi: " + written.error().message);
  // Without an answer here, there would be none to the next question either.
  if (written) std::ignore = co_await name_unlisted(context, found);
  co_return name_rest(context, found, exit_code::interrupted);
}

/// From the first change on.
asio::awaitable<int> end_and_clean_up(InstanceContext& context, std::vector<cloud::Instance> found,
                                      std::vector<cloud::Instance> targets) {
  if (!targets.empty()) {
    context.runtime.set_parting_words([&context, ids = ids_of(targets)] {
      return "EC2 may not have ended all of them; to end the rest: " + end_command(context, ids);
    });
    const auto done = co_await context.ec2.terminate(ids_of(targets), false, context.limit());
    // After a Ctrl-C the call may have arrived without an answer, so leave() looks at the states.
    if (!done && !context.stop.stop_requested()) {
      const int code = report_error(context, done.error(), exit_code::node_failed);
      if (done.error().code.empty()) co_return name_rest(context, found, code);
      co_await name_kept(context, found);
      co_return code;
    }
  }
  // Groups are in use until the last instance has ended. All that were found are waited for, also
  // those that another command ends.
  const auto now = co_await wait_for_state(context, ids_of(found), "terminated");
  if (context.stop.stop_requested()) {
    const int interrupted = co_await leave(context, found);
    co_return interrupted;
  }
  if (!now) co_return name_rest(context, found, report_error(context, now.error(), exit_code::node_failed));
  const auto removed = co_await remove_emptied(context, clusters_of(context, found));
  const bool complete = co_await name_unlisted(context, found);
  if (context.stop.stop_requested()) {
    const int interrupted = co_await leave(context, found);
    co_return interrupted;
  }
  const bool ended = std::ranges::all_of(*now, &cloud::Instance::is_gone) && removed.all;
  // Of nodes that were chosen by -w, only they must end.
  const bool all = ended && (complete || !chose_all(context));
  // A wrong name or region must not look like success; a list whose instances EC2 has forgotten may.
  if (found.empty() && all && removed.count == 0)
    co_return report_error(context, no_instances(context),
                           context.options.cluster ? exit_code::not_started : exit_code::ok);
  ListChange change{.own = ids_of(found), .ended = EndedLines::go};
  const auto written = co_await write_list(context, std::move(change));
  if (!written)
    co_return name_rest(context, found, report_error(context, written.error(), exit_code::node_failed));
  // The end of some nodes is not the end of the job that was started from this list.
  if (all && context.list && !context.options.cluster && context.options.wanted.empty() &&
      context.options.ids.empty())
    forget_job(context.list->state);
  if (!ended) co_return name_rest(context, found, exit_code::node_failed);
  if (!context.runtime.options().quiet)
    context.console().talk(fmt::format("{} ended{}", count_of(targets.size(), "instance"),
                                       all ? "; nothing of them is left" : ""));
  co_return all ? exit_code::ok : exit_code::node_failed;
}

/// Everything before the first change; until there an error is exit code 2.
asio::awaitable<int> end_chosen(InstanceContext& context, Agreement agreement, bool force) {
  const auto found = co_await find_targets(context);
  if (!found) co_return report_error(context, found.error(), exit_code::not_started);
  auto targets = *found;
  std::erase_if(targets, [](const cloud::Instance& one) { return one.is_gone(); });
  if (!targets.empty()) {
    // A dry run first: the user is not asked to agree to a change that EC2 would refuse.
    const auto allowed = co_await context.ec2.terminate(ids_of(targets), true, context.limit());
    if (!allowed) co_return report_error(context, allowed.error(), exit_code::not_started);
  }
  if (agreement.dry_run) {
    context.console().talk(fmt::format("EC2 would end {}", count_of(targets.size(), "instance")));
    co_return exit_code::ok;
  }
  if (const auto sure = refuse_new_numbers(context, agreement); !sure)
    co_return report_error(context, sure.error(), exit_code::not_started);
  if (!targets.empty() && !force) {
    const auto finished = co_await refuse_unfinished(context, targets, Ending::down);
    if (!finished) co_return report_error(context, finished.error(), exit_code::not_started);
  }
  if (!targets.empty()) {
    const auto agreed = co_await ask_to_agree(context, agreement, "down", targets);
    if (!agreed) co_return report_error(context, agreed.error(), exit_code::not_started);
    if (!*agreed) co_return exit_code::not_started;
  }
  const int code = co_await end_and_clean_up(context, *found, targets);
  co_return code;
}

}  // namespace

Result<int> end_instances(const ChangeRequest& request, const CommonOptions& common) {
  return run_on_instances(request.which, common, [&request](InstanceContext& context) {
    return end_chosen(context, request.agreement, request.force);
  });
}

void add_down_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<ChangeRequest>();
  auto& command =
      add_command(app, "down",
                  "Ends instances of the list for good, with their disks, and removes the groups "
                  "and keys of their cluster",
                  "ec2mpi down                   asks for the words `down 4`\n"
                  "  ec2mpi down -w 5-8            only these nodes\n"
                  "  ec2mpi down --yes --ids i-0123456789abcdef0,i-0123456789abcdef1\n"
                  "It refuses while jobs run, and while the results of a job's pull are not here.");
  add_instance_options(command, options->which);
  add_agreement_options(command, options->agreement);
  add_flag(command, "--force", options->force, "Also while jobs run, and if results would be lost");
  set_work(command, dispatch, options, end_instances);
}

}  // namespace ec2mpi::cli
