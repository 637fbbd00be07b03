#include "ec2mpi/ssh/kept/daemon.hpp"

#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ssh/keepable_session.hpp"
#include "src/ssh/kept/command_service.hpp"
#include "src/ssh/kept/socket_folder.hpp"

namespace ec2mpi::ssh {

namespace {

using asio::local::stream_protocol;
using std::chrono::seconds;

constexpr auto kTick = seconds(15);   ///< between two signs of life of a node
constexpr auto kGlance = seconds(1);  ///< at a connection in use, whose packets its users read
constexpr int kSilentTicks = 2;       ///< without a sign of life, after which the connection is dropped
constexpr auto kAnswer = seconds(3);  ///< for a daemon to end
/// The most bytes that a node may send over a connection that no command uses: the last output that was on
/// its way, signs of life. libssh keeps in memory the bytes for a channel that we have closed.
constexpr std::uint64_t kMostUnasked = 64 * 1024 * 1024;

/// One session, its name and the commands that use it.
/// `door` takes commands while the connection lives; `changed` wakes its watcher.
struct KeptConnection {
  KeptConnection(std::string its_name, std::shared_ptr<Session> its_session,
                 stream_protocol::acceptor its_door, SocketFile its_file)
      : name(std::move(its_name)),
        session(std::move(its_session)),
        keepable(dynamic_cast<KeepableSession&>(*session)),
        door(std::move(its_door)),
        file(its_file),
        changed(door.get_executor()) {}

  std::string name;
  std::shared_ptr<Session> session;
  KeepableSession& keepable;
  stream_protocol::acceptor door;
  SocketFile file;
  Event changed;
  int users = 0;
  bool suspect = false;  ///< the node owes a sign of life
  bool over = false;
};

/// Coroutines of one thread: a door and a watcher for each connection, and one for each command. serve() ends
/// when all of them have ended, since they refer to the daemon.
class SessionDaemon : public Daemon {
 public:
  SessionDaemon(const asio::any_io_executor& executor, SocketFolder folder, Clock::duration idle)
      : folder_(std::move(folder)), idle_(idle), moved_(executor) {}

  ~SessionDaemon() override = default;

  /// Makes the socket at once, before the fork, so that the next command finds it.
  Result<void> add(const std::string& name, std::shared_ptr<Session> session) {
    TRY_AS(socket, folder_.listen(name));
    const auto file = folder_.file(name);
    stream_protocol::acceptor door(moved_.executor());
    std::error_code failed;
    if (file) door.assign(stream_protocol(), socket->get(), failed);
    if (!file || failed) return fail(ErrorKind::local_io, "cannot wait for commands at a socket");
    // From here on the acceptor owns the descriptor.
    static_cast<void>(socket->release());
    kept_.push_back(std::make_unique<KeptConnection>(name, std::move(session), std::move(door), *file));
    return {};
  }

  [[nodiscard]] bool empty() const { return kept_.empty(); }

  awaitable<void> serve(std::stop_token stop) override {
    const std::stop_callback on_stop(stop, [this] { end(); });
    last_use_ = Clock::now();
    for (auto& kept : kept_) {
      // The kernel names the process that listened last, and that must be this one, not the one that made it.
      ::listen(kept->door.native_handle(), SOMAXCONN);
      kept->keepable.give_to_another_process();
      spawn(accept_commands(*kept));
      spawn(watch(*kept));
    }
    for (;;) {
      if (ending_.stop_requested() || std::all_of(kept_.begin(), kept_.end(), is_over)) break;
      const bool used = std::any_of(kept_.begin(), kept_.end(), is_used);
      if (!used && Clock::now() >= last_use_ + idle_) break;
      const Limit limit{used ? Clock::time_point::max() : last_use_ + idle_, ending_.get_token()};
      co_await moved_.wait(limit);
    }
    end();
    const Limit unlimited;
    while (running_ > 0) co_await moved_.wait(unlimited);
    kept_.clear();
  }

 private:
  /// Closed, whether the node is lost, the name is taken or the daemon ends.
  static bool is_over(const std::unique_ptr<KeptConnection>& kept) { return kept->over; }
  static bool is_used(const std::unique_ptr<KeptConnection>& kept) { return kept->users > 0; }

  /// Also for a command that asks the daemon to leave: its other commands end, too.
  void end() {
    ending_.request_stop();
    for (auto& kept : kept_) close(*kept);
    moved_.notify_all();
  }

  /// No command finds the connection any more.
  void close(KeptConnection& kept) {
    if (kept.over) return;
    kept.over = true;
    // A newer connection may have taken the name, and then the file is not ours.
    if (has_its_name(kept)) folder_.remove(kept.name);
    std::error_code ignored;
    kept.door.close(ignored);
    kept.changed.notify_all();
    moved_.notify_all();
  }

  /// By the file's identity: a later daemon may have made a socket of the same name.
  [[nodiscard]] bool has_its_name(const KeptConnection& kept) const {
    return folder_.file(kept.name) == kept.file;
  }

  void spawn(awaitable<void> part) {
    ++running_;
    asio::co_spawn(moved_.executor(), std::move(part), [this](std::exception_ptr) {
      --running_;
      moved_.notify_all();
    });
  }

  awaitable<void> accept_commands(KeptConnection& kept) {
    const Limit limit{Clock::time_point::max(), ending_.get_token()};
    while (!kept.over) {
      stream_protocol::socket socket(moved_.executor());
      std::error_code failed;
      co_await kept.door.async_accept(socket, asio::redirect_error(asio::use_awaitable, failed));
      if (failed && !kept.over) co_await sleep_for(kGlance, limit);  // no descriptor left, perhaps
      // The kernel says whose process connects, whatever the modes of the folder are.
      if (failed || !owner_of_socket(socket.native_handle()).ours) continue;
      spawn(serve_one(kept, std::move(socket)));
    }
  }

  awaitable<void> serve_one(KeptConnection& kept, stream_protocol::socket socket) {
    ++kept.users;
    moved_.notify_all();
    CommandServiceOptions options;
    options.session = kept.session;
    // A connection that owes a sign of life is not offered, so that the command makes its own.
    options.usable = kept.keepable.alive() && !kept.suspect && !kept.over;
    options.on_leave = [this] { end(); };
    const auto stop = ending_.get_token();
    co_await serve_command(std::move(socket), std::move(options), stop);
    --kept.users;
    last_use_ = Clock::now();
    kept.changed.notify_all();
    moved_.notify_all();
  }

  /// Until the connection is dead, or not to be found under its name any more and unused.
  awaitable<void> watch(KeptConnection& kept) {
    // Two readings of the counter: one for signs of life, one for bytes that nobody has asked for.
    auto next = Clock::now() + kTick;
    auto heard = kept.keepable.heard();
    auto heard_in_use = heard;
    int silent = 0;
    while (!kept.over && kept.keepable.alive()) {
      const Limit tick{next, ending_.get_token()};
      if (kept.users > 0) {  // a command reads at its own pace; we must not wait until it has read all
        co_await kept.changed.wait(tick.at_most(kGlance));
        heard_in_use = kept.keepable.heard();
      } else {
        co_await kept.keepable.wait_for_traffic(tick);
        kept.keepable.ask_for_sign_of_life();
      }
      if (kept.keepable.heard() - heard_in_use > kMostUnasked) break;
      if (Clock::now() < next) continue;
      next += kTick;
      silent = kept.keepable.heard() == heard ? silent + 1 : 0;
      heard = kept.keepable.heard();
      kept.suspect = silent > 0;
      // A connection in use is left to the limits of its command.
      if (kept.users == 0 && (silent >= kSilentTicks || !has_its_name(kept))) break;
      kept.keepable.ask_for_sign_of_life();
    }
    close(kept);
  }

  SocketFolder folder_;
  Clock::duration idle_;
  Event moved_;
  std::vector<std::unique_ptr<KeptConnection>> kept_;
  std::stop_source ending_;
  int running_ = 0;
  Clock::time_point last_use_;
};

}  // namespace

/// Null if there is nothing to keep: all sessions are dead, or of a kind that cannot change its process.
Result<std::unique_ptr<Daemon>> make_daemon(const asio::any_io_executor& executor,
                                            const std::filesystem::path& folder,
                                            const SessionsToKeep& to_keep, std::chrono::nanoseconds idle) {
  TRY_AS(sockets, SocketFolder::make(folder));
  // A time of centuries would overflow when it is added to the clock.
  const auto capped = std::min<std::chrono::nanoseconds>(idle, std::chrono::hours(24 * 365));
  auto daemon = std::make_unique<SessionDaemon>(executor, std::move(*sockets), capped);
  for (const auto& [name, session] : to_keep) {
    const auto* keepable = dynamic_cast<const KeepableSession*>(session.get());
    if (keepable == nullptr || !keepable->alive()) continue;
    TRY(daemon->add(name, session));
  }
  if (daemon->empty()) return nullptr;
  return daemon;
}

/// A daemon answers by closing its sockets. One that has not done so within kAnswer is stuck, and its pid is
/// reported.
awaitable<Result<DaemonsEnd>> end_daemons(std::filesystem::path folder) {
  DaemonsEnd end;
  CO_TRY_AS(found, SocketFolder::find(folder));
  const auto& sockets = *found;
  if (!sockets) co_return end;
  struct Called {
    std::shared_ptr<FrameSocket> socket;
    pid_t pid = 0;
  };
  std::vector<Called> called;
  const auto executor = co_await asio::this_coro::executor;
  for (const auto& name : sockets->names()) {
    auto fd = sockets->connect(name);
    if (!fd) continue;
    const auto pid = owner_of_socket(fd.get()).pid;
    stream_protocol::socket socket(executor);
    std::error_code failed;
    socket.assign(stream_protocol(), fd.get(), failed);
    if (failed) continue;
    static_cast<void>(fd.release());
    called.push_back({std::make_shared<FrameSocket>(std::move(socket)), pid});
  }
  for (const auto& each : called) {
    // All are told before any is waited for, so that they end side by side.
    each.socket->send(FrameType::hello, number_text(kFrameVersion));
    each.socket->send(FrameType::leave);
  }
  const Limit patience = Limit{}.at_most(kAnswer);
  for (const auto& each : called) {
    for (;;) {
      const auto frame = each.socket->receive();
      if (!frame || each.socket->closed()) break;
      if (*frame) continue;
      const Wake wake = co_await each.socket->activity(patience);
      if (wake != Wake::notified) break;
    }
    const bool gone = each.socket->closed();
    // One process has many sockets, and is named once.
    if (gone)
      ++end.ended;
    else if (std::find(end.stuck.begin(), end.stuck.end(), each.pid) == end.stuck.end())
      end.stuck.push_back(each.pid);
  }
  co_return end;
}

}  // namespace ec2mpi::ssh
