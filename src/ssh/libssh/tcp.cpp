#include "src/ssh/libssh/tcp.hpp"

#include <fmt/format.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <optional>

#include "ec2mpi/base/try.hpp"

namespace ec2mpi::ssh {

namespace {

using asio::ip::tcp;

/// Cancels an asio object when the limit ends before the guarded operation does.
template <class Cancellable>
class Watch {
 public:
  Watch(Cancellable& object, const Limit& limit)
      : timer_(object.get_executor(), limit.deadline), on_stop_(limit.stop, Cancel{&object}) {
    // The handler may run after the destructor, so both share the state.
    timer_.async_wait([state = state_, cancel = Cancel{&object}](std::error_code cancelled) {
      if (cancelled || state->over) return;
      state->timed_out = true;
      cancel();
    });
  }
  ~Watch() { state_->over = true; }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  [[nodiscard]] bool timed_out() const { return state_->timed_out; }

 private:
  struct Cancel {
    Cancellable* object;
    void operator()() const { object->cancel(); }
  };
  struct State {
    bool over = false;
    bool timed_out = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
  asio::steady_timer timer_;
  std::stop_callback<Cancel> on_stop_;
};

/// All addresses of the name, in the resolver's order. Errors: unreachable, timeout, cancelled.
awaitable<Result<std::vector<tcp::endpoint>>> resolve(const std::string& host, std::uint16_t port,
                                                      Limit limit) {
  // An address needs no resolver, which would take a thread.
  std::error_code not_literal;
  const auto literal = asio::ip::make_address(host, not_literal);
  if (!not_literal) co_return std::vector<tcp::endpoint>{{literal, port}};

  tcp::resolver resolver(co_await asio::this_coro::executor);
  const Watch watch(resolver, limit);
  std::error_code failed;
  const auto found = co_await resolver.async_resolve(host, std::to_string(port),
                                                     asio::redirect_error(asio::use_awaitable, failed));
  if (limit.stop.stop_requested()) co_return wake_error(Wake::stopped, {});
  if (watch.timed_out())
    co_return fail(ErrorKind::timeout, fmt::format("the name {} did not resolve in time", host));
  if (failed) {
    co_return fail(ErrorKind::unreachable,
                   fmt::format("the name {} does not resolve: {}", host, failed.message()));
  }
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  co_return endpoints;
}

/// The system's error with the likeliest cause in terms of EC2.
std::string explain(std::error_code failed, const tcp::endpoint& endpoint) {
  const auto address = endpoint.address().to_string();
  // The machine itself refuses; a security group drops packets and stays silent.
  if (failed == asio::error::connection_refused) {
    return fmt::format("connection refused by {} port {}; is its sshd running?", address, endpoint.port());
  }
  if (failed == asio::error::timed_out || failed == asio::error::host_unreachable ||
      failed == asio::error::network_unreachable) {
    return fmt::format("{} port {} cannot be reached ({}); stopped, moved, or closed by its security group?",
                       address, endpoint.port(), failed.message());
  }
  return fmt::format("cannot connect to {} port {}: {}", address, endpoint.port(), failed.message());
}

/// How long the next address of a name waits for the one before it (RFC 8305, 5).
constexpr auto kHeadStart = std::chrono::milliseconds(250);

/// One address. Errors: local_io (no descriptor left), unreachable, timeout, cancelled.
awaitable<Result<tcp::socket>> connect_to(tcp::endpoint endpoint, Limit limit) {
  tcp::socket socket(co_await asio::this_coro::executor);
  std::error_code failed;
  socket.open(endpoint.protocol(), failed);
  if (failed) {
    co_return fail(ErrorKind::local_io,
                   fmt::format("cannot open a socket: {}; ulimit -n may be too low", failed.message()));
  }
  socket.set_option(tcp::no_delay(true), failed);  // small packets at once
  const Watch watch(socket, limit);
  co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, failed));
  if (limit.stop.stop_requested()) co_return wake_error(Wake::stopped, {});
  if (watch.timed_out()) {
    co_return fail(ErrorKind::timeout,
                   fmt::format("no answer from {} port {}; stopped, moved, or closed by its security group?",
                               endpoint.address().to_string(), endpoint.port()));
  }
  if (failed) co_return fail(ErrorKind::unreachable, explain(failed, endpoint));
  co_return socket;
}

/// The addresses of one name, tried side by side; the first connection is taken.
struct Race {
  explicit Race(asio::any_io_executor executor) : changed(std::move(executor)) {}

  Event changed;
  std::size_t running = 0;
  std::optional<tcp::socket> winner;
  std::optional<Error> first_error;
  std::stop_source over;
};

/// A race that is over closes the socket of a later winner.
awaitable<void> take_part(std::shared_ptr<Race> race, tcp::endpoint endpoint, Clock::time_point deadline) {
  const Limit limit{deadline, race->over.get_token()};
  auto socket = co_await connect_to(endpoint, limit);
  --race->running;
  if (socket && !race->winner)
    race->winner = std::move(*socket);
  else if (!socket && !race->first_error)
    race->first_error = socket.error();
  race->changed.notify_all();
}

}  // namespace

awaitable<Result<tcp::socket>> connect_to_first(std::vector<tcp::endpoint> endpoints, Limit limit) {
  const auto executor = co_await asio::this_coro::executor;
  const auto race = std::make_shared<Race>(executor);
  for (auto next = endpoints.begin(); !race->winner;) {
    const bool more = next != endpoints.end();
    if (!more && race->running == 0) break;
    if (more) {
      ++race->running;
      asio::co_spawn(executor, take_part(race, *next++, limit.deadline), asio::detached);
      if (race->running == 0 && !race->winner) continue;  // it has failed at once: nobody will notify
    }
    // Behind the last address nothing waits to begin: each attempt ends by its own limit.
    const Limit patience = next != endpoints.end() ? limit.at_most(kHeadStart) : Limit{.stop = limit.stop};
    if (co_await race->changed.wait(patience) == Wake::stopped) break;
  }
  // The other attempts end; the race lives as long as the last of them.
  race->over.request_stop();
  if (race->winner) co_return std::move(*race->winner);
  if (limit.stop.stop_requested()) co_return wake_error(Wake::stopped, {});
  co_return std::unexpected(*race->first_error);
}

awaitable<Result<Link::Socket>> connect_tcp(std::string host, std::uint16_t port, Limit limit,
                                            const PhaseObserver& on_phase) {
  on_phase(Phase::resolving);
  CO_TRY_AS(endpoints, co_await resolve(host, port, limit));
  if (endpoints->empty())
    co_return fail(ErrorKind::unreachable, fmt::format("the name {} has no address", host));
  on_phase(Phase::connecting);
  if (endpoints->size() == 1) {
    CO_TRY_AS(socket, co_await connect_to(endpoints->front(), limit));
    co_return Link::Socket(std::move(*socket));
  }
  CO_TRY_AS(socket, co_await connect_to_first(std::move(*endpoints), limit));
  co_return Link::Socket(std::move(*socket));
}

}  // namespace ec2mpi::ssh
