#pragma once
/// Which of the nodes that share an archive holds the others up. Pure.
///
/// Every node relays the archive as it arrives, so a node with a slow network slows down its feeder, and so
/// all nodes: all advance at its pace, and no rate shows which node it is. But the bytes on their way to it
/// pile up in front of it, in ssh and in the kernel, while all others have as much as their feeder. So the
/// measure is how long ago its feeder had as much as it has now. If the uplink or all nodes are slow, no node
/// is behind.

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "ec2mpi/base/limit.hpp"

namespace ec2mpi::ops {

class PushPace {
 public:
  /// `began`: when no node had a byte yet.
  PushPace(std::size_t size, Clock::time_point began);

  /// The node at this position has reported its bytes; by its own clock, of which only differences count, at
  /// `told`. Reports from a node whose network is full take long to arrive, and arrive all at once.
  void note(std::size_t position, std::uint64_t bytes, Clock::time_point heard,
            std::optional<Clock::duration> told = {});
  /// It has all of it.
  void note_whole(std::size_t position) { tracks_[position].whole = true; }

  struct Slow {
    std::size_t position = 0;
    bool in_feeding = false;  ///< all that it feeds are behind it; else it is behind its feeder
  };
  /// The node that has held up others for some time. `gone`: whether a position gets nothing more.
  [[nodiscard]] std::vector<Slow> slow(const std::function<bool(std::size_t)>& gone) const;

  /// Forgets all suspicions: the bytes that have piled up behind a node that was taken out have to leave
  /// first.
  void begin_anew();

 private:
  struct Report {
    Clock::duration told;
    std::uint64_t bytes = 0;
  };
  struct Track {
    std::deque<Report> reports;
    Clock::duration clock = Clock::duration::max();  ///< between its clock and ours, by its quickest report
    bool whole = false;
  };
  enum class State : std::uint8_t { keeps_up, unsure, behind, out };

  [[nodiscard]] std::optional<Clock::duration> behind(std::size_t position, const Report& report) const;
  [[nodiscard]] std::uint64_t pile(std::size_t position, const Report& report) const;
  [[nodiscard]] int often_behind(std::size_t position) const;
  [[nodiscard]] State state(std::size_t position) const;

  std::vector<Track> tracks_;
  Clock::time_point began_;
  Clock::duration latest_{};  ///< report, by our clock
  Clock::duration since_{};   ///< earlier reports do not count
};

}  // namespace ec2mpi::ops
