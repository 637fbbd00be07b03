#pragma once
/// One node's part in a push.

#include <asio/awaitable.hpp>
#include <memory>
#include <string>

#include "ec2mpi/ops/push/push.hpp"
#include "src/ops/push/feed.hpp"
#include "src/ops/push/group_push.hpp"
#include "src/ops/push/plan.hpp"
#include "src/ops/push/talk.hpp"

namespace ec2mpi::ops {

class Delivery {
 public:
  Delivery(NodeRun& run, GroupPush& push, const asio::any_io_executor& executor);

  /// Surveys, sends, and retries where the connection to its feeder was lost.
  [[nodiscard]] asio::awaitable<Result<void>> carry_out();

 private:
  asio::awaitable<Result<void>> attempt();
  asio::awaitable<Result<void>> look();
  asio::awaitable<Result<void>> compare();
  /// Finds out whether the beginnings of files that lie in an old stage are those of ours.
  asio::awaitable<Result<void>> check_begun();
  asio::awaitable<Result<void>> send();
  asio::awaitable<Result<void>> take_seat();
  /// A node that is too slow for others is served after them, if it did not feed them all.
  asio::awaitable<Result<void>> wait_for_others();
  asio::awaitable<Result<void>> tell_end();
  asio::awaitable<void> feed();
  asio::awaitable<void> stop_feeding();
  asio::awaitable<void> end_talk();
  /// Waits for the condition, and meanwhile takes care of what happens to the wave.
  asio::awaitable<Result<void>> attend(bool (Delivery::*until)() const, std::string too_late);
  asio::awaitable<Result<void>> look_after_stall();
  asio::awaitable<void> drop_links();
  Result<void> notice();
  void take_words();
  void note_unlinked(std::string_view word);
  void note_arrived(std::string_view word);
  void note_whole();
  void leave_seat();
  /// The relay waits for it, and no longer.
  void be_expected();
  void be_there();

  [[nodiscard]] std::string command_for(const PushTarget& target) const;
  [[nodiscard]] std::string beginning() const;
  [[nodiscard]] bool wants_relay() const;
  [[nodiscard]] bool wants_lanes() const;
  [[nodiscard]] bool streamed() const { return seat_->wave->streamed; }
  /// And the nodes that it feeds have all, too: it may still report that it cannot reach one of them.
  [[nodiscard]] bool put_in_place() const { return done_ && (talk_->ended() || !feeds_others()); }
  [[nodiscard]] bool feeds_others() const;
  [[nodiscard]] bool may_try_again(const Error& error) const;
  [[nodiscard]] Error reason_for(const Error& error) const;
  void tell_need() const;

  NodeRun& run_;
  GroupPush& push_;
  const SourceTree& tree_;
  asio::any_io_executor executor_;
  std::shared_ptr<Event> news_;
  std::shared_ptr<PushTalk> talk_;
  DiffOptions options_;
  PushSurvey survey_;
  PushNeed need_;
  std::shared_ptr<Seat> seat_;
  int attempt_ = 0;
  int moves_ = 0;                       ///< attempts that ended because a node was too slow
  bool expected_ = false;               ///< by the relay
  std::shared_ptr<const Wave> others_;  ///< that this node was too slow for
  bool whole_ = false;                  ///< it has all of the archive
  bool passed_on_ = false;              ///< all of it is on its way to the nodes that it feeds
  bool done_ = false;
  std::string about_;              ///< the subject of the script's next word
  std::uint64_t inside_told_ = 0;  ///< of the bytes between nodes, those of this attempt so far
  bool frozen_ = false;
  std::string unlinked_reason_;  ///< why no other node will feed it any more
  bool feeding_ = false;
  std::stop_source stop_feeding_;
  std::optional<Error> feed_error_;
  std::unique_ptr<PushFeed> feed_;  ///< if this machine feeds the node
  bool far_ = false;
  std::size_t lanes_ = 0;  ///< connections that it may have besides the session's
  bool lane_broke_ = false;
};

}  // namespace ec2mpi::ops
