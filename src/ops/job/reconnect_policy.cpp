#include "ec2mpi/ops/job/reconnect_policy.hpp"

#include <algorithm>

#include "ec2mpi/base/event.hpp"

namespace ec2mpi::ops {

ReconnectPolicy::ReconnectPolicy(std::stop_token stop, std::stop_token detach, Clock::duration patience)
    : detach_(std::move(detach)),
      on_stop_(std::move(stop), Forward{&either_}),
      on_detach_(detach_, Forward{&either_}),
      patience_ends_(Limit{}.at_most(patience).deadline) {}

Limit ReconnectPolicy::waiting() const {
  // Once the stop is being carried out, only a request to detach ends a wait.
  const auto deadline = lost_ ? std::min(give_up_at_, patience_ends_) : give_up_at_;
  return {deadline, stopping_ ? detach_ : either_.get_token()};
}

void ReconnectPolicy::give_up_in(Clock::duration time) {
  give_up_at_ = Clock::now() + time;
  patience_ends_ = Clock::time_point::max();
}

void ReconnectPolicy::give_up_within(Clock::duration time) {
  give_up_at_ = std::min(give_up_at_, Clock::now() + time);
}

asio::awaitable<void> ReconnectPolicy::pause(const Error& error, ConnectionObserver& observer) {
  lost_ = true;
  observer.on_lost(error, pause_);
  const auto limit = waiting();
  co_await sleep_for(pause_, limit);
  pause_ = std::min(2 * pause_, kLongestPause);
}

void ReconnectPolicy::reached(ConnectionObserver& observer) {
  if (std::exchange(lost_, false)) observer.on_reconnected();
  pause_ = kFirstPause;
}

/// Another attempt would end in the same way.
bool ReconnectPolicy::is_hopeless(const Error& error) const {
  return error.kind == ErrorKind::host_key || error.kind == ErrorKind::auth || time_is_up() ||
         Clock::now() >= patience_ends_;
}

}  // namespace ec2mpi::ops
