#include "src/ops/push/feed.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/extra_session.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"

namespace ec2mpi::ops {

namespace {

constexpr int kFirstNumber = 3;  ///< of the script's descriptors
/// The program of a lane prints this when its pipe is there; start-up files may print before it.
constexpr std::string_view kHere = "ec2mpi-lane\n";
constexpr std::size_t kLongestGreeting = 1024 * 1024;

/// The script starts a program for every part; but more than this would not fit into a lane's window twice.
constexpr std::size_t kPart = 1024 * 1024;
/// The script takes blocks of this size; a smaller rest takes an extra program.
constexpr std::size_t kPipe = 64 * 1024;

/// The command of a lane: waits for the pipe, which may not be there yet, and fills it. It is of use only
/// where the script can recognise a part that did not arrive whole.
/// It waits 10 s for the pipe, or 100 s where sleep takes only whole seconds.
std::string lane_command(const std::string& stage, int number) {
  constexpr std::string_view kFill =
      "dd iflag=fullblock count=0 </dev/null 2>/dev/null || exit 1; n=0; until [ -p \"$0\" ]; do n=$((n + "
      "1)); "
      "[ $n -lt 100 ] || exit 1; sleep 0.1 2>/dev/null || sleep 1; done; echo ec2mpi-lane; exec cat >\"$0\"";
  return "exec " +
         quote_words({"sh", "-c", std::string(kFill), fmt::format("{}/.own/lane.{}", stage, number)});
}

}  // namespace

std::string make_lanes_text(std::size_t lanes) {
  std::string text = "lanes";
  for (std::size_t i = 0; i < lanes; ++i) text += fmt::format(" {}", kFirstNumber + static_cast<int>(i));
  return text + "\n";
}

/// `active_` counts the coroutines that use this object, and finish() waits for all of them.
template <class Work>
void PushFeed::spawn(Work work) {
  ++active_;
  asio::co_spawn(news_->executor(), std::move(work), asio::detached);
}

void PushFeed::leave() {
  --active_;
  news_->notify_all();
}

void PushFeed::add_lanes(std::size_t lanes) {
  for (std::size_t i = 0; i < lanes; ++i) {
    auto lane = std::make_shared<Lane>();
    lane->number = kFirstNumber + static_cast<int>(i);
    lanes_.push_back(lane);
    spawn(attend(std::move(lane)));
  }
}

/// Makes a lane, and reads from it as long as it is needed: a connection that no coroutine reads is not
/// written either.
asio::awaitable<void> PushFeed::attend(std::shared_ptr<Lane> lane) {
  const Limit limit{run_.limit.deadline, stop_.get_token()};
  auto opened = co_await open(*lane, limit);
  if (opened && !failed_) {
    lane->open = true;
    news_->notify_all();
    for (;;) {
      auto chunk = co_await lane->channel->read(limit);
      // The program of a lane prints nothing more, but only a connection that is read is written.
      if (chunk && *chunk) continue;
      lane->open = false;
      if (stop_.stop_requested() || !lane->used) break;
      lane_broke_ = true;
      note_failure(chunk ? Error{ErrorKind::unreachable, "an additional connection to the node was lost"}
                         : chunk.error());
      break;
    }
  }
  leave();
}

/// Errors: those of the connection; remote_io if the node lacks a suitable dd or the pipe.
asio::awaitable<Result<void>> PushFeed::open(Lane& lane, Limit limit) {
  CO_TRY_AS(session, co_await open_extra_session(run_, limit));
  lane.session = std::move(*session);
  ssh::Request request{.command = lane_command(stage_, lane.number)};
  CO_TRY_AS(channel, co_await start_program(*lane.session, std::move(request), limit));
  lane.channel = std::move(*channel);
  std::string said;
  while (!said.ends_with(kHere)) {
    CO_TRY_AS(chunk, co_await lane.channel->read(limit));
    if (!*chunk || said.size() > kLongestGreeting) {
      auto failed = fail(ErrorKind::remote_io, "the node does not use the additional connections");
      co_return failed;
    }
    if ((*chunk)->stream == ssh::Stream::out) said += (*chunk)->bytes;
  }
  co_return Result<void>{};
}

/// Each part goes over a free lane, or over the script's own channel as long as there is no lane. At the end
/// it waits for all lanes: a part counts only when it is written.
asio::awaitable<Result<bool>> PushFeed::send(PushStream& stream, std::uint64_t offset, Limit limit) {
  ending_ = false;
  CO_TRY(co_await skip(stream, offset, limit));
  bool ended = false;
  while (!ending_ && !failed_) {
    const auto lane = free_lane();
    if (!lane && lanes_used() > 0) {
      const Wake wake = co_await news_->wait(limit);
      if (wake != Wake::notified) co_return wake_error(wake, "the node stopped taking data");
      continue;
    }
    std::string bytes;
    const auto part = take(stream, bytes);
    ended = bytes.empty();
    if (ended) break;
    position_ += part.bytes;
    // The script empties the pipes in the order in which it is told of the parts.
    const auto head =
        lane ? fmt::format("part {} {}\n", part.bytes, lane->number) : fmt::format("data {}\n", part.bytes);
    CO_TRY(co_await talk_->write(head, limit));
    if (lane) {
      lane->used = lane->busy = true;
      spawn(write_lane(lane, std::move(bytes), part, limit));
    } else {
      CO_TRY(co_await write_own(bytes, part, limit));
    }
  }
  while (!failed_ && std::ranges::any_of(lanes_, [](const auto& lane) { return lane->busy; })) {
    const Wake wake = co_await news_->wait(limit);
    if (wake != Wake::notified) co_return wake_error(wake, "the node stopped taking data");
  }
  if (failed_) co_return std::unexpected(*failed_);
  co_return ended;
}

/// The bytes in front are made again, as their files lie here and nothing else holds them.
asio::awaitable<Result<void>> PushFeed::skip(PushStream& stream, std::uint64_t offset, Limit limit) {
  rest_.clear();
  position_ = offset;
  while (stream.size() < offset) {
    const auto block = stream.next();
    if (block.empty()) co_return fail(ErrorKind::local_io, "the files changed here while they were sent");
    // The offset may lie inside of a block, whose rest then begins the first part.
    if (stream.size() > offset) rest_ = block.substr(block.size() - (stream.size() - offset));
    const Wake wake = co_await yield_to_loop(limit);
    if (wake != Wake::notified) co_return wake_error(wake, "the node stopped taking data");
  }
  co_return Result<void>{};
}

void PushFeed::end_early() {
  ending_ = true;
  news_->notify_all();
}

/// The next part of the archive; not the last one has whole pipes of bytes.
PushFeed::Part PushFeed::take(PushStream& stream, std::string& bytes) {
  const auto size = stream.compressed() ? PushStream::kBlock : kPart;  // to compress takes time
  const auto before = stream.content_bytes();
  bytes = std::exchange(rest_, {});
  bool ended = false;
  while (bytes.size() < size && !ended) {
    const auto block = stream.next();
    bytes += block;
    ended = block.empty();
  }
  if (!ended) {
    const auto whole = bytes.size() / kPipe * kPipe;
    rest_ = bytes.substr(whole);
    bytes.resize(whole);
  }
  return {bytes.size(), stream.content_bytes() - before, stream.compressed()};
}

asio::awaitable<void> PushFeed::write_lane(std::shared_ptr<Lane> lane, std::string bytes, Part part,
                                           Limit limit) {
  auto written = co_await lane->channel->write(bytes, limit);
  lane->busy = false;
  if (written) {
    note_sent(part);
  } else {
    lane_broke_ = true;
    note_failure(written.error());
  }
  leave();
}

/// In blocks, so that a slow link shows that it moves.
asio::awaitable<Result<void>> PushFeed::write_own(const std::string& bytes, Part part, Limit limit) {
  for (std::size_t at = 0; at < bytes.size(); at += PushStream::kBlock) {
    const auto block = std::string_view(bytes).substr(at, PushStream::kBlock);
    CO_TRY(co_await talk_->write(block, limit));
    // The content of one block is not known: all bytes count until the part's sum is used up.
    const bool last = at + block.size() == bytes.size();
    const auto content = last ? part.content : std::min<std::uint64_t>(part.content, block.size());
    part.content -= content;
    const Part written{block.size(), content, part.compressed};
    note_sent(written);
  }
  co_return Result<void>{};
}

std::shared_ptr<PushFeed::Lane> PushFeed::free_lane() const {
  const auto free = std::ranges::find_if(lanes_, [](const auto& lane) { return lane->open && !lane->busy; });
  return free == lanes_.end() ? nullptr : *free;
}

std::size_t PushFeed::lanes_used() const {
  return static_cast<std::size_t>(std::ranges::count_if(lanes_, &Lane::used));
}

void PushFeed::note_sent(const Part& part) {
  count_.sent += part.content;
  count_.uplink += part.compressed ? part.bytes : part.content;
  run_.observer.on_bytes(run_.node, part.content);
}

void PushFeed::note_failure(const Error& error) {
  if (!failed_) failed_ = error;
  news_->notify_all();
}

asio::awaitable<void> PushFeed::finish() {
  stop_.request_stop();
  const Limit unlimited;
  while (active_ > 0) co_await news_->wait(unlimited);
}

}  // namespace ec2mpi::ops
