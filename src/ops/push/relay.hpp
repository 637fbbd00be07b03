#pragma once
/// Which node feeds which: nodes that lack the same files relay them to each other, so that they cross the
/// uplink once.

#include <asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/cluster/values/node.hpp"
#include "src/ops/push/pace.hpp"
#include "src/ops/push/plan.hpp"
#include "src/ops/push/stream.hpp"
#include "src/ops/push/tree.hpp"

namespace ec2mpi::ops {

struct Wave;

/// One node's place in a wave. All fields belong to its delivery, except those by which others send it news;
/// they notify `news` then.
struct Seat {
  Node node;
  std::string address;  ///< where other nodes reach it
  std::string stage;
  Unpackers unpackers = {};
  const PushNeed* need = nullptr;
  std::shared_ptr<Event> news = nullptr;

  std::shared_ptr<Wave> wave = nullptr;  ///< once the wave is formed
  std::size_t position = 0;              ///< in it; 0 is fed by us
  bool finished = false;                 ///< it has all of it, or will get nothing more
  bool unlinked = false;                 ///< its feeder cannot reach it
  std::string orphaned = {};             ///< why its feeder will send nothing more
  bool moved = false;                    ///< because a node was too slow, not lost
  bool slow = false;                     ///< that was this node
  std::vector<std::size_t> drop = {};    ///< positions that it must not feed any longer
};

/// Nodes that get one archive.
struct Wave {
  std::vector<std::shared_ptr<Seat>> seats;
  std::shared_ptr<PushStream> stream;
  bool streamed = false;    ///< the first node was given all of it
  bool first_slow = false;  ///< it was too slow to feed the others, so it continues alone
  Clock::time_point progress = Clock::now();
  Clock::time_point answered = {};    ///< when some node last answered while nothing moved
  std::optional<PushPace> pace = {};  ///< if there are several
  Clock::time_point judged = {};      ///< when that was last asked

  void notify() const;
};

/// The items that all of them lack.
[[nodiscard]] PushContent content_for(const std::vector<std::shared_ptr<Seat>>& seats);

/// Seats that share an archive: those that lack the same items. But where many lack different items that
/// overlap, one archive of all of them is smaller.
[[nodiscard]] std::vector<std::vector<std::shared_ptr<Seat>>> sharing(
    const SourceTree& tree, const std::vector<std::shared_ptr<Seat>>& seats);

/// The archive for these seats: without holes if all of them can make them, compressed if all of them can
/// unpack it and the user wants it, or it is mostly tar's headers.
[[nodiscard]] std::shared_ptr<PushStream> stream_for(const std::shared_ptr<const SourceTree>& tree,
                                                     const std::vector<std::shared_ptr<Seat>>& seats,
                                                     bool compress);

/// Nodes share its part of the uplink, so a node that was too slow for them must not take any yet.
[[nodiscard]] bool gets_on(const Wave& wave);

class Relay {
 public:
  /// `began`: when the first connection was begun.
  Relay(asio::any_io_executor executor, std::shared_ptr<const SourceTree> tree, std::size_t nodes,
        bool compress, Clock::time_point began)
      : executor_(std::move(executor)),
        changed_(executor_),
        tree_(std::move(tree)),
        nodes_(nodes),
        compress_(compress),
        began_(began) {}

  /// Waits until a wave is formed, in which the seat then is: when all nodes have come, or none has for a
  /// moment. Errors: those of the limit.
  [[nodiscard]] static asio::awaitable<Result<void>> join(std::shared_ptr<Relay> relay,
                                                          std::shared_ptr<Seat> seat, Limit limit);

  /// A node needs no place, or none any more.
  void settled();
  /// A node is connected, or has lost its place, and will soon ask for one; nodes that ask before wait for
  /// it, so that all of them share one archive. Then it has asked, or has failed.
  void expect() { ++expected_; }
  void arrived();

  /// Takes the node that holds up the others out of the wave: it is cut off and has to continue alone. Nodes
  /// that it feeds can share an archive again. If it is the one that we feed, it continues alone as it is,
  /// and all others are cut off. Returns its label. Only a part of the nodes is ever found too slow: else the
  /// measure would be wrong.
  [[nodiscard]] std::vector<std::string> relieve(Wave& wave);

  /// The seat gets nothing more; the nodes below it learn why, and its feeder continues without it.
  static void lost(const Seat& seat, const std::string& why);
  /// The same, but the seat itself may continue elsewhere.
  static void cut_off(const Wave& wave, std::size_t position, const std::string& why, bool moved = false);

 private:
  static void stop_feeding(const Wave& wave, std::size_t position);
  static asio::awaitable<void> form(std::shared_ptr<Relay> relay);
  void form_waves();
  [[nodiscard]] Clock::duration grace() const;

  asio::any_io_executor executor_;
  Event changed_;  ///< the nodes that wait, or that others wait for
  std::shared_ptr<const SourceTree> tree_;
  std::size_t nodes_;
  bool compress_;
  std::size_t settled_ = 0;
  std::vector<std::shared_ptr<Seat>> waiting_;
  std::size_t expected_ = 0;
  std::size_t slow_ = 0;     ///< nodes found too slow
  Clock::time_point began_;  ///< when the first of the nodes that wait began to connect
  Clock::time_point last_;
  bool forming_ = false;
  bool formed_ = false;
};

}  // namespace ec2mpi::ops
