#include "src/ssh/libssh/tunnel.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include "ec2mpi/base/try.hpp"

namespace ec2mpi::ssh {

namespace {

using asio::local::stream_protocol;

/// The state that both directions share; the last one to end destroys it.
struct Tunnel {
  Tunnel(stream_protocol::socket end, std::shared_ptr<Session> carrier, std::unique_ptr<Channel> carried)
      : near_end(std::move(end)), bastion(std::move(carrier)), channel(std::move(carried)) {}

  void close() {
    std::error_code ignored;
    near_end.close(ignored);
    over.request_stop();
  }

  stream_protocol::socket near_end;
  std::shared_ptr<Session> bastion;
  std::unique_ptr<Channel> channel;
  std::stop_source over;
};

/// Ends when libssh closes its end of the pair, or when the channel of the jump host breaks.
awaitable<void> carry_to_node(std::shared_ptr<Tunnel> tunnel) {
  const Limit limit{Clock::time_point::max(), tunnel->over.get_token()};
  std::string block(32 * 1024, '\0');
  for (;;) {
    std::error_code closed;
    const auto got = co_await tunnel->near_end.async_read_some(
        asio::buffer(block), asio::redirect_error(asio::use_awaitable, closed));
    if (closed) break;
    const std::string_view bytes(block.data(), got);
    const auto written = co_await tunnel->channel->write(bytes, limit);
    if (!written) break;
  }
  tunnel->close();
}

/// Writes each chunk before it reads the next, so a slow reader slows the channel down.
awaitable<void> carry_from_node(std::shared_ptr<Tunnel> tunnel) {
  const Limit limit{Clock::time_point::max(), tunnel->over.get_token()};
  for (;;) {
    const auto chunk = co_await tunnel->channel->read(limit);
    if (!chunk || !*chunk) break;
    std::error_code closed;
    co_await asio::async_write(tunnel->near_end, asio::buffer((*chunk)->bytes),
                               asio::redirect_error(asio::use_awaitable, closed));
    if (closed) break;
  }
  tunnel->close();
}

}  // namespace

awaitable<Result<Link::Socket>> open_tunnel(std::shared_ptr<Session> bastion, std::string host,
                                            std::uint16_t port, Limit limit) {
  CO_TRY_AS(channel, co_await bastion->forward(std::move(host), port, limit));
  const auto executor = co_await asio::this_coro::executor;
  // libssh needs a descriptor: it gets one end of a socket pair, and the channel carries the bytes of the
  // other end.
  stream_protocol::socket near_end(executor);
  stream_protocol::socket far_end(executor);
  std::error_code failed;
  asio::local::connect_pair(near_end, far_end, failed);
  if (failed) co_return fail(ErrorKind::local_io, "cannot make a socket pair: " + failed.message());
  const auto tunnel = std::make_shared<Tunnel>(std::move(near_end), std::move(bastion), std::move(*channel));
  // Each direction ends the other one, for libssh would wait at a tunnel that is half open.
  asio::co_spawn(executor, carry_to_node(tunnel), asio::detached);
  asio::co_spawn(executor, carry_from_node(tunnel), asio::detached);
  co_return Link::Socket(std::move(far_end));
}

}  // namespace ec2mpi::ssh
