#include "ec2mpi/fleet/fleet.hpp"

#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/fleet/lines.hpp"
#include "ec2mpi/ops/exec/exec.hpp"
#include "tests/support/fake_transport.hpp"
#include "tests/support/hang.hpp"

namespace ec2mpi {
namespace {

using namespace std::chrono_literals;
using test::FakeNode;
using test::kHang;
using test::kLimit;

/// Keeps what the nodes printed.
class Listener : public Observer {
 public:
  void on_lines(const Node& node, ssh::Stream stream, std::string_view lines) override {
    ++blocks;
    LineCutter().feed(lines, [&](std::string_view line) {
      longest = std::max(longest, line.size());
      bytes += line.size();
      if (line.size() < 100) (stream == ssh::Stream::out ? out : err)[node.index].emplace_back(line);
    });
    if (after_line) after_line(node);
  }
  void on_finish(const NodeResult& result) override { finished.push_back(result.node.index); }
  asio::awaitable<void> ready(Limit limit) override {
    if (hold != nullptr) co_await hold->wait(limit);
  }

  std::map<int, std::vector<std::string>> out;
  std::map<int, std::vector<std::string>> err;
  std::vector<int> finished;
  std::function<void(const Node&)> after_line;
  Event* hold = nullptr;
  std::size_t longest = 0;
  std::size_t bytes = 0;
  std::size_t blocks = 0;
};

class Fleet : public testing::Test {
 protected:
  /// Runs a command on nodes 1 to `count` to the end.
  FleetReport run(int count, const FleetOptions& options = {}) {
    return run(count, options, ops::exec_task({.command = "work"}));
  }

  FleetReport run(int count, const FleetOptions& options, NodeTask task) {
    std::optional<FleetReport> report;
    auto all = run_on_nodes(test::fake_nodes(count), std::move(task),
                            {connector, options, listener, stop.get_token()});
    asio::co_spawn(loop, std::move(all), [&](std::exception_ptr thrown, FleetReport result) {
      EXPECT_EQ(thrown, nullptr);
      report = std::move(result);
    });
    loop.run_for(kHang);
    EXPECT_TRUE(report.has_value()) << "it hangs";
    return report.value_or(FleetReport{});
  }

  /// Some time after `condition` has become true.
  void once(std::function<bool()> condition, std::function<void()> action) {
    auto timer = std::make_shared<asio::steady_timer>(loop, 30ms);
    const bool was_true = condition();
    timer->async_wait([=, this](std::error_code) { was_true ? action() : once(condition, action); });
  }

  static std::vector<std::string> told(const FleetReport& report) {
    std::vector<std::string> words;
    for (const auto& result : report.results) words.push_back(describe(result.outcome));
    return words;
  }

  asio::io_context loop{1};
  test::FakeConnector connector{loop.get_executor()};
  Listener listener;
  std::stop_source stop;
};

using Words = std::vector<std::string>;

TEST_F(Fleet, GivesEveryNodeItsResultInTheListsOrderHoweverTheyFinish) {
  connector.node(1).runs_for = kLimit;
  connector.node(2).status.code = 3;
  connector.node(3).door = FakeNode::Door::refuses;
  connector.node(4).end = FakeNode::End::cut;
  connector.node(5).end = FakeNode::End::no_status;
  connector.node(6).door_opens_after = 30ms;
  const auto report = run(6);
  EXPECT_EQ(told(report),
            (Words{"ok", "exit 3", "connection refused", "connection lost", "no word about its end", "ok"}));
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(report.results[i].node.index, static_cast<int>(i) + 1);
  EXPECT_EQ(report.ending, Ending::complete);
  EXPECT_EQ(exit_code_for(report), exit_code::node_failed);
  ASSERT_EQ(listener.finished.size(), 6U);
  EXPECT_EQ(listener.finished.back(), 1) << "the slowest is told last";
}

TEST_F(Fleet, HandsOnLinesOfBothStreamsEvenBeforeTheConnectionBreaks) {
  connector.node(1).out = "one\ntwo\nthree without an end";
  connector.node(1).err = "complaint\n";
  connector.node(1).end = FakeNode::End::cut;
  const auto report = run(1);
  EXPECT_EQ(listener.out[1], (Words{"one", "two", "three without an end"}));
  EXPECT_EQ(listener.err[1], (Words{"complaint"}));
  EXPECT_EQ(told(report), (Words{"connection lost"}));
}

TEST_F(Fleet, RunsTheCommandOnEveryNode) {
  run(3);
  EXPECT_EQ(connector.seen().commands.size(), 3U);
  for (const auto& [index, command] : connector.seen().commands) {
    EXPECT_NE(command.find("ec2mpi_command=work\\0012"), std::string::npos) << command;
    EXPECT_NE(command.find(fmt::format("EC2MPI_INDEX={} ", index)), std::string::npos) << command;
  }
}

TEST_F(Fleet, ALookThatFindsSomethingLeftIsReported) {
  connector.node(1).end = FakeNode::End::never;
  connector.node(1).found = "ec2mpi-sweep 1\nended 123 python3\nleft 123 python3\nec2mpi-sweep end\n";
  FleetOptions options;
  options.task_timeout = 50ms;
  EXPECT_EQ(told(run(1, options)), (Words{"time limit reached; still running: pid 123 python3"}));
}

TEST_F(Fleet, ANodeThatNeverAnswersEndsWithTheConnectLimit) {
  connector.node(2).door = FakeNode::Door::hangs;
  FleetOptions options;
  options.connect_timeout = kLimit;
  const auto report = run(3, options);
  EXPECT_EQ(told(report), (Words{"ok", "no answer", "ok"}));
  EXPECT_EQ(report.results[1].reached, ssh::Phase::connecting);
  EXPECT_EQ(std::get<Error>(report.results[1].outcome).kind, ErrorKind::timeout);
}

TEST_F(Fleet, ANodeThatNeverEndsEndsWithTheTaskLimitAndIsLookedAt) {
  connector.node(2).end = FakeNode::End::never;
  FleetOptions options;
  options.task_timeout = kLimit;
  const auto report = run(3, options);
  EXPECT_EQ(told(report), (Words{"ok", "time limit reached; nothing left running", "ok"}));
  EXPECT_EQ(report.ending, Ending::complete);
  EXPECT_TRUE(
      connector.seen().signals.empty());  // the look ends it; a signal before would hide orphans from it
}

/// A task that waits for `patience`, or for node 2 without an end but that of its limit.
NodeTask waiting_task(Clock::duration patience) {
  return [patience](NodeRun turn) -> asio::awaitable<Result<ssh::ExitStatus>> {
    const auto limit = turn.node.index == 2 ? turn.limit : turn.limit.at_most(patience);
    const auto wake = co_await sleep_for(kHang, limit);
    co_return wake_error(wake, "not all was sent in time");
  };
}

TEST_F(Fleet, OfEveryTaskItsTimeLimitIsNamedAndNoShorterLimitOfItsOwn) {
  FleetOptions options;
  options.task_timeout = 50ms;
  const auto report = run(2, options, waiting_task(1ms));
  EXPECT_EQ(told(report),
            (Words{"not all was sent in time", "time limit reached; not all was sent in time"}));
}

TEST_F(Fleet, TheTaskLimitDoesNotCountTheConnection) {
  connector.node(1).door_opens_after = kLimit + 500ms;
  FleetOptions options;
  options.task_timeout = kLimit;
  EXPECT_EQ(told(run(1, options)), (Words{"ok"}));
}

TEST_F(Fleet, TheLimitOfTheWholeEndsNodesAtWorkAndThoseThatWait) {
  connector.node(2).end = FakeNode::End::never;
  FleetOptions options;
  options.fanout = 1;
  options.whole_timeout = kLimit;
  const auto report = run(4, options);
  EXPECT_EQ(told(report),
            (Words{"ok", "time limit reached; nothing left running", "not run: the time limit came first",
                   "not run: the time limit came first"}));
  EXPECT_EQ(report.ending, Ending::timed_out);
  EXPECT_EQ(exit_code_for(report), exit_code::timed_out);
}

TEST_F(Fleet, AStopEndsNodesAtWorkAndThoseThatWait) {
  connector.node(1).end = FakeNode::End::never;
  connector.node(2).door = FakeNode::Door::hangs;
  FleetOptions options;
  options.fanout = 2;
  options.connect_timeout = {};
  once([this] { return connector.seen().commands.contains(1) && connector.seen().at_door == 1; },
       [this] { stop.request_stop(); });
  const auto report = run(4, options);
  EXPECT_EQ(told(report), (Words{"interrupted; nothing left running", "interrupted", "not run: interrupted",
                                 "not run: interrupted"}));
  EXPECT_EQ(report.ending, Ending::interrupted);
  EXPECT_EQ(exit_code_for(report), exit_code::interrupted);
}

TEST_F(Fleet, AStopBeforeTheBeginningConnectsToNobody) {
  stop.request_stop();
  const auto report = run(3);
  EXPECT_EQ(report.ending, Ending::interrupted);
  EXPECT_TRUE(connector.seen().commands.empty());
}

TEST_F(Fleet, HasNoMoreNodesAtWorkThanTheFanout) {
  FleetOptions options;
  options.fanout = 3;
  for (int index = 1; index <= 20; ++index) connector.node(index).runs_for = 5ms;
  const auto report = run(20, options);
  EXPECT_TRUE(report.all_succeeded());
  EXPECT_EQ(connector.seen().most_sessions, 3U);
}

TEST_F(Fleet, HasAllNodesAtWorkWithoutAFanout) {
  for (int index = 1; index <= 20; ++index) connector.node(index).runs_for = kLimit;
  EXPECT_TRUE(run(20).all_succeeded());
  EXPECT_EQ(connector.seen().most_sessions, 20U);
}

TEST_F(Fleet, BeginsInTheListsOrder) {
  FleetOptions options;
  options.fanout = 2;
  run(6, options);
  EXPECT_EQ(connector.seen().connected, (std::vector<int>{1, 2, 3, 4, 5, 6}));
}

TEST_F(Fleet, SetsUpNoMoreConnectionsAtOnceThanAllowed) {
  FleetOptions options;
  options.handshakes = 4;
  for (int index = 1; index <= 20; ++index) {
    connector.node(index).door_opens_after = 5ms;
    connector.node(index).runs_for = kLimit;
  }
  EXPECT_TRUE(run(20, options).all_succeeded());
  EXPECT_EQ(connector.seen().most_at_door, 4U);
  EXPECT_GT(connector.seen().most_sessions, 4U) << "the commands themselves need no turn";
}

TEST_F(Fleet, FailFastBeginsNoFurtherNodeButLetsThoseAtWorkEnd) {
  FleetOptions options;
  options.fanout = 2;
  options.fail_fast = true;
  connector.node(1).status.code = 1;
  connector.node(1).runs_for = 10ms;
  connector.node(2).runs_for = kLimit;
  const auto report = run(4, options);
  EXPECT_EQ(told(report), (Words{"exit 1", "ok", "not run: another node failed first",
                                 "not run: another node failed first"}));
  EXPECT_EQ(report.ending, Ending::complete);
  EXPECT_EQ(exit_code_for(report), exit_code::node_failed);
}

TEST_F(Fleet, ANodeThatCannotBeReachedStopsAFailFastRunToo) {
  FleetOptions options;
  options.fanout = 1;
  options.fail_fast = true;
  connector.node(2).door = FakeNode::Door::refuses;
  EXPECT_EQ(told(run(3, options)), (Words{"ok", "connection refused", "not run: another node failed first"}));
}

TEST_F(Fleet, WithoutFailFastAFailureStopsNobody) {
  FleetOptions options;
  options.fanout = 1;
  connector.node(1).status.code = 1;
  EXPECT_EQ(told(run(3, options)), (Words{"exit 1", "ok", "ok"}));
}

TEST_F(Fleet, AGigabyteWithoutEndOfLineIsHandedOnInBoundedParts) {
  connector.node(1).flood = 1'000'000'000;
  EXPECT_TRUE(run(2).all_succeeded());
  EXPECT_EQ(listener.bytes, 1'000'000'000U);
  EXPECT_LE(listener.longest, (1U << 20U) + 32U * 1024U);
}

TEST_F(Fleet, TheLinesOfOneReadComeTogether) {
  auto& printed = connector.node(1).out;
  for (int i = 0; i < 50'000; ++i) printed += "y\n";
  printed += "rest";
  EXPECT_TRUE(run(1).all_succeeded());
  EXPECT_EQ(listener.out[1].size(), 50'001U);
  EXPECT_EQ(listener.out[1].back(), "rest");
  EXPECT_LE(listener.blocks, connector.seen().reads);
}

TEST_F(Fleet, AnObserverThatIsNotReadyHoldsTheNodeBack) {
  connector.node(1).flood = 10'000'000;
  Event released(loop.get_executor());
  listener.hold = &released;
  std::size_t reads_while_held = 0;
  once([this] { return connector.seen().reads >= 2; },
       [&] {
         reads_while_held = connector.seen().reads;
         listener.hold = nullptr;
         released.notify_all();
       });
  EXPECT_TRUE(run(1).all_succeeded());
  EXPECT_EQ(reads_while_held, 2U);  // the begin, and the first block
  EXPECT_GT(connector.seen().reads, 100U);
}

TEST_F(Fleet, AThousandNodesAllGetTheirResult) {
  for (int index = 1; index <= 1000; ++index) {
    auto& node = connector.node(index);
    node.runs_for = std::chrono::microseconds(index * 7919 % 5000);
    node.status.code = index % 2;
  }
  const auto report =
      run(1000, {.connect_timeout = kHang});  // a busy machine takes more than the usual limit
  ASSERT_EQ(report.results.size(), 1000U);
  for (const auto& result : report.results) EXPECT_EQ(succeeded(result.outcome), result.node.index % 2 == 0);
}

TEST_F(Fleet, NothingIsLeftOpenAfterTheEnd) {
  connector.node(1).end = FakeNode::End::cut;
  connector.node(2).end = FakeNode::End::never;
  FleetOptions options;
  options.task_timeout = kLimit;
  run(3, options);
  EXPECT_EQ(connector.seen().channels, 0U);
  EXPECT_EQ(connector.seen().sessions, 0U);
  EXPECT_EQ(connector.seen().at_door, 0U);
}

TEST_F(Fleet, OfNoNodesIsAnEmptyReport) {
  const auto report = run(0);
  EXPECT_TRUE(report.results.empty());
  EXPECT_TRUE(report.all_succeeded());
}

/// Notes at its destruction whether the object that it needs is still there.
struct AtEnd {
  std::weak_ptr<int> needed;
  int& there;
  ~AtEnd() { there += needed.expired() ? 0 : 1; }
};

asio::awaitable<Result<ssh::ExitStatus>> work_for_ever(std::weak_ptr<int> needed, int* began, int* there) {
  const AtEnd at_end{std::move(needed), *there};
  ++*began;
  Event never(co_await asio::this_coro::executor);
  const Limit unlimited;
  co_await never.wait(unlimited);
  co_return ssh::ExitStatus{};
}

TEST_F(Fleet, WhatTheTaskOwnsLivesAsLongAsAnyNodesCoroutineAlsoWhenTheLoopIsDropped) {
  auto dropped = std::make_unique<asio::io_context>(1);
  test::FakeConnector near{dropped->get_executor()};
  int began = 0;
  int there = 0;
  NodeTask task = [owned = std::make_shared<int>(0), &began, &there](const NodeRun&) {
    return work_for_ever(owned, &began, &there);
  };
  // Two work, and the third waits for its place.
  auto all = run_on_nodes(test::fake_nodes(3), std::move(task), {near, {.fanout = 2}, listener, {}});
  asio::co_spawn(*dropped, std::move(all), asio::detached);
  while (began < 2) ASSERT_EQ(dropped->run_one_for(kHang), 1U);
  dropped.reset();
  EXPECT_EQ(there, 2);
}

}  // namespace
}  // namespace ec2mpi
