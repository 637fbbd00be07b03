#pragma once
/// Keeping to the master over one connection after the other: what following a job and following a series
/// have in common.

#include <asio/awaitable.hpp>
#include <stop_token>
#include <utility>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/ops/job/connection.hpp"

namespace ec2mpi::ops {

/// How long to try, when to try again, and what ends a wait. Neither copied nor moved: stop callbacks point
/// into it.
class ReconnectPolicy {
 public:
  /// `patience`: as in FollowRequest. While a connection holds, the master is reached, and may take its time.
  ReconnectPolicy(std::stop_token stop, std::stop_token detach, Clock::duration patience = {});
  ReconnectPolicy(const ReconnectPolicy&) = delete;
  ReconnectPolicy& operator=(const ReconnectPolicy&) = delete;

  /// The token that ends a wait: `stop` or `detach`, and after stop_taken() `detach` only.
  [[nodiscard]] Limit waiting() const;
  /// To be called when the requested stop is being carried out.
  void stop_taken() { stopping_ = true; }

  /// From now on all tries end within this time; an earlier end stays.
  void give_up_in(Clock::duration time);
  void give_up_within(Clock::duration time);
  [[nodiscard]] bool time_is_up() const { return Clock::now() >= give_up_at_; }

  /// Repeats `step`, each time over a new connection, until it succeeds or `worth_another_try(ERROR)` is
  /// false. A step that the user has ended is repeated without a pause, so that it sees the request.
  template <class Step, class WorthAnotherTry>
  [[nodiscard]] asio::awaitable<void> repeat(Step step, WorthAnotherTry worth_another_try,
                                             ConnectionObserver& observer) {
    for (;;) {
      const auto done = co_await step();
      const bool interrupted = wish_is_open();
      if (done || !worth_another_try(done.error())) co_return;
      if (!interrupted) co_await pause(done.error(), observer);
    }
  }
  /// No later try would succeed.
  [[nodiscard]] bool is_hopeless(const Error& error) const;
  /// The master has answered: reports it if the connection was lost.
  void reached(ConnectionObserver& observer);

 private:
  struct Forward {
    std::stop_source* to;
    void operator()() const { to->request_stop(); }
  };
  static constexpr Clock::duration kFirstPause = std::chrono::milliseconds(500);
  static constexpr Clock::duration kLongestPause = std::chrono::seconds(15);

  /// The connection is lost: reports it, and returns when it is time for the next try; each pause is longer
  /// than the one before.
  [[nodiscard]] asio::awaitable<void> pause(const Error& error, ConnectionObserver& observer);
  /// The user has requested something that nobody has taken up yet: waiting() ends at once.
  [[nodiscard]] bool wish_is_open() const { return !stopping_ && either_.stop_requested(); }

  std::stop_token detach_;
  std::stop_source either_;
  std::stop_callback<Forward> on_stop_;
  std::stop_callback<Forward> on_detach_;
  Clock::time_point give_up_at_ = Clock::time_point::max();
  Clock::time_point patience_ends_;  ///< counts while there is no connection
  Clock::duration pause_ = kFirstPause;
  bool stopping_ = false;
  bool lost_ = false;
};

}  // namespace ec2mpi::ops
