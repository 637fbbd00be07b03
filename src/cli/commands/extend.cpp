// `ec2mpi extend`: gives instances a new end of life. The instance keeps the time itself, so the new end goes
// to it by ssh first; the tag that `status` shows follows, for the nodes that have taken it.

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/node/root_access.hpp"
#include "src/cli/commands/cluster_of_instances.hpp"
#include "src/cli/commands/instance_life.hpp"
#include "src/cli/commands/instances.hpp"
#include "src/cli/commands/run_fleet.hpp"
#include "src/cli/commands/shutdown_behaviour.hpp"

namespace ec2mpi::cli {

namespace {

/// Reads the script from its standard input.
/// -n: a sudo that asks for a password fails at once, since no terminal is there to type it on.
constexpr const char* kAsRoot =
    "script=$(cat)\n"
    "[ \"$(id -u)\" = 0 ] && exec sh -c \"$script\"\n"
    "exec sudo -n sh -c \"$script\"";

struct ExtendOptions {
  InstanceOptions which;
  Agreement agreement;
  std::optional<std::string> idle = {};
  std::string time = cloud::span_text(cloud::kUsualLife);
};

/// `idle`: nothing leaves the rule as it is, an empty rule switches it off.
struct NewEnd {
  cloud::Moment end;
  cloud::Seconds length;
  std::optional<cloud::IdleRule> idle;
};

/// Errors: remote_io, with sudo's refusal or the last line that the script has printed.
asio::awaitable<Result<ssh::ExitStatus>> run_as_root(NodeRun run, std::shared_ptr<const std::string> script) {
  CO_TRY_AS(done, co_await ops::capture(run.session, kAsRoot, run.limit, *script));
  if (done->status.ok()) co_return done->status;
  // Start-up files may print text before; the last line is the failure's own.
  const auto lines = split(trim(done->err), '\n');
  auto why = ops::sudo_refusal(done->err);
  if (why.empty()) why = lines.back().empty() ? done->status.describe() : printable(lines.back());
  co_return fail(ErrorKind::remote_io, "cannot set the end of its life: " + why);
}

/// One text for all nodes, with one moment: they end together.
NodeTask new_end_task(const NewEnd& life) {
  auto text = cloud::lifetime_script(life.end, life.length, life.idle);
  return [script = std::make_shared<const std::string>(std::move(text))](NodeRun run) {
    return run_as_root(run, script);
  };
}

/// The ids of the nodes that have the new end go to `done`.
asio::awaitable<int> set_on_nodes(CommandContext& context, NewEnd life, std::vector<std::string>& done) {
  FleetCommand command{.style = {.quiet = true, .doing = "new end"}, .task = new_end_task(life)};
  const auto report = co_await run_fleet(context, std::move(command));
  for (const auto& result : report.results)
    if (succeeded(result.outcome)) done.push_back(result.node.instance_id);
  co_return exit_code_for(report);
}

/// Tags are added and never removed: without a rule in `life` the tag of an earlier rule stays, and a rule
/// that is switched off leaves an empty tag.
asio::awaitable<cloud::Answer<void>> tag_all(InstanceContext& context, std::vector<std::string> ids,
                                             NewEnd life, bool dry_run) {
  auto tags = life_tags(life.end, life.length, life.idle.value_or(cloud::IdleRule()));
  if (life.idle && life.idle->empty()) tags[cloud::kIdleTag];
  auto tagged = co_await context.ec2.tag(std::move(ids), std::move(tags), dry_run, context.limit());
  co_return tagged;
}

/// "node1 (i-01…), node2 (i-02…)"
std::string titles_of(const InstanceContext& context, const std::vector<std::string>& ids) {
  std::vector<std::string> titles;
  for (const auto& id : ids) titles.push_back(title_of(context, id));
  return join(titles, ", ");
}

bool is_foreign(const cloud::Instance& one) {
  return one.tag(cloud::kClusterTag).empty();
}

/// An instance of another origin stops at its end, unless its owner has chosen otherwise: that is EC2's
/// default. With a rule the behaviour was set, so that is said, too.
std::string what_happens(const std::vector<cloud::Instance>& instances, const NewEnd& life) {
  const auto rule = life.idle.value_or(cloud::IdleRule());
  if (rule.stop != cloud::Seconds::zero())
    return "; EC2 then only stops, so disks stay and cost money until ec2mpi down";
  std::string words;
  if (life.idle &&
      std::ranges::any_of(instances, [&](const auto& one) { return behaviour_for(one, rule).has_value(); }))
    words += "; EC2 then ends those that ec2mpi has started, with their disks";
  const auto waits_for_job = [](const cloud::Instance& one) {
    return !is_foreign(one) && !one.tag(cloud::kStopsTag).empty();
  };
  if (std::ranges::any_of(instances, waits_for_job))
    words += "; ec2mpi run --then stop has made them stop instead, so disks cost money until ec2mpi down";
  if (std::ranges::any_of(instances, is_foreign))
    words += "; those that ec2mpi has not started then stop, or end if that is their shutdown behaviour";
  return words;
}

/// The step that leads on depends on why none runs.
Error none_runs(const InstanceContext& context, const std::vector<cloud::Instance>& instances) {
  std::vector<std::string> stopped;
  for (const auto& one : instances)
    if (!one.is_ending()) stopped.push_back(one.id);
  if (stopped.empty()) return {ErrorKind::usage, next_step_after_end(context)};
  const bool all = stopped.size() == instances.size();
  return {ErrorKind::usage,
          fmt::format("none of these instances runs; a life that is over begins anew with ec2mpi start{}",
                      all ? "" : " --ids " + join(stopped, ","))};
}

const char* words_of_refusal(cloud::ShutdownBehaviour behaviour) {
  if (behaviour == cloud::ShutdownBehaviour::stop)
    return "nothing is changed there, for with this rule EC2 might end it with its disk instead of stopping "
           "it";
  return "EC2 may only stop it at its end, and its disk then costs; the same ec2mpi extend again corrects "
         "that";
}

/// Sets this behaviour where the rule needs it. Where EC2 does not set it, the node is named and leaves
/// `targets`; false, if there is one.
asio::awaitable<bool> settle_behaviour(InstanceContext& context, std::vector<cloud::Instance>& targets,
                                       NewEnd life, cloud::ShutdownBehaviour behaviour) {
  if (!life.idle) co_return true;
  const auto refused = co_await set_behaviour(context, targets, *life.idle, behaviour);
  for (const auto& [why, ids] : refused) {
    context.console().talk(
        fmt::format("ec2mpi: {}: {}: {}", titles_of(context, ids), words_of_refusal(behaviour), why));
    std::erase_if(targets, [&](const cloud::Instance& one) { return std::ranges::count(ids, one.id) != 0; });
  }
  co_return refused.empty();
}

/// Where the behaviour was set and the node has then not taken the rule, the old end has another meaning.
void name_changed_ends(const InstanceContext& context, const std::vector<cloud::Instance>& targets,
                       const std::vector<std::string>& done, const NewEnd& life) {
  if (!life.idle || life.idle->stop == cloud::Seconds::zero()) return;
  std::vector<std::string> ids;
  for (const auto& one : targets)
    if (!is_foreign(one) && std::ranges::count(done, one.id) == 0) ids.push_back(one.id);
  if (ids.empty()) return;
  context.console().talk(fmt::format(
      "ec2mpi: {}: without the new rule, but from now on EC2 stops it at its end instead of ending it",
      titles_of(context, ids)));
}

/// Everything that is asked before anything changes. Errors: those of EC2, the list and the keys; usage.
asio::awaitable<cloud::Answer<std::unique_ptr<ReachedCluster>>> check_and_reach(
    InstanceContext& context, std::vector<cloud::Instance> targets, NewEnd life) {
  // Before the nodes take the new end: nobody would see an end that no tag shows.
  CO_TRY(co_await tag_all(context, ids_of(targets), life, true));
  if (life.idle) CO_TRY(co_await may_set_behaviour(context, targets, *life.idle));
  CO_TRY_AS(reached, reach_instances(context, targets));
  co_return std::move(*reached);
}

/// The user agreed to an end when `up` asked; for instances of another origin it is a new one.
asio::awaitable<Result<bool>> agree(InstanceContext& context, Agreement agreement,
                                    std::vector<cloud::Instance> targets) {
  if (std::ranges::none_of(targets, is_foreign)) co_return true;
  auto agreed = co_await ask_to_agree(context, agreement, "extend", std::move(targets));
  co_return agreed;
}

/// Only nodes that have taken the end get its tag: `status` must show no end that nobody keeps.
asio::awaitable<int> tag_done(InstanceContext& context, std::vector<cloud::Instance> targets,
                              std::vector<std::string> done, NewEnd life) {
  const auto count = done.size();
  const auto new_end = fmt::format("{} {} end of life at {}, in {}", count_of(count, "instance"),
                                   count == 1 ? "has its" : "have their", cloud::moment_text(life.end),
                                   cloud::span_text(life.length));
  auto& fields = answer_fields();
  fields["instances"] = done;
  fields["end_of_life"] = cloud::moment_text(life.end);
  const auto tagged = co_await tag_all(context, std::move(done), life, false);
  if (!tagged) {
    // The nodes keep the new end in any case, so a user who reads only the error would trust a wrong one.
    context.console().talk(
        fmt::format("ec2mpi: {}, but EC2 and `ec2mpi status` may still show another; the same `ec2mpi "
                    "extend` again corrects that",
                    new_end));
    co_return report_error(context, tagged.error(), exit_code::node_failed);
  }
  context.console().talk(new_end + what_happens(targets, life));
  co_return exit_code::ok;
}

/// Until the nodes are asked, nothing is changed, and an error is exit code 2.
asio::awaitable<int> extend(InstanceContext& context, Agreement agreement, NewEnd life) {
  const auto found = co_await look_up_known(context);
  if (!found) co_return report_error(context, found.error(), exit_code::not_started);
  auto targets = *found;
  // The instance keeps the time itself, and gets it by ssh; so it has to run.
  std::erase_if(targets, [](const cloud::Instance& one) { return one.state != "running"; });
  if (targets.empty()) co_return report_error(context, none_runs(context, *found), exit_code::not_started);
  const auto reached = co_await check_and_reach(context, targets, life);
  if (!reached) co_return report_error(context, reached.error(), exit_code::not_started);
  if (agreement.dry_run) {
    context.console().talk(
        fmt::format("{} would get a new end of life", count_of(targets.size(), "instance")));
    co_return exit_code::ok;
  }
  const auto agreed = co_await agree(context, agreement, targets);
  if (!agreed) co_return report_error(context, agreed.error(), exit_code::not_started);
  if (!*agreed) co_return exit_code::not_started;
  // A rule that stops comes after its behaviour, and one that ends before it: whatever fails between the two,
  // no node ends with its disk that was to stop.
  const bool all_stop = co_await settle_behaviour(context, targets, life, cloud::ShutdownBehaviour::stop);
  if (context.stop.stop_requested()) name_changed_ends(context, targets, {}, life);
  if (context.stop.stop_requested()) co_return exit_code::interrupted;
  if (targets.empty()) co_return exit_code::node_failed;
  auto& [cluster, access, flow] = **reached;
  std::erase_if(cluster.nodes, [&targets](const Node& node) {
    return std::ranges::count(targets, node.instance_id, &cloud::Instance::id) == 0;
  });
  // The new life begins here, not with the question before it.
  life.end = std::chrono::floor<std::chrono::seconds>(context.runtime.options().world->now()) + life.length;
  std::vector<std::string> done;
  Work set = [&done, life](CommandContext& command) { return set_on_nodes(command, life, done); };
  const int code = co_await work_on_loop(context.runtime, cluster, access, flow, std::move(set));
  name_changed_ends(context, targets, done, life);
  if (done.empty()) co_return code;
  std::erase_if(targets,
                [&done](const cloud::Instance& one) { return std::ranges::count(done, one.id) == 0; });
  const bool all_end = co_await settle_behaviour(context, targets, life, cloud::ShutdownBehaviour::terminate);
  const int tagged = co_await tag_done(context, targets, std::move(done), life);
  if (tagged != exit_code::ok) co_return tagged;
  const bool all = all_stop && all_end;
  co_return code == exit_code::ok && !all ? exit_code::node_failed : code;
}

Result<NewEnd> wanted_end(const ExtendOptions& options) {
  NewEnd life;
  TRY_AS(length, cloud::parse_span(options.time));
  life.length = *length;
  if (life.length < cloud::kShortestLife)
    return fail(ErrorKind::usage,
                fmt::format("{} is less than {}", options.time, cloud::span_text(cloud::kShortestLife)));
  if (!options.idle) return life;
  // An empty rule switches the idle time off; no rule leaves it on the instances as it is.
  if (*options.idle == "off") {
    life.idle.emplace();
    return life;
  }
  auto rule = cloud::parse_idle(*options.idle);
  if (!rule) return std::unexpected(rule.error().within("--idle"));
  life.idle = *rule;
  return life;
}

Result<int> run_extend(const ExtendOptions& options, const CommonOptions& common) {
  if (options.which.cluster)
    return fail(ErrorKind::usage,
                "--cluster: extend logs in to the nodes, so it needs their list; name it with --list");
  TRY_AS(life, wanted_end(options));
  return run_on_instances(options.which, common, [&options, life = *life](InstanceContext& context) {
    return extend(context, options.agreement, life);
  });
}

}  // namespace

void add_extend_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<ExtendOptions>();
  auto& command = add_command(app, "extend",
                              "Gives the running instances of the list a new end of life: the time from now",
                              "ec2mpi extend 4h\n"
                              "  ec2mpi extend 30m              also shortens a longer life\n"
                              "An instance that ec2mpi has not started gets an end of life, too.");
  add_option(command, "time", options->time, "The time from now: 90m, 12h, 7d [8h]").type_name("TIME");
  add_option(command, "--idle", options->idle, "Also a new rule for idle instances, as in up; off for none")
      .type_name("RULE");
  add_instance_options(command, options->which);
  add_agreement_options(command, options->agreement);
  set_work(command, dispatch, options, run_extend);
}

}  // namespace ec2mpi::cli
