// Events around a node while the archive is on its way: words of its script, others' losses, silence.

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/push/delivery.hpp"

namespace ec2mpi::ops {

namespace {

/// "315.07", of /proc/uptime.
std::optional<Clock::duration> uptime(std::string_view text) {
  const auto dot = text.find('.');
  const auto seconds = parse_number(text.substr(0, dot));
  const auto hundredths = dot == std::string_view::npos ? std::nullopt : parse_number(text.substr(dot + 1));
  constexpr std::uint64_t kLongest = 1'000'000'000;
  if (!seconds || !hundredths || *seconds > kLongest || text.size() - dot != 3) return std::nullopt;
  return std::chrono::milliseconds(*seconds * 1000 + *hundredths * 10);
}

constexpr auto kBetweenJudgements = std::chrono::seconds(1);
constexpr auto kMoment = std::chrono::seconds(2);
/// Nothing has moved for this time: ask which nodes still answer.
constexpr auto kStall = std::chrono::seconds(5);
/// Longer than TCP may wait before it resends bytes that were lost while the uplink was away for some
/// seconds, even if they are lost once more: it waits twice as long each time, 19 s in all for the sixth
/// time.
constexpr auto kTimeToAnswer = std::chrono::seconds(16);
/// It answers, and yet nothing reaches it.
constexpr auto kGiveUpFeeder = std::chrono::seconds(30);

}  // namespace

asio::awaitable<Result<void>> Delivery::attend(bool (Delivery::*until)() const, std::string too_late) {
  for (auto next_look = Clock::now() + kMoment;;) {
    auto noticed = notice();
    if (!noticed) co_return noticed;
    if ((this->*until)()) co_return Result<void>{};
    if (!seat_->drop.empty()) {
      co_await drop_links();
      continue;
    }
    // By the clock, as words may come now and then even where nothing moves.
    const auto now = Clock::now();
    if (now >= next_look) {
      auto looked = co_await look_after_stall();
      if (!looked) co_return looked;
      next_look = Clock::now() + kMoment;
      continue;
    }
    const Limit moment = run_.limit.at_most(next_look - now);
    const Wake wake = co_await news_->wait(moment);
    const bool too_long = wake == Wake::timed_out && Clock::now() >= run_.limit.deadline;
    if (wake == Wake::stopped || too_long) co_return wake_error(wake, too_late);
  }
}

/// The events of this node's part since the last call.
Result<void> Delivery::notice() {
  take_words();
  if (done_) return {};
  if (!seat_->orphaned.empty()) return fail(ErrorKind::remote_io, seat_->orphaned);
  if (talk_->ended()) {
    const auto& end = talk_->end();
    return end ? fail(ErrorKind::remote_io, "the push ended on the node before its time")
               : std::unexpected(end.error());
  }
  if (feed_error_) return std::unexpected(*feed_error_);
  if (feed_ && feed_->failed()) return std::unexpected(*feed_->failed());
  // Even a node whose own disk is full continues to relay.
  const auto complaint = talk_->complaint();
  if (!complaint.empty() && !feeds_others()) return fail(ErrorKind::remote_io, complaint);
  return {};
}

bool Delivery::feeds_others() const {
  const auto& seats = seat_->wave->seats;
  const auto fed = fed_by(seat_->position, seats.size());
  return std::any_of(fed.begin(), fed.end(), [&seats](std::size_t i) { return !seats[i]->finished; });
}

void Delivery::take_words() {
  while (auto word = talk_->word()) {
    const auto about = std::exchange(about_, std::string());
    if (about == "unlinked")
      note_unlinked(*word);
    else if (about == "has")
      note_arrived(*word);
    else if (*word == "whole")
      note_whole();
    else if (*word == "passed")
      passed_on_ = true;
    else if (*word == "done")
      done_ = true;
    else
      about_ = *word;
  }
}

/// It has the whole archive, and the checksum is right.
void Delivery::note_whole() {
  whole_ = true;
  if (seat_->wave->pace) seat_->wave->pace->note_whole(seat_->position);
}

/// "3 REASON": the node cannot feed the one at this position.
void Delivery::note_unlinked(std::string_view word) {
  const auto blank = word.find(' ');
  const auto number = parse_number(word.substr(0, blank));
  const auto& wave = *seat_->wave;
  const auto fed = fed_by(seat_->position, wave.seats.size());
  if (!number || std::find(fed.begin(), fed.end(), *number) == fed.end()) return;
  if (wave.seats[*number]->finished || !wave.seats[*number]->orphaned.empty()) return;
  const auto reason = blank == std::string_view::npos ? std::string() : printable(trim(word.substr(blank)));
  push_.count().note = fmt::format("{} could not relay to {}: {}", run_.node.label(),
                                   wave.seats[*number]->node.label(), reason);
  wave.seats[*number]->unlinked = true;
  Relay::cut_off(wave, *number, push_.count().note);
}

/// "1200000 315.07": about how many bytes of the archive have reached the node, and when by its own clock.
/// After the end, the stream has the number.
void Delivery::note_arrived(std::string_view word) {
  const auto blank = word.find(' ');
  const auto number = parse_number(word.substr(0, blank));
  if (!number) return;
  auto& wave = *seat_->wave;
  const auto bytes = std::min<std::uint64_t>(*number, wave.stream->size());
  // Our bytes may still be on their way for long, and keep an answer waiting.
  if (std::exchange(push_.count().arrived[run_.node.index], bytes) < bytes) wave.progress = Clock::now();
  if (seat_->position > 0) push_.count().inside += bytes - std::exchange(inside_told_, bytes);
  if (!wave.pace) return;
  const auto now = Clock::now();
  wave.pace->note(seat_->position, bytes, now,
                  blank == std::string_view::npos ? std::nullopt : uptime(word.substr(blank + 1)));
  if (now - wave.judged < kBetweenJudgements) return;
  wave.judged = now;
  for (auto& slow : push_.relay(executor_)->relieve(wave)) push_.count().slow.push_back(std::move(slow));
}

/// No byte has arrived for a while: is it this node, another one, or the connection to all of them?
asio::awaitable<Result<void>> Delivery::look_after_stall() {
  const auto wave = seat_->wave;
  const auto now = Clock::now();
  if (wave->seats.size() < 2 || now - wave->progress < kStall) co_return Result<void>{};
  const Limit patience = run_.limit.at_most(kTimeToAnswer);
  auto answer = co_await capture(run_.session, ":", patience);
  if (answer) {
    wave->answered = Clock::now();
    if (seat_->position > 0 && !whole_ && Clock::now() - wave->progress > kGiveUpFeeder)
      Relay::cut_off(*wave, seat_->position, "no data came from the node that relays to it");
    co_return Result<void>{};
  }
  const bool moved = wave->progress > now;
  if (answer.error().kind == ErrorKind::timeout && (moved || wave->answered < now)) co_return Result<void>{};
  if (answer.error().kind != ErrorKind::timeout) co_return std::unexpected(answer.error());
  frozen_ = true;
  auto silent = fail(ErrorKind::timeout, "the node stopped answering");
  co_return silent;
}

/// Ends the ssh to nodes that are lost, so that the others continue.
asio::awaitable<void> Delivery::drop_links() {
  const auto positions = std::exchange(seat_->drop, {});
  for (const auto position : positions) {
    const auto file = quote_word(fmt::format("{}/.pid{}", seat_->stage, position));
    const Limit patience = run_.limit.at_most(kTimeToAnswer);
    auto command = fmt::format("kill \"$(cat {})\"", file);
    [[maybe_unused]] const auto ignored = co_await capture(run_.session, std::move(command), patience);
  }
}

}  // namespace ec2mpi::ops
