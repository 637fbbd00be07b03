#pragma once
/// The part of a push that all nodes of one group share.

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/ops/push/push.hpp"
#include "src/ops/push/file_sums.hpp"
#include "src/ops/push/plan.hpp"
#include "src/ops/push/relay.hpp"
#include "src/ops/push/writers.hpp"

namespace ec2mpi::ops {

/// The state that all groups of a push share.
struct PushCommon {
  std::size_t lanes = 0;             ///< additional connections that may still be made
  std::optional<Gate> uploads = {};  ///< lets in the uploads that may run at once
};

/// The state that all nodes with the same tree share.
class GroupPush {
 public:
  /// `common`: what all groups of the push share.
  GroupPush(std::shared_ptr<const PushPlan> plan, const PushGroup& group, std::shared_ptr<PushCommon> common);
  /// To be called before all others; only a delivery has the executor.
  void use(const asio::any_io_executor& executor);

  [[nodiscard]] const PushPlan& plan() const { return *plan_; }
  [[nodiscard]] const SourceTree& tree() const { return *tree_; }
  [[nodiscard]] std::size_t nodes() const { return nodes_; }
  [[nodiscard]] PushCount& count() const { return *plan_->count; }
  /// Names the sources in the stages' names: a push continues only from stages of the same sources.
  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] FileSums& sums() { return sums_; }
  /// Counts it; to be called once for each node that writes.
  void note_need(const PushNeed& need);
  [[nodiscard]] const std::shared_ptr<Relay>& relay() const { return relay_; }
  [[nodiscard]] Writers& writers() { return writers_; }
  /// Notified when the part of a node has ended.
  [[nodiscard]] Event& ended() { return *ended_; }
  /// Additional connections that a node may have, of those that a push makes at most; to be given back.
  [[nodiscard]] std::size_t take_lanes();
  void give_back_lanes(std::size_t lanes) { common_->lanes += lanes; }
  [[nodiscard]] Gate& uploads() { return *common_->uploads; }

 private:
  std::shared_ptr<const PushPlan> plan_;
  std::shared_ptr<const SourceTree> tree_;
  std::size_t nodes_;
  std::string key_;
  FileSums sums_;
  std::set<std::size_t> lacked_;  ///< files that some node lacked
  std::shared_ptr<Relay> relay_;
  Writers writers_;
  std::optional<Event> ended_;
  std::shared_ptr<PushCommon> common_;
};

}  // namespace ec2mpi::ops
