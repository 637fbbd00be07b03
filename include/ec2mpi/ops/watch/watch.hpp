#pragma once
/// Looks at a node's load again and again, over one channel.

#include <functional>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/watch/load.hpp"

namespace ec2mpi::ops {

struct WatchPlan {
  Clock::duration every = std::chrono::seconds(2);
  int looks = 0;                  ///< 0: until the limit ends
  Clock::duration patience = {};  ///< for one answer; zero: until the limit ends
};

using SampleSink = std::function<void(const Node&, const LoadSample&)>;

/// Nothing is installed on the node. A program there waits for a line, answers, and ends with its input.
[[nodiscard]] NodeTask watch_task(WatchPlan plan, SampleSink sink);

}  // namespace ec2mpi::ops
