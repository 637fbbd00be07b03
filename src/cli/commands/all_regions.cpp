#include "src/cli/commands/all_regions.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <map>
#include <memory>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/runtime.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/cli/terminal/aligned.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/cloud/ec2.hpp"
#include "ec2mpi/cloud/prices.hpp"
#include "src/cli/commands/cluster_parts.hpp"

namespace ec2mpi::cli {

namespace {

/// One cluster in one region.
struct Found {
  std::vector<cloud::Instance> instances = {};
  std::vector<cloud::Disk> disks = {};
  std::vector<std::string> others = {};  ///< groups and keys, in words
};

/// A region has its own client, because endpoint and signature depend on the region. `clusters`
/// also has the things that were found before an `error`.
struct Region {
  std::string name;
  std::unique_ptr<cloud::Ec2> ec2;
  std::map<std::string, Found> clusters = {};  ///< by name
  std::optional<cloud::ApiError> error = {};
};

/// Key pairs and placement groups are answered by name: "ec2mpi-CLUSTER", "ec2mpi-CLUSTER-0123abcd".
std::string cluster_in(const std::string& name, bool has_number) {
  const auto begin = std::min(part_name("").size(), name.size());
  const auto end = has_number ? name.rfind('-') : name.size();
  return end > begin ? name.substr(begin, end - begin) : name;
}

/// By the tag, whatever its value, so that a cluster whose name is forgotten is found, too.
std::vector<cloud::Filter> any_cluster() {
  std::vector<cloud::Filter> filters(1);
  filters[0].name = "tag-key";
  filters[0].values.emplace_back(cloud::kClusterTag);
  return filters;
}

/// All things in one region that cost or would be left behind, by their cluster.
asio::awaitable<cloud::Answer<void>> find_all(Region& region, Limit limit) {
  auto& ec2 = *region.ec2;
  auto& clusters = region.clusters;
  const auto tagged = any_cluster();
  CO_TRY_AS(instances, co_await ec2.instances(tagged, limit));
  for (auto& one : *instances) {
    const auto cluster = one.tag(cloud::kClusterTag);
    // EC2 shows an ended instance for some time; it costs nothing and leaves nothing to be ended.
    if (!one.is_gone()) clusters[cluster].instances.push_back(std::move(one));
  }
  CO_TRY_AS(disks, co_await ec2.disks(tagged, limit));
  for (auto& disk : *disks) {
    const auto cluster = disk.cluster;
    clusters[cluster].disks.push_back(std::move(disk));
  }
  CO_TRY_AS(groups, co_await ec2.security_groups(tagged, limit));
  for (const auto& group : *groups) {
    const auto cluster = group.tags.find(cloud::kClusterTag);
    if (cluster != group.tags.end()) clusters[cluster->second].others.push_back("security group " + group.id);
  }
  CO_TRY_AS(keys, co_await ec2.key_pairs(tagged, limit));
  // From here on EC2 answers with names and no tags.
  for (const auto& key : *keys) clusters[cluster_in(key, false)].others.push_back("key pair " + key);
  CO_TRY_AS(placements, co_await ec2.placement_groups(tagged, limit));
  for (const auto& group : *placements)
    clusters[cluster_in(group, true)].others.push_back("placement group " + group);
  co_return cloud::Answer<void>();
}

asio::awaitable<void> look_into(Region& region, Limit limit) {
  const auto done = co_await find_all(region, limit);
  if (!done) region.error = done.error();
}

/// All regions at once: one after the other takes many seconds.
asio::awaitable<void> look_into_all(Runtime& runtime, std::vector<Region>& regions) {
  const Limit limit{.deadline = Clock::time_point::max(), .stop = runtime.stop()};
  Event finished(runtime.executor());
  auto left = regions.size();
  for (auto& region : regions)
    asio::co_spawn(runtime.executor(), look_into(region, limit), [&](std::exception_ptr bug) {
      --left;
      finished.notify_all();
      // Refusals of EC2 are in region.error; only a bug leaves the event loop this way.
      if (bug) std::rethrow_exception(bug);
    });
  while (left != 0) {
    runtime.console().status(fmt::format("{} regions to look into", left));
    // Without a stop: the coroutines refer to `regions`, so all of them must end first. A Ctrl-C
    // ends them by their own limit.
    const Limit whole;
    std::ignore = co_await finished.wait(whole);
  }
  runtime.console().status("");
}

std::size_t count_in_state(const Found& found, std::string_view state) {
  return static_cast<std::size_t>(std::ranges::count(found.instances, state, &cloud::Instance::state));
}

/// In GiB.
int disk_size(const Found& found) {
  int sum = 0;
  for (const auto& disk : found.disks) sum += disk.gigabytes;
  return sum;
}

/// What the disks cost in a month, in USD, also while their instances are stopped. Nothing if it is not
/// known.
std::optional<double> month_of_disks(const std::string& region, const Found& found) {
  // The user's own [prices] have instance types only, so disks are in ec2mpi's table or nowhere.
  const cloud::PriceList prices({}, region);
  double sum = 0;
  for (const auto& disk : found.disks) {
    const auto month = prices.month_of_disk(disk.kind, disk.gigabytes);
    if (!month) return std::nullopt;
    sum += *month;
  }
  return sum;
}

/// Empty if no region has a cluster.
std::string regions_table(const std::vector<Region>& regions) {
  std::vector<std::vector<std::string>> rows{
      {"REGION", "CLUSTER", "RUNNING", "STOPPED", "OTHER", "DISKS", "GIB", "DISKS USD/MONTH", "ALSO THERE"}};
  for (const auto& region : regions)
    for (const auto& [name, found] : region.clusters) {
      const auto running = count_in_state(found, "running");
      const auto stopped = count_in_state(found, "stopped");
      const auto month = month_of_disks(region.name, found);
      rows.push_back({region.name, name, std::to_string(running), std::to_string(stopped),
                      std::to_string(found.instances.size() - running - stopped),
                      std::to_string(found.disks.size()), std::to_string(disk_size(found)),
                      month ? fmt::format("{:.2f}", *month) : "unknown", join(found.others, ", ")});
    }
  return rows.size() == 1 ? std::string() : aligned(std::move(rows));
}

Json instances_json(const Found& found) {
  auto all = Json::array();
  for (const auto& one : found.instances)
    all.push_back({{"id", one.id}, {"state", one.state}, {"type", one.type}, {"launched", one.launched}});
  return all;
}

Json disks_json(const Found& found) {
  auto all = Json::array();
  for (const auto& disk : found.disks)
    all.push_back(
        {{"id", disk.id}, {"kind", disk.kind}, {"gib", disk.gigabytes}, {"instance", disk.instance}});
  return all;
}

/// A region that has failed gets an object with its error, beside those of its clusters.
std::string regions_json(const std::vector<Region>& regions) {
  auto all = Json::array();
  for (const auto& region : regions) {
    if (region.error) all.push_back({{"region", region.name}, {"error", region.error->message}});
    for (const auto& [name, found] : region.clusters) {
      const auto month = month_of_disks(region.name, found);
      all.push_back({{"region", region.name},
                     {"cluster", name},
                     {"instances", instances_json(found)},
                     {"disks", disks_json(found)},
                     {"disks_usd_per_month", month ? Json(*month) : Json()},
                     {"also_there", found.others}});
    }
  }
  return dump_json(all);
}

void show(Console& console, const std::vector<Region>& regions, bool json) {
  const auto table = regions_table(regions);
  if (json)
    console.result(regions_json(regions));
  else if (!table.empty())
    console.result_table(table);
  for (const auto& region : regions) {
    if (region.error) console.talk(fmt::format("ec2mpi: {}: {}", region.name, region.error->message));
    if (!json && !region.clusters.empty())
      console.talk(
          fmt::format("ec2mpi: to end one of these: ec2mpi down --region {} --cluster NAME", region.name));
  }
  // A region that did not answer may hold a cluster, so it is not counted among the empty ones.
  const auto answered = std::ranges::count_if(regions, [](const Region& region) { return !region.error; });
  if (table.empty())
    console.talk(fmt::format("ec2mpi: nothing in {} has the tag {}",
                             count_of(static_cast<std::size_t>(answered), "region"), cloud::kClusterTag));
}

/// Asks one region for the names of the others, then all of them at once. Regions that fail are shown with
/// their error, and the others with their clusters.
asio::awaitable<int> look_everywhere(Runtime& runtime, cloud::CloudSettings settings, bool json) {
  const auto environment = cloud::process_environment();
  const auto& open_ec2 = runtime.options().world->open_ec2;
  const auto here = open_ec2(runtime.executor(), settings, environment);
  const Limit limit{.deadline = Clock::time_point::max(), .stop = runtime.stop()};
  const auto names = co_await here->regions(limit);
  if (!names) {
    runtime.console().talk("ec2mpi: " + names.error().message);
    co_return runtime.stop().stop_requested() ? exit_code::interrupted : exit_code::not_started;
  }
  std::vector<Region> regions;
  for (const auto& name : *names)
    regions.push_back({name, open_ec2(runtime.executor(), cloud::in_region(settings, name), environment)});
  std::ranges::sort(regions, {}, &Region::name);
  co_await look_into_all(runtime, regions);
  if (runtime.stop().stop_requested()) co_return exit_code::interrupted;
  show(runtime.console(), regions, json);
  const auto has_failed = [](const Region& region) { return region.error.has_value(); };
  co_return std::ranges::any_of(regions, has_failed) ? exit_code::node_failed : exit_code::ok;
}

}  // namespace

Result<int> show_all_regions(const cloud::CloudFlags& account, bool json, const CommonOptions& common) {
  TRY_AS(settings, cloud::find_cloud_settings(account, cloud::process_environment()));
  Runtime runtime(common);
  return runtime.run(look_everywhere(runtime, std::move(*settings), json));
}

}  // namespace ec2mpi::cli
