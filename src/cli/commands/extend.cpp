// `ec2mpi extend`: gives instances a new end of life. The instance keeps the time itself, so the new end goes
// to it by ssh first; the tag that `status` shows follows, for the nodes that have taken it.

#include <fmt/format.h>
#include <algorithm>
#include <CLI/CLI.hpp>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/node/root_access.hpp"
#include "src/cli/commands/cluster_of_instances.hpp"
#include "src/cli/commands/instance_life.hpp"
#include "src/cli/commands/instances.hpp"
#include "src/cli/commands/run_fleet.hpp"

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

/// An instance of another origin stops at its end, unless its owner has chosen otherwise: that is EC2's
/// default.
std::string what_happens(const std::vector<cloud::Instance>& instances) {
  const auto is_foreign = [](const cloud::Instance& one) { return one.tag(cloud::kClusterTag).empty(); };
  if (!std::ranges::any_of(instances, is_foreign)) return {};
  return "; those that ec2mpi has not started then stop, or end if that is their shutdown behaviour";
}

/// Until the nodes are asked, nothing is changed, and an error is exit code 2.
asio::awaitable<int> extend(InstanceContext& context, Agreement agreement, NewEnd life) {
  const auto found = co_await look_up_known(context);
  if (!found) co_return report_error(context, found.error(), exit_code::not_started);
  auto targets = *found;
  // The instance keeps the time itself, and gets it by ssh; so it has to run.
  std::erase_if(targets, [](const cloud::Instance& one) { return one.state != "running"; });
  if (targets.empty()) {
    const Error error{ErrorKind::usage,
                      "none of these instances runs; a life that is over begins anew with ec2mpi start"};
    co_return report_error(context, error, exit_code::not_started);
  }
  // Before the nodes take the new end: nobody would see an end that no tag shows.
  const auto may_tag = co_await tag_all(context, ids_of(targets), life, true);
  if (!may_tag) co_return report_error(context, may_tag.error(), exit_code::not_started);
  const auto reached = reach_instances(context, targets);
  if (!reached) co_return report_error(context, reached.error(), exit_code::not_started);
  if (agreement.dry_run) {
    context.console().talk(
        fmt::format("{} would get a new end of life", count_of(targets.size(), "instance")));
    co_return exit_code::ok;
  }
  // The user agreed to an end when `up` asked; for instances of another origin it is a new one.
  const bool all_ours = std::ranges::none_of(
      targets, [](const cloud::Instance& one) { return one.tag(cloud::kClusterTag).empty(); });
  if (!all_ours) {
    const auto agreed = co_await ask_to_agree(context, agreement, "extend", targets);
    if (!agreed) co_return report_error(context, agreed.error(), exit_code::not_started);
    if (!*agreed) co_return exit_code::not_started;
  }
  // The new life begins here, not with the question before it.
  life.end = std::chrono::floor<std::chrono::seconds>(context.runtime.options().world->now()) + life.length;
  std::vector<std::string> done;
  Work set = [&done, life](CommandContext& command) { return set_on_nodes(command, life, done); };
  const int code = co_await work_on_loop(context.runtime, (*reached)->cluster, (*reached)->access,
                                         (*reached)->flow, std::move(set));
  // Only nodes that have taken the end get its tag: `status` must show no end that nobody keeps.
  if (done.empty()) co_return code;
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
    context.console().talk(fmt::format(
        "ec2mpi: {}, but EC2 and `ec2mpi status` may still show another; `ec2mpi extend` again corrects that",
        new_end));
    co_return report_error(context, tagged.error(), exit_code::node_failed);
  }
  context.console().talk(new_end + what_happens(targets));
  co_return code;
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
  command.add_option("time", options->time, "The time from now: 90m, 12h, 7d [8h]")->type_name("TIME");
  command.add_option("--idle", options->idle, "Also a new rule for idle instances, as in up; off for none")
      ->type_name("RULE");
  add_instance_options(command, options->which);
  add_agreement_options(command, options->agreement);
  set_work(command, dispatch, options, run_extend);
}

}  // namespace ec2mpi::cli
