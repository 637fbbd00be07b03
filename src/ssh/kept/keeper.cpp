#include "ec2mpi/ssh/kept/keeper.hpp"

#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ssh/lasting.hpp"
#include "src/ssh/kept/attendance.hpp"
#include "src/ssh/kept/meeting_place.hpp"

namespace ec2mpi::ssh {

namespace {

using asio::local::stream_protocol;
using std::chrono::seconds;

constexpr auto kTick = seconds(15);   ///< between two signs of life of a node
constexpr auto kGlance = seconds(1);  ///< at a connection that is in use, which its users keep up with
constexpr int kSilentTicks = 2;       ///< after so many without a sign the connection is dropped
constexpr auto kAnswer = seconds(3);  ///< for a keeper to end
/// What a node may send over a connection that nobody uses: what was on its way to the last user, signs of
/// life. libssh keeps in memory what comes for a channel that we have closed.
constexpr std::uint64_t kMostUnasked = 64 * 1024 * 1024;

/// One session, its name and those who use it.
struct Post {
  Post(std::string its_name, std::shared_ptr<Session> its_session, stream_protocol::acceptor its_door,
       SocketFile its_file)
      : name(std::move(its_name)),
        session(std::move(its_session)),
        lasting(dynamic_cast<Lasting&>(*session)),
        door(std::move(its_door)),
        file(its_file),
        changed(door.get_executor()) {}

  std::string name;
  std::shared_ptr<Session> session;
  Lasting& lasting;
  stream_protocol::acceptor door;
  SocketFile file;
  Event changed;
  int users = 0;
  bool suspect = false;  ///< the node owes a sign of life
  bool over = false;
};

class SessionKeeper : public Keeper {
 public:
  SessionKeeper(const asio::any_io_executor& executor, MeetingPlace place, Clock::duration idle)
      : place_(std::move(place)), idle_(idle), moved_(executor) {}

  ~SessionKeeper() override = default;

  Result<void> add(const std::string& name, std::shared_ptr<Session> session) {
    TRY_AS(socket, place_.listen(name));
    const auto file = place_.file(name);
    stream_protocol::acceptor door(moved_.executor());
    std::error_code failed;
    if (file) door.assign(stream_protocol(), socket->get(), failed);
    if (!file || failed) return fail(ErrorKind::local_io, "cannot wait for commands at a socket");
    static_cast<void>(socket->release());
    posts_.push_back(std::make_unique<Post>(name, std::move(session), std::move(door), *file));
    return {};
  }

  [[nodiscard]] bool empty() const { return posts_.empty(); }

  awaitable<void> serve(std::stop_token stop) override {
    const std::stop_callback on_stop(stop, [this] { end(); });
    last_use_ = Clock::now();
    for (auto& post : posts_) {
      // So that whoever asks who listens here finds this process, not the one that has made the socket.
      ::listen(post->door.native_handle(), SOMAXCONN);
      post->lasting.take_no_risks();
      spawn(let_in(*post));
      spawn(watch(*post));
    }
    for (;;) {
      if (ending_.stop_requested() || std::all_of(posts_.begin(), posts_.end(), is_over)) break;
      const bool used = std::any_of(posts_.begin(), posts_.end(), is_used);
      if (!used && Clock::now() >= last_use_ + idle_) break;
      const Limit limit{used ? Clock::time_point::max() : last_use_ + idle_, ending_.get_token()};
      co_await moved_.wait(limit);
    }
    end();
    const Limit unlimited;
    while (running_ > 0) co_await moved_.wait(unlimited);
    posts_.clear();
  }

 private:
  static bool is_over(const std::unique_ptr<Post>& post) { return post->over; }
  static bool is_used(const std::unique_ptr<Post>& post) { return post->users > 0; }

  void end() {
    ending_.request_stop();
    for (auto& post : posts_) close(*post);
    moved_.notify_all();
  }

  /// Nobody finds the connection any more.
  void close(Post& post) {
    if (post.over) return;
    post.over = true;
    if (has_its_name(post)) place_.remove(post.name);
    std::error_code ignored;
    post.door.close(ignored);
    post.changed.notify_all();
    moved_.notify_all();
  }

  [[nodiscard]] bool has_its_name(const Post& post) const { return place_.file(post.name) == post.file; }

  void spawn(awaitable<void> part) {
    ++running_;
    asio::co_spawn(moved_.executor(), std::move(part), [this](std::exception_ptr) {
      --running_;
      moved_.notify_all();
    });
  }

  awaitable<void> let_in(Post& post) {
    const Limit limit{Clock::time_point::max(), ending_.get_token()};
    while (!post.over) {
      stream_protocol::socket socket(moved_.executor());
      std::error_code failed;
      co_await post.door.async_accept(socket, asio::redirect_error(asio::use_awaitable, failed));
      if (failed && !post.over) co_await sleep_for(kGlance, limit);  // no descriptor left, perhaps
      if (failed || !peer_of(socket.native_handle()).ours) continue;
      spawn(serve_one(post, std::move(socket)));
    }
  }

  awaitable<void> serve_one(Post& post, stream_protocol::socket socket) {
    ++post.users;
    moved_.notify_all();
    AttendanceOptions options;
    options.session = post.session;
    options.usable = post.lasting.alive() && !post.suspect && !post.over;
    options.on_leave = [this] { end(); };
    const auto stop = ending_.get_token();
    co_await attend_command(std::move(socket), std::move(options), stop);
    --post.users;
    last_use_ = Clock::now();
    post.changed.notify_all();
    moved_.notify_all();
  }

  /// Until the connection is dead, or not to be found under its name any more and unused.
  awaitable<void> watch(Post& post) {
    auto next = Clock::now() + kTick;
    auto heard = post.lasting.heard();
    auto heard_in_use = heard;
    int silent = 0;
    while (!post.over && post.lasting.alive()) {
      const Limit tick{next, ending_.get_token()};
      if (post.users > 0) {  // who reads them does so at its own pace; we must not wait for what it leaves
        co_await post.changed.wait(tick.at_most(kGlance));
        heard_in_use = post.lasting.heard();
      } else {
        co_await post.lasting.stir(tick);
        post.lasting.nudge();
      }
      if (post.lasting.heard() - heard_in_use > kMostUnasked) break;
      if (Clock::now() < next) continue;
      next += kTick;
      silent = post.lasting.heard() == heard ? silent + 1 : 0;
      heard = post.lasting.heard();
      post.suspect = silent > 0;
      if (post.users == 0 && (silent >= kSilentTicks || !has_its_name(post))) break;
      post.lasting.nudge();
    }
    close(post);
  }

  MeetingPlace place_;
  Clock::duration idle_;
  Event moved_;
  std::vector<std::unique_ptr<Post>> posts_;
  std::stop_source ending_;
  int running_ = 0;
  Clock::time_point last_use_;
};

}  // namespace

Result<std::unique_ptr<Keeper>> make_keeper(const asio::any_io_executor& executor,
                                            const std::filesystem::path& folder, const Leavings& leavings,
                                            std::chrono::nanoseconds idle) {
  TRY_AS(place, MeetingPlace::make(folder));
  const auto capped = std::min<std::chrono::nanoseconds>(idle, std::chrono::hours(24 * 365));
  auto keeper = std::make_unique<SessionKeeper>(executor, std::move(*place), capped);
  for (const auto& [name, session] : leavings) {
    const auto* lasting = dynamic_cast<const Lasting*>(session.get());
    if (lasting == nullptr || !lasting->alive()) continue;
    TRY(keeper->add(name, session));
  }
  if (keeper->empty()) return nullptr;
  return keeper;
}

awaitable<KeepersEnd> end_keepers(std::filesystem::path folder) {
  KeepersEnd end;
  const auto place = MeetingPlace::find(folder);
  if (!place) co_return end;
  struct Called {
    std::shared_ptr<FrameSocket> socket;
    pid_t pid = 0;
  };
  std::vector<Called> called;
  const auto executor = co_await asio::this_coro::executor;
  for (const auto& name : place->names()) {
    auto fd = place->connect(name);
    if (!fd) continue;
    const auto pid = peer_of(fd.get()).pid;
    stream_protocol::socket socket(executor);
    std::error_code failed;
    socket.assign(stream_protocol(), fd.get(), failed);
    if (failed) continue;
    static_cast<void>(fd.release());
    called.push_back({std::make_shared<FrameSocket>(std::move(socket)), pid});
  }
  for (const auto& each : called) {
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
    if (gone)
      ++end.ended;
    else if (std::find(end.stuck.begin(), end.stuck.end(), each.pid) == end.stuck.end())
      end.stuck.push_back(each.pid);
  }
  co_return end;
}

}  // namespace ec2mpi::ssh
