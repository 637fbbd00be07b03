#include "src/ssh/kept/command_service.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/this_coro.hpp>
#include <deque>

#include "ec2mpi/ssh/round_trip.hpp"

namespace ec2mpi::ssh {

namespace {

using std::chrono::seconds;

/// For the node to open a channel, and in round trips. A node that takes longer is gone, or the way to it is.
constexpr auto kOpening = seconds(3);
constexpr int kOpeningTrips = 4;
/// For input that a command wrote before it left.
constexpr auto kLastInput = seconds(5);

/// Three coroutines over one stream: `run` takes the command's frames, `show` sends it the output of the
/// program, `feed` gives the program its input. Lives in serve_command's frame.
class CommandService {
 public:
  CommandService(asio::any_io_executor executor, FrameSocket::Socket socket, CommandServiceOptions options,
                 std::stop_token stop)
      : socket_(std::make_shared<FrameSocket>(std::move(socket))),
        options_(std::move(options)),
        stop_(std::move(stop)),
        moved_(std::move(executor)),
        on_stop_(stop_, Stop{&show_stop_}) {}

  /// Serves one command until it leaves. Then its last input is delivered, within kLastInput, and the
  /// coroutines that use this object end.
  awaitable<void> run() {
    const Limit limit{Clock::time_point::max(), stop_};
    for (;;) {
      const auto frame = socket_->receive();
      if (!frame) break;
      if (*frame) {
        const bool understood = take(**frame);
        if (!understood) break;
        continue;
      }
      if (socket_->closed()) break;
      // Not before: nothing is started for a command that has left.
      if (start_) begin();
      const Wake wake = co_await socket_->activity(limit);
      if (wake != Wake::notified) break;
    }
    // The program's output has no reader any more, but the last input still goes to the node.
    left_ = true;
    show_stop_.request_stop();
    moved_.notify_all();
    const Limit last = Limit{}.at_most(kLastInput);
    while (running_ > 0) {
      const Wake wake = co_await moved_.wait(last);
      if (wake != Wake::notified) break;
    }
    feed_stop_.request_stop();
    const Limit unlimited;
    // The parts use this object, so it must not end before them.
    while (running_ > 0) co_await moved_.wait(unlimited);
    socket_->close();
  }

 private:
  struct Stop {
    std::stop_source* to;
    void operator()() const { to->request_stop(); }
  };
  /// The first request of a stream: one of the two is there.
  struct Start {
    std::optional<Request> exec;
    std::optional<ForwardRequest> forward;
  };

  // --- frames of the command ---

  /// False for a frame that is not understood.
  bool take(const Frame& frame) {
    if (!greeted_) return greet(frame);
    switch (frame.type) {
      case FrameType::exec:
      case FrameType::forward:
        return take_start(frame);
      case FrameType::input:
        // A command that ignores its credit, or writes behind its end of input, is cut off.
        if (input_bytes_ + frame.payload.size() > kCredit || input_ended_) return false;
        if (!frame.payload.empty()) input_.emplace_back(frame.payload);
        input_bytes_ += frame.payload.size();
        moved_.notify_all();
        return true;
      case FrameType::end_of_input:
        input_ended_ = true;
        moved_.notify_all();
        return true;
      case FrameType::taken:
        return take_credit(frame);
      case FrameType::signal:
        if (channel_) channel_->signal(std::string(frame.payload));
        return frame.payload.find('\0') == std::string_view::npos;
      case FrameType::resize: {
        const auto size = parse_size(frame.payload);
        if (size && channel_) channel_->resize(size->columns, size->rows);
        return size.has_value();
      }
      case FrameType::leave:
        options_.on_leave();
        return true;
      default:
        return false;
    }
  }

  /// A session that is not usable sends nothing: the command connects by itself.
  bool greet(const Frame& frame) {
    if (frame.type != FrameType::hello || parse_number_frame(frame.payload) != kFrameVersion) return false;
    greeted_ = true;
    if (!options_.usable) return true;
    socket_->send(FrameType::ready, number_text(static_cast<std::uint32_t>(round_trip().count())));
    return true;
  }

  /// Of packets to the node; zero if it is not known.
  [[nodiscard]] std::chrono::microseconds round_trip() const {
    const auto* timed = dynamic_cast<const Timed*>(options_.session.get());
    const auto trip = timed != nullptr ? timed->round_trip() : std::nullopt;
    // The frame has 32 bits for microseconds.
    const auto most = std::chrono::microseconds(seconds(60));
    return std::min(trip.value_or(std::chrono::microseconds(0)), most);
  }

  /// False for a second request, for a malformed one, and on a session that is not usable.
  bool take_start(const Frame& frame) {
    // One program for each stream.
    if (start_ || begun_ || !options_.usable) return false;
    Start wanted;
    if (frame.type == FrameType::exec)
      wanted.exec = parse_request(frame.payload);
    else
      wanted.forward = parse_forward(frame.payload);
    if (!wanted.exec && !wanted.forward) return false;
    start_ = std::move(wanted);
    return true;
  }

  /// The command has taken that many bytes of output, and may get as many more.
  bool take_credit(const Frame& frame) {
    const auto count = parse_number_frame(frame.payload);
    // Credit that was never used up cannot be given back: the output would have no bound.
    if (!count || *count > kCredit - credit_) return false;
    credit_ += *count;
    moved_.notify_all();
    return true;
  }

  // --- the program ---

  void begin() {
    begun_ = true;
    spawn(work(std::move(*start_)));
    start_.reset();
  }

  void spawn(awaitable<void> part) {
    ++running_;
    // An exception of a part ends that part, and not the daemon.
    asio::co_spawn(moved_.executor(), std::move(part), [this](std::exception_ptr) {
      --running_;
      moved_.notify_all();
    });
  }

  /// From the start of the program to its end, input included. A refusal is sent to the command as it is.
  awaitable<void> work(Start wanted) {
    auto started = co_await start(std::move(wanted));
    if (!started) {
      socket_->send(FrameType::refused, error_text(started.error()));
      co_return;
    }
    channel_ = std::move(*started);
    socket_->send(FrameType::started);
    feeding_ = true;
    spawn(feed());
    co_await show();
    over_ = true;
    moved_.notify_all();
    const Limit unlimited;
    while (feeding_) co_await moved_.wait(unlimited);
    channel_.reset();  // the node allows a few at a time only
  }

  /// Over the kept session. Ends early if the command leaves, so that nothing is started for nobody.
  awaitable<Result<std::unique_ptr<Channel>>> start(Start wanted) {
    const auto patience = std::max<Clock::duration>(kOpening, kOpeningTrips * round_trip());
    const auto limit = Limit{Clock::time_point::max(), show_stop_.get_token()}.at_most(patience);
    if (wanted.exec) {
      auto channel = co_await options_.session->start(std::move(*wanted.exec), limit);
      co_return channel;
    }
    auto channel = co_await options_.session->forward(wanted.forward->host, wanted.forward->port, limit);
    co_return channel;
  }

  /// The node's output to the command, as far as that has room.
  awaitable<void> show() {
    const Limit limit{Clock::time_point::max(), show_stop_.get_token()};
    for (;;) {
      const auto chunk = co_await channel_->read(limit);
      if (!chunk) {
        const Error ended{ErrorKind::unreachable, "connection lost: it is kept no longer"};
        socket_->send(FrameType::broken, error_text(stop_.stop_requested() ? ended : chunk.error()));
        co_return;
      }
      if (!*chunk) break;
      const auto type = (*chunk)->stream == Stream::out ? FrameType::output : FrameType::error_output;
      for (auto bytes = (*chunk)->bytes; !bytes.empty();) {
        while (credit_ == 0) {
          const Wake wake = co_await moved_.wait(limit);
          if (wake != Wake::notified) co_return;
        }
        const auto part = std::min({bytes.size(), credit_, kMostBytes});
        socket_->send(type, bytes.substr(0, part));
        credit_ -= part;
        bytes.remove_prefix(part);
      }
    }
    const auto status = channel_->exit_status();
    if (status)
      socket_->send(FrameType::exited, status_text(*status));
    else
      socket_->send(FrameType::broken, error_text(status.error()));
  }

  /// The command's input to the program; also the input that it wrote before it left.
  awaitable<void> feed() {
    const Limit limit{Clock::time_point::max(), feed_stop_.get_token()};
    while (!over_ || left_) {
      if (input_.empty() && (input_ended_ || left_)) break;
      if (input_.empty()) {
        co_await moved_.wait(limit);
        continue;
      }
      const std::string block = std::move(input_.front());
      input_.pop_front();
      const auto written = co_await channel_->write(block, limit);
      if (!written) {
        socket_->send(FrameType::input_over, error_text(written.error()));
        break;
      }
      input_bytes_ -= block.size();
      socket_->send(FrameType::taken, number_text(static_cast<std::uint32_t>(block.size())));
    }
    // Only after an end that was stated: the input of a command that was killed is not complete.
    if (input_ended_ && input_.empty()) channel_->close_input();
    feeding_ = false;
    moved_.notify_all();
  }

  std::shared_ptr<FrameSocket> socket_;
  CommandServiceOptions options_;
  std::stop_token stop_;
  std::stop_source show_stop_;
  std::stop_source feed_stop_;
  Event moved_;
  std::stop_callback<Stop> on_stop_;
  bool greeted_ = false;
  std::optional<Start> start_;
  bool begun_ = false;
  bool left_ = false;  ///< the command has
  bool over_ = false;  ///< the program is
  bool feeding_ = false;
  int running_ = 0;
  std::unique_ptr<Channel> channel_;
  std::deque<std::string> input_;
  std::size_t input_bytes_ = 0;  ///< of which no `taken` was sent
  bool input_ended_ = false;
  std::size_t credit_ = kCredit;
};

}  // namespace

awaitable<void> serve_command(FrameSocket::Socket socket, CommandServiceOptions options,
                              std::stop_token stop) {
  CommandService service(co_await asio::this_coro::executor, std::move(socket), std::move(options),
                         std::move(stop));
  co_await service.run();
}

}  // namespace ec2mpi::ssh
