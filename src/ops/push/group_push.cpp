#include "src/ops/push/group_push.hpp"

#include <algorithm>

#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/ops/node/extra_session.hpp"

namespace ec2mpi::ops {

namespace {

/// Without relay each node gets an upload of its own. A thousand at once took 2 MB of memory each, and over
/// 10 Mbit/s each moved so little that 110 of 300 nodes were taken for lost; this many fill every uplink.
constexpr std::size_t kMostUploads = 64;

/// The part of a stage's name that stands for the sources: their absolute paths and their names in
/// the target. NUL ends each of them, so no two lists of sources make the same text.
std::string key_of(const SourceTree& tree, bool as_root) {
  // A push without sudo could not continue from a stage of root.
  std::string sources(as_root ? "root" : "");
  for (const auto& top : tree.tops) {
    std::error_code failed;
    sources +=
        std::filesystem::absolute(top.path, failed).lexically_normal().string() + '\0' + top.name + '\0';
  }
  return sha256(sources).substr(0, 16);
}

}  // namespace

GroupPush::GroupPush(std::shared_ptr<const PushPlan> plan, const PushGroup& group,
                     std::shared_ptr<PushCommon> common)
    : plan_(std::move(plan)),
      tree_(group.tree),
      nodes_(group.nodes.size()),
      key_(key_of(*tree_, plan_->as_root)),
      sums_(tree_),
      writers_(group.nodes),
      common_(std::move(common)) {}

/// A file counts once, however many nodes and groups lack it; a removal counts for each node.
void GroupPush::note_need(const PushNeed& need) {
  for (const auto number : need.items) {
    const auto& item = tree().items[number];
    if (item.type == TarType::file && lacked_.insert(number).second)
      count().lacked.insert(tree().path_of(item).string());
  }
  count().files = count().lacked.size();
  count().unchanged = count().all_files - count().files;
  count().erased += need.erase.size() + need.replace.size();
}

void GroupPush::use(const asio::any_io_executor& executor) {
  if (relay_) return;
  relay_ =
      std::make_shared<Relay>(executor, tree_, nodes_, plan_->compress,
                              FeederRules{.laptop_serves_all = plan_->relay != RelayMode::always}, count());
  ended_.emplace(executor);
  if (!common_->uploads) common_->uploads.emplace(executor, kMostUploads);
}

/// Gives 0 as long as other nodes have all of them.
std::size_t GroupPush::take_lanes() {
  const auto lanes = std::min(common_->lanes, kConnectionsToNode);
  common_->lanes -= lanes;
  return lanes;
}

}  // namespace ec2mpi::ops
