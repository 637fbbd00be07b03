// How a node gets its place among those that share an archive, and leaves it.

#include "ec2mpi/base/text.hpp"
#include "src/ops/push/delivery.hpp"

namespace ec2mpi::ops {

namespace {

/// A node with less time than this is served from here: a feeder that hangs could not be replaced in time.
constexpr auto kTimeToReplace = std::chrono::seconds(40);
constexpr int kRelayedAttempts = 2;
constexpr std::uint64_t kWorthRelaying = 4'000'000;  ///< bytes that the uplink is spared

}  // namespace

/// A place in a wave: with others, or alone.
asio::awaitable<Result<void>> Delivery::take_seat() {
  seat_ = std::make_shared<Seat>(Seat{.node = run_.node, .address = survey_.address, .stage = survey_.stage});
  seat_->unpackers = survey_.unpackers;
  seat_->need = &need_;
  seat_->news = news_;
  if (others_) {
    be_there();
    auto waited = co_await wait_for_others();
    if (!waited) co_return waited;
  }
  const bool relayed = wants_relay();
  be_there();
  if (relayed) {
    const auto relay = push_.relay(executor_);
    auto joined = co_await Relay::join(relay, seat_, run_.limit);
    co_return joined;
  }
  if (!others_ && push_.plan().relay == RelayMode::always && attempt_ - moves_ > kRelayedAttempts &&
      !need_.items.empty())
    co_return fail(ErrorKind::remote_io,
                   unlinked_reason_.empty() ? "no other node could relay to this one" : unlinked_reason_);
  seat_->wave = std::make_shared<Wave>();
  seat_->wave->seats = {seat_};
  seat_->wave->stream = stream_for(push_.shared_tree(), seat_->wave->seats, push_.plan().compress);
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Delivery::wait_for_others() {
  while (gets_on(*others_)) {
    const Wake wake = co_await news_->wait(run_.limit);
    if (wake != Wake::notified) co_return wake_error(wake, "a node that is too slow for others got no turn");
    if (talk_->ended()) co_return fail(ErrorKind::remote_io, "the push ended on the node before its time");
  }
  if (others_->first_slow) {  // so it was not this node that held them up
    others_ = nullptr;
    std::erase(push_.count().slow, run_.node.label());
  }
  co_return Result<void>{};
}

void Delivery::be_expected() {
  if (!std::exchange(expected_, true)) push_.relay(executor_)->expect();
}

void Delivery::be_there() {
  if (std::exchange(expected_, false)) push_.relay(executor_)->arrived();
}

bool Delivery::wants_relay() const {
  const auto& plan = push_.plan();
  if (plan.relay == RelayMode::never || push_.nodes() < 2 || need_.items.empty()) return false;
  if (survey_.address.empty() || others_ || attempt_ - moves_ > kRelayedAttempts) return false;
  if (plan.relay == RelayMode::automatic && !unlinked_reason_.empty()) return false;
  if (plan.relay == RelayMode::always) return true;
  return run_.limit.deadline - Clock::now() > kTimeToReplace &&
         need_.bytes * (push_.nodes() - 1) >= kWorthRelaying;
}

void Delivery::leave_seat() {
  const auto seat = std::exchange(seat_, nullptr);
  seat->finished = true;
  if (!seat->wave) return;
  seat->wave->progress = Clock::now();
  const auto& stream = *seat->wave->stream;
  const auto bytes = stream.compressed() ? stream.size() : stream.content_bytes();
  push_.count().arrived.erase(run_.node.index);
  push_.count().inside -= std::exchange(inside_told_, 0);
  if (done_ && seat->position > 0) push_.count().inside += bytes;
  if (!(done_ || passed_on_) || (talk_->ended() && !talk_->end()))
    Relay::lost(*seat, run_.node.label() + ", which relayed to it, was lost");
  if (seat->unlinked) unlinked_reason_ = seat->orphaned;
  if (seat->moved) ++moves_;
  if (seat->slow) others_ = seat->wave;
  seat->wave->notify();
  const auto wave = std::exchange(seat->wave, nullptr);
}

}  // namespace ec2mpi::ops
