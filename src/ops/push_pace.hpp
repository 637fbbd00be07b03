#pragma once
/// Which of the nodes that share an archive holds the others up. Pure.
///
/// Every node hands on what comes as it comes, so one with a slow network slows down the node that feeds it,
/// and with that everybody: all get on at its pace, and no rate tells who it is. But what is on its way to it
/// piles up in front of it (ssh and the kernel take some MB), while all others have what their feeder has. So
/// it is told by how long ago its feeder had what it has now. If the uplink or all nodes are slow, nobody is
/// behind.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "ec2mpi/base/limit.hpp"

namespace ec2mpi::ops {

class PushPace {
 public:
  /// `began`: when nobody had anything yet.
  PushPace(std::size_t size, Clock::time_point began);

  /// The node at this position has told how much has come to it.
  void note(std::size_t position, std::uint64_t bytes, Clock::time_point when);
  /// It has all of it.
  void note_whole(std::size_t position);

  struct Slow {
    std::size_t position = 0;
    bool in_feeding = false;  ///< all that it feeds are behind it; else it is itself behind who feeds it
  };
  /// Who has held up others for some time. `gone`: whether a position gets nothing more.
  [[nodiscard]] std::vector<Slow> slow(const std::function<bool(std::size_t)>& gone) const;

  /// Nobody is under suspicion any more: what is piled up behind a node that was taken out has to get away
  /// first.
  void begin_anew();

 private:
  struct Report {
    Clock::time_point when;
    std::uint64_t bytes = 0;
  };
  struct Track {
    std::deque<Report> reports;
    int behind = 0;  ///< reports one after the other that were far behind
    Clock::time_point counted = {};
    bool whole = false;
  };

  [[nodiscard]] Clock::time_point when_had(const Track& track, std::uint64_t bytes,
                                           Clock::time_point now) const;

  std::vector<Track> tracks_;
};

}  // namespace ec2mpi::ops
