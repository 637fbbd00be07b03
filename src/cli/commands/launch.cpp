#include "src/cli/commands/launch.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cloud/user_data.hpp"
#include "src/cli/commands/cluster_parts.hpp"
#include "src/cli/commands/instance_life.hpp"

namespace ec2mpi::cli {

namespace {

/// For one request with its retries. A Ctrl-C does not cut it short: without its answer nobody knows the ids.
constexpr auto kLaunchTime = std::chrono::minutes(2);
/// EC2 may need some seconds to know the ids that it has just given.
constexpr int kTerminateTries = 5;
constexpr auto kTerminatePause = std::chrono::seconds(2);
/// EC2 gives the address with the start; an instance that runs without one gets none.
constexpr auto kAddressTime = std::chrono::seconds(5);
constexpr auto kAddressLook = std::chrono::milliseconds(500);

/// A placement group of the strategy cluster is of use from two instances on, and EC2 allows it
/// only for some types.
bool may_be_together(const LaunchPlan& plan, const LaunchChoice& choice) {
  return plan.makes_placement_groups && plan.count > 1 && choice.type.cluster_placement;
}

/// For messages; the region where EC2 itself chooses the zone.
std::string name_of(const InstanceContext& context, const LaunchPlace& place) {
  const auto& name = place.subnet.empty() ? place.zone : place.subnet;
  return name.empty() ? context.region : name;
}

/// Starts one part after the other. `placement_group` binds them to a zone; where there is none, the second
/// part goes to the zone of the first.
asio::awaitable<cloud::Answer<void>> launch_parts(InstanceContext& context, const LaunchPlan& plan,
                                                  const LaunchChoice& choice, LaunchPlace place,
                                                  std::string placement_group, Launched& launched) {
  for (const auto& part : parts_of(plan)) {
    if (context.stop.stop_requested()) co_return wake_error(Wake::stopped, "launch");
    auto request = launch_request(plan, choice, place, part);
    request.placement_group = placement_group;
    // EC2 starts nothing twice for one token, so the request may be repeated after a lost answer.
    // The token is kept before the call: if no answer comes, only the token leads to the instances.
    request.token = random_hex(32);
    launched.tokens.push_back(request.token);
    const auto whole = Limit().at_most(kLaunchTime);
    CO_TRY_AS(made, co_await context.ec2.run_instances(std::move(request), false, whole));
    for (const auto& one : *made) launched.ids.push_back(one.id);
    if (place.subnet.empty() && !made->empty()) place.zone = made->front().zone;
  }
  co_return cloud::Answer<void>();
}

/// At its end, adds what an attempt has started to all that was started: also if an exception ends the
/// attempt.
class AttemptRecord {
 public:
  AttemptRecord(const Launched& attempt, Launched& all) : attempt_(attempt), all_(all) {}
  AttemptRecord(const AttemptRecord&) = delete;
  AttemptRecord& operator=(const AttemptRecord&) = delete;
  ~AttemptRecord() {
    all_.ids.insert(all_.ids.end(), attempt_.ids.begin(), attempt_.ids.end());
    all_.tokens.insert(all_.tokens.end(), attempt_.tokens.begin(), attempt_.tokens.end());
  }

 private:
  const Launched& attempt_;
  Launched& all_;
};

/// A placement group is bound to a zone, so each attempt has its own.
asio::awaitable<cloud::Answer<void>> attempt_launch(InstanceContext& context, const LaunchPlan& plan,
                                                    const LaunchChoice& choice, LaunchPlace place,
                                                    Launched& launched) {
  if (context.stop.stop_requested()) co_return wake_error(Wake::stopped, "launch");
  auto group = plan.placement_group;
  const bool is_own = group.empty() && may_be_together(plan, choice);
  if (is_own) {
    group = fmt::format("{}-{}", part_name(plan.cluster), random_hex(8));
    const auto made = co_await context.ec2.create_placement_group(group, plan.tags, context.limit());
    // A repeated request may find what its first try has made; the name is fresh, so it is ours.
    if (!made && made.error().problem != cloud::Problem::exists) co_return std::unexpected(made.error());
  }
  Launched attempt;
  const AttemptRecord record(attempt, launched);
  auto done = co_await launch_parts(context, plan, choice, place, group, attempt);
  // One part has a place and the other has none. The next place must have room for both, so the
  // instances that run already end first.
  if (!done && done.error().problem == cloud::Problem::capacity && !attempt.ids.empty()) {
    context.console().talk(
        fmt::format("ending {}, which has started without the others", join(attempt.ids, ", ")));
    const auto ended = co_await end_launched(context, attempt);
    // The caller gets the ids of instances that may still run, and ends them once more.
    if (!ended) co_return ended;
    attempt.ids.clear();
  }
  // The next attempt makes its own group. One that is left over here has the tag of the
  // cluster, by which `down` finds it.
  if (!done && is_own && attempt.ids.empty())
    std::ignore = co_await context.ec2.delete_placement_group(group, context.limit());
  co_return done;
}

/// Those that run by now, although the answer with their ids may have been lost.
asio::awaitable<cloud::Answer<std::vector<std::string>>> started_ids(InstanceContext& context,
                                                                     const Launched& launched) {
  auto ids = launched.ids;
  if (launched.tokens.empty()) co_return std::move(ids);
  std::vector<cloud::Filter> filters(1);
  // The tokens find everything that our requests have started, and nothing else.
  filters[0].name = "client-token";
  filters[0].values = launched.tokens;
  CO_TRY_AS(found, co_await context.ec2.instances(std::move(filters), context.limit()));
  for (const auto& one : *found)
    if (!one.is_gone() && std::ranges::find(ids, one.id) == ids.end()) ids.push_back(one.id);
  co_return std::move(ids);
}

/// EC2 may have ended an instance in the meantime, and wait_for_state also returns when its time is
/// over. Errors: unreachable.
Result<void> check_running(const std::vector<cloud::Instance>& instances, std::size_t count) {
  const auto running = std::ranges::count(instances, "running", &cloud::Instance::state);
  if (static_cast<std::size_t>(running) == count) return {};
  return fail(ErrorKind::unreachable, fmt::format("{} of {} instances run", running, count));
}

/// The first that has no address although others have one, or although its place gives addresses.
const cloud::Instance* find_without_address(const LaunchPlan& plan,
                                            const std::vector<cloud::Instance>& instances) {
  if (!plan.places.empty() && !have_public_addresses(instances)) return nullptr;
  const auto found = std::ranges::find(instances, "", &cloud::Instance::public_address);
  return found == instances.end() ? nullptr : &*found;
}

}  // namespace

/// With --spot workers the master is its own part. It comes first: the first instance is the
/// master.
std::vector<LaunchPart> parts_of(const LaunchPlan& plan) {
  if (plan.spot != SpotShare::workers || !plan.has_master)
    return {{plan.count, plan.spot != SpotShare::none}};
  if (plan.count == 1) return {{1, false}};
  return {{1, false}, {plan.count - 1, true}};
}

Result<std::string> user_data_of(const LaunchPlan& plan) {
  auto script = cloud::lifetime_script(plan.end_of_life, plan.life.length, plan.life.idle);
  if (plan.shape.user_data.empty()) return script;
  auto joined = cloud::join_user_data(script, plan.shape.user_data);
  if (!joined) return std::unexpected(joined.error().within("--user-data"));
  return joined;
}

cloud::LaunchRequest launch_request(const LaunchPlan& plan, const LaunchChoice& choice,
                                    const LaunchPlace& place, LaunchPart part) {
  cloud::LaunchRequest request{.count = part.count,
                               .type = choice.type.name,
                               .image = choice.image.id,
                               .key_pair = plan.key_pair,
                               .security_groups = plan.security_groups,
                               .placement_group = plan.placement_group,
                               .zone = place.subnet.empty() ? place.zone : "",
                               .subnet = place.subnet,
                               .shape = plan.shape,
                               .tags = plan.tags};
  request.shape.spot = part.spot;
  // EC2 takes the threads of a core only together with the number of cores.
  if (request.shape.threads_per_core != 0 && request.shape.cores == 0)
    request.shape.cores = choice.type.cores;
  // A request names a disk by its device, which differs between images.
  request.shape.disk.device = choice.image.root_device;
  request.shape.user_data = user_data_of(plan).value_or("");  // an error was reported with the plan
  request.instance_tags = life_tags(plan.end_of_life, plan.life.length, plan.life.idle);
  request.on_shutdown = plan.life.behaviour();
  return request;
}

/// A dry run: EC2 checks permissions and parameters, but not whether it has room.
asio::awaitable<cloud::Answer<void>> try_launch(InstanceContext& context, const LaunchPlan& plan) {
  // One place is enough for the question whether the account may make the call.
  const auto place = plan.places.empty() ? LaunchPlace() : plan.places.front();
  // Each type that may be started is asked about, so that no refusal follows the user's agreement.
  for (const auto& choice : plan.choices) {
    for (const auto& part : parts_of(plan)) {
      auto request = launch_request(plan, choice, place, part);
      CO_TRY(co_await context.ec2.run_instances(std::move(request), true, context.limit()));
    }
  }
  co_return cloud::Answer<void>();
}

/// Each type in each place, in the order of preference, until one attempt starts all instances.
asio::awaitable<cloud::Answer<void>> launch(InstanceContext& context, const LaunchPlan& plan,
                                            Launched& launched) {
  // Without named places EC2 chooses the zone at first. Only where it has no room there, the
  // region's zones are asked for and tried one by one.
  auto places = plan.places.empty() ? std::vector<LaunchPlace>(1) : plan.places;
  bool are_all = !plan.places.empty();
  for (auto choice = plan.choices.begin();; ++choice) {
    for (std::size_t i = 0; i < places.size(); ++i) {
      const auto where = name_of(context, places[i]);
      context.console().status(fmt::format("starting {} {} in {}", plan.count, choice->type.name, where));
      auto done = co_await attempt_launch(context, plan, *choice, places[i], launched);
      context.console().status("");
      // Only a lack of room is a reason to try another place.
      if (done || done.error().problem != cloud::Problem::capacity) co_return done;
      const bool is_last = i + 1 == places.size() && choice + 1 == plan.choices.end();
      if (are_all && is_last) co_return done;
      context.console().talk(fmt::format("no place for {} {} in {}: {}", plan.count, choice->type.name, where,
                                         done.error().message));
      if (are_all) continue;
      CO_TRY_AS(zones, co_await context.ec2.zones(context.limit()));
      for (const auto& zone : *zones) places.push_back({zone});
      are_all = true;
    }
  }
}

bool have_public_addresses(const std::vector<cloud::Instance>& instances) {
  return std::ranges::any_of(instances,
                             [](const cloud::Instance& one) { return !one.public_address.empty(); });
}

asio::awaitable<cloud::Answer<std::vector<cloud::Instance>>> wait_for_launched(InstanceContext& context,
                                                                               const LaunchPlan& plan,
                                                                               const Launched& launched) {
  CO_TRY_AS(instances, co_await wait_for_state(context, launched.ids, "running"));
  const auto limit = context.limit().at_most(kAddressTime);
  for (;;) {
    CO_TRY(check_running(*instances, plan.count));
    const auto* const one = find_without_address(plan, *instances);
    if (one == nullptr) co_return std::move(*instances);
    if (Clock::now() >= limit.deadline)
      co_return fail(ErrorKind::unreachable,
                     fmt::format("{} runs, but has no public address; its subnet {} may give none: choose "
                                 "another one with --subnet",
                                 one->id, one->subnet));
    context.console().status(one->id + " has no public address yet");
    const Wake wake = co_await sleep_for(kAddressLook, context.limit());
    if (wake == Wake::stopped) co_return wake_error(wake, "addresses");
    CO_TRY_AS(now, co_await context.ec2.instances_by_id(launched.ids, context.limit()));
    instances = std::move(now);
  }
}

asio::awaitable<cloud::Answer<void>> end_launched(InstanceContext& context, const Launched& launched) {
  const auto ids = co_await started_ids(context, launched);
  // If EC2 does not answer, the known instances end in any case; the error is reported after that.
  if (!ids && launched.ids.empty()) co_return std::unexpected(ids.error());
  const auto ends = ids ? *ids : launched.ids;
  if (ends.empty()) co_return cloud::Answer<void>();
  for (int attempt = 1;; ++attempt) {
    const auto done = co_await context.ec2.terminate(ends, false, context.limit());
    if (done) break;
    if (done.error().problem != cloud::Problem::not_found || attempt == kTerminateTries) co_return done;
    std::ignore = co_await sleep_for(kTerminatePause, context.limit());
  }
  // The security group can be removed only after the end of the last instance in it.
  CO_TRY_AS(ended, co_await wait_for_state(context, ends, "terminated"));
  if (!ids) co_return std::unexpected(ids.error());
  if (std::ranges::all_of(*ended, &cloud::Instance::is_gone)) co_return cloud::Answer<void>();
  Error error{ErrorKind::timeout, "not all instances have ended"};
  co_return std::unexpected(cloud::ApiError(std::move(error)));
}

asio::awaitable<cloud::Answer<void>> catch_bug(asio::awaitable<cloud::Answer<void>> start,
                                               std::exception_ptr& bug) {
  try {
    auto done = co_await std::move(start);
    co_return done;
  } catch (const std::exception& exception) {
    bug = std::current_exception();
    Error error{ErrorKind::local_io, exception.what()};
    co_return std::unexpected(cloud::ApiError(std::move(error)));
  }
}

}  // namespace ec2mpi::cli
