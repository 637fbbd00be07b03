// Events around a node while the archive is on its way: words of its script, orders of the share, silence.

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/push/delivery.hpp"

namespace ec2mpi::ops {

namespace {

/// The longest pause between two looks at the share, which wants one each second.
constexpr auto kMoment = std::chrono::seconds(1);
/// No word has come from a node for this time: ask whether it still answers.
constexpr auto kSilence = std::chrono::seconds(5);
/// Longer than TCP may wait before it resends bytes that were lost while the uplink was away for some
/// seconds, even if they are lost once more: it waits twice as long each time, 19 s in all for the sixth
/// time.
constexpr auto kTimeToAnswer = std::chrono::seconds(16);

}  // namespace

/// `too_late` is the text of the error if the push's own time limit ends the wait.
asio::awaitable<Result<void>> Delivery::attend(bool (Delivery::*until)() const, std::string too_late) {
  for (;;) {
    auto noticed = notice();
    if (!noticed) co_return noticed;
    CO_TRY(co_await follow_orders());
    if ((this->*until)()) co_return Result<void>{};
    place_.share->look();
    CO_TRY(co_await check_answer());
    const Limit moment = run_.limit.at_most(kMoment);
    const Wake wake = co_await news_->wait(moment);
    const bool too_long = wake == Wake::timed_out && Clock::now() >= run_.limit.deadline;
    if (wake == Wake::stopped || too_long) co_return wake_error(wake, too_late);
  }
}

/// The events of this node's part since the last call.
Result<void> Delivery::notice() {
  take_words();
  // First: once every file is in place, the end of the script or of an upload is no failure.
  if (is_in_place()) return {};
  if (talk_->ended()) return std::unexpected(talk_->why_ended());
  if (feed_ && feed_->failed()) return std::unexpected(*feed_->failed());
  const auto complaint = talk_->complaint();
  if (!complaint.empty()) return fail(ErrorKind::remote_io, complaint);
  const auto why = place_.share->why_out_of_reach(place_.number);
  if (why.empty()) return {};
  out_of_reach_ = true;
  return fail(ErrorKind::remote_io, why);
}

/// The head of push.sh has the answers.
void Delivery::take_words() {
  const auto& share = place_.share;
  while (const auto said = talk_->word()) {
    share->note_word(place_.number);
    const auto [word, value] = first_word(*said);
    if (word == "done") {
      finished_ = Clock::now();
      share->note_done(place_.number);
      note_placed();
    } else if (word == "has") {
      if (const auto bytes = parse_number(value)) share->note_progress(place_.number, *bytes);
    } else if (word == "at") {
      share->note_end(place_.number, value);
    } else if (word == "erased") {
      push_.count.erased += parse_number(value).value_or(0);
    } else if (word == "left") {
      note_left(parse_number(value).value_or(need_.files));
    } else if (word == "made") {
      push_.writers.note_made(run_.node.index, target_, std::string(value));
    }
  }
}

/// All that the node lacked is in its place, but for the files that changed here.
void Delivery::note_placed() {
  const auto* whole = place_.share->whole();
  const std::vector<std::size_t> changed = whole == nullptr ? std::vector<std::size_t>() : whole->changed();
  for (const auto number : need_.items) {
    const auto& item = tree_.items[number];
    if (item.type == TarType::file && std::ranges::count(changed, number) == 0)
      push_.count.placed.insert(tree_.path_of(item).string());
  }
}

/// The steps have failed, and so many files are still in the stage.
void Delivery::note_left(std::size_t files) {
  const auto* whole = place_.share->whole();
  files += whole == nullptr ? 0 : whole->changed().size();
  push_.count.partly = std::max(push_.count.partly, need_.files - std::min(need_.files, files));
}

/// While the archive goes to the script, nothing else may be written to it.
asio::awaitable<Result<void>> Delivery::follow_orders() {
  const auto& share = place_.share;
  if (uploading_) {
    if (!share->wants_upload(place_.number)) feed_->end_early();
    co_return Result<void>{};
  }
  auto orders = share->take_order(place_.number);
  if (!orders.empty()) CO_TRY(co_await talk_->tell(std::move(orders), run_.limit));
  if (!share->wants_upload(place_.number)) co_return Result<void>{};
  if (!feed_) {
    feed_ = std::make_unique<PushFeed>(run_, push_.count, talk_, survey_.stage, news_);
    feed_->add_lanes(lanes_);
  }
  uploading_ = true;
  asio::co_spawn(executor_, upload(share->upload_from(place_.number)), asio::detached);
  co_return Result<void>{};
}

/// A node that is frozen, or was lost without a sign, is recognised by others that are heard from meanwhile.
/// A node that is done and holds the archive stays until the last one is done, so there is one that can
/// answer.
asio::awaitable<Result<void>> Delivery::check_answer() {
  const auto& share = place_.share;
  const auto now = Clock::now();
  if (share->size() < 2 || now - std::max(share->heard(place_.number), answered_) < kSilence)
    co_return Result<void>{};
  const Limit patience = run_.limit.at_most(kTimeToAnswer);
  auto answer = co_await capture(run_.session, ":", patience);
  answered_ = Clock::now();
  if (answer) {
    share->note_word(place_.number);
    co_return Result<void>{};
  }
  if (answer.error().kind != ErrorKind::timeout) co_return std::unexpected(answer.error());
  // No verdict if the node has spoken meanwhile, or if no other node has: the uplink may be away.
  if (share->heard(place_.number) > now || share->heard_from_others(place_.number) < now)
    co_return Result<void>{};
  frozen_ = true;
  auto silent = fail(ErrorKind::timeout, "the node stopped answering");
  co_return silent;
}

}  // namespace ec2mpi::ops
