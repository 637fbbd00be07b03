#pragma once
/// The part of a push that all nodes of one group share.

#include <asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/ops/push/push.hpp"
#include "src/ops/push/file_sums.hpp"
#include "src/ops/push/plan.hpp"
#include "src/ops/push/sharing.hpp"
#include "src/ops/push/writers.hpp"

namespace ec2mpi::ops {

/// The state that all groups of a push share.
struct PushCommon {
  explicit PushCommon(const asio::any_io_executor& executor);

  std::size_t lanes;  ///< additional connections that may still be made
  Gate uploads;       ///< lets in the uploads that may run at once
};

/// The state that all nodes with the same tree share, and the way of each of them to an archive.
class GroupPush : public std::enable_shared_from_this<GroupPush> {
 public:
  GroupPush(const asio::any_io_executor& executor, std::shared_ptr<const PushPlan> push_plan,
            const PushGroup& group, std::shared_ptr<PushCommon> common_state);

  /// Counts it; to be called once for each node that writes.
  void note_need(const PushNeed& need);
  /// Additional connections that a node may have, of those that a push makes at most; to be given back.
  [[nodiscard]] std::size_t take_lanes();

  /// A place in a share. A node that lacks all files gets one at once, and so does a node for which there is
  /// a share already. Any other node waits for the nodes that are connected, as one archive may suit them
  /// all. Errors: those of the limit.
  [[nodiscard]] asio::awaitable<Result<ShareMember>> join(Candidate candidate, Limit limit);
  /// Its own share, which no other node joins.
  [[nodiscard]] ShareMember serve_alone(const Candidate& candidate) const;

  /// A node is connected, and may soon ask for a place.
  void expect() { ++expected_; }
  /// That node has asked for a place, or never will.
  void account();
  /// Whether a node may still ask for a place: not all expected ones have, and `since` is not long ago.
  [[nodiscard]] bool some_may_come(Clock::time_point since) const;
  /// Waits until no node may come any more.
  [[nodiscard]] asio::awaitable<void> wait_for_others(Clock::time_point since, Limit limit);

  const std::shared_ptr<const PushPlan> plan;
  const std::shared_ptr<const SourceTree> tree;
  const std::size_t nodes;
  /// Names the sources in the stages' names: a push continues only from stages of the same sources.
  const std::string key;
  PushCount& count;
  FileSums sums;
  Writers writers;
  Event ended;  ///< notified when the part of a node has ended
  const std::shared_ptr<PushCommon> common;

 private:
  static asio::awaitable<void> form(std::shared_ptr<GroupPush> self);
  void form_shares();
  [[nodiscard]] Clock::duration patience() const;
  [[nodiscard]] std::optional<ShareMember> find_place(const Candidate& candidate);
  [[nodiscard]] std::shared_ptr<Share> make_share(const Seats& seats) const;
  [[nodiscard]] std::size_t to_come() const { return nodes - accounted_; }

  std::set<std::size_t> lacked_;  ///< files that some node lacked
  Event changed_;                 ///< the nodes that wait, or that others wait for
  std::vector<std::shared_ptr<Share>> shares_;
  Seats waiting_;
  std::size_t expected_ = 0;
  std::size_t accounted_ = 0;
  Clock::time_point last_;  ///< when the last of the nodes that wait came
  bool forming_ = false;
};

}  // namespace ec2mpi::ops
