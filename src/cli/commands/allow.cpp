// `ec2mpi allow`: puts a rule for ssh from the user's present address into the security groups of the chosen
// instances, and takes away the rule that an earlier `allow` or `up` has put there.

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/cli/terminal/diverted_results.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cloud/instance_list.hpp"
#include "src/cli/commands/cluster_parts.hpp"
#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

namespace {

/// EC2's rules know ports only, so a node whose sshd has another port needs a rule of the user's.
constexpr int kSsh = 22;

struct AllowOptions {
  InstanceOptions which;
  std::optional<std::string> from;
};

/// The protocol -1 is EC2's word for all protocols; a rule for it has no ports.
bool is_for_ssh(const cloud::IngressRule& rule) {
  if (rule.protocol == "-1") return true;
  return rule.protocol == "tcp" && rule.from_port <= kSsh && kSsh <= rule.to_port;
}

/// A rule of another description is the user's, even if it has the same form, and is never removed.
bool is_own_rule(const cloud::IngressRule& rule) {
  return rule.description == kRuleDescription && rule.protocol == "tcp" && rule.from_port == kSsh &&
         rule.to_port == kSsh;
}

/// An own rule for another network is the one of an earlier `allow` or `up`.
bool is_outdated(const cloud::IngressRule& rule, const std::string& network) {
  return is_own_rule(rule) && rule.network != network;
}

/// Whether the group lets the network in even without its outdated rules. Of wider networks only the whole
/// internet is recognised; one rule too many does no harm.
bool lets_in(const cloud::SecurityGroup& group, const std::string& network) {
  return std::ranges::any_of(group.ingress, [&](const cloud::IngressRule& rule) {
    return is_for_ssh(rule) && !is_outdated(rule, network) &&
           (rule.network == network || rule.network == kEverybody);
  });
}

/// An instance may be in several groups; the rule belongs where ssh is ruled already, else into the first.
std::string group_for(const cloud::Instance& instance, const std::vector<cloud::SecurityGroup>& groups) {
  for (const auto& id : instance.security_groups) {
    const auto group = std::ranges::find(groups, id, &cloud::SecurityGroup::id);
    if (group != groups.end() && std::ranges::any_of(group->ingress, is_for_ssh)) return id;
  }
  return instance.security_groups.empty() ? std::string() : instance.security_groups.front();
}

/// The groups that get the rule. Instances of one group share it, so each group is changed once.
asio::awaitable<cloud::Answer<std::vector<cloud::SecurityGroup>>> groups_of(
    InstanceContext& context, std::vector<cloud::Instance> instances) {
  std::set<std::string> ids;
  for (const auto& one : instances) ids.insert(one.security_groups.begin(), one.security_groups.end());
  std::vector<cloud::Filter> filters(1);
  filters[0].name = "group-id";
  filters[0].values.assign(ids.begin(), ids.end());
  CO_TRY_AS(groups, co_await context.ec2.security_groups(std::move(filters), context.limit()));
  std::set<std::string> wanted;
  for (const auto& one : instances)
    if (!one.is_gone()) wanted.insert(group_for(one, *groups));
  std::erase_if(*groups, [&](const cloud::SecurityGroup& group) { return !wanted.contains(group.id); });
  co_return std::move(*groups);
}

/// First the new rule, then the old ones away: there is no moment without one.
asio::awaitable<cloud::Answer<void>> replace_rule(InstanceContext& context, cloud::SecurityGroup group,
                                                  std::string network) {
  if (!lets_in(group, network)) {
    cloud::IngressRule rule{"tcp", kSsh, kSsh, network, kRuleDescription};
    auto added = co_await context.ec2.allow(group.id, std::move(rule), context.limit());
    // It exists already if the answer to the first try of this call was lost.
    if (!added && added.error().problem != cloud::Problem::exists) co_return added;
  }
  Json changed = {{"id", group.id}, {"name", group.name}, {"allowed", network}, {"removed", Json::array()}};
  for (const auto& rule : group.ingress) {
    if (!is_outdated(rule, network)) continue;
    auto removed = co_await context.ec2.revoke(group.id, rule, context.limit());
    // Another command may have removed it since EC2 was asked for the rules.
    if (!removed && removed.error().problem != cloud::Problem::not_found) co_return removed;
    changed["removed"].push_back(rule.network);
    context.console().talk(
        fmt::format("{} ({}): ssh from {} is no longer allowed", group.id, group.name, rule.network));
  }
  context.console().talk(
      fmt::format("{} ({}): ssh is allowed from {}", group.id, group.name, shown_network(network)));
  answer_fields()["groups"].push_back(std::move(changed));
  co_return cloud::Answer<void>();
}

/// After a failure, the groups in front of it have the new rule; a second `allow` repeats nothing there.
asio::awaitable<int> allow_ssh(InstanceContext& context, std::optional<std::string> from) {
  // The network comes first: a wrong --from is found before EC2 is asked.
  const auto network = co_await choose_network(context, from);
  if (!network) co_return report_error(context, network.error(), exit_code::not_started);
  const auto found = co_await look_up_known(context);
  if (!found) co_return report_error(context, found.error(), exit_code::not_started);
  const auto groups = co_await groups_of(context, *found);
  if (!groups) co_return report_error(context, groups.error(), exit_code::not_started);
  answer_fields()["groups"] = Json::array();
  for (const auto& group : *groups) {
    const auto put = co_await replace_rule(context, group, *network);
    if (!put) co_return report_error(context, put.error(), exit_code::node_failed);
  }
  co_return exit_code::ok;
}

}  // namespace

void add_allow_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<AllowOptions>();
  auto& command = add_command(
      app, "allow", "Allows ssh from your present address, in place of the one that ec2mpi allowed before",
      "ec2mpi allow\n  ec2mpi allow --from 203.0.113.0/24\n"
      "Rules that ec2mpi has not made stay as they are.");
  add_instance_options(command, options->which);
  add_option(command, "--from", options->from,
             "This address or network instead [the one that checkip.amazonaws.com sees]")
      .type_name("ADDRESS");
  set_work(command, dispatch, options, [](const AllowOptions& chosen, const CommonOptions& common) {
    return run_on_instances(chosen.which, common,
                            [&chosen](InstanceContext& context) { return allow_ssh(context, chosen.from); });
  });
}

void add_iam_policy_command(CLI::App& app, Dispatch& dispatch) {
  auto& command =
      add_command(app, "iam-policy", "Prints the permissions that the commands on instances need",
                  "ec2mpi iam-policy > policy.json\n"
                  "  aws iam create-policy --policy-name ec2mpi --policy-document file://policy.json");
  when_typed(command, [&dispatch] {
    dispatch.chosen = [](const CommonOptions&) -> Result<int> {
      // Neither list nor account: the policy is needed before the account may do anything.
      divert_results(false);  // with --json, too, it is the document
      print_result(cloud::iam_policy());
      return exit_code::ok;
    };
  });
}

}  // namespace ec2mpi::cli
