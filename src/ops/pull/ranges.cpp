#include "src/ops/pull/ranges.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/this_coro.hpp>
#include <memory>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "ec2mpi/ops/node/extra_session.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/pull/complaints.hpp"
#include "src/ops/pull/parts.hpp"
#include "src/ops/pull/script.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kPartsInFlight = 2;  // of one stream; so that the node never waits for us
// Additional connections are made for a file that lacks at least this many bytes.
constexpr std::uint64_t kWorthAStream = 24 << 20;

/// ranges.sh, running on a node.
class RangeStream {
 public:
  asio::awaitable<Result<void>> open(ssh::Session& session, bool as_root, Limit limit) {
    const auto token = random_hex(32);
    token_ = token + "\n";
    ssh::Request request{.command = as_reader(as_root, pull_ranges_program(token)), .bulk = true};
    CO_TRY_AS(channel, co_await start_program(session, std::move(request), limit));
    channel_ = std::move(*channel);
    co_return Result<void>{};
  }

  /// The script counts bytes from 1, as tail(1) does. The answer is not waited for.
  asio::awaitable<Result<void>> ask(std::string path, FilePart part, Limit limit) {
    const auto line = fmt::format("{} {} {}\n", part.from + 1, part.to - part.from, encode_path(path));
    auto written = co_await offer_input(*channel_, line, limit);
    co_return written;
  }

  asio::awaitable<Result<void>> ask_record(std::string path, Limit limit) {
    const auto line = fmt::format("record 0 {}\n", encode_path(path));
    auto written = co_await offer_input(*channel_, line, limit);
    co_return written;
  }

  /// Some more bytes of the answers, at most `most`; valid until the next call.
  asio::awaitable<Result<std::string_view>> read(std::uint64_t most, Limit limit) {
    while (ready_.empty()) {
      CO_TRY_AS(chunk, co_await channel_->read(limit));
      if (!*chunk) co_return ended();
      if ((*chunk)->stream == ssh::Stream::err) {
        complaints_.feed((*chunk)->bytes);
        continue;
      }
      CO_TRY(take((*chunk)->bytes));
    }
    const auto bytes =
        ready_.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(most, ready_.size())));
    ready_.remove_prefix(bytes.size());
    co_return bytes;
  }

  /// Behind the bytes of an answer.
  asio::awaitable<Result<void>> read_end_of_answer(Limit limit) {
    CO_TRY_AS(byte, co_await read(1, limit));
    if (*byte == "\n") co_return Result<void>{};
    auto failed = fail(ErrorKind::protocol, "the node sends more than it was asked for");
    co_return failed;
  }

  /// Nothing if the file is not there any more.
  asio::awaitable<Result<std::optional<RemoteItem>>> read_record(Limit limit) {
    std::string fields;
    while (std::count(fields.begin(), fields.end(), '\0') < 3) {
      CO_TRY_AS(byte, co_await read(1, limit));
      if (fields.empty() && *byte == "\n") co_return std::nullopt;
      fields += *byte;
      if (fields.size() > TarDecoder::kLongestName) {
        auto failed = fail(ErrorKind::protocol, "the node's answer is longer than can be");
        co_return failed;
      }
    }
    CO_TRY(co_await read_end_of_answer(limit));
    CO_TRY_AS(item, parse_record(std::string_view(fields).substr(0, fields.find('\0'))));
    co_return *item;
  }

 private:
  /// Drops the text that .bashrc prints before the token.
  Result<void> take(std::string_view bytes) {
    if (begun_) {
      ready_ = bytes;
      return {};
    }
    before_ += bytes;
    const auto place = before_.find(token_);
    if (place == std::string::npos && before_.size() > PullListing::kMostBefore)
      return fail(ErrorKind::protocol, "the node prints much before any file; see its .bashrc");
    if (place == std::string::npos) return {};
    begun_ = true;
    ready_ = std::string_view(before_).substr(place + token_.size());
    return {};
  }

  [[nodiscard]] std::unexpected<Error> ended() {
    TRY_AS(status, channel_->exit_status());
    complaints_.end();
    const auto said = complaints_.reason();
    return fail(ErrorKind::remote_io, said.empty() ? "the node ended the copy: " + status->describe() : said);
  }

  std::unique_ptr<ssh::Channel> channel_;
  std::string token_;
  std::string before_;
  std::string_view ready_;
  Complaints complaints_;
  bool begun_ = false;
};

/// The name of the hidden file depends on it, so the part of another version is never continued.
std::string version_of(const RemoteItem& item) {
  return fmt::format("{} {}.{}", item.size, item.mtime, item.nanoseconds);
}

bool same_version(const RemoteItem& a, const RemoteItem& b) {
  return a.size == b.size && a.mtime == b.mtime && a.nanoseconds == b.nanoseconds;
}

/// Its first bytes are still the listed ones, as far as its record shows.
bool only_grown(const RemoteItem& before, const RemoteItem& now) {
  return now.type == TarType::file && now.inode == before.inode && now.size > before.size;
}

/// What was copied is whole: the bytes that were listed have not changed.
bool still_valid(const RemoteItem& before, const std::optional<RemoteItem>& now) {
  return now && (same_version(before, *now) || only_grown(before, *now));
}

/// Some big files from one node, over one or several streams. Lives in the frame of pull_big_files().
class BigFiles {
 public:
  BigFiles(PartsJob job, const std::vector<PullWant>& files, std::size_t streams,
           const asio::any_io_executor& executor)
      : run_(job.run),
        as_root_(job.as_root),
        tree_(job.tree),
        files_(files),
        streams_wanted_(streams),
        progress_(std::move(job.progress)),
        changed_(executor),
        on_user_stop_(run_.limit.stop, StopIt{stop_}) {}

  asio::awaitable<Result<void>> run() {
    auto first = std::make_unique<RangeStream>();
    auto opened = co_await first->open(run_.session, as_root_, run_.limit);
    if (!opened) co_return opened;
    far_ = is_far(run_.session);
    streams_.push_back(std::move(first));
    Result<void> all;
    for (number_ = 0; number_ < files_.size() && !failed_; ++number_) {
      auto done = co_await bring();
      if (!done && all) all = done;
      // A disk that is full or cannot be written to would stop the other files, too.
      if (!done && done.error().kind == ErrorKind::local_io) break;
    }
    // No additional connection is needed any more; those that are being made use this object until they end.
    stop_.request_stop();
    const Limit unlimited;
    while (active_ > 0) co_await changed_.wait(unlimited);
    if (failed_) co_return std::unexpected(*failed_);
    if (!all) all.error().message += others_left_out(all.error().message);
    co_return all;
  }

 private:
  struct StopIt {
    std::stop_source& source;
    void operator()() const { source.request_stop(); }
  };

  [[nodiscard]] const PullWant& file() const { return files_[number_]; }

  asio::awaitable<Result<void>> bring() {
    auto begun = begin_file();
    if (!begun) co_return begun;
    add_streams();
    // A copy, because note_failure() removes a broken stream from the other list.
    std::vector<RangeStream*> streams;
    for (const auto& stream : streams_) streams.push_back(stream.get());
    for (auto* stream : streams) spawn(work(*stream));
    const Limit unlimited;
    while (working_ > 0) co_await changed_.wait(unlimited);
    if (!parts_->complete()) {
      // Nothing is kept after a local error, or from a node that broke the protocol.
      const bool no_resume =
          failed_ && (failed_->kind == ErrorKind::local_io || failed_->kind == ErrorKind::protocol);
      if (no_resume) tree_.drop_file();
      if (!failed_) failed_ = Error{ErrorKind::unreachable, "connection lost"};
      co_return std::unexpected(*failed_);
    }
    auto ended = co_await end_file();
    co_return ended;
  }

  Result<void> begin_file() {
    const auto attributes = attributes_of(file().item);
    auto there = tree_.begin_partial(file().place, attributes, version_of(file().item));
    // More than the whole file is no part of this version.
    if (there && *there > file().item.size) {
      tree_.drop_file();
      there = tree_.begin_partial(file().place, attributes, version_of(file().item));
    }
    if (!there) return std::unexpected(there.error());
    parts_.emplace(*there, file().item.size);
    return {};
  }

  asio::awaitable<Result<void>> end_file() {
    auto& stream = *streams_.front();
    // Asked behind the last byte: a file that has changed by now may be a mixture of two versions.
    auto asked = co_await stream.ask_record(file().path, run_.limit);
    if (!asked) co_return asked;
    CO_TRY_AS(now, co_await stream.read_record(run_.limit));
    if (still_valid(file().item, *now)) co_return tree_.end_file();
    tree_.drop_file();
    left_out_.push_back(printable(file().path));
    const auto* happened = *now ? " changed while it was copied, so it was not put in place; pull again"
                                : " was removed while it was copied, so it was not put in place";
    auto failed = fail(ErrorKind::remote_io, printable(file().path) + happened);
    co_return failed;
  }

  /// The error is that of the first file that failed.
  [[nodiscard]] std::string others_left_out(const std::string& said) const {
    std::vector<std::string> others;
    for (const auto& name : left_out_)
      if (!said.starts_with(name + " ")) others.push_back(name);
    return others.empty() ? std::string() : "; left out for such a reason too: " + some_of(others);
  }

  void add_streams() {
    if (!far_ || grown_ || file().item.size - parts_->written() < kWorthAStream) return;
    // Once for all files, because the streams stay open for the next ones.
    grown_ = true;
    for (std::size_t i = 1; i < streams_wanted_; ++i) {
      ++active_;
      asio::co_spawn(changed_.executor(), add_stream(), asio::detached);
    }
  }

  /// One more connection; if none can be made, the others do the work.
  asio::awaitable<void> add_stream() {
    const Limit limit{run_.limit.deadline, stop_.get_token()};
    auto session = co_await open_extra_session(run_, limit);
    if (session) {
      auto stream = std::make_unique<RangeStream>();
      auto opened = co_await stream->open(**session, as_root_, limit);
      if (opened) {
        sessions_.push_back(std::move(*session));
        streams_.push_back(std::move(stream));
        // It helps with the present file at once.
        if (working_ > 0) spawn(work(*streams_.back()));
      }
    }
    --active_;
    changed_.notify_all();
  }

  void spawn(asio::awaitable<void> work) {
    ++working_;
    ++active_;
    asio::co_spawn(changed_.executor(), std::move(work), asio::detached);
  }

  /// One stream's share of the file.
  asio::awaitable<void> work(RangeStream& stream) {
    std::deque<FilePart> asked;
    auto done = co_await take_part(stream, asked);
    // The other streams bring what this one was asked for and has not brought.
    for (const auto& part : asked) parts_->give_back(part);
    --working_;
    --active_;
    if (!done) note_failure(stream, done.error());
    changed_.notify_all();
  }

  /// One stream's work on the present file. It keeps kPartsInFlight parts requested, so that no round trip
  /// passes without data, and reads them in the order of the requests. It ends when the file is complete, or
  /// when any stream has failed.
  asio::awaitable<Result<void>> take_part(RangeStream& stream, std::deque<FilePart>& asked) {
    while (!parts_->complete() && !failed_) {
      while (asked.size() < kPartsInFlight) {
        const auto part = parts_->take();
        if (!part) break;
        asked.push_back(*part);
        auto sent = co_await stream.ask(file().path, *part, run_.limit);
        if (!sent) co_return sent;
      }
      if (asked.empty()) {
        // Other streams bring the last parts, or too many parts wait in memory for an earlier one.
        const Wake wake = co_await changed_.wait(run_.limit);
        if (wake != Wake::notified) co_return wake_error(wake, "the copy did not end in time");
        continue;
      }
      CO_TRY_AS(bytes, co_await stream.read(asked.front().to - asked.front().from, run_.limit));
      const auto write = [this](std::string_view content) { return tree_.write(content); };
      auto written = parts_->accept(asked.front().from, *bytes, write);
      if (!written) {
        failed_ = written.error();
        co_return written;
      }
      progress_(bytes->size());
      asked.front().from += bytes->size();
      if (asked.front().from == asked.front().to) {
        asked.pop_front();
        CO_TRY(co_await stream.read_end_of_answer(run_.limit));
      }
      changed_.notify_all();
      co_await run_.observer.ready(run_.limit);
    }
    co_return Result<void>{};
  }

  /// The others take over the parts of a broken stream; the first stream's session is the node's, without
  /// which the pull ends.
  void note_failure(const RangeStream& stream, const Error& error) {
    const bool first = &stream == streams_.front().get();
    if (first && !failed_) failed_ = error;
    if (first) return;
    std::erase_if(streams_, [&stream](const auto& known) { return known.get() == &stream; });
  }

  NodeRun& run_;
  bool as_root_;
  SafeTree& tree_;
  const std::vector<PullWant>& files_;
  std::size_t streams_wanted_;
  PullProgress progress_;
  Event changed_;
  std::stop_source stop_;  ///< of connections that are still being made
  std::stop_callback<StopIt> on_user_stop_;
  std::vector<std::unique_ptr<ssh::Session>> sessions_;
  std::vector<std::unique_ptr<RangeStream>> streams_;
  std::optional<FileParts> parts_;
  std::size_t number_ = 0;
  std::vector<std::string> left_out_;  ///< files that changed meanwhile
  std::size_t working_ = 0;            ///< streams at work on the file
  std::size_t active_ = 0;             ///< coroutines that use this
  bool far_ = false;
  bool grown_ = false;
  std::optional<Error> failed_;
};

/// A record follows each part. Only if it shows that the listed bytes are unchanged is the part
/// appended; until then it stays in memory.
asio::awaitable<Result<void>> pull_tail(const PartsJob& job, RangeStream& stream, const PullTail& tail) {
  const auto& limit = job.run.limit;
  const auto& item = tail.want->item;
  for (FilePart part{tail.from, 0}; part.from < item.size; part.from = part.to) {
    part.to = std::min(part.from + FileParts::kPart, item.size);
    auto asked = co_await stream.ask(tail.want->path, part, limit);
    if (asked) asked = co_await stream.ask_record(tail.want->path, limit);
    if (!asked) co_return asked;
    std::string content;
    while (content.size() < part.to - part.from) {
      CO_TRY_AS(bytes, co_await stream.read(part.to - part.from - content.size(), limit));
      content += *bytes;
    }
    CO_TRY(co_await stream.read_end_of_answer(limit));
    CO_TRY_AS(now, co_await stream.read_record(limit));
    if (!still_valid(item, *now)) co_return Result<void>{};  // the next listing shows why
    auto attributes = attributes_of(item);
    if (auto added = job.tree.append(tail.want->place, part.from, content, attributes); !added)
      co_return added;
    job.progress(content.size());
  }
  co_return Result<void>{};
}

}  // namespace

asio::awaitable<Result<void>> pull_big_files(PartsJob job, std::vector<PullWant> files, std::size_t streams) {
  const auto executor = co_await asio::this_coro::executor;
  BigFiles big(std::move(job), files, streams, executor);
  auto done = co_await big.run();
  co_return done;
}

asio::awaitable<Result<void>> pull_tails(PartsJob job, std::vector<PullTail> tails) {
  if (tails.empty()) co_return Result<void>{};
  RangeStream stream;
  CO_TRY(co_await stream.open(job.run.session, job.as_root, job.run.limit));
  for (const auto& tail : tails) {
    CO_TRY(co_await pull_tail(job, stream, tail));
  }
  co_return Result<void>{};
}

}  // namespace ec2mpi::ops
