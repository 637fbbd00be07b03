#include "src/ssh/libssh/libssh_session.hpp"

#include <libssh/callbacks.h>
#include <libssh/server.h>
#include <algorithm>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ssh/keepable_session.hpp"
#include "ec2mpi/ssh/round_trip.hpp"
#include "ec2mpi/ssh/server_words.hpp"

namespace ec2mpi::ssh {

namespace {

constexpr std::size_t kReadBlock = 32 * 1024;
/// sshd sends the exit status before it has read the last of the output, and a lossy link may pause for
/// seconds.
constexpr auto kAfterExit = std::chrono::seconds(10);
/// The bytes that the node may send ahead of our reading when much is expected: rate times round trip.
/// libssh's own 1.28 MB would mean 6 MB/s at 100 ms.
constexpr std::size_t kBulkWindow = 16 * 1024 * 1024;
/// The bytes that may wait for our reading: the windows that were ever open at once, and more. libssh also
/// keeps the bytes that a node sends beyond its window.
constexpr std::size_t kMostUnread = 4 * 1024 * 1024;
constexpr std::size_t kMostUnreadBulk = 3 * kBulkWindow;

/// Wakes the other users of a link at the end of a call, for the call may have read their packets. It owns
/// the link, too: a loop that is dropped may destroy the channel and its session before the call's frame.
class PassOn {
 public:
  explicit PassOn(std::shared_ptr<Link> link) : link_(std::move(link)) {}
  ~PassOn() { link_->pass_on(); }
  PassOn(const PassOn&) = delete;
  PassOn& operator=(const PassOn&) = delete;

 private:
  std::shared_ptr<Link> link_;
};

class LibsshChannel : public Channel {
 public:
  /// The callbacks run inside of other libssh calls, so they only note what has come (docs/traps.md).
  explicit LibsshChannel(std::shared_ptr<Link> link)
      : link_(std::move(link)), channel_(::ssh_channel_new(session())) {
    callbacks_.userdata = this;
    callbacks_.size = sizeof callbacks_;
    callbacks_.channel_exit_status_function = [](ssh_session, ssh_channel, int code, void* self) {
      static_cast<LibsshChannel*>(self)->note_end(ExitStatus{code});
    };
    callbacks_.channel_exit_signal_function = [](ssh_session, ssh_channel, const char* signal, int,
                                                 const char*, const char*, void* self) {
      static_cast<LibsshChannel*>(self)->note_end(ExitStatus{0, printable(signal)});
    };
    callbacks_.channel_data_function = [](ssh_session, ssh_channel, void*, std::uint32_t unread, int,
                                          void* self) {
      return static_cast<LibsshChannel*>(self)->drop_beyond_bound(unread);
    };
    if (channel_ != nullptr) ::ssh_set_channel_callbacks(channel_, &callbacks_);
  }

  ~LibsshChannel() override {
    if (channel_ == nullptr) return;
    ::ssh_remove_channel_callbacks(channel_,
                                   &callbacks_);  // libssh calls them until the remote side has closed
    ::ssh_channel_free(channel_);
    link_->pass_on();
  }

  /// Opens the channel and asks for the program. The answer to that is not waited for, and a refusal shows
  /// in reading and writing. So an error here means that nothing was asked for, unless `pipelined`: send the
  /// exec request right behind the open request; good for the first channel of a connection to OpenSSH, whose
  /// number is 0.
  awaitable<Result<void>> open(Request request, bool pipelined, Limit limit) {
    const PassOn pass_on(link_);
    if (channel_ == nullptr)
      co_return fail(ErrorKind::protocol, "cannot make another channel on this connection");
    bulk_ = request.bulk;
    ends_with_program_ = request.ends_with_program;
    const auto asked = Clock::now();
    int opened = ::ssh_channel_open_session(channel_);
    const bool sent_ahead = pipelined && opened == SSH_AGAIN && !request.pty && !request.command.empty();
    const bool started =
        sent_ahead && ::ssh_channel_request_exec(channel_, request.command.c_str()) == SSH_OK;
    while (opened == SSH_AGAIN) {
      const Wake wake = co_await link_->activity(limit);
      if (wake != Wake::notified) co_return wake_error(wake, kNoStart);
      opened = ::ssh_channel_open_session(channel_);
    }
    if (opened == SSH_OK) link_->note_exchange(Clock::now() - asked);
    // A pipelined command may have ended before the answer to the open request was looked at.
    const bool has_run = pipelined && over();
    if (opened != SSH_OK && !has_run) {
      const std::string_view said = ::ssh_get_error(session());
      // After a refusal, OpenSSH ends the connection because of the request behind it, and libssh forgets the
      // refusal.
      if (sent_ahead && is_end_for_unknown_channel(said)) co_return fail(ErrorKind::protocol, kNoSession);
      no_session_left_ = ::ssh_is_connected(session()) != 0 && is_refused_for_number(said);
      co_return failure(explain_refused_session(said));
    }
    if (request.pty) {
      auto done = co_await repeat(limit, [this, &request] {
        return ::ssh_channel_request_pty_size(channel_, request.pty->terminal.c_str(), request.pty->columns,
                                              request.pty->rows);
      });
      if (!done) co_return std::unexpected(done.error());
      if (*done != SSH_OK) co_return failure("the node refused a terminal");
    }
    if (started || over()) co_return Result<void>{};
    asked_for_ = std::move(request.command);
    look_for_answer();
    co_return Result<void>{};
  }

  /// open() failed because sshd starts no further program over this connection now.
  [[nodiscard]] bool no_session_left() const { return no_session_left_; }

  awaitable<Result<void>> open_forward(std::string host, std::uint16_t port, Limit limit) {
    const PassOn pass_on(link_);
    if (channel_ == nullptr)
      co_return fail(ErrorKind::protocol, "cannot make another channel on this connection");
    const auto open = [this, &host, port] {
      return ::ssh_channel_open_forward(channel_, host.c_str(), port, "127.0.0.1", 0);
    };
    CO_TRY_AS(done, co_await repeat(limit, open, kNoWay));
    if (*done != SSH_OK) co_return failure(explain_refused_forward(::ssh_get_error(session())));
    co_return Result<void>{};
  }

  /// Output that has arrived is returned before an error or the end of the connection is reported.
  awaitable<Result<std::optional<Chunk>>> receive(Limit limit) override {
    const PassOn pass_on(link_);
    for (;;) {
      const auto seen = link_->packets_received();
      look_for_answer();
      for (int turn = 0; turn < 2; ++turn) {
        reading_err_ = !reading_err_;  // take turns, so that a flood on one stream doesn't hide the other
        const std::string_view bytes = take_available(reading_err_ ? 1 : 0);
        if (bytes.empty()) continue;
        quiet_since_ = Clock::now();
        co_return Chunk{reading_err_ ? Stream::err : Stream::out, bytes};
      }
      // Once the end of the output has come, polling the streams reads the socket no more; the status may be
      // still on its way.
      if (::ssh_channel_is_eof(channel_) != 0 && !ended_) ::ssh_channel_get_exit_status(channel_);
      if (overrun_) co_return fail(ErrorKind::protocol, "the node sends more than it was given room for");
      // Looking at one stream may have read bytes of the other, and the socket is not readable again for
      // them.
      if (link_->packets_received() != seen) {
        const Wake wake = co_await yield_to_loop(limit);  // packets without output may come for ever
        if (wake != Wake::notified) co_return wake_error(wake, kTooLate);
        continue;
      }
      if (over()) co_return std::nullopt;
      if (refused_) co_return failure(kRefused);
      if (::ssh_is_connected(session()) == 0) co_return std::unexpected(link_->last_error());
      if (held_open() && Clock::now() >= quiet_since_ + kAfterExit) co_return std::nullopt;
      const Limit patience{held_open() ? std::min(limit.deadline, quiet_since_ + kAfterExit) : limit.deadline,
                           limit.stop};
      const Wake wake = co_await link_->activity(patience);
      if (wake == Wake::timed_out && Clock::now() < limit.deadline) continue;
      if (wake != Wake::notified) co_return wake_error(wake, kTooLate);
    }
  }

  Result<ExitStatus> exit_status() const override {
    if (ended_) return *ended_;
    if (::ssh_is_connected(session()) == 0) return std::unexpected(link_->last_error());
    return fail(ErrorKind::protocol,
                "the node closed the command's channel without saying how the command ended");
  }

  /// After an error, a part of `bytes` may have been sent.
  awaitable<Result<void>> send(std::string_view bytes, Limit limit) override {
    const PassOn pass_on(link_);
    // The kernel may take all of an upload, so that no wait here shows it.
    if (bytes.size() >= kWriteBlock) link_->notice_loss_in(Link::kPatienceInUpload);
    while (!bytes.empty()) {
      look_for_answer();
      if (refused_) co_return failure(kRefused);
      if (takes_no_input()) co_return end_before_input();
      if (link_->write_pending()) ::ssh_blocking_flush(session(), 0);
      if (must_wait_to_write()) {
        // Lets a window adjustment in, or the program's end. ssh_channel_poll would not do: it leaves the
        // socket alone while output that nobody has read yet lies in its buffer.
        ::ssh_channel_get_exit_status(channel_);
        if (!must_wait_to_write() || takes_no_input()) continue;
        link_->notice_loss_in(Link::kPatienceInUpload);
        const Wake wake = co_await link_->activity(limit);
        if (wake != Wake::notified) co_return wake_error(wake, "the node stopped taking data");
        continue;
      }
      const std::size_t window = ::ssh_channel_window_size(channel_);
      const auto part = static_cast<std::uint32_t>(std::min(bytes.size(), window));
      const int taken = ::ssh_channel_write(channel_, bytes.data(), part);
      if (taken < 0) co_return failure("the node stopped taking data");
      if (taken == 0) {  // a key exchange is under way
        const Wake wake = co_await link_->activity(limit);
        if (wake != Wake::notified) co_return wake_error(wake, "the node stopped taking data");
      }
      bytes.remove_prefix(static_cast<std::size_t>(taken));
    }
    co_return Result<void>{};
  }

  bool is_sending() const override { return link_->has_unconfirmed_bytes(); }

  void close_input() override {
    ::ssh_channel_send_eof(channel_);
    link_->pass_on();
  }
  void signal(const std::string& name) override {
    once_answered([channel = channel_, name] { ::ssh_channel_request_send_signal(channel, name.c_str()); });
  }
  void resize(int columns, int rows) override {
    once_answered(
        [channel = channel_, columns, rows] { ::ssh_channel_change_pty_size(channel, columns, rows); });
  }

 private:
  static constexpr const char* kTooLate = "the command did not end in time";
  static constexpr const char* kNoStart = "the node did not start the command; overloaded?";

  static constexpr const char* kNoWay =
      "the jump host cannot reach it; stopped, or closed by its security group?";
  static constexpr const char* kNoSession =
      "the node refused a session for the command; MaxSessions of its sshd may be too small";
  static constexpr const char* kRefused =
      "the node refused to run the command; its limit of processes may be reached (ulimit -u), or its memory "
      "full";

  [[nodiscard]] ssh_session session() const { return link_->session(); }

  /// How many of the unread bytes libssh is to forget.
  int drop_beyond_bound(std::uint32_t unread) {
    if (unread > (bulk_ ? kMostUnreadBulk : kMostUnread)) overrun_ = true;
    return overrun_ ? static_cast<int>(unread) : 0;
  }

  /// Asks for the program; later on, whether that has been answered. libssh sends the request at the first of
  /// these calls only.
  void look_for_answer() {
    if (!asked_for_) return;
    const int state = asked_for_->empty() ? ::ssh_channel_request_shell(channel_)
                                          : ::ssh_channel_request_exec(channel_, asked_for_->c_str());
    if (state == SSH_AGAIN) return;
    asked_for_.reset();
    refused_ = state != SSH_OK && !over();
    for (const auto& call : std::exchange(held_back_, {})) call();
  }

  /// libssh would take another request for a look at the one that is on its way.
  void once_answered(std::function<void()> call) {
    look_for_answer();
    if (asked_for_)
      held_back_.push_back(std::move(call));
    else
      call();
    link_->pass_on();
  }

  awaitable<Result<int>> repeat(Limit limit, std::function<int()> call, const char* too_late = kNoStart) {
    for (;;) {
      const int state = call();
      if (state != SSH_AGAIN) co_return state;
      const Wake wake = co_await link_->activity(limit);
      if (wake != Wake::notified) co_return wake_error(wake, too_late);
    }
  }

  [[nodiscard]] std::unexpected<Error> failure(const std::string& refused) const {
    if (::ssh_is_connected(session()) == 0) return std::unexpected(link_->last_error());
    return fail(ErrorKind::protocol, refused);
  }

  [[nodiscard]] bool takes_no_input() const {
    return ended_ || ::ssh_channel_is_closed(channel_) != 0 || ::ssh_is_connected(session()) == 0;
  }

  /// A channel of a lost connection counts as closed, too.
  [[nodiscard]] std::unexpected<Error> end_before_input() const {
    if (!ended_ && ::ssh_is_connected(session()) == 0) return std::unexpected(link_->last_error());
    return fail(ErrorKind::remote_io, "the remote program ended before it had read all its input");
  }

  /// The bytes of a stream that are there without waiting. The buffer grows with need: a thousand quiet
  /// sessions stay small.
  std::string_view take_available(int from_err) {
    const int available = ::ssh_channel_poll(channel_, from_err);
    if (bulk_ && from_err == 0) return take_bulk(available);
    if (available <= 0) return {};
    const auto size = std::min(static_cast<std::size_t>(available), kReadBlock);
    if (buffer_.size() < size) buffer_.resize(size);
    const int got =
        ::ssh_channel_read_nonblocking(channel_, buffer_.data(), static_cast<std::uint32_t>(size), from_err);
    return got > 0 ? std::string_view(buffer_).substr(0, static_cast<std::size_t>(got)) : std::string_view{};
  }

  /// libssh widens its window to the size of a read, even if nothing is there to read (0.10.6,
  /// ssh_channel_read_timeout). Not at every read: each widening is a packet.
  std::string_view take_bulk(int available) {
    const bool widen = since_widened_ >= kBulkWindow / 2 && ::ssh_channel_is_eof(channel_) == 0;
    if (available < 0 || (available == 0 && !widen)) return {};
    // Not zeroed, so that only the part that is used becomes memory.
    if (!bulk_buffer_) bulk_buffer_.reset(new char[kBulkWindow]);
    if (widen) since_widened_ = 0;
    const auto size = widen ? kBulkWindow : std::min(static_cast<std::size_t>(available), kBulkWindow);
    const int got =
        ::ssh_channel_read_timeout(channel_, bulk_buffer_.get(), static_cast<std::uint32_t>(size), 0, 0);
    if (got <= 0) return {};
    since_widened_ += static_cast<std::size_t>(got);
    return {bulk_buffer_.get(), static_cast<std::size_t>(got)};
  }

  [[nodiscard]] bool must_wait_to_write() const {
    return ::ssh_channel_window_size(channel_) == 0 || link_->write_pending();
  }

  void note_end(ExitStatus status) {
    ended_ = std::move(status);
    quiet_since_ = Clock::now();
  }

  /// The program has ended, but not its output, and that does not matter.
  [[nodiscard]] bool held_open() const { return ends_with_program_ && ended_.has_value(); }

  /// The program has ended: the end of its output has come, and its status or the end of the channel. sshd
  /// tells the status before output that still waits for room, and libssh counts a channel of a lost
  /// connection as closed; so neither of them alone is an end.
  [[nodiscard]] bool over() const {
    return ::ssh_channel_is_eof(channel_) != 0 && (ended_ || ::ssh_channel_is_closed(channel_) != 0);
  }

  std::shared_ptr<Link> link_;
  ssh_channel channel_;
  ssh_channel_callbacks_struct callbacks_{};
  std::optional<std::string> asked_for_;  ///< a command ("": the login shell) that has not been answered
  std::vector<std::function<void()>> held_back_;
  bool refused_ = false;
  bool no_session_left_ = false;
  bool overrun_ = false;  ///< the node has sent far beyond its window
  std::optional<ExitStatus> ended_;
  Clock::time_point quiet_since_ = {};  ///< the last output, or the exit status if that came later
  bool ends_with_program_ = false;
  bool reading_err_ = true;
  std::string buffer_;
  bool bulk_ = false;
  std::unique_ptr<char[]> bulk_buffer_;
  std::size_t since_widened_ = kBulkWindow;
};

class LibsshSession : public Session, public Timed, public KeepableSession {
 public:
  LibsshSession(std::shared_ptr<Link> link, ConnectAgain connect_again)
      : link_(std::move(link)),
        speaks_openssh_(::ssh_get_openssh_version(link_->session()) != 0),
        connect_again_(std::move(connect_again)) {}

  awaitable<Result<std::unique_ptr<Channel>>> start(Request request, Limit limit) override {
    const bool was_first = std::exchange(first_, false);
    auto channel = std::make_unique<LibsshChannel>(link_);
    auto again = was_first || !connect_again_ ? std::nullopt : std::optional(request);
    auto opened = co_await channel->open(std::move(request), was_first && speaks_openssh_, limit);
    if (opened) co_return channel;
    if (!again || !channel->no_session_left()) co_return std::unexpected(opened.error());
    auto elsewhere = co_await start_elsewhere(std::move(*again), limit);
    co_return elsewhere;
  }

  awaitable<Result<std::unique_ptr<Channel>>> forward(std::string host, std::uint16_t port,
                                                      Limit limit) override {
    first_ = false;
    auto channel = std::make_unique<LibsshChannel>(link_);
    CO_TRY(co_await channel->open_forward(std::move(host), port, limit));
    co_return channel;
  }

  std::optional<std::chrono::microseconds> round_trip() const override { return link_->round_trip(); }

  bool alive() const override { return ::ssh_is_connected(link_->session()) != 0; }
  std::uint64_t heard() const override { return link_->bytes_received(); }
  /// A failed start() must mean that nothing was started, so that nothing is sent ahead any
  /// more; and the daemon has the sessions and nothing else, so that it cannot connect.
  void give_to_another_process() override {
    first_ = false;
    connect_again_ = {};
  }

  void ask_for_sign_of_life() override {
    // Sends none while one is on its way, but reads the packets that have arrived, which no other call
    // without a channel does.
    ::ssh_send_keepalive(link_->session());
    link_->pass_on();
  }

  awaitable<Wake> wait_for_traffic(Limit limit) override {
    const Wake wake = co_await link_->activity(limit);
    co_return wake;
  }

 private:
  awaitable<Result<std::unique_ptr<Channel>>> start_elsewhere(Request request, Limit limit) {
    if (!additional_) {
      CO_TRY_AS(connected, co_await connect_again_(limit));
      additional_ = std::move(*connected);
    }
    auto channel = co_await additional_->start(std::move(request), limit);
    co_return channel;
  }

  std::shared_ptr<Link> link_;
  bool speaks_openssh_;
  bool first_ = true;
  ConnectAgain connect_again_;
  std::unique_ptr<Session> additional_;
};

}  // namespace

std::unique_ptr<Session> make_libssh_session(std::shared_ptr<Link> link, ConnectAgain connect_again) {
  return std::make_unique<LibsshSession>(std::move(link), std::move(connect_again));
}

}  // namespace ec2mpi::ssh
