#include "src/cli/commands/new_cluster.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cloud/instance_list.hpp"
#include "ec2mpi/ssh/libssh/key_pair.hpp"
#include "src/cli/commands/cluster_parts.hpp"
#include "src/cli/commands/console_keys.hpp"

namespace ec2mpi::cli {

namespace {

/// A Ctrl-C does not cut the request short: without its answer nobody knows whether the group is there.
constexpr auto kClaimTime = std::chrono::minutes(2);
/// Whose request has made a security group.
constexpr const char* kClaimTag = "ec2mpi:claim";

/// A repeated request may find what its first try has made; the names are fresh, so it is ours.
bool is_made(const cloud::Answer<void>& answer) {
  return answer || answer.error().problem == cloud::Problem::exists;
}

/// Each cluster has its own key pair. It is made here, so EC2 never has the private key, and the
/// key is in its file before any instance gets the public one.
asio::awaitable<cloud::Answer<void>> make_login_key(InstanceContext& context, const LaunchPlan& plan) {
  CO_TRY_AS(pair, ssh::make_key_pair());
  CO_TRY(write_own_file(key_file(plan.list, plan.cluster), pair->private_text, 0600));
  CO_TRY(co_await context.ec2.import_key_pair(plan.key_pair, pair->public_key, cluster_tags(plan.cluster),
                                              context.limit()));
  co_return cloud::Answer<void>();
}

/// Lets in ssh from the plan's network only. Between the members everything is open: MPI takes
/// other ports at each start, so a list of ports would not do.
asio::awaitable<cloud::Answer<void>> open_group(InstanceContext& context, const LaunchPlan& plan,
                                                std::string group) {
  cloud::IngressRule ssh{"tcp", 22, 22, plan.network, kRuleDescription};
  const auto allowed = co_await context.ec2.allow(group, std::move(ssh), context.limit());
  if (!is_made(allowed)) co_return allowed;
  const auto joined = co_await context.ec2.allow_members(group, false, context.limit());
  if (!is_made(joined)) co_return joined;
  // An Elastic Fabric Adapter also needs the rule for the senders in the group.
  if (plan.shape.efa) {
    const auto sent = co_await context.ec2.allow_members(group, true, context.limit());
    if (!is_made(sent)) co_return sent;
  }
  co_return cloud::Answer<void>();
}

/// The id of the cluster's group with this claim; empty if there is none.
asio::awaitable<std::string> find_claimed_group(InstanceContext& context, std::string cluster,
                                                std::string claim) {
  const auto whole = Limit().at_most(kClaimTime);
  auto filters = cloud::of_cluster(cluster);
  const auto groups = co_await context.ec2.security_groups(std::move(filters), whole);
  for (const auto& group : groups.value_or(std::vector<cloud::SecurityGroup>())) {
    const auto tag = group.tags.find(kClaimTag);
    if (tag != group.tags.end() && tag->second == claim) co_return group.id;
  }
  co_return std::string();
}

}  // namespace

/// The tag, and no file here, decides what belongs to a cluster. `Name` is for the console.
cloud::Tags cluster_tags(const std::string& cluster) {
  return {{cloud::kClusterTag, cluster}, {"Name", part_name(cluster)}};
}

asio::awaitable<cloud::Answer<std::string>> claim_cluster(InstanceContext& context, const LaunchPlan& plan) {
  const auto whole = Limit().at_most(kClaimTime);
  // Tells our group from one that another command makes under the same name at this moment.
  const auto claim = random_hex(16);
  auto tags = cluster_tags(plan.cluster);
  tags.emplace(kClaimTag, claim);
  auto group =
      co_await context.ec2.create_security_group(part_name(plan.cluster), plan.vpc, std::move(tags), whole);
  if (!group && group.error().problem != cloud::Problem::unauthorized) {
    // The answer to the first try may be lost: the group is then there, and it is ours.
    const auto made = co_await find_claimed_group(context, plan.cluster, claim);
    if (!made.empty()) co_return made;
  }
  if (!group && group.error().problem == cloud::Problem::exists)
    group.error().message = fmt::format(
        "a cluster named {0} exists already in {1}; see ec2mpi status --cluster {0}; ec2mpi down --cluster "
        "{0} removes it, and --cluster chooses another name",
        plan.cluster, context.region);
  co_return group;
}

asio::awaitable<cloud::Answer<void>> start_cluster(InstanceContext& context, LaunchPlan plan,
                                                   Launched& launched) {
  CO_TRY(co_await open_group(context, plan, plan.security_groups.front()));
  CO_TRY(co_await make_login_key(context, plan));
  CO_TRY(co_await launch(context, plan, launched));
  CO_TRY_AS(instances, co_await wait_for_launched(context, plan, launched));
  // The list is written after the host keys are known, so that no command logs in without them.
  CO_TRY(co_await remember_printed_keys(context, plan.list, *instances));
  const auto text = cloud::list_text(*instances, {}, have_public_addresses(*instances));
  CO_TRY(write_new_list(plan.list, text));
  co_return cloud::Answer<void>();
}

asio::awaitable<bool> undo_start(InstanceContext& context, const LaunchPlan& plan, const Launched& launched) {
  // The Ctrl-C that led here must not stop the removal, too.
  context.stop = {};
  // A second time, because EC2 may show an instance late, whose id was in a lost answer; it holds the group.
  for (int attempt = 1;; ++attempt) {
    const auto ended = co_await end_launched(context, launched);
    if (!ended) context.console().talk("ec2mpi: " + ended.error().message);
    if (!ended) co_return false;
    const auto removed = co_await remove_cluster_parts(context, plan.cluster);
    if (removed.all) remove_key_file(plan.list, plan.cluster);
    if (removed.all || attempt == 2) co_return removed.all;
  }
}

}  // namespace ec2mpi::cli
