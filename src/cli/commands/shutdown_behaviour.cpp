#include "src/cli/commands/shutdown_behaviour.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi::cli {

std::optional<cloud::ShutdownBehaviour> behaviour_for(const cloud::Instance& instance,
                                                      const cloud::IdleRule& rule) {
  const auto needed = cloud::Lifetime{.idle = rule}.behaviour();
  if (needed == cloud::ShutdownBehaviour::stop) return needed;
  const bool is_ours = !instance.tag(cloud::kClusterTag).empty();
  if (!is_ours || instance.spot || !instance.tag(cloud::kStopsTag).empty()) return std::nullopt;
  return needed;
}

asio::awaitable<cloud::Answer<void>> may_set_behaviour(InstanceContext& context,
                                                       std::vector<cloud::Instance> instances,
                                                       cloud::IdleRule rule) {
  const auto behaviour = cloud::Lifetime{.idle = rule}.behaviour();
  std::string first;
  for (const auto& one : instances) {
    // Those of `up` are of one-time requests; others may be able to stop.
    const bool never_stops = one.spot && !one.tag(cloud::kClusterTag).empty();
    if (never_stops && behaviour == cloud::ShutdownBehaviour::stop)
      co_return fail(ErrorKind::usage, fmt::format("--idle: {} is a spot instance, which cannot stop, only "
                                                   "end; write =down in the place of =stop",
                                                   title_of(context, one.id)));
    if (first.empty() && behaviour_for(one, rule)) first = one.id;
  }
  if (first.empty()) co_return cloud::Answer<void>();
  auto allowed = co_await context.ec2.set_shutdown_behaviour(first, behaviour, true, context.limit());
  co_return allowed;
}

asio::awaitable<BehaviourRefusals> set_behaviour(InstanceContext& context,
                                                 std::vector<cloud::Instance> instances, cloud::IdleRule rule,
                                                 cloud::ShutdownBehaviour behaviour) {
  BehaviourRefusals refused;
  for (const auto& one : instances) {
    if (behaviour_for(one, rule) != behaviour) continue;
    const auto set = co_await context.ec2.set_shutdown_behaviour(one.id, behaviour, false, context.limit());
    if (!set) refused[set.error().message].push_back(one.id);
  }
  co_return refused;
}

}  // namespace ec2mpi::cli
