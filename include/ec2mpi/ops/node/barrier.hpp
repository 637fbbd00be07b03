#pragma once

#include "ec2mpi/base/event.hpp"

namespace ec2mpi::ops {

/// Coroutines wait for each other here, as threads do at a std::barrier. A coroutine that will not arrive
/// calls drop(); otherwise all others would wait for ever.
class Barrier {
 public:
  Barrier(asio::any_io_executor executor, std::size_t members)
      : met_(std::move(executor)), members_(members) {}

  /// Returns when all members are here, or the limit ends.
  [[nodiscard]] asio::awaitable<Wake> arrive_and_wait(Limit limit) {
    const auto mine = round_;
    ++here_;
    advance();
    Wake wake = Wake::notified;
    while (mine == round_ && wake == Wake::notified) wake = co_await met_.wait(limit);
    if (mine == round_) --here_;
    co_return wake;
  }

  void drop() {
    --members_;
    advance();
  }

 private:
  void advance() {
    if (here_ < members_ || here_ == 0) return;
    here_ = 0;
    ++round_;
    met_.notify_all();
  }

  Event met_;
  std::size_t members_;
  std::size_t here_ = 0;
  std::size_t round_ = 0;
};

}  // namespace ec2mpi::ops
