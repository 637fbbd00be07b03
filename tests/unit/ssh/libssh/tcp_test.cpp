#include "src/ssh/libssh/tcp.hpp"

#include <gtest/gtest.h>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "tests/support/hang.hpp"

namespace ec2mpi::ssh {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;

class ConnectToFirst : public testing::Test {
 protected:
  static tcp::endpoint any_port() { return {asio::ip::address_v4::loopback(), 0}; }

  /// Drops the packets of every other connection, for its queue is full.
  tcp::endpoint silent_endpoint() {
    silent.open(tcp::v4());
    silent.bind(any_port());
    silent.listen(0);
    for (auto& each : queued) {
      each.open(tcp::v4());
      each.non_blocking(true);
      const auto to = silent.local_endpoint();
      EXPECT_NE(::connect(each.native_handle(), to.data(), static_cast<socklen_t>(to.size())), 1);
    }
    return silent.local_endpoint();
  }

  tcp::endpoint closed_endpoint() {
    tcp::acceptor acceptor(loop, any_port());
    return acceptor.local_endpoint();
  }

  Result<tcp::socket> connect(std::vector<tcp::endpoint> endpoints, Limit limit) {
    Result<tcp::socket> result = fail(ErrorKind::protocol, "did not end");
    asio::co_spawn(
        loop,
        [](std::vector<tcp::endpoint> to, Limit until, Result<tcp::socket>& into) -> asio::awaitable<void> {
          into = co_await connect_to_first(std::move(to), std::move(until));
        }(std::move(endpoints), std::move(limit), result),
        asio::detached);
    loop.run();
    return result;
  }

  asio::io_context loop;
  tcp::acceptor silent{loop};
  std::array<tcp::socket, 3> queued{tcp::socket(loop), tcp::socket(loop), tcp::socket(loop)};
};

TEST_F(ConnectToFirst, ADeadAddressDoesNotUseUpTheLimit) {
  tcp::acceptor alive(loop, any_port());
  const auto begun = Clock::now();
  const auto socket = connect({silent_endpoint(), alive.local_endpoint()}, Limit{}.at_most(600s));
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_EQ(socket->remote_endpoint(), alive.local_endpoint());
  EXPECT_LT(Clock::now() - begun, test::kHang);
}

TEST_F(ConnectToFirst, ARefusedAddressIsFollowedByTheNextAtOnce) {
  tcp::acceptor alive(loop, any_port());
  EXPECT_TRUE(connect({closed_endpoint(), alive.local_endpoint()}, {}));
}

TEST_F(ConnectToFirst, IfAllRefuseTheErrorNamesTheFirst) {
  const auto first = closed_endpoint();
  const auto socket = connect({first, closed_endpoint()}, {});
  ASSERT_FALSE(socket);
  EXPECT_NE(socket.error().message.find("port " + std::to_string(first.port())), std::string::npos);
}

TEST_F(ConnectToFirst, IfAllAreSilentTheLimitEndsIt) {
  const auto dead = silent_endpoint();
  const auto socket = connect({dead, dead}, Limit{}.at_most(500ms));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().kind, ErrorKind::timeout);
}

TEST_F(ConnectToFirst, AStopEndsIt) {
  std::stop_source stop;
  asio::steady_timer timer(loop, 50ms);
  timer.async_wait([&stop](std::error_code) { stop.request_stop(); });
  const auto dead = silent_endpoint();
  const auto socket = connect({dead, dead}, Limit{.stop = stop.get_token()});
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().kind, ErrorKind::cancelled);
}

}  // namespace
}  // namespace ec2mpi::ssh
