#include "ec2mpi/ops/node/barrier.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

namespace ec2mpi::ops {
namespace {

using Words = std::vector<std::string>;

class Meeting : public testing::Test {
 protected:
  void join(Barrier& barrier, std::string name, int rounds, Limit limit = {}) {
    asio::co_spawn(loop, take_part(&barrier, std::move(name), rounds, limit), asio::detached);
    loop.restart();
    loop.poll();
  }

  asio::awaitable<void> take_part(Barrier* barrier, std::string name, int rounds, Limit limit) {
    for (int round = 1; round <= rounds; ++round) {
      const Wake wake = co_await barrier->arrive_and_wait(limit);
      passed.push_back(name + std::to_string(round) + (wake == Wake::notified ? "" : " late"));
    }
  }

  asio::io_context loop{1};
  Words passed;
};

TEST_F(Meeting, NobodyPassesBeforeAllAreThere) {
  Barrier barrier(loop.get_executor(), 2);
  join(barrier, "a", 2);
  EXPECT_TRUE(passed.empty());
  join(barrier, "b", 2);
  std::sort(passed.begin(), passed.end());
  EXPECT_EQ(passed, (Words{"a1", "a2", "b1", "b2"}));
}

TEST_F(Meeting, WhoDropsOutIsNotWaitedFor) {
  Barrier barrier(loop.get_executor(), 2);
  join(barrier, "a", 2);
  barrier.drop();
  loop.restart();
  loop.poll();
  EXPECT_EQ(passed, (Words{"a1", "a2"}));
}

TEST_F(Meeting, WhoGivesUpDoesNotCountAsThere) {
  Barrier barrier(loop.get_executor(), 2);
  std::stop_source stop;
  stop.request_stop();
  join(barrier, "a", 1, {.deadline = Clock::time_point::max(), .stop = stop.get_token()});
  EXPECT_EQ(passed, Words{"a1 late"});
  join(barrier, "b", 1);
  EXPECT_EQ(passed, Words{"a1 late"});
  barrier.drop();
  loop.restart();
  loop.poll();
  EXPECT_EQ(passed, (Words{"a1 late", "b1"}));
}

}  // namespace
}  // namespace ec2mpi::ops
