#include "src/cli/commands/instance_life.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/cluster/values/launch_time.hpp"

namespace ec2mpi::cli {

namespace {

// The instance itself warns its terminals at the same time, if its life is long enough.
/// From here on the end stands in capitals.
constexpr auto kUrgent = std::chrono::minutes(30);

/// In these states EC2 charges for the instance.
bool runs(const cloud::Instance& instance) {
  return instance.state == "running" || instance.state == "pending";
}

/// In the form that parse_idle reads, because it becomes the value of a tag.
std::string rule_text(const cloud::IdleRule& idle) {
  std::vector<std::string> parts;
  if (idle.stop != cloud::Seconds::zero()) parts.push_back(cloud::span_text(idle.stop) + "=stop");
  if (idle.down != cloud::Seconds::zero()) parts.push_back(cloud::span_text(idle.down) + "=down");
  return join(parts, ",");
}

/// It stopped after its last start, so it is stopped for less time than that.
std::string stopped_words(const cloud::Instance& instance, cloud::Moment now) {
  const auto rule = cloud::parse_idle(instance.tag(cloud::kIdleTag));
  const auto started = parse_launch_time(instance.launched);
  if (instance.state != "stopped" || !rule || rule->down == cloud::Seconds::zero() || !started) return {};
  if (now - *started < rule->down) return {};
  return fmt::format("unused for at most {}, and --idle was {}: ec2mpi down ends it",
                     format_age(now - *started), rule_text(*rule));
}

/// Spot prices and on-demand prices have different sources; the line below the table names both.
std::string price_source(const cloud::Instance& instance, const cloud::PriceList& prices) {
  return instance.spot ? prices.spot_source_of(instance.type, instance.zone)
                       : prices.source_of(instance.type);
}

std::string priced_type(const cloud::Instance& instance) {
  return instance.type + (instance.spot ? " as spot" : "");
}

}  // namespace

cloud::Tags life_tags(cloud::Moment end, cloud::Seconds length, const cloud::IdleRule& idle) {
  cloud::Tags tags{{cloud::kExpiryTag, cloud::moment_text(end)},
                   {cloud::kLengthTag, cloud::span_text(length)}};
  if (!idle.empty()) tags.emplace(cloud::kIdleTag, rule_text(idle));
  return tags;
}

std::optional<cloud::Moment> end_of_life(const cloud::Instance& instance) {
  return parse_launch_time(instance.tag(cloud::kExpiryTag));
}

/// By the tags: the instance keeps the time itself, and is not asked.
std::string end_words(const cloud::Instance& instance, cloud::Moment now) {
  if (!runs(instance)) return stopped_words(instance, now);
  const auto end = end_of_life(instance);
  if (!end) return {};
  // The keeper has failed there, or an image without cloud-init has never started it.
  if (*end <= now)
    return fmt::format("its life was over at {}, and it still runs: ec2mpi down ends it",
                       cloud::moment_text(*end));
  const auto left = *end - now;
  if (left < kUrgent) return fmt::format("ENDS in {}: ec2mpi extend moves the end", format_age(left));
  return fmt::format("ends in {}", format_age(left));
}

std::optional<double> hourly_price(const cloud::Instance& instance, const cloud::PriceList& prices) {
  return instance.spot ? prices.spot_hour_of(instance.type, instance.zone) : prices.hour_of(instance.type);
}

/// An account that may not ask for prices still gets its status: cost_words names what has no price.
asio::awaitable<void> add_spot_prices(InstanceContext& context, const std::vector<cloud::Instance>& instances,
                                      cloud::PriceList& prices) {
  std::set<std::string> types;
  for (const auto& one : instances)
    if (one.spot && runs(one)) types.insert(one.type);
  if (types.empty()) co_return;
  const auto now = std::chrono::floor<std::chrono::seconds>(context.runtime.options().world->now());
  std::vector<std::string> names(types.begin(), types.end());
  const auto found =
      co_await context.ec2.spot_prices(std::move(names), cloud::moment_text(now), context.limit());
  for (const auto& one : found.value_or(std::vector<cloud::SpotPrice>()))
    prices.add_spot_hour(one.type, one.zone, one.hour);
}

/// EC2 charges for the time in which an instance runs; a stopped one costs by its disks only.
std::optional<double> cost_so_far(const cloud::Instance& instance, const cloud::PriceList& prices,
                                  cloud::Moment now) {
  const auto price = hourly_price(instance, prices);
  if (!runs(instance) || !price) return std::nullopt;
  Node node;
  node.type = instance.type;
  node.launched = instance.launched;
  return cost_since_launch(node, {{instance.type, *price}}, now);
}

std::string cost_words(const std::vector<cloud::Instance>& instances, const cloud::PriceList& prices,
                       cloud::Moment now) {
  std::size_t running = 0;
  double hour = 0;
  double sum = 0;
  std::set<std::string> sources;
  std::set<std::string> unknown;
  for (const auto& one : instances) {
    if (!runs(one)) continue;
    ++running;
    const auto price = hourly_price(one, prices);
    // A type of unknown price adds nothing to the sums, so the line names it.
    (price ? sources : unknown).insert(price ? price_source(one, prices) : priced_type(one));
    hour += price.value_or(0);
    sum += cost_so_far(one, prices, now).value_or(0);
  }
  if (running == 0) return {};
  const auto without = join({unknown.begin(), unknown.end()}, ", ");
  if (sources.empty())
    return fmt::format("{} running; price unknown: {}", count_of(running, "instance"), without);
  return fmt::format("{} running: {:.2f} an hour, {:.2f} since the last start, by {}{}",
                     count_of(running, "instance"), hour, sum,
                     join({sources.begin(), sources.end()}, " and "),
                     unknown.empty() ? "" : "; without the price of " + without + ", which is unknown");
}

std::optional<cloud::Tags> life_after_start(const cloud::Instance& instance, cloud::Moment now) {
  const auto end = end_of_life(instance);
  const auto length = cloud::parse_span(instance.tag(cloud::kLengthTag));
  if (!end || *end > now || !length) return std::nullopt;
  // The keeper does the same at its boot. The tag of the idle rule is not set here, so it stays.
  return life_tags(now + *length, *length, {});
}

}  // namespace ec2mpi::cli
