#pragma once
/// The archive on its way from here to one node.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/push/push.hpp"
#include "src/ops/push/stream.hpp"
#include "src/ops/push/talk.hpp"

namespace ec2mpi::ops {

/// The archive goes in parts, each over whichever lane is free: an additional connection that fills a pipe in
/// the stage. The script's own connection carries the order of the parts, and the archive as long as no lane
/// stands.
///
/// A lane that cannot be made does no harm. One that breaks does: its bytes are lost, so the script ends, and
/// another attempt continues from the arrived files.
class PushFeed {
 public:
  PushFeed(NodeRun& run, PushCount& count, std::shared_ptr<PushTalk> talk, std::string stage,
           std::shared_ptr<Event> news)
      : run_(run), count_(count), talk_(std::move(talk)), stage_(std::move(stage)), news_(std::move(news)) {}

  /// Begins to make this number of lanes; the script knows their numbers (see lane_numbers).
  void add_lanes(std::size_t lanes);

  /// Sends the stream from this offset to its end and returns true; false if end_early() was called.
  [[nodiscard]] asio::awaitable<Result<bool>> send(PushStream& stream, std::uint64_t offset, Limit limit);
  /// No other part is begun.
  void end_early();
  /// The number of the first byte of the archive that was not sent.
  [[nodiscard]] std::uint64_t position() const { return position_; }

  /// Ends the lanes, when the script has read all parts or needs no more. To be awaited before this object
  /// ends.
  [[nodiscard]] asio::awaitable<void> finish();

  /// Why the sent parts can't arrive whole; also after send(), when a lane breaks that the node still reads
  /// from. The first reason stays.
  [[nodiscard]] const std::optional<Error>& failed() const { return failed_; }
  void note_failure(const Error& error);
  /// Lanes that the archive has gone by.
  [[nodiscard]] std::size_t lanes_used() const;
  /// True if one broke, and not because the node's own connection did.
  [[nodiscard]] bool lane_broke() const { return lane_broke_; }

 private:
  struct Lane {
    int number = 0;  ///< of its pipe
    std::unique_ptr<ssh::Session> session = nullptr;
    std::unique_ptr<ssh::Channel> channel = nullptr;
    bool open = false;  ///< its connection stands
    bool used = false;  ///< the script reads from it
    bool busy = false;
  };
  /// A part of the archive: its bytes, and those of files in it before it was compressed.
  struct Part {
    std::uint64_t bytes = 0;
    std::uint64_t content = 0;
    bool compressed = false;
  };

  asio::awaitable<void> attend(std::shared_ptr<Lane> lane);
  asio::awaitable<Result<void>> open(Lane& lane, Limit limit);
  asio::awaitable<void> write_lane(std::shared_ptr<Lane> lane, std::string bytes, Part part, Limit limit);
  asio::awaitable<Result<void>> write_own(const std::string& bytes, Part part, Limit limit);
  asio::awaitable<Result<void>> skip(PushStream& stream, std::uint64_t offset, Limit limit);
  [[nodiscard]] Part take(PushStream& stream, std::string& bytes);
  [[nodiscard]] std::shared_ptr<Lane> free_lane() const;
  void note_sent(const Part& part);
  template <class Work>
  void spawn(Work work);
  void leave();

  NodeRun& run_;
  PushCount& count_;
  std::shared_ptr<PushTalk> talk_;
  std::string stage_;
  std::shared_ptr<Event> news_;
  std::vector<std::shared_ptr<Lane>> lanes_;
  std::string rest_;  ///< bytes of the stream that no part has taken yet
  std::uint64_t position_ = 0;
  bool ending_ = false;
  std::stop_source stop_;
  std::size_t active_ = 0;  ///< coroutines that use this
  std::optional<Error> failed_;
  bool lane_broke_ = false;
};

/// Shell text for the script: makes the pipes of this number of lanes.
[[nodiscard]] std::string make_lanes_text(std::size_t lanes);

}  // namespace ec2mpi::ops
