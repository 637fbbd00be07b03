#include "ec2mpi/base/event.hpp"

#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include "tests/support/hang.hpp"

namespace ec2mpi {
namespace {

using namespace std::chrono_literals;

class Waiting : public testing::Test {
 protected:
  void spawn(asio::awaitable<void> work) {
    loop.restart();  // it stops for good when it runs out of work
    asio::co_spawn(loop, std::move(work), asio::detached);
  }

  asio::awaitable<void> wait(Limit limit, std::string name) {
    const Wake wake = co_await event.wait(limit);
    ended.push_back(name + (wake == Wake::notified  ? " notified"
                            : wake == Wake::stopped ? " stopped"
                                                    : " late"));
  }

  asio::awaitable<void> hold(Gate* gate, Limit limit, std::string name, Clock::duration duration) {
    auto pass = co_await gate->enter(limit);
    if (!pass) {
      ended.push_back(name + " " + std::string(kind_name(pass.error().kind)));
      co_return;
    }
    ended.push_back(name + " in");
    const Limit unlimited;
    co_await sleep_for(duration, unlimited);
  }

  static Limit within(Clock::duration duration) { return Limit().at_most(duration); }

  asio::io_context loop{1};
  Event event{loop.get_executor()};
  std::vector<std::string> ended;
};

using Words = std::vector<std::string>;

TEST_F(Waiting, NotifyAllWakesAllAndNotifyOneTheFirst) {
  for (const auto* name : {"a", "b", "c"}) spawn(wait({}, name));
  loop.poll();
  EXPECT_EQ(event.waiting(), 3U);
  event.notify_one();
  loop.poll();
  EXPECT_EQ(ended, (Words{"a notified"}));
  event.notify_all();
  loop.poll();
  EXPECT_EQ(ended.size(), 3U);
  EXPECT_EQ(event.waiting(), 0U);
}

TEST_F(Waiting, ANotificationIsNotKeptForLater) {
  event.notify_all();
  spawn(wait(within(1ms), "a"));
  loop.run_for(test::kHang);
  EXPECT_EQ(ended, (Words{"a late"}));
}

TEST_F(Waiting, EndsWithItsDeadline) {
  spawn(wait(within(10ms), "a"));
  spawn(wait(within(-1ms), "no limit of its own"));
  loop.run_for(test::kLimit);
  EXPECT_EQ(ended, (Words{"a late"}));
}

TEST_F(Waiting, EndsWithTheStopBeforeAndDuringTheWait) {
  std::stop_source stop;
  const Limit limit{.deadline = Clock::time_point::max(), .stop = stop.get_token()};
  spawn(wait(limit, "a"));
  loop.poll();
  stop.request_stop();
  loop.poll();
  spawn(wait(limit, "b"));
  loop.poll();
  EXPECT_EQ(ended, (Words{"a stopped", "b stopped"}));
}

TEST_F(Waiting, AWaitThatIsAlwaysNotifiedTimesOutAllTheSame) {
  bool over = false;
  const auto wait_on = [&]() -> asio::awaitable<void> {
    const auto limit = within(20ms);
    Wake wake = Wake::notified;
    while (wake == Wake::notified) wake = co_await event.wait(limit);
    ended.emplace_back(wake == Wake::timed_out ? "late" : "stopped");
    over = true;
  };
  const auto notify_on = [&]() -> asio::awaitable<void> {
    const auto limit = within(test::kHang);
    for (Wake wake = Wake::notified; wake == Wake::notified && !over;) {
      event.notify_all();
      wake = co_await yield_to_loop(limit);
    }
  };
  spawn(wait_on());
  spawn(notify_on());
  loop.run_for(test::kHang);
  EXPECT_EQ(ended, (Words{"late"}));
}

TEST_F(Waiting, ALoopAroundAWaitThatIsOverLetsOthersRun) {
  std::stop_source stop;
  stop.request_stop();
  const Limit stopped{.deadline = Clock::time_point::max(), .stop = stop.get_token()};
  const Limit late{.deadline = Clock::now(), .stop = {}};
  for (const auto& limit : {stopped, late}) {
    bool others_ran = false;
    const auto wait_on = [&]() -> asio::awaitable<void> {
      for (int turn = 0; turn < 1000 && !others_ran; ++turn) co_await event.wait(limit);
    };
    spawn(wait_on());
    asio::post(loop, [&others_ran] { others_ran = true; });
    loop.poll_one();
    loop.poll();
    EXPECT_TRUE(others_ran);
    loop.run_for(test::kHang);
  }
}

TEST_F(Waiting, AGateLetsInSoManyAndTheOthersInTheirOrder) {
  Gate gate(loop.get_executor(), 2);
  for (const auto* name : {"a", "b", "c", "d"}) spawn(hold(&gate, {}, name, 5ms));
  loop.poll();
  EXPECT_EQ(ended, (Words{"a in", "b in"}));
  loop.run_for(test::kHang);
  EXPECT_EQ(ended, (Words{"a in", "b in", "c in", "d in"}));
}

TEST_F(Waiting, WhoGivesUpAtAGateTakesNoPlace) {
  Gate gate(loop.get_executor(), 1);
  spawn(hold(&gate, {}, "a", 40ms));
  spawn(hold(&gate, within(5ms), "b", 0ms));
  spawn(hold(&gate, {}, "c", 0ms));
  loop.run_for(test::kHang);
  EXPECT_EQ(ended, (Words{"a in", "b timeout", "c in"}));
}

TEST_F(Waiting, AStoppedOneIsNotLetInThoughThereIsRoom) {
  std::stop_source stop;
  stop.request_stop();
  Gate gate(loop.get_executor(), 1);
  spawn(hold(&gate, {.deadline = Clock::time_point::max(), .stop = stop.get_token()}, "a", 0ms));
  loop.run_for(test::kHang);
  EXPECT_EQ(ended, (Words{"a cancelled"}));
}

TEST(Limit, AtMostTakesTheEarlierOfTwoDeadlines) {
  const auto begun = Clock::now();
  const auto soon = Limit().at_most(1s);
  EXPECT_GE(soon.deadline, begun + 1s);
  EXPECT_LE(soon.deadline, Clock::now() + 1s);
  EXPECT_EQ(soon.at_most(1h).deadline, soon.deadline);
  EXPECT_EQ(soon.at_most(0s).deadline, soon.deadline);
  EXPECT_EQ(Limit().at_most({}).deadline, Clock::time_point::max());
}

}  // namespace
}  // namespace ec2mpi
