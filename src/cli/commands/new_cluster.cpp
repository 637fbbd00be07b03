#include "src/cli/commands/new_cluster.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cloud/instance_list.hpp"
#include "ec2mpi/ssh/host_keys.hpp"
#include "ec2mpi/ssh/libssh/key_pair.hpp"
#include "src/cli/commands/cluster_parts.hpp"

namespace ec2mpi::cli {

namespace {

/// For one request with its retries. A Ctrl-C does not cut it short: without its answer nobody knows the ids.
constexpr auto kLaunchTime = std::chrono::minutes(2);
/// Nitro instances print their keys within a minute. Others may show their console some minutes later.
constexpr auto kConsoleTime = std::chrono::minutes(8);
constexpr auto kFirstConsoleLook = std::chrono::milliseconds(500);
constexpr auto kSlowestConsoleLook = std::chrono::seconds(5);
/// EC2 may need some seconds to know the ids that it has just given.
constexpr int kTerminateTries = 5;
constexpr auto kTerminatePause = std::chrono::seconds(2);
constexpr std::size_t kShownConsole = 400;  ///< bytes of its end

cloud::Tags cluster_tags(const LaunchPlan& plan) {
  return {{cloud::kClusterTag, plan.cluster}, {"Name", part_name(plan.cluster)}};
}

/// A repeated request may find what its first try has made; the names are fresh, so it is ours.
bool is_made(const cloud::Answer<void>& answer) {
  return answer || answer.error().problem == cloud::Problem::exists;
}

asio::awaitable<cloud::Answer<void>> make_login_key(InstanceContext& context, const LaunchPlan& plan) {
  CO_TRY_AS(pair, ssh::make_key_pair());
  CO_TRY(write_file_atomically(key_file(plan.list, plan.cluster), pair->private_text, 0600));
  CO_TRY(co_await context.ec2.import_key_pair(part_name(plan.cluster), pair->public_key, cluster_tags(plan),
                                              context.limit()));
  co_return cloud::Answer<void>();
}

/// One request, all or nothing. A placement group is bound to a zone, so each attempt has another group.
asio::awaitable<cloud::Answer<std::vector<std::string>>> attempt_launch(InstanceContext& context,
                                                                        cloud::LaunchRequest request,
                                                                        bool close_together) {
  if (context.stop.stop_requested()) co_return wake_error(Wake::stopped, "launch");
  const auto name = fmt::format("{}-{}", request.key_pair, request.token.substr(0, 8));
  if (close_together) {
    const auto made = co_await context.ec2.create_placement_group(name, request.tags, context.limit());
    if (!is_made(made)) co_return std::unexpected(made.error());
    request.placement_group = name;
  }
  const auto whole = Limit().at_most(kLaunchTime);
  auto ids = co_await context.ec2.run_instances(std::move(request), false, whole);
  if (!ids && close_together)
    std::ignore = co_await context.ec2.delete_placement_group(name, context.limit());
  co_return ids;
}

/// First without a zone, so that EC2 chooses, then each zone, then the next type.
asio::awaitable<cloud::Answer<std::vector<std::string>>> launch(InstanceContext& context,
                                                                const LaunchPlan& plan, std::string group) {
  std::vector<std::string> places(1);
  for (auto choice = plan.choices.begin();; ++choice) {
    for (std::size_t i = 0; i < places.size(); ++i) {
      auto request = launch_request(plan, *choice);
      request.key_pair = part_name(plan.cluster);
      request.security_group = group;
      request.zone = places[i];
      request.token = random_hex(32);
      context.console().status(fmt::format("starting {} {} {}", plan.count, choice->type.name, places[i]));
      auto ids = co_await attempt_launch(context, std::move(request),
                                         plan.count > 1 && choice->type.cluster_placement);
      context.console().status("");
      if (ids || ids.error().problem != cloud::Problem::capacity) co_return ids;
      const bool last = i + 1 == places.size() && choice + 1 == plan.choices.end();
      if (places.size() > 1 && last) co_return ids;
      context.console().talk(fmt::format("no place for {} {} in {}: {}", plan.count, choice->type.name,
                                         places[i].empty() ? context.region : places[i],
                                         ids.error().message));
      if (places.size() > 1) continue;
      CO_TRY_AS(zones, co_await context.ec2.zones(context.limit()));
      places.insert(places.end(), zones->begin(), zones->end());
    }
  }
}

Node node_of(const cloud::Instance& instance) {
  Node node;
  node.instance_id = instance.id;
  return node;
}

/// ssh asks the node for the remembered type of key, so one is enough: the one that it prefers.
ssh::HostKey preferred_key(const std::vector<std::pair<std::string, std::string>>& printed) {
  const auto is_preferred = [](const auto& key) { return key.first == "ssh-ed25519"; };
  const auto found = std::ranges::find_if(printed, is_preferred);
  const auto& [type, base64] = found == printed.end() ? printed.front() : *found;
  return {type, base64};
}

std::unexpected<Error> no_printed_keys(const cloud::Instance& instance, std::string_view console) {
  if (console.size() > kShownConsole) console.remove_prefix(console.size() - kShownConsole);
  return fail(ErrorKind::timeout,
              fmt::format("{} has printed no host keys on its console in {}, so nobody could know whether it "
                          "is the right machine; the end of the console: {}",
                          instance.id, format_duration(kConsoleTime),
                          console.empty() ? "(nothing)" : printable(console)));
}

/// Before the first login: a machine in between can then not pass for the node.
asio::awaitable<cloud::Answer<void>> remember_printed_keys(InstanceContext& context,
                                                           std::filesystem::path list,
                                                           std::vector<cloud::Instance> silent) {
  CO_TRY_AS(state, open_state(list));
  CO_TRY_AS(keys, ssh::HostKeys::load(state->path() / "known_hosts", ssh::UnknownHostKey::remember));
  const auto limit = context.limit().at_most(kConsoleTime);
  const auto count = silent.size();
  Clock::duration pause = kFirstConsoleLook;
  for (;;) {
    std::string console;
    while (!silent.empty()) {
      CO_TRY_AS(text, co_await context.ec2.console_output(silent.back().id, context.limit()));
      console = std::move(*text);
      const auto printed = cloud::host_keys_in(console);
      if (printed.empty()) break;
      CO_TRY(keys->verify(node_of(silent.back()), preferred_key(printed)));
      silent.pop_back();
    }
    if (silent.empty()) break;
    context.console().status(fmt::format("{} of {} have printed their host keys; waiting for {}",
                                         count - silent.size(), count, silent.back().id));
    const Wake wake = co_await sleep_for(pause, limit);
    if (wake == Wake::stopped) co_return wake_error(wake, "host keys");
    if (Clock::now() >= limit.deadline) co_return no_printed_keys(silent.back(), console);
    pause = std::min<Clock::duration>(2 * pause, kSlowestConsoleLook);
  }
  context.console().status("");
  co_return cloud::Answer<void>();
}

Result<void> check_running(const std::vector<cloud::Instance>& instances, std::size_t count) {
  const auto running = std::ranges::count(instances, "running", &cloud::Instance::state);
  if (static_cast<std::size_t>(running) == count) return {};
  return fail(ErrorKind::unreachable, fmt::format("{} of {} instances run", running, count));
}

/// Those whose ids are known, and any others that EC2 has started in the cluster's new security group.
asio::awaitable<cloud::Answer<void>> end_started(InstanceContext& context, std::string group) {
  const auto tagged = co_await look_up(context);
  if (!tagged && context.ids.empty()) co_return std::unexpected(tagged.error());
  for (const auto& one : tagged ? tagged->known : std::vector<cloud::Instance>())
    if (!one.is_gone() && std::ranges::count(one.security_groups, group) != 0 &&
        std::ranges::find(context.ids, one.id) == context.ids.end())
      context.ids.push_back(one.id);
  if (context.ids.empty()) co_return cloud::Answer<void>();
  for (int attempt = 1;; ++attempt) {
    const auto done = co_await context.ec2.terminate(context.ids, false, context.limit());
    if (done) break;
    if (done.error().problem != cloud::Problem::not_found || attempt == kTerminateTries) co_return done;
    std::ignore = co_await sleep_for(kTerminatePause, context.limit());
  }
  CO_TRY_AS(ended, co_await wait_for_state(context, context.ids, "terminated"));
  if (!tagged) co_return std::unexpected(tagged.error());
  if (std::ranges::all_of(*ended, &cloud::Instance::is_gone)) co_return cloud::Answer<void>();
  Error error{ErrorKind::timeout, "not all instances have ended"};
  co_return std::unexpected(cloud::ApiError(std::move(error)));
}

}  // namespace

cloud::LaunchRequest launch_request(const LaunchPlan& plan, const LaunchChoice& choice) {
  return {.count = plan.count,
          .type = choice.type.name,
          .image = choice.image.id,
          .key_pair = {},
          .security_group = {},
          .placement_group = {},
          .zone = {},
          .token = {},
          .tags = cluster_tags(plan)};
}

asio::awaitable<cloud::Answer<std::string>> claim_cluster(InstanceContext& context, const LaunchPlan& plan) {
  const auto whole = Limit().at_most(kLaunchTime);
  auto group = co_await context.ec2.create_security_group(part_name(plan.cluster), cluster_tags(plan), whole);
  if (!group && group.error().problem == cloud::Problem::exists)
    group.error().message = fmt::format(
        "a cluster named {0} exists already in {1}; see ec2mpi status --cluster {0}; ec2mpi down --cluster "
        "{0} removes it, and --cluster chooses another name",
        plan.cluster, context.region);
  if (!group && group.error().code == "VPCIdNotSpecified")
    group.error().message += "; ec2mpi up needs a default VPC, which `aws ec2 create-default-vpc` makes";
  co_return group;
}

asio::awaitable<cloud::Answer<void>> start_cluster(InstanceContext& context, const LaunchPlan& plan,
                                                   std::string group) {
  cloud::IngressRule ssh{"tcp", 22, 22, plan.network, kRuleDescription};
  const auto allowed = co_await context.ec2.allow(group, std::move(ssh), context.limit());
  if (!is_made(allowed)) co_return std::unexpected(allowed.error());
  const auto joined = co_await context.ec2.allow_members(group, context.limit());
  if (!is_made(joined)) co_return std::unexpected(joined.error());
  CO_TRY(co_await make_login_key(context, plan));
  CO_TRY_AS(ids, co_await launch(context, plan, group));
  context.ids = std::move(*ids);
  CO_TRY_AS(instances, co_await wait_for_state(context, context.ids, "running"));
  CO_TRY(check_running(*instances, plan.count));
  CO_TRY(co_await remember_printed_keys(context, plan.list, *instances));
  CO_TRY(write_file_atomically(plan.list, cloud::list_text(*instances, {}, true), 0644));
  co_return cloud::Answer<void>();
}

asio::awaitable<bool> undo_start(InstanceContext& context, const LaunchPlan& plan, std::string group) {
  context.stop = {};
  // A second time, because EC2 may show an instance late, whose id was in a lost answer; it holds the group.
  for (int attempt = 1;; ++attempt) {
    const auto ended = co_await end_started(context, group);
    if (!ended) context.console().talk("ec2mpi: " + ended.error().message);
    if (!ended) co_return false;
    const auto removed = co_await remove_cluster_parts(context, plan.cluster);
    if (removed.all) remove_key_file(plan.list, plan.cluster);
    if (removed.all || attempt == 2) co_return removed.all;
  }
}

}  // namespace ec2mpi::cli
