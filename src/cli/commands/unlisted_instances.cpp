#include "src/cli/commands/unlisted_instances.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi::cli {

namespace {

bool has_line(const std::vector<Node>& nodes, const cloud::Instance& instance) {
  return std::ranges::count(nodes, instance.id, &Node::instance_id) != 0;
}

/// A tag that is no plain name is left out: EC2 takes * and ? in it for any text.
std::vector<std::string> clusters_of_list(const InstanceContext& context,
                                          const std::vector<cloud::Instance>& known) {
  if (context.options.cluster) return {*context.options.cluster};
  std::set<std::string> clusters;
  for (const auto& one : known)
    if (const auto cluster = one.tag(cloud::kClusterTag);
        has_line(context.list->nodes, one) && cloud::is_cluster_name(cluster))
      clusters.insert(cluster);
  const auto& first = context.list->nodes.front().instance_id;
  // An `up --add` that was killed may have left the first instance that has a tag at all.
  if (context.options.ids.empty() || std::ranges::count(context.ids, first) != 0)
    clusters.insert(adopting_cluster(first));
  return {clusters.begin(), clusters.end()};
}

/// Read anew: another command may have written an instance into the list since this one began.
std::vector<Node> present_lines(const InstanceContext& context) {
  if (!context.list) return {};
  auto lines = context.list->nodes;
  if (const auto now = read_listed(context.list->file))
    lines.insert(lines.end(), now->nodes.begin(), now->nodes.end());
  return lines;
}

/// "i-0123… (running) of cluster NAME costs and is not in LIST"
std::string sentence_about(const InstanceContext& context, const std::vector<cloud::Instance>& instances) {
  std::vector<std::string> titles;
  std::set<std::string> clusters;
  for (const auto& one : instances) {
    titles.push_back(fmt::format("{} ({})", one.id, one.state));
    clusters.insert(one.tag(cloud::kClusterTag));
  }
  const bool is_one = instances.size() == 1;
  return fmt::format(
      "{} of cluster {} {}{}", join(titles, ", "), join({clusters.begin(), clusters.end()}, ", "),
      is_one ? "costs" : "cost",
      context.list ? fmt::format(" and {} not in {}", is_one ? "is" : "are", context.list->file.string())
                   : std::string());
}

}  // namespace

std::string adopting_cluster(const std::string& first_id) {
  return "with-" + first_id;
}

std::string end_command(const InstanceContext& context, const std::vector<std::string>& ids) {
  const auto& profile = context.options.account.profile;
  return fmt::format("ec2mpi down --ids {} --region {}{}", join(ids, ","), context.region,
                     profile ? " --profile " + quote_word(*profile) : "");
}

std::string repeated_down(const InstanceContext& context, const std::vector<std::string>& ids) {
  const auto& options = context.options;
  const auto flag = [](const char* name, const std::optional<std::string>& value) {
    return value ? fmt::format(" {} {}", name, quote_word(*value)) : std::string();
  };
  const bool some = !options.wanted.empty() || !options.ids.empty();
  return "ec2mpi down" + flag("--list", options.list) + flag("--cluster", options.cluster) +
         (some ? " --ids " + join(ids, ",") : "") + flag("--region", options.account.region) +
         flag("--profile", options.account.profile) + flag("--endpoint-url", options.account.endpoint);
}

asio::awaitable<cloud::Answer<Unlisted>> find_unlisted(InstanceContext& context,
                                                       std::vector<cloud::Instance> known) {
  Unlisted unlisted;
  if (!context.options.cluster && (!context.list || context.list->nodes.empty()))
    co_return std::move(unlisted);
  std::vector<cloud::Filter> filters(1);
  filters[0].name = std::string("tag:") + cloud::kClusterTag;
  filters[0].values = clusters_of_list(context, known);
  if (filters[0].values.empty()) co_return std::move(unlisted);
  CO_TRY_AS(tagged, co_await context.ec2.instances(std::move(filters), context.limit()));
  // Before the list is read: a launch that is over by now has written it.
  unlisted.launch_at_work = context.list && is_launch_at_work(*context.list);
  const auto lines = present_lines(context);
  for (auto& one : *tagged)
    if (!one.is_ending() && !has_line(lines, one)) unlisted.instances.push_back(std::move(one));
  co_return std::move(unlisted);
}

void report_unlisted(const InstanceContext& context, const Unlisted& unlisted) {
  const auto& instances = unlisted.instances;
  if (instances.empty()) return;
  context.console().talk(
      fmt::format("ec2mpi: {}; {}to end {}: {}", sentence_about(context, instances),
                  unlisted.launch_at_work
                      ? "another ec2mpi up is at work here; if the list still lacks something after that, "
                      : "",
                  instances.size() == 1 ? "it" : "them", end_command(context, ids_of(instances))));
}

}  // namespace ec2mpi::cli
