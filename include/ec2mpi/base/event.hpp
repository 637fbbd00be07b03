#pragma once
/// Waiting on the event loop: one coroutine waits, another one notifies. Single-threaded.

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <list>
#include <memory>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/limit.hpp"

namespace ec2mpi {

enum class Wake {
  notified,   ///< somebody called notify_all
  timed_out,  ///< the deadline passed
  stopped,    ///< the stop was requested
};

/// A condition that coroutines wait for. Check the condition, wait, check again.
class Event {
 public:
  explicit Event(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// Suspends in every case, so that no loop around a wait can hold the event loop. Once the limit has ended,
  /// the result says so even if a notification has arrived too: a coroutine that is notified all the time
  /// still times out.
  [[nodiscard]] asio::awaitable<Wake> wait(Limit limit);
  void notify_all();
  void notify_one();
  [[nodiscard]] std::size_t waiting() const { return waiters_->size(); }
  [[nodiscard]] const asio::any_io_executor& executor() const { return executor_; }

 private:
  asio::any_io_executor executor_;
  using Waiters = std::list<asio::steady_timer*>;
  class Waiting;
  std::shared_ptr<Waiters> waiters_ = std::make_shared<Waiters>();
};

/// Lets at most `places` coroutines in at once; the others wait in the order of their arrival.
class Gate {
 public:
  Gate(asio::any_io_executor executor, std::size_t places) : freed_(std::move(executor)), places_(places) {}

  /// Holds one place until it is destroyed.
  class Pass {
   public:
    explicit Pass(Gate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() { leave(); }
    void leave();

   private:
    Gate* gate_;
  };

  /// Nothing if the limit ended before a place was free.
  [[nodiscard]] asio::awaitable<Result<Pass>> enter(Limit limit);

 private:
  Event freed_;
  std::size_t places_;
};

/// Gives all other work of the loop its turn. For a loop that may always find more to do: without this,
/// signals and timers would not be seen. `notified` says that the limit has not ended.
[[nodiscard]] asio::awaitable<Wake> yield_to_loop(Limit limit);

/// Sleeps; ends early when the limit does.
[[nodiscard]] asio::awaitable<Wake> sleep_for(Clock::duration duration, Limit limit);

/// The error for a wait that did not end well: timeout with `what`, or cancelled.
[[nodiscard]] std::unexpected<Error> wake_error(Wake wake, std::string what);

}  // namespace ec2mpi
