#include "src/ssh/kept/kept_session.hpp"

#include <asio/this_coro.hpp>
#include <chrono>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ssh/round_trip.hpp"
#include "src/ssh/kept/frame_socket.hpp"
#include "src/ssh/kept/kept_channel.hpp"

namespace ec2mpi::ssh {

namespace {

using std::chrono::seconds;

/// For a daemon to answer at all. A slower one is frozen, and a new connection is quicker.
constexpr auto kAnswer = seconds(2);
/// For a daemon to say how a request went; it has its own patience with the node.
constexpr auto kStart = seconds(20);

/// Waits for one frame. Nothing if the socket closes, or the other side speaks in an unknown way.
awaitable<Result<std::optional<Frame>>> next_frame(std::shared_ptr<FrameSocket> socket, Limit limit) {
  for (;;) {
    auto frame = socket->receive();
    if (!frame || *frame) co_return frame;
    if (socket->closed()) co_return std::nullopt;
    const Wake wake = co_await socket->activity(limit);
    if (wake != Wake::notified) co_return wake_error(wake, "the process that keeps the connection is frozen");
  }
}

class KeptSession : public Session, public Timed {
 public:
  KeptSession(std::shared_ptr<const SocketFolder> folder, std::string name, ConnectNew connect_new_session,
              Clock::duration patience)
      : folder_(std::move(folder)),
        name_(std::move(name)),
        connect_new_session_(std::move(connect_new_session)),
        patience_(patience) {}

  /// Holds the connection as long as this lives; false if no daemon answers.
  awaitable<bool> greet(asio::any_io_executor executor, Limit limit) {
    executor_ = std::move(executor);
    held_ = meet();
    if (!held_) co_return false;
    const Limit soon = limit.at_most(kAnswer);
    const auto answer = co_await next_frame(held_, soon);
    if (!answer || !*answer || (*answer)->type != FrameType::ready) co_return false;
    const auto trip = parse_number_frame((*answer)->payload);
    if (trip && *trip > 0) round_trip_ = std::chrono::microseconds(*trip);
    co_return trip.has_value();
  }

  awaitable<Result<std::unique_ptr<Channel>>> start(Request request, Limit limit) override {
    // A longer command does not fit into a frame, so it gets a new connection.
    if (!new_ && request.command.size() <= kMostCommand) {
      auto text = request_text(request);
      auto asked = co_await ask(FrameType::exec, std::move(text), limit);
      if (asked) co_return std::move(*asked);
      if (asked.error().kind != ErrorKind::unreachable) co_return std::unexpected(asked.error());
    }
    CO_TRY(co_await connect_new(limit));
    auto channel = co_await new_->start(std::move(request), limit);
    co_return channel;
  }

  awaitable<Result<std::unique_ptr<Channel>>> forward(std::string host, std::uint16_t port,
                                                      Limit limit) override {
    if (!new_) {
      auto text = forward_text({host, port});
      auto asked = co_await ask(FrameType::forward, std::move(text), limit);
      if (asked) co_return std::move(*asked);
      if (asked.error().kind != ErrorKind::unreachable) co_return std::unexpected(asked.error());
    }
    CO_TRY(co_await connect_new(limit));
    auto channel = co_await new_->forward(std::move(host), port, limit);
    co_return channel;
  }

  std::optional<std::chrono::microseconds> round_trip() const override {
    if (const auto* timed = dynamic_cast<const Timed*>(new_.get())) return timed->round_trip();
    return round_trip_;
  }

 private:
  /// A new stream to the daemon, with the greeting on its way; null if no daemon listens under this name.
  [[nodiscard]] std::shared_ptr<FrameSocket> meet() const {
    auto fd = folder_->connect(name_);
    if (!fd) return nullptr;
    FrameSocket::Socket socket(executor_);
    std::error_code failed;
    socket.assign(asio::local::stream_protocol(), fd.get(), failed);
    if (failed) return nullptr;
    static_cast<void>(fd.release());
    auto met = std::make_shared<FrameSocket>(std::move(socket));
    met->send(FrameType::hello, number_text(kFrameVersion));
    return met;
  }

  /// A channel. An error of kind unreachable means that nothing was started and a new connection may try; any
  /// other error is the answer. A daemon answers `ready` before it looks at the request, and starts nothing
  /// for a command that has left.
  awaitable<Result<std::unique_ptr<Channel>>> ask(FrameType type, std::string payload, Limit limit) {
    const auto socket = meet();
    if (!socket) co_return fail(ErrorKind::unreachable, "nobody keeps the connection any more");
    // Right behind the greeting, which saves a wait.
    socket->send(type, payload);
    const Limit soon = limit.at_most(kAnswer);
    const auto greeting = co_await next_frame(socket, soon);
    if (!greeting || !*greeting || (*greeting)->type != FrameType::ready) {
      socket->close();
      // A Ctrl-C is no loss of the connection, and must not begin a new one.
      if (!greeting && greeting.error().kind == ErrorKind::cancelled)
        co_return std::unexpected(greeting.error());
      co_return fail(ErrorKind::unreachable, "nobody keeps the connection any more");
    }
    const Limit patience = limit.at_most(kStart);
    const auto answer = co_await next_frame(socket, patience);
    if (answer && *answer && (*answer)->type == FrameType::started)
      co_return std::make_unique<KeptChannel>(socket);
    const auto refused = answer && *answer && (*answer)->type == FrameType::refused
                             ? parse_error((*answer)->payload)
                             : std::nullopt;
    socket->close();
    if (!answer) co_return std::unexpected(answer.error());
    if (refused) co_return fail(ErrorKind::unreachable, printable(refused->message));
    co_return fail(ErrorKind::protocol,
                   "the process that kept the connection ended while it started the command, which may run");
  }

  awaitable<Result<void>> connect_new(Limit limit) {
    if (new_) co_return Result<void>{};
    const Limit patience = limit.at_most(patience_);
    CO_TRY_AS(session, co_await connect_new_session_(patience));
    // Another coroutine may have connected meanwhile; its session stays.
    if (!new_) new_ = std::move(*session);
    // The daemon sees by this that the kept connection is not used any more.
    held_->close();
    co_return Result<void>{};
  }

  std::shared_ptr<const SocketFolder> folder_;
  std::string name_;
  ConnectNew connect_new_session_;
  Clock::duration patience_;
  asio::any_io_executor executor_;
  std::shared_ptr<FrameSocket> held_;
  std::optional<std::chrono::microseconds> round_trip_;
  std::unique_ptr<Session> new_;
};

}  // namespace

awaitable<std::unique_ptr<Session>> find_kept_session(std::shared_ptr<const SocketFolder> folder,
                                                      std::string name, Limit limit,
                                                      ConnectNew connect_new_session) {
  // A later connection gets as much time as this one has; this deadline will be over by then.
  const auto patience =
      limit.deadline == Clock::time_point::max() ? Clock::duration{} : limit.deadline - Clock::now();
  auto session = std::make_unique<KeptSession>(std::move(folder), std::move(name),
                                               std::move(connect_new_session), patience);
  const auto executor = co_await asio::this_coro::executor;
  const bool there = co_await session->greet(executor, limit);
  if (!there) session.reset();
  co_return session;
}

}  // namespace ec2mpi::ssh
