#include "ec2mpi/base/event.hpp"

#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <optional>

namespace ec2mpi {

namespace {
/// The end of a wait with this limit, as of now; `notified` while the limit has not ended.
Wake wake_at_once(const Limit& limit) {
  if (limit.stop.stop_requested()) return Wake::stopped;
  return Clock::now() >= limit.deadline ? Wake::timed_out : Wake::notified;
}
}  // namespace

/// One waiter's place in the list. It leaves also when the loop is torn down around a wait, and the event may
/// be gone by then: hence the shared list.
class Event::Waiting {
 public:
  Waiting(std::shared_ptr<Waiters> waiters, asio::steady_timer& timer)
      : waiters_(std::move(waiters)), place_(waiters_->insert(waiters_->end(), &timer)) {}
  ~Waiting() { waiters_->erase(place_); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  std::shared_ptr<Waiters> waiters_;
  Waiters::iterator place_;
};

asio::awaitable<Wake> Event::wait(Limit limit) {
  // A stop_callback for a stop that was requested already runs in its constructor, before there is
  // a wait to cancel; so the timer has to end at once.
  const bool stopped = limit.stop.stop_requested();
  asio::steady_timer timer(executor_, stopped ? Clock::now() : limit.deadline);
  const Waiting waiting(waiters_, timer);
  {
    // The error only says whether the timer was cancelled or ran out; the limit decides below.
    std::error_code ignored;
    const auto cancel = [&timer] { timer.cancel(); };
    std::optional<std::stop_callback<decltype(cancel)>> on_stop;
    if (limit.stop.stop_possible()) on_stop.emplace(limit.stop, cancel);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return wake_at_once(limit);
}

void Event::notify_all() {
  // cancel() only posts the waiters' handlers, so none of them leaves the list during this loop.
  for (auto* timer : *waiters_) timer->cancel();
}

void Event::notify_one() {
  if (waiters_->empty()) return;
  waiters_->front()->cancel();
  waiters_->splice(waiters_->end(), *waiters_,
                   waiters_->begin());  // it leaves later; the next call is the next one's
}

void Gate::Pass::leave() {
  if (gate_ == nullptr) return;
  ++gate_->places_;
  gate_->freed_.notify_one();
  gate_ = nullptr;
}

asio::awaitable<Result<Gate::Pass>> Gate::enter(Limit limit) {
  if (limit.stop.stop_requested()) co_return wake_error(Wake::stopped, {});
  while (places_ == 0) {
    // A coroutine that entered meanwhile may have taken the place, so the loop looks again.
    const Wake wake = co_await freed_.wait(limit);
    if (wake != Wake::notified) {
      if (places_ > 0) freed_.notify_one();  // the place may have been meant for us
      co_return wake_error(wake, "still waiting for its turn");
    }
  }
  --places_;
  co_return Pass(this);
}

asio::awaitable<Wake> yield_to_loop(Limit limit) {
  const auto executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, asio::use_awaitable);
  co_return wake_at_once(limit);
}

asio::awaitable<Wake> sleep_for(Clock::duration duration, Limit limit) {
  // Nobody notifies this event, so only the limit ends the wait.
  Event never(co_await asio::this_coro::executor);
  if (duration <= Clock::duration::zero()) co_return Wake::timed_out;
  const Limit shorter = limit.at_most(duration);
  const Wake wake = co_await never.wait(shorter);
  co_return wake;
}

std::unexpected<Error> wake_error(Wake wake, std::string what) {
  if (wake == Wake::stopped) return fail(ErrorKind::cancelled, "interrupted");
  return fail(ErrorKind::timeout, std::move(what));
}

}  // namespace ec2mpi
