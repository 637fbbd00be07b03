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

  /// Surveys the target and sends; tries again if the archive was interrupted although the node works.
  [[nodiscard]] asio::awaitable<Result<void>> carry_out();

 private:
  asio::awaitable<Result<void>> attempt();
  asio::awaitable<Result<void>> look();
  asio::awaitable<Result<void>> compare();
  [[nodiscard]] std::unexpected<Error> refuse_obstacle() const;
  /// Waits for the node that writes into the same storage, and looks again.
  asio::awaitable<Result<void>> follow();
  asio::awaitable<Result<int>> wait_for_writer();
  asio::awaitable<Result<void>> send();
  asio::awaitable<Result<void>> take_place();
  asio::awaitable<Result<void>> finish();
  asio::awaitable<void> upload(std::uint64_t offset);
  asio::awaitable<void> stop_feeding();
  asio::awaitable<void> end_talk();
  /// Waits for the condition; meanwhile does what the share asks for, and reports to it.
  asio::awaitable<Result<void>> attend(bool (Delivery::*until)() const, std::string too_late);
  asio::awaitable<Result<void>> follow_orders();
  asio::awaitable<Result<void>> check_answer();
  Result<void> notice();
  void take_words();
  void note_placed();
  void note_left(std::size_t files);
  void leave_share();
  /// It has asked for a place, or never will.
  void stop_being_expected();

  void note_shared(int writer);
  void note_end(const Result<void>& done);

  [[nodiscard]] std::string command_for(const PushTarget& target) const;
  [[nodiscard]] Candidate candidate() const;
  [[nodiscard]] std::string beginning() const;
  [[nodiscard]] std::string ending() const;
  [[nodiscard]] bool wants_relay() const;
  [[nodiscard]] bool wants_lanes() const;
  [[nodiscard]] bool has_all() const { return place_.share->has_all(place_.number); }
  [[nodiscard]] bool is_in_place() const { return finished_.has_value(); }
  [[nodiscard]] bool is_no_longer_needed() const;
  /// Other nodes may find its mark.
  [[nodiscard]] bool has_left_mark() const { return !survey_.mark.empty() && first_ == run_.node.index; }
  [[nodiscard]] bool would_fail_again(const Error& error) const;
  [[nodiscard]] bool has_ended() const { return talk_->ended(); }
  [[nodiscard]] bool may_try_again(const Error& error) const;
  [[nodiscard]] Error reason_for(const Error& error) const;
  void tell_need() const;

  NodeRun& run_;
  GroupPush& push_;
  const SourceTree& tree_;
  asio::any_io_executor executor_;
  std::shared_ptr<Event> news_;
  std::shared_ptr<PushTalk> talk_;
  std::string target_;  ///< as PushTarget::path
  DiffOptions options_;
  PushSurvey survey_;
  PushNeed need_;
  ShareMember place_;
  int attempt_ = 0;
  int first_ = 0;          ///< the node whose mark lies in the target, often this one
  bool followed_ = false;  ///< another node was to write for it, and has ended
  bool counted_ = false;   ///< the files that it lacks are in PushCount
  bool expected_ = true;   ///< the group waits for it
  std::optional<Clock::time_point> finished_ = {};  ///< when every file was in its place
  Clock::time_point answered_ = {};
  bool frozen_ = false;
  bool out_of_reach_ = false;       ///< no other node reaches it, and the user wants no upload to it
  std::unique_ptr<PushFeed> feed_;  ///< if the laptop feeds the node, or did
  bool uploading_ = false;
  std::stop_source stop_upload_;
  std::size_t lanes_ = 0;  ///< connections that it may have besides the session's
  bool lane_broke_ = false;
};

}  // namespace ec2mpi::ops
