#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "tests/support/fake_transport.hpp"
#include "tests/support/hang.hpp"

namespace ec2mpi {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kWithoutEnd = std::uint64_t{1} << 60;

/// A program whose output never ends and is always there, and one reader that never stops by itself.
class Flooded : public testing::Test {
 protected:
  Flooded() { connector.node(1).flood = kWithoutEnd; }

  asio::awaitable<void> read_all(Limit limit) {
    const Node node = test::fake_nodes(1).front();
    auto session = co_await connector.connect(node, {}, [](ssh::Phase) {});
    ssh::Request request{.command = "yes"};
    auto channel = co_await (*session)->start(std::move(request), {});
    for (;;) {
      auto chunk = co_await (*channel)->read(limit);
      if (chunk && *chunk) continue;
      ended = chunk ? std::string("the end") : std::string(kind_name(chunk.error().kind));
      break;
    }
  }

  asio::awaitable<void> write_all(Limit limit) {
    const Node node = test::fake_nodes(1).front();
    auto session = co_await connector.connect(node, {}, [](ssh::Phase) {});
    ssh::Request request{.command = "cat"};
    auto channel = co_await (*session)->start(std::move(request), {});
    const std::string bytes(1 << 20, 'x');
    Result<void> written;
    while (written) written = co_await (*channel)->write(bytes, limit);
    ended = kind_name(written.error().kind);
  }

  void run(asio::awaitable<void> work) {
    asio::co_spawn(loop, std::move(work), asio::detached);
    loop.run_for(test::kHang);
  }

  Limit limit() { return {.deadline = Clock::time_point::max(), .stop = stop.get_token()}; }

  asio::io_context loop{1};
  test::FakeConnector connector{loop.get_executor()};
  std::stop_source stop;
  std::string ended;
};

TEST_F(Flooded, AReaderIsTimedOutThoughThereIsAlwaysMoreToRead) {
  run(read_all(limit().at_most(20ms)));
  EXPECT_EQ(ended, "timeout");
}

TEST_F(Flooded, AReaderLetsTheLoopTakeTheStopThatEndsIt) {
  asio::steady_timer timer(loop, 20ms);
  timer.async_wait([this](std::error_code) { stop.request_stop(); });
  run(read_all(limit()));
  EXPECT_EQ(ended, "cancelled");
}

TEST_F(Flooded, NothingIsReadOrWrittenUnderALimitThatHasEnded) {
  stop.request_stop();
  run(read_all(limit()));
  EXPECT_EQ(ended, "cancelled");
  loop.restart();
  run(write_all(limit()));
  EXPECT_EQ(ended, "cancelled");
  EXPECT_EQ(connector.seen().reads, 0U);
  EXPECT_TRUE(connector.seen().input.empty());
}

TEST_F(Flooded, AWriterIsTimedOutThoughTheNodeTakesEverything) {
  run(write_all(limit().at_most(20ms)));
  EXPECT_EQ(ended, "timeout");
}

}  // namespace
}  // namespace ec2mpi
