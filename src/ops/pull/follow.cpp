#include "src/ops/pull/follow.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/pull/node.hpp"
#include "src/ops/pull/ranges.hpp"
#include "src/ops/pull/script.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kSilence = std::chrono::seconds(30);  // the node ticks every second
constexpr auto kFirstPause = std::chrono::seconds(1);
constexpr auto kLongestPause = std::chrono::seconds(30);
constexpr auto kConnectTime = std::chrono::seconds(10);

class Follow {
 public:
  Follow(NodeRun& run, PullJob& job) : run_(run), job_(job), plan_(job.plans.at(run.node.index)) {}

  asio::awaitable<Result<ssh::ExitStatus>> run() {
    auto lost = co_await follow_over(run_);
    while (may_come_back(lost)) {
      say(fmt::format("connection lost ({}); connecting again", lost.message));
      auto session = co_await connect_again();
      if (!session) {
        lost = session.error();
        break;
      }
      say("connected again");
      NodeRun again{run_.node, **session, run_.limit, run_.observer, run_.connector};
      lost = co_await follow_over(again);
    }
    // Ctrl-C is the normal end of pull --follow.
    if (run_.limit.stop.stop_requested()) co_return ssh::ExitStatus{};
    co_return std::unexpected(std::move(lost));
  }

 private:
  /// Until this connection ends, or worse.
  asio::awaitable<Error> follow_over(NodeRun& run) {
    // After each connection, for much may have changed while there was none.
    auto pulled = co_await pull_whole(run);
    if (!pulled) co_return pulled.error();
    auto opened = co_await start_watching(run);
    if (!opened) co_return opened.error();
    for (;;) {
      auto sources = co_await next_change(run);
      if (!sources) co_return sources.error();
      auto taken = co_await take_change(run, *sources);
      // The listing is not needed any more, and the next one counts anew.
      memory_.give_back();
      if (!taken) co_return taken.error();
    }
  }

  asio::awaitable<Result<void>> pull_whole(NodeRun& run) {
    PullNode node(run, job_, &followed_);
    auto status = co_await node.run();
    if (status)
      said_.clear();
    else if (auto kept = tolerate(status.error()); !kept)
      co_return kept;
    co_return Result<void>{};
  }

  /// A file that is missing or can't be read is no reason to end; it may come. Nor is a program of ours that
  /// has ended on the node: where the connection is lost, that may be seen first.
  Result<void> tolerate(const Error& error) {
    if (error.kind != ErrorKind::remote_io) return std::unexpected(error);
    // A file may be missing for long, which is reported once.
    if (error.message != said_) say(error.message);
    said_ = error.message;
    return {};
  }

  /// Over the session of this connection; the listing before it belonged to another channel.
  asio::awaitable<Result<void>> start_watching(NodeRun& run) {
    const auto token = random_hex(32);
    auto program = pull_watch_program(plan_, token);
    ssh::Request request{.command = std::move(program.text)};
    CO_TRY_AS(channel, co_await start_program(run.session, std::move(request), run.limit));
    channel_ = std::move(*channel);
    CO_TRY(co_await offer_input(*channel_, program.input, run.limit));
    listing_.emplace(token, memory_, &job_.options.exclude);
    co_return Result<void>{};
  }

  /// Each line that watch.sh reads asks for one listing, which comes when something differs.
  asio::awaitable<Result<std::vector<RemoteSource>>> next_change(NodeRun& run) {
    CO_TRY(co_await offer_input(*channel_, "\n", run.limit));
    while (!listing_->ended()) {
      const auto limit = run.limit.at_most(kSilence);
      CO_TRY_AS(chunk, co_await channel_->read(limit));
      if (!*chunk) {
        const Error ended{ErrorKind::unreachable, "the node ended the copy"};
        co_return std::unexpected(ended);
      }
      if ((*chunk)->stream == ssh::Stream::err) continue;
      CO_TRY_AS(rest, listing_->feed((*chunk)->bytes));
    }
    co_return listing_->take();
  }

  asio::awaitable<Result<void>> take_change(NodeRun& run, const std::vector<RemoteSource>& sources) {
    CO_TRY_AS(tree, SafeTree::open(plan_.folder));
    CO_TRY_AS(chosen, choose_wanted(plan_, sources, &*tree, job_.options.exclude));
    for (const auto& kept : chosen->kept) followed_[kept.place] = {kept.inode, kept.size};
    const auto tails = tails_of(*chosen, *tree);
    if (auto fits = reserve(tails); !fits) co_return fits;
    auto& counts = job_.counts[run.node.index];
    const auto progress = [&](std::uint64_t bytes) {
      counts.bytes += bytes;
      run.observer.on_bytes(run.node, bytes);
    };
    PartsJob parts{run, plan_.as_root, *tree, progress};
    auto brought = co_await pull_tails(std::move(parts), tails);
    // Before the error counts: the next connection continues behind the bytes that have come.
    remember(tails, *tree);
    if (!brought) {
      if (auto kept = tolerate(brought.error()); !kept) co_return kept;
    }
    // Only appended bytes can be brought alone; anything else needs a whole pull.
    const bool more = tails.size() < chosen->files.size() || !chosen->links.empty() ||
                      !chosen->attributes.empty() || lacks_folder(*chosen, *tree);
    if (!more) co_return Result<void>{};
    auto pulled = co_await pull_whole(run);
    co_return pulled;
  }

  [[nodiscard]] std::vector<PullTail> tails_of(const PullChoice& choice, SafeTree& tree) const {
    std::vector<PullTail> tails;
    for (const auto& file : choice.files) {
      if (has_grown(file, followed_, tree)) tails.push_back({&file, followed_.at(file.place).size});
    }
    return tails;
  }

  /// As PullNode::reserve(): all bytes that --follow ever brings count for --max-size.
  [[nodiscard]] Result<void> reserve(const std::vector<PullTail>& tails) {
    std::uint64_t more = 0;
    for (const auto& tail : tails) add_up(more, tail.want->item.size - tail.from);
    if (auto room = look_for_room(plan_.folder, more); !room) return room;
    const auto most = job_.options.max_size;
    if (!most || more <= *most - std::min(*most, job_.planned)) {
      add_up(job_.planned, more);
      return {};
    }
    return fail(ErrorKind::local_io,
                fmt::format("its files have grown beyond --max-size {}; the copied part is kept",
                            format_bytes(*job_.options.max_size)));
  }

  /// The size of the file here, not the listed one: pull_tail() may have stopped before it.
  void remember(const std::vector<PullTail>& tails, SafeTree& tree) {
    for (const auto& tail : tails) {
      const auto here = tree.look(tail.want->place);
      if (here && *here) followed_[tail.want->place] = {tail.want->item.inode, (*here)->size};
    }
  }

  /// A new empty folder shows in no other list.
  [[nodiscard]] static bool lacks_folder(const PullChoice& choice, SafeTree& tree) {
    return std::any_of(choice.folders.begin(), choice.folders.end(), [&tree](const PullWant& folder) {
      const auto here = tree.look(folder.place);
      return here && !*here;
    });
  }

  /// The connection or the node was lost; it was not the user, a limit, or an error that a retry would not
  /// fix.
  [[nodiscard]] bool may_come_back(const Error& error) const {
    if (run_.limit.stop.stop_requested() || Clock::now() >= run_.limit.deadline) return false;
    return error.kind == ErrorKind::unreachable || error.kind == ErrorKind::timeout;
  }

  /// Until it succeeds, the user stops it, or the reason is one that time does not change.
  asio::awaitable<Result<std::unique_ptr<ssh::Session>>> connect_again() {
    const auto no_matter = [](ssh::Phase) {};
    for (Clock::duration pause = kFirstPause;; pause = std::min<Clock::duration>(2 * pause, kLongestPause)) {
      const Wake wake = co_await sleep_for(pause, run_.limit);
      if (wake == Wake::stopped) co_return wake_error(wake, "");
      const auto limit = run_.limit.at_most(kConnectTime);
      auto session = co_await run_.connector.connect(run_.node, limit, no_matter);
      if (session || !may_come_back(session.error())) co_return session;
    }
  }

  void say(const std::string& words) { run_.observer.on_line(run_.node, ssh::Stream::err, words); }

  NodeRun& run_;
  PullJob& job_;
  const PullPlan& plan_;
  FollowedFiles followed_;
  std::unique_ptr<ssh::Channel> channel_;
  ListingMemory memory_{job_.listed};
  std::optional<PullListing> listing_;
  std::string said_;
};

}  // namespace

asio::awaitable<Result<ssh::ExitStatus>> pull_and_follow(NodeRun run, std::shared_ptr<PullJob> job) {
  Follow follow(run, *job);
  auto status = co_await follow.run();
  co_return status;
}

}  // namespace ec2mpi::ops
