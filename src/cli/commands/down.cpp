#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

namespace {

/// A group is in use until EC2 has let go of the last network card, some seconds after the instance's end.
constexpr int kTries = 12;
constexpr auto kPause = std::chrono::seconds(5);

using Removal = std::function<asio::awaitable<cloud::Answer<void>>()>;

struct DownOptions {
  InstanceOptions which;
  Agreement agreement;
};

std::vector<cloud::Filter> with_tag(const std::string& cluster) {
  std::vector<cloud::Filter> filters(1);
  filters[0].name = std::string("tag:") + cloud::kClusterTag;
  filters[0].values.push_back(cluster);
  return filters;
}

/// The things of a cluster besides its instances.
struct ClusterParts {
  std::vector<std::string> security_groups;
  std::vector<std::string> placement_groups;
  std::vector<std::string> key_pairs;
};

asio::awaitable<cloud::Answer<ClusterParts>> parts_of(InstanceContext& context, std::string cluster) {
  ClusterParts found;
  CO_TRY_AS(groups, co_await context.ec2.security_groups(with_tag(cluster), context.limit()));
  for (const auto& group : *groups) found.security_groups.push_back(group.id);
  CO_TRY_AS(placements, co_await context.ec2.placement_groups(with_tag(cluster), context.limit()));
  found.placement_groups = std::move(*placements);
  CO_TRY_AS(keys, co_await context.ec2.key_pairs(with_tag(cluster), context.limit()));
  found.key_pairs = std::move(*keys);
  co_return std::move(found);
}

/// Repeats a removal while the thing is in use. A thing that is gone counts as removed.
asio::awaitable<bool> remove_one(InstanceContext& context, std::string what, Removal remove) {
  for (int attempt = 1;; ++attempt) {
    const auto removed = co_await remove();
    if (removed || removed.error().problem == cloud::Problem::not_found) co_return true;
    Wake wake = Wake::notified;
    if (removed.error().problem == cloud::Problem::in_use && attempt < kTries)
      wake = co_await sleep_for(kPause, context.limit());
    else
      wake = Wake::stopped;
    if (wake != Wake::stopped) continue;
    context.console().talk(fmt::format("ec2mpi: {} remains: {}", what, removed.error().message));
    co_return false;
  }
}

asio::awaitable<bool> remove_parts(InstanceContext& context, std::string cluster) {
  const auto found = co_await parts_of(context, cluster);
  if (!found) {
    context.console().talk("ec2mpi: cannot look for the cluster's groups and keys: " + found.error().message);
    co_return false;
  }
  bool all = true;
  for (const auto& group : found->security_groups) {
    const Removal remove = [&context, &group] {
      return context.ec2.delete_security_group(group, context.limit());
    };
    const bool gone = co_await remove_one(context, "the security group " + group, remove);
    all = all && gone;
  }
  for (const auto& group : found->placement_groups) {
    const Removal remove = [&context, &group] {
      return context.ec2.delete_placement_group(group, context.limit());
    };
    const bool gone = co_await remove_one(context, "the placement group " + group, remove);
    all = all && gone;
  }
  for (const auto& key : found->key_pairs) {
    const Removal remove = [&context, &key] { return context.ec2.delete_key_pair(key, context.limit()); };
    const bool gone = co_await remove_one(context, "the key pair " + key, remove);
    all = all && gone;
  }
  co_return all;
}

/// Removes the groups and keys of clusters that have no instance left.
asio::awaitable<bool> remove_emptied(InstanceContext& context, std::set<std::string> clusters) {
  bool all = true;
  for (const auto& cluster : clusters) {
    const auto left = co_await context.ec2.instances(with_tag(cluster), context.limit());
    if (!left) {
      context.console().talk("ec2mpi: " + left.error().message);
      all = false;
      continue;
    }
    if (!std::ranges::all_of(*left, &cloud::Instance::is_gone)) continue;
    const bool removed = co_await remove_parts(context, cluster);
    all = all && removed;
  }
  co_return all;
}

std::set<std::string> clusters_of(const InstanceContext& context,
                                  const std::vector<cloud::Instance>& instances) {
  std::set<std::string> clusters;
  if (context.options.cluster) clusters.insert(*context.options.cluster);
  for (const auto& one : instances)
    if (const auto cluster = one.tag(cloud::kClusterTag); !cluster.empty()) clusters.insert(cluster);
  return clusters;
}

asio::awaitable<cloud::Answer<std::vector<cloud::Instance>>> find_targets(InstanceContext& context) {
  if (!context.options.cluster) {
    auto found = co_await look_up_known(context);
    co_return found;
  }
  CO_TRY_AS(found, co_await look_up(context));  // a cluster without instances may still have groups
  co_return std::move(found->known);
}

asio::awaitable<int> end_instances(InstanceContext& context, Agreement agreement) {
  const auto found = co_await find_targets(context);
  if (!found) co_return report_error(context, found.error(), exit_code::not_started);
  auto targets = *found;
  std::erase_if(targets, [](const cloud::Instance& one) { return one.is_gone(); });
  if (!targets.empty()) {
    const auto allowed = co_await context.ec2.terminate(ids_of(targets), true, context.limit());
    if (!allowed) co_return report_error(context, allowed.error(), exit_code::not_started);
  }
  if (agreement.dry_run) {
    context.console().talk(fmt::format("EC2 would end {}", count_of(targets.size(), "instance")));
    co_return exit_code::ok;
  }
  if (!targets.empty()) {
    const auto agreed = co_await ask_to_agree(context, agreement, "down", targets);
    if (!agreed) co_return report_error(context, agreed.error(), exit_code::not_started);
    if (!*agreed) co_return exit_code::not_started;
    const auto done = co_await context.ec2.terminate(ids_of(targets), false, context.limit());
    if (!done) co_return report_error(context, done.error(), exit_code::node_failed);
  }
  const auto now = co_await wait_for_state(context, ids_of(*found), "terminated");
  if (!now) co_return report_error(context, now.error(), exit_code::node_failed);
  const bool gone = std::ranges::all_of(*now, &cloud::Instance::is_gone);
  if (context.runtime.stop().stop_requested()) {
    context.console().talk("ec2mpi: interrupted; `ec2mpi down` again does the rest");
    co_return exit_code::interrupted;
  }
  const bool removed = co_await remove_emptied(context, clusters_of(context, *found));
  const auto written = co_await write_list(context);
  if (!written) co_return report_error(context, written.error(), exit_code::node_failed);
  if (gone && removed && !context.runtime.options().quiet)
    context.console().talk(
        fmt::format("{} ended; nothing of them is left", count_of(now->size(), "instance")));
  const bool all = gone && removed;
  co_return all ? exit_code::ok : exit_code::node_failed;
}

}  // namespace

void add_down_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<DownOptions>();
  auto& command = add_command(app, "down",
                              "Ends instances of the list for good, with their disks, and removes the groups "
                              "and keys of their cluster",
                              "ec2mpi down                   asks for the words `down 4`\n"
                              "  ec2mpi down -w 5-8            only these nodes\n"
                              "  ec2mpi down --yes --ids i-0123456789abcdef0,i-0123456789abcdef1\n"
                              "Bring results first, with pull: the disks end with their instances.");
  add_instance_options(command, options->which);
  add_agreement_options(command, options->agreement);
  command.callback([options, &dispatch] {
    dispatch.chosen = [options](const CommonOptions& common) {
      return run_on_instances(options->which, common, [options](InstanceContext& context) {
        return end_instances(context, options->agreement);
      });
    };
  });
}

}  // namespace ec2mpi::cli
