#include "src/cli/commands/grow.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "src/cli/commands/console_keys.hpp"
#include "src/cli/commands/instance_life.hpp"
#include "src/cli/commands/new_cluster.hpp"
#include "src/cli/commands/unfinished_work.hpp"
#include "src/cli/commands/unlisted_instances.hpp"

namespace ec2mpi::cli {

namespace {

/// For the states after a failure. A user who has pressed Ctrl-C waits no longer for them.
constexpr auto kLastLook = std::chrono::seconds(10);

/// The instances of the list before the change.
struct Members {
  std::vector<cloud::Instance> known;  ///< to EC2
  std::vector<std::string> replaced;   ///< ids, in the list's order
};

/// Null if it is not among them: EC2 forgets ended instances.
const cloud::Instance* find_instance(const std::vector<cloud::Instance>& instances, const std::string& id) {
  const auto found = std::ranges::find(instances, id, &cloud::Instance::id);
  return found == instances.end() ? nullptr : &*found;
}

/// Found before anything starts: an instance that no list names is easily forgotten, and costs.
Result<void> check_list(const InstanceContext& context) {
  if (!context.list)
    return fail(ErrorKind::usage, "--add and --replace need the instance list; name it with --list");
  if (context.list->may_be_written) return {};
  return refuse_to_write(context.list->file);
}

/// Instances that EC2 has forgotten or ended, and those that fail its checks.
asio::awaitable<cloud::Answer<std::vector<std::string>>> find_failed(InstanceContext& context,
                                                                     const Members& members) {
  CO_TRY_AS(failing, co_await context.ec2.failing(ids_of(members.known), context.limit()));
  std::vector<std::string> failed;
  for (const auto& node : context.list->nodes) {
    const auto* const one = find_instance(members.known, node.instance_id);
    if (one == nullptr || one->is_ending() || std::ranges::count(*failing, one->id) != 0)
      failed.push_back(node.instance_id);
  }
  co_return std::move(failed);
}

/// In the order of the list and not of the words, because newcomers replace in that order.
Result<std::vector<std::string>> chosen_members(const InstanceContext& context) {
  std::vector<std::string> chosen;
  for (const auto& node : context.list->nodes)
    if (std::ranges::count(context.ids, node.instance_id) != 0) chosen.push_back(node.instance_id);
  if (chosen.size() == context.ids.size()) return chosen;
  return fail(ErrorKind::usage,
              fmt::format("--replace: not all of these are in {}", context.list->file.string()));
}

/// A list of another region or account has only unknown ids; nothing may be started for it.
asio::awaitable<cloud::Answer<Members>> find_members(InstanceContext& context, const GrowOptions& options) {
  Members members;
  std::vector<std::string> listed;
  for (const auto& node : context.list->nodes) listed.push_back(node.instance_id);
  CO_TRY_AS(known, co_await context.ec2.instances_by_id(listed, context.limit()));
  members.known = std::move(*known);
  FoundInstances found{members.known, {}};
  for (const auto& node : context.list->nodes)
    if (find_instance(members.known, node.instance_id) == nullptr && node.state != "terminated")
      found.unknown.push_back(node.instance_id);
  // For --replace an id that EC2 has forgotten is no mistake: it is one of those to be replaced.
  if (members.known.empty() || options.add != 0) CO_TRY(refuse_unknown(context, found));
  if (options.add != 0) co_return std::move(members);
  if (options.replaces_failed) {
    CO_TRY_AS(failed, co_await find_failed(context, members));
    members.replaced = std::move(*failed);
  } else {
    CO_TRY_AS(chosen, chosen_members(context));
    members.replaced = std::move(*chosen);
  }
  co_return std::move(members);
}

/// The last worker that runs and stays; the master, if there is no such worker.
Result<cloud::Instance> find_model(const InstanceContext& context, const Members& members) {
  const auto& nodes = context.list->nodes;
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    const auto* const one = find_instance(members.known, node->instance_id);
    if (one != nullptr && one->state == "running" && std::ranges::count(members.replaced, one->id) == 0)
      return *one;
  }
  return fail(ErrorKind::usage,
              fmt::format("no other instance of {} runs, after which new ones could be made; "
                          "see ec2mpi status",
                          context.list->file.string()));
}

/// New workers are spot instances where the present ones are. A new master is one only where the old one was.
SpotShare share_like(const cloud::Instance& model, const cloud::Instance* master) {
  if (!model.spot) return SpotShare::none;
  return master != nullptr && master->spot ? SpotShare::all : SpotShare::workers;
}

/// New instances end with the others. A spot instance cannot stop, so an idle one ends.
void share_life(const InstanceContext& context, const cloud::Instance& model, LaunchPlan& plan) {
  const auto now = std::chrono::floor<std::chrono::seconds>(context.runtime.options().world->now());
  plan.life.length = cloud::parse_span(model.tag(cloud::kLengthTag)).value_or(cloud::kUsualLife);
  plan.life.idle = cloud::parse_idle(model.tag(cloud::kIdleTag)).value_or(cloud::IdleRule());
  if (plan.spot != SpotShare::none && plan.life.idle.stop != cloud::Seconds::zero())
    plan.life.idle = {.stop = {}, .down = plan.life.idle.stop};
  // With an end that is over, the newcomers would shut down when they boot.
  const auto end = end_of_life(model);
  plan.end_of_life = end && *end > now ? *end : now + plan.life.length;
}

void use_model(const InstanceContext& context, const Members& members, const cloud::Instance& model,
               LaunchPlan& plan) {
  const auto& master = context.list->nodes.front().instance_id;
  plan.cluster = model.tag(cloud::kClusterTag);
  if (plan.cluster.empty())
    plan.cluster = adopting_cluster(master);  // instances that others started are in no cluster
  plan.tags = cluster_tags(plan.cluster);
  if (const auto user = model.tag(cloud::kUserTag); !user.empty()) plan.tags[cloud::kUserTag] = user;
  plan.key_pair = model.key_name;
  plan.security_groups = model.security_groups;
  plan.placement_group = model.placement_group;
  plan.makes_placement_groups = false;
  // The private addresses must reach each other, and a cluster placement group lies in one zone.
  plan.places = {{model.zone, model.subnet}};
  plan.has_master = std::ranges::count(members.replaced, master) != 0;
  plan.shape.efa = plan.shape.efa || model.efa;
  if (plan.spot == SpotShare::none && plan.shape.reservation.empty())
    plan.spot = share_like(model, find_instance(members.known, master));
  share_life(context, model, plan);
}

/// With the cores and threads of the model, if it has not all that its type has.
void use_cores(const cloud::Instance& model, LaunchPlan& plan) {
  // Counts of cores are those of a type, so they hold for the model's own type only.
  const auto& type = plan.choices.front().type;
  if (plan.shape.threads_per_core != 0 || plan.choices.size() != 1 || type.name != model.type) return;
  if (model.threads_per_core == 0 ||
      (model.threads_per_core == type.threads_per_core && model.cores == type.cores))
    return;
  plan.shape.cores = model.cores;
  plan.shape.threads_per_core = model.threads_per_core;
}

/// The options first, then the model for everything that they leave open. Starts nothing.
asio::awaitable<cloud::Answer<LaunchPlan>> make_plan(InstanceContext& context, const GrowOptions& options,
                                                     const Members& members) {
  CO_TRY_AS(plan, begin_plan(options.launch));
  CO_TRY_AS(model, find_model(context, members));
  plan->count = options.add == 0 ? members.replaced.size() : options.add;
  plan->list = context.list->file;
  use_model(context, members, *model, *plan);
  LaunchDefaults defaults{model->type, model->image};
  CO_TRY(co_await complete_plan(context, options.launch, std::move(defaults), *plan));
  use_cores(*model, *plan);
  co_return std::move(*plan);
}

asio::awaitable<void> show_change(InstanceContext& context, const Members& members, const LaunchPlan& plan) {
  std::vector<std::string> titles;
  for (const auto& id : members.replaced) titles.push_back(title_of(context, id));
  context.console().talk(fmt::format("up: {} in {}, cluster {}{}{}", count_of(plan.count, "new instance"),
                                     plan.places.front().zone, plan.cluster,
                                     titles.empty() ? "" : ", in place of ", join(titles, ", ")));
  co_await show_plan(context, plan);
}

/// Those that still cost and must end by a call.
std::vector<cloud::Instance> live_ones(const Members& members) {
  std::vector<cloud::Instance> live;
  for (const auto& id : members.replaced)
    if (const auto* const one = find_instance(members.known, id); one != nullptr && !one->is_ending())
      live.push_back(*one);
  return live;
}

/// A replaced instance ends with its disk, so its jobs and results are guarded as by `down`.
asio::awaitable<Result<bool>> ask(InstanceContext& context, const GrowOptions& options,
                                  const Members& members, std::size_t count) {
  auto live = live_ones(members);
  if (!live.empty()) {
    if (!options.force) {
      CO_TRY(co_await refuse_unfinished(context, live, Ending::down));
    }
    auto agreed = co_await ask_to_agree(context, options.agreement, "replace", std::move(live));
    co_return agreed;
  }
  if (options.agreement.yes) co_return true;
  auto agreed =
      co_await ask_to_type(context, fmt::format("{} {}", options.add == 0 ? "replace" : "add", count));
  co_return agreed;
}

asio::awaitable<cloud::Answer<void>> start_newcomers(InstanceContext& context, const LaunchPlan& plan,
                                                     Launched& launched) {
  CO_TRY(co_await launch(context, plan, launched));
  CO_TRY_AS(instances, co_await wait_for_launched(context, plan, launched));
  // Before the list names them: from then on any command may log in to them.
  CO_TRY(co_await remember_printed_keys(context, plan.list, *instances));
  co_return cloud::Answer<void>();
}

/// Both are in the list's order with the master first, so a new master replaces the old one.
ListChange change_of(const Members& members, const Launched& launched) {
  ListChange change{.own = launched.ids};
  for (std::size_t i = 0; i < launched.ids.size(); ++i)
    change.newcomers.push_back(
        {launched.ids[i], i < members.replaced.size() ? members.replaced[i] : std::string()});
  return change;
}

/// Without ids the answer of EC2 was lost, and only the tag finds the instances.
std::string removal_command(const InstanceContext& context, const Launched& launched) {
  return launched.ids.empty() ? "ec2mpi status --all-regions" : end_command(context, launched.ids);
}

/// Only the newcomers end: the cluster is as it was before.
asio::awaitable<int> give_up(InstanceContext& context, const Launched& launched, Error error) {
  const bool interrupted = context.stop.stop_requested();
  // The clean-up must not be stopped by the Ctrl-C that has led to it.
  context.stop = {};
  context.console().status("");
  context.console().talk(fmt::format("ec2mpi: {}; ending everything that was started",
                                     interrupted ? std::string("interrupted") : error.message));
  std::exception_ptr bug;  // its words are enough: the removal has failed
  auto removal = end_launched(context, launched);
  const auto ended = co_await catch_bug(std::move(removal), bug);
  context.console().talk(ended ? std::string("ec2mpi: nothing of it is left")
                               : fmt::format("ec2mpi: {}; to remove the rest: {}", ended.error().message,
                                             removal_command(context, launched)));
  if (interrupted) co_return exit_code::interrupted;
  co_return ended ? exit_code::not_started : exit_code::node_failed;
}

/// Asked before the launch: an account that may start instances need not be allowed to end any.
asio::awaitable<cloud::Answer<void>> try_ending(InstanceContext& context, const Members& members) {
  auto ids = ids_of(live_ones(members));
  if (ids.empty()) co_return cloud::Answer<void>();
  auto allowed = co_await context.ec2.terminate(std::move(ids), true, context.limit());
  co_return allowed;
}

asio::awaitable<cloud::Answer<void>> end_and_wait(InstanceContext& context, std::vector<std::string> ids) {
  CO_TRY(co_await context.ec2.terminate(ids, false, context.limit()));
  CO_TRY_AS(now, co_await wait_for_state(context, ids, "terminated"));
  if (std::ranges::all_of(*now, &cloud::Instance::is_ending)) co_return cloud::Answer<void>();
  Error error{ErrorKind::timeout, "not all replaced instances have ended"};
  co_return std::unexpected(cloud::ApiError(std::move(error)));
}

/// Nothing if EC2 does not answer soon. Not even a bug may keep the caller from naming the instances.
asio::awaitable<std::optional<std::vector<cloud::Instance>>> ask_last_states(InstanceContext& context,
                                                                             std::vector<std::string> ids) {
  try {
    auto now = co_await context.ec2.instances_by_id(std::move(ids), context.limit().at_most(kLastLook));
    if (now) co_return std::move(*now);
  } catch (const std::exception&) {
    // the caller names all of them then
  }
  co_return std::nullopt;
}

/// The list does not have these any more, so only the words here lead to them. EC2's last answer need not be
/// the truth: a call may have been carried out without one. So the states decide, if EC2 answers with them.
asio::awaitable<int> report_remaining(InstanceContext& context, std::vector<std::string> ids, Error error) {
  const bool interrupted = context.stop.stop_requested();
  // The Ctrl-C that led here must not stop this question, which has its own limit.
  context.stop = {};
  const auto now = co_await ask_last_states(context, ids);
  const auto has_ended = [&now](const std::string& id) {
    const auto* const one = find_instance(*now, id);
    return one == nullptr || one->is_ending();
  };
  if (now) std::erase_if(ids, has_ended);
  if (ids.empty() && !interrupted) co_return exit_code::ok;
  context.console().talk("ec2mpi: " + (interrupted ? std::string("interrupted") : error.message));
  std::vector<std::string> titles;
  for (const auto& id : ids) titles.push_back(title_of(context, id));
  const bool is_one = ids.size() == 1;
  if (!ids.empty())
    context.console().talk(
        fmt::format("ec2mpi: {} {} and {}, and {} not in {} any more; to end {}: {}", join(titles, ", "),
                    now ? (is_one ? "still runs" : "still run") : "may still run", is_one ? "costs" : "cost",
                    is_one ? "is" : "are", context.list->file.string(), is_one ? "it" : "them",
                    end_command(context, ids)));
  context.console().talk("ec2mpi: the new instances are in the list; `ec2mpi setup` sets them up");
  co_return interrupted ? exit_code::interrupted : exit_code::node_failed;
}

/// After the newcomers are in the list. An old instance that may still run is named with the command that
/// ends it, even after a bug.
asio::awaitable<int> end_replaced(InstanceContext& context, const Members& members) {
  const auto ids = ids_of(live_ones(members));
  if (ids.empty()) co_return exit_code::ok;
  context.runtime.set_parting_words(
      [&context, ids] { return "to end the replaced instances: " + end_command(context, ids); });
  std::exception_ptr bug;
  auto ending = end_and_wait(context, ids);
  const auto ended = co_await catch_bug(std::move(ending), bug);
  int code = exit_code::ok;
  if (!ended || context.stop.stop_requested()) {
    const auto error = ended ? Error{ErrorKind::timeout, "interrupted"} : Error(ended.error());
    code = co_await report_remaining(context, ids, error);
  }
  context.runtime.set_parting_words({});
  if (bug) std::rethrow_exception(bug);
  co_return code;
}

/// The newcomers run and stand in the list. Before the old instances end: if the list cannot be written, the
/// cluster is as it was.
asio::awaitable<cloud::Answer<void>> bring_in(InstanceContext& context, const Members& members,
                                              const LaunchPlan& plan, Launched& launched) {
  CO_TRY(co_await start_newcomers(context, plan, launched));
  auto change = change_of(members, launched);
  CO_TRY(co_await write_list(context, std::move(change)));
  co_return cloud::Answer<void>();
}

/// The newcomers start before the old instances end, so that a failure leaves the cluster as it was.
asio::awaitable<int> make_change(InstanceContext& context, const Members& members, const LaunchPlan& plan) {
  Launched launched;
  context.runtime.set_parting_words(
      [&context, &launched] { return "to remove the new instances: " + removal_command(context, launched); });
  std::exception_ptr bug;
  auto start = bring_in(context, members, plan, launched);
  const auto started = co_await catch_bug(std::move(start), bug);
  if (!started) {
    const int code = co_await give_up(context, launched, started.error());
    context.runtime.set_parting_words({});
    if (bug) std::rethrow_exception(bug);
    co_return code;
  }
  context.runtime.set_parting_words({});
  const int code = co_await end_replaced(context, members);
  co_return code;
}

}  // namespace

/// Everything that can refuse comes before the question to the user: the list, the lock, the plan, and EC2's
/// own answers whether it would start the new instances and end the old ones.
asio::awaitable<int> grow_cluster(InstanceContext& context, GrowOptions options) {
  if (const auto fits = check_list(context); !fits)
    co_return report_error(context, fits.error(), exit_code::not_started);
  const auto lock = lock_for_launch(context.list->file);
  if (!lock) co_return report_error(context, lock.error(), exit_code::not_started);
  if (const auto sure = refuse_new_numbers(context, options.agreement); !sure)
    co_return report_error(context, sure.error(), exit_code::not_started);
  const auto members = co_await find_members(context, options);
  if (!members) co_return report_error(context, members.error(), exit_code::not_started);
  auto unlisted = co_await find_unlisted(context, members->known);
  if (!unlisted) co_return report_error(context, unlisted.error(), exit_code::not_started);
  unlisted->launch_at_work = false;  // that is this command
  report_unlisted(context, *unlisted);
  if (options.add == 0 && members->replaced.empty()) {
    context.console().talk("ec2mpi: no instance of the list has failed");
    co_return exit_code::ok;
  }
  const auto plan = co_await make_plan(context, options, *members);
  if (!plan) co_return report_error(context, plan.error(), exit_code::not_started);
  // Before the question: the user is asked only about a launch that EC2 would allow.
  const auto allowed = co_await try_launch(context, *plan);
  if (!allowed) co_return report_error(context, allowed.error(), exit_code::not_started);
  const auto may_end = co_await try_ending(context, *members);
  if (!may_end) co_return report_error(context, may_end.error(), exit_code::not_started);
  co_await show_change(context, *members, *plan);
  if (options.agreement.dry_run) co_return exit_code::ok;
  const auto agreed = co_await ask(context, options, *members, plan->count);
  if (!agreed) co_return report_error(context, agreed.error(), exit_code::not_started);
  if (!*agreed) co_return exit_code::not_started;
  const int code = co_await make_change(context, *members, *plan);
  co_return code;
}

}  // namespace ec2mpi::cli
