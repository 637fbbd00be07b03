#pragma once
/// How long a wait may last and who may end it early. Every `co_await` that reaches the network takes one.

#include <algorithm>
#include <chrono>
#include <stop_token>

namespace ec2mpi {

using Clock = std::chrono::steady_clock;

struct Limit {
  Clock::time_point deadline = Clock::time_point::max();
  std::stop_token stop;  ///< requested by Ctrl-C, fail-fast or the end of the whole command

  /// The same limit, but at most `duration` from now; zero means "no additional limit".
  [[nodiscard]] Limit at_most(Clock::duration duration) const {
    if (duration <= Clock::duration::zero()) return *this;
    return {std::min(deadline, Clock::now() + duration), stop};
  }
};

}  // namespace ec2mpi
