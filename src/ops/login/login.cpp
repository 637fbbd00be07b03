#include "ec2mpi/ops/login/login.hpp"

#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>
#include <deque>
#include <exception>
#include <optional>
#include <stop_token>

#include "ec2mpi/base/try.hpp"
#include "src/ops/login/escape.hpp"

namespace ec2mpi::ops {

namespace {

/// Input that may wait for the node before reading more is held back.
constexpr std::size_t kPlenty = 1024 * 1024;
/// If the node has taken nothing for so long, a terminal is read all the same: ~. may be coming.
constexpr auto kStuckAfter = std::chrono::seconds(1);
/// Bytes that are sent between two signs of progress.
constexpr std::size_t kPiece = 16 * 1024;

// With carriage returns, since the terminal is raw.
constexpr std::string_view kHelp =
    "~?\r\n"
    "Escapes, at the beginning of a line only:\r\n"
    "  ~.  leave: close the connection\r\n"
    "  ~~  send one ~\r\n"
    "  ~?  this help\r\n";

/// A program on the node and a terminal here, joined by four coroutines that end together. Lives in login's
/// frame.
class Conversation {
 public:
  Conversation(const asio::any_io_executor& executor, ssh::Channel& channel, Terminal& terminal, bool has_pty,
               bool escapes, const Limit& limit)
      : channel_(channel),
        terminal_(terminal),
        has_pty_(has_pty),
        escapes_(escapes),
        // over_ ends all parts: by the caller's stop, or as soon as one of them decides the end.
        passes_stop_(limit.stop, PassStop{&over_}),
        limit_{limit.deadline, over_.get_token()},
        moved_(executor) {}

  asio::awaitable<Result<ssh::ExitStatus>> run() {
    attend(show());
    attend(type());
    attend(send());
    if (has_pty_) attend(follow_size());
    // Each part ends by limit_; this wait only collects them.
    const Limit unlimited;
    while (running_ > 0) co_await moved_.wait(unlimited);
    if (thrown_) std::rethrow_exception(thrown_);
    if (left_) co_return std::unexpected(*left_);
    co_return std::move(status_);
  }

 private:
  struct PassStop {
    std::stop_source* to;
    void operator()() const { to->request_stop(); }
  };

  /// Starts a part. An exception in it ends the login, and is thrown again by the caller when all parts have
  /// ended.
  void attend(asio::awaitable<void> part) {
    ++running_;
    asio::co_spawn(moved_.executor(), std::move(part), [this](std::exception_ptr thrown) {
      if (thrown) {
        thrown_ = thrown;
        over_.request_stop();
      }
      --running_;
      moved_.notify_all();
    });
  }

  void leave(Error reason) {
    left_ = std::move(reason);
    over_.request_stop();
  }

  /// The node's output to the terminal, until the program has ended; its end is the end of all.
  asio::awaitable<void> show() {
    for (;;) {
      auto chunk = co_await channel_.read(limit_);
      if (!chunk)
        status_ = std::unexpected(chunk.error());
      else if (!*chunk)
        status_ = channel_.exit_status();
      if (!chunk || !*chunk) break;
      terminal_.write((*chunk)->stream, (*chunk)->bytes);
      // A slow terminal slows the node down instead of filling the memory here.
      co_await terminal_.room(limit_);
    }
    over_.request_stop();
  }

  /// The terminal's input into the queue. Never waits for the node for good when a person may type ~. .
  asio::awaitable<void> type() {
    for (;;) {
      co_await hold_back();
      auto typed = co_await terminal_.read(limit_);
      if (limit_.stop.stop_requested()) co_return;
      if (!typed) {
        leave(typed.error());
        co_return;
      }
      // The input has ended, not the program: the node gets the end of file behind the queue.
      if (!*typed) break;
      take(**typed);
    }
    input_ended_ = true;
    moved_.notify_all();
  }

  asio::awaitable<void> hold_back() {
    while (waiting_bytes_ > kPlenty && !stuck_) {
      // Without escapes there is nothing to look for in the input.
      const Limit patience = escapes_ ? limit_.at_most(kStuckAfter) : limit_;
      const auto sent_before = sent_bytes_;
      const Wake wake = co_await moved_.wait(patience);
      if (wake == Wake::stopped) co_return;
      stuck_ = wake == Wake::timed_out && sent_bytes_ == sent_before;
    }
  }

  void take(std::string_view typed) {
    if (!escapes_) {
      queue(std::string(typed));
      return;
    }
    while (!typed.empty()) {
      auto step = escape_.next(typed);
      queue(std::move(step.bytes));
      if (step.action == EscapeAction::help) terminal_.write(ssh::Stream::out, kHelp);
      if (step.action == EscapeAction::leave) {
        // The bytes behind ~. are dropped.
        leave({ErrorKind::cancelled, "left by ~."});
        return;
      }
    }
  }

  void queue(std::string bytes) {
    if (bytes.empty()) return;
    waiting_bytes_ += bytes.size();
    waiting_.push_back(std::move(bytes));
    moved_.notify_all();
  }

  /// The queue to the node. When the node takes no more for good, `show` says why.
  asio::awaitable<void> send() {
    for (;;) {
      while (waiting_.empty() && !input_ended_) {
        const Wake wake = co_await moved_.wait(limit_);
        if (wake != Wake::notified) co_return;
      }
      if (waiting_.empty()) break;
      const std::string block = std::move(waiting_.front());
      waiting_.pop_front();
      for (std::string_view rest = block; !rest.empty();) {
        const auto piece = rest.substr(0, kPiece);
        rest.remove_prefix(piece.size());
        auto written = co_await channel_.write(piece, limit_);
        if (!written) co_return;
        waiting_bytes_ -= piece.size();
        sent_bytes_ += piece.size();
        stuck_ = false;
        moved_.notify_all();
      }
    }
    channel_.close_input();
  }

  asio::awaitable<void> follow_size() {
    for (;;) {
      const Wake wake = co_await terminal_.resized(limit_);
      if (wake != Wake::notified) co_return;
      const auto size = terminal_.size();
      channel_.resize(size.columns, size.rows);
    }
  }

  ssh::Channel& channel_;
  Terminal& terminal_;
  bool has_pty_;
  bool escapes_;
  EscapeFilter escape_;
  std::stop_source over_;
  std::stop_callback<PassStop> passes_stop_;
  Limit limit_;
  Event moved_;  ///< the queue, or the number of coroutines
  int running_ = 0;
  std::exception_ptr thrown_;
  std::optional<Error> left_;
  Result<ssh::ExitStatus> status_;

  std::deque<std::string> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::size_t sent_bytes_ = 0;
  bool input_ended_ = false;
  bool stuck_ = false;
};

}  // namespace

asio::awaitable<Result<ssh::ExitStatus>> login(ssh::Session& session, LoginRequest request,
                                               Terminal& terminal, Limit limit) {
  ssh::Request start{.command = std::move(request.command)};
  if (request.terminal_kind) {
    const auto size = terminal.size();
    start.pty = ssh::Pty{*request.terminal_kind, size.columns, size.rows};
  }
  Limit soon = limit;
  soon.deadline = std::min(soon.deadline, request.start_by);
  CO_TRY_AS(channel, co_await session.start(std::move(start), soon));

  // From here on the terminal may be raw; until here, Ctrl-C ends ec2mpi in the usual way.
  terminal.begin();
  const auto executor = co_await asio::this_coro::executor;
  Conversation conversation(executor, **channel, terminal, request.terminal_kind.has_value(), request.escapes,
                            limit);
  auto status = co_await conversation.run();
  // A pty hangs up its programs when the channel closes; without one they would not notice the end.
  if (!status && !request.terminal_kind) (*channel)->signal("TERM");
  co_return status;
}

}  // namespace ec2mpi::ops
