#pragma once
/// Which nodes share an archive: nodes that lack the same files get one, so that it crosses the uplink once.

#include <asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "ec2mpi/base/event.hpp"
#include "src/ops/push/share.hpp"

namespace ec2mpi::ops {

/// A node's number in a share.
struct Place {
  std::shared_ptr<Share> share;
  std::size_t number = 0;
};

/// A node that waits until it is known which nodes share an archive.
struct Seat {
  Candidate candidate;
  std::optional<Place> place = {};
};
using Seats = std::vector<std::shared_ptr<Seat>>;

/// The items that all of them lack.
[[nodiscard]] PushContent content_for(const Seats& seats);

/// Seats that share an archive: those that lack the same items. But where many lack different items that
/// overlap, one archive of all of them is smaller.
[[nodiscard]] std::vector<Seats> sharing(const SourceTree& tree, const Seats& seats);

/// The archive for these seats: without holes if all of them can make them, compressed if all of them can
/// unpack it and the user wants it, or it is mostly tar's headers.
[[nodiscard]] Unpackers formats_for(const SourceTree& tree, const Seats& seats, bool compress);

/// A node that comes late takes part in an archive if that holds all that it lacks, and little else.
[[nodiscard]] bool suits(const SourceTree& tree, const Share& share, const Candidate& candidate);

class Relay {
 public:
  Relay(asio::any_io_executor executor, std::shared_ptr<const SourceTree> tree, std::size_t nodes,
        bool compress, FeederRules rules, PushCount& count)
      : executor_(std::move(executor)),
        changed_(executor_),
        settled_(executor_),
        tree_(std::move(tree)),
        nodes_(nodes),
        compress_(compress),
        rules_(rules),
        count_(count) {}

  /// A place in a share. A node that lacks all files gets one at once, and so does a node for which there is
  /// a share already. Any other node waits for the nodes that are connected, as one archive may suit them
  /// all. Errors: those of the limit.
  [[nodiscard]] static asio::awaitable<Result<Place>> join(std::shared_ptr<Relay> relay, Candidate candidate,
                                                           Limit limit);
  /// Its own share, which no other node joins.
  [[nodiscard]] Place serve_alone(const Candidate& candidate) const;

  /// A node is connected, and may soon ask for a place.
  void expect() { ++expected_; }
  /// That node has asked for a place, or never will.
  void account();
  /// Whether a node may still ask for a place: not all expected ones have, and `since` is not long ago.
  [[nodiscard]] bool some_may_come(Clock::time_point since) const;
  /// Waits until no node may come any more.
  [[nodiscard]] static asio::awaitable<void> wait_for_others(std::shared_ptr<Relay> relay,
                                                             Clock::time_point since, Limit limit);

 private:
  static asio::awaitable<void> form(std::shared_ptr<Relay> relay);
  void form_shares();
  [[nodiscard]] Clock::duration patience() const;
  std::optional<Place> find_place(const Candidate& candidate);
  [[nodiscard]] std::shared_ptr<Share> make_share(const Seats& seats) const;
  [[nodiscard]] std::size_t to_come() const { return nodes_ - accounted_; }

  asio::any_io_executor executor_;
  Event changed_;  ///< the nodes that wait, or that others wait for
  Event settled_;  ///< of the connected nodes, none may come any more
  std::shared_ptr<const SourceTree> tree_;
  std::size_t nodes_;
  bool compress_;
  FeederRules rules_;
  PushCount& count_;
  std::vector<std::shared_ptr<Share>> shares_;
  Seats waiting_;
  std::size_t expected_ = 0;
  std::size_t accounted_ = 0;
  Clock::time_point last_;  ///< when the last of the nodes that wait came
  bool forming_ = false;
};

}  // namespace ec2mpi::ops
