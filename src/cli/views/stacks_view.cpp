#include "ec2mpi/cli/views/stacks_view.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/selection.hpp"

namespace ec2mpi::cli {

namespace {

/// The ranks' numbers; fold_indices() sorts them.
std::vector<int> numbers_of(const ops::StackGroup& group) {
  std::vector<int> numbers;
  for (const auto* rank : group.ranks) numbers.push_back(rank->rank);
  return numbers;
}

/// "3 ranks: 0-2 (node1)"; without a node if they run on several.
std::string title_of(const ops::StackGroup& group) {
  std::set<std::string> nodes;
  for (const auto* rank : group.ranks) nodes.insert(rank->node);
  const auto numbers = fold_indices(numbers_of(group));
  const auto node = nodes.size() == 1 ? fmt::format(" ({})", *nodes.begin()) : std::string();
  if (group.ranks.size() == 1) return fmt::format("rank {}{}", numbers, node);
  return fmt::format("{} ranks: {}{}", group.ranks.size(), numbers, node);
}

}  // namespace

/// In the order of the ranks over all nodes: one that is missing shows as a gap.
JobStacks::JobStacks(std::string id, std::map<int, ops::NodeStacks> found) : id_(std::move(id)) {
  for (auto& [index, node] : found) {
    barred_ = barred_ || node.barred;
    for (auto& rank : node.ranks) ranks_.push_back(std::move(rank));
  }
  std::ranges::stable_sort(ranks_, {}, &ops::RankStack::rank);
}

std::string JobStacks::screen() const {
  auto text = fmt::format("{}: {}\n", id_, ranks_.empty() ? "no rank runs" : count_of(ranks_.size(), "rank"));
  for (const auto& group : ops::group_stacks(ranks_)) {
    text += title_of(group) + "\n";
    for (const auto& line : group.lines) text += "  " + line + "\n";
  }
  for (const auto& line : {ops::describe_missing(ranks_), ops::more_advice(ranks_, barred_)})
    if (!line.empty()) text += line + "\n";
  return text;
}

/// Groups as on the screen, and each rank with its frames. Fields of the call are there if it was counted.
Json JobStacks::json() const {
  auto groups = Json::array();
  for (const auto& group : ops::group_stacks(ranks_))
    groups.push_back({{"ranks", numbers_of(group)}, {"lines", group.lines}});
  auto ranks = Json::array();
  for (const auto& rank : ranks_) {
    ranks.push_back({{"rank", rank.rank},
                     {"node", rank.node},
                     {"pid", rank.pid},
                     {"state", std::string(1, rank.state)},
                     {"percent", rank.percent},
                     {"tool", rank.tool},
                     {"frames", rank.frames}});
    if (!rank.counters) continue;
    ranks.back()["call"] = rank.counters->current.name;
    ranks.back()["seconds"] = rank.counters->current.seconds;
    ranks.back()["collectives"] = rank.counters->collectives;
  }
  return {{"job", id_},
          {"sentence", ops::describe_missing(ranks_)},
          {"groups", std::move(groups)},
          {"ranks", std::move(ranks)}};
}

}  // namespace ec2mpi::cli
