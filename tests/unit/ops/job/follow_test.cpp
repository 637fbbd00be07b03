#include "ec2mpi/ops/job/follow.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <deque>

#include "tests/support/fake_transport.hpp"
#include "tests/support/hang.hpp"
#include "tests/support/program_text.hpp"

namespace ec2mpi::ops {
namespace {

using test::FakeNode;

const std::string kRecord = "job spread-1\nstate ended 3\nmeta np 4\n";

/// Remembers its events; a test may act at each of them.
class Listener : public FollowObserver {
 public:
  void on_lost(const Error& error, Clock::duration) override { note("lost: " + error.message); }
  void on_reconnected() override { note("reconnected"); }
  void on_found(const std::string& id, bool over) override { note("found " + id + (over ? ", over" : "")); }
  void on_stopping(JobStop) override { note("stopping"); }
  void on_output(const ssh::Chunk& chunk) override {
    (chunk.stream == ssh::Stream::out ? out : err) += chunk.bytes;
    note("output");
  }

  std::vector<std::string> events;
  std::string out;
  std::string err;
  std::function<void(const std::string& event)> then = [](const std::string&) {};

 private:
  void note(const std::string& event) {
    if (event != "output") events.push_back(event);
    then(event);
  }
};

/// The value that a command line sets for a variable of its program.
std::string value_of(const std::string& command, const std::string& name) {
  return test::value_in(test::program_in(command), name);
}

/// As functions.sh prints it.
void introduce(FakeNode& node, const std::string& nonce, const std::string& id = "spread-1") {
  for (auto* stream : {&node.out, &node.err})
    stream->insert(0, fmt::format("{0}.job\n{1} running 0 0\n{0}.job end\n", nonce, id));
}

void report(FakeNode& node, const std::string& nonce, const std::string& record) {
  node.out += fmt::format("{0}\n{0} end\n", nonce);
  node.err += fmt::format("{0}\n{1}{0} end\n", nonce, record);
}

/// The follower on the master: one entry for each time that it is started.
class FollowJob : public testing::Test {
 protected:
  struct Part {
    std::string out = {};
    std::string err = {};
    bool ends = false;  ///< with the job's record
    FakeNode::End end = FakeNode::End::cut;
    ssh::ExitStatus status = {};
  };

  FollowJob() {
    connector.node(1).program = [this](const std::string& command) {
      commands.push_back(command);
      const auto nonce = value_of(command, "nonce");
      const auto part = parts.front();
      if (parts.size() > 1) parts.pop_front();
      FakeNode node{.out = part.out, .err = part.err, .end = part.end, .status = part.status};
      if (part.status.code == 0) introduce(node, nonce);
      if (part.ends) report(node, nonce, kRecord);
      return node;
    };
  }

  Followed follow() {
    request.master = test::fake_nodes(1).front();
    request.word = "spread";
    request.stop = stop.get_token();
    request.detach = detach.get_token();
    std::optional<Followed> end;
    asio::co_spawn(loop, follow_job(request, connector, listener),
                   [&](std::exception_ptr thrown, Followed how) {
                     EXPECT_EQ(thrown, nullptr);
                     end = std::move(how);
                   });
    loop.run_for(test::kHang);
    EXPECT_TRUE(end.has_value()) << "it hangs";
    return end.value_or(Followed{});
  }

  asio::io_context loop;
  test::FakeConnector connector{loop.get_executor()};
  Listener listener;
  FollowRequest request;
  std::stop_source stop;
  std::stop_source detach;
  std::deque<Part> parts;
  std::vector<std::string> commands;
};

TEST_F(FollowJob, GivesTheRecordThatFollowsTheOutput) {
  parts = {{.out = "hello\n", .err = "warning\n", .ends = true}};
  const auto end = follow();
  EXPECT_EQ(end.how, Followed::How::ended);
  EXPECT_EQ(end.record.status, 3);
  EXPECT_EQ(end.record.np, 4);
  EXPECT_EQ(listener.out, "hello\n");
  EXPECT_EQ(listener.err, "warning\n");
  EXPECT_EQ(listener.events, std::vector<std::string>{"found spread-1"});
}

TEST_F(FollowJob, WordsBeforeTheIntroductionAreShownButAreNoBytesOfTheJob) {
  int started = 0;
  connector.node(1).program = [&](const std::string& command) {
    commands.push_back(command);
    FakeNode node{.out = "a", .err = "b"};
    introduce(node, value_of(command, "nonce"));
    node.err.insert(0, "a locale is missing\n");
    if (++started == 2)
      report(node, value_of(command, "nonce"), kRecord);
    else
      node.end = FakeNode::End::cut;
    return node;
  };
  EXPECT_EQ(follow().how, Followed::How::ended);
  EXPECT_EQ(value_of(commands.at(1), "from_out") + " " + value_of(commands.at(1), "from_err"), "1 1");
  EXPECT_EQ(listener.err, "a locale is missing\nba locale is missing\nb");
}

TEST_F(FollowJob, ContinuesAtTheByteWhereTheConnectionBroke) {
  parts = {{.out = "abc", .err = "e1"}, {.out = "def", .err = "e2", .ends = true}};
  EXPECT_EQ(follow().how, Followed::How::ended);
  EXPECT_EQ(listener.out + " " + listener.err, "abcdef e1e2");
  ASSERT_EQ(commands.size(), 2U);
  EXPECT_EQ(value_of(commands[1], "from_out") + " " + value_of(commands[1], "from_err"), "3 2");
  EXPECT_EQ(listener.events, (std::vector<std::string>{"found spread-1", "lost: connection lost",
                                                       "reconnected", "found spread-1"}));
}

TEST_F(FollowJob, AFirstConnectionThatFailsIsTheEnd) {
  connector.node(1).door = FakeNode::Door::refuses;
  const auto end = follow();
  EXPECT_EQ(end.how, Followed::How::gave_up);
  EXPECT_EQ(end.error->message, "connection refused");
  EXPECT_TRUE(listener.events.empty());
}

TEST_F(FollowJob, AConnectionThatIsLostIsTriedAgainUntilTheUserDetaches) {
  parts = {{.out = "abc"}};
  int lost = 0;
  listener.then = [&](const std::string& event) {
    if (!event.starts_with("lost")) return;
    connector.node(1).door = FakeNode::Door::refuses;
    if (++lost == 2) detach.request_stop();
  };
  EXPECT_EQ(follow().how, Followed::How::detached);
  EXPECT_EQ(listener.events, (std::vector<std::string>{"found spread-1", "lost: connection lost",
                                                       "lost: connection refused"}));
}

/// As where a start-up file ends it, or sends its output elsewhere.
TEST_F(FollowJob, AFollowerThatIsKeptFromItsWorkIsNoLostConnection) {
  parts = {{.end = FakeNode::End::exits, .status = {137, {}}}};
  const auto end = follow();
  EXPECT_EQ(end.how, Followed::How::gave_up);
  EXPECT_EQ(end.error->kind, ErrorKind::remote_io);
  EXPECT_TRUE(listener.events.empty()) << listener.events.front();
}

TEST_F(FollowJob, AFollowerThatEndsLaterIsStartedAgain) {
  int started = 0;
  connector.node(1).program = [&](const std::string& command) {
    FakeNode node{.end = FakeNode::End::exits, .status = {137, {}}};
    introduce(node, value_of(command, "nonce"));
    if (++started == 2) report(node, value_of(command, "nonce"), kRecord);
    return node;
  };
  EXPECT_EQ(follow().how, Followed::How::ended);
  EXPECT_EQ(started, 2);
}

TEST_F(FollowJob, PatienceEndsTheTries) {
  request.patience = std::chrono::milliseconds(1);
  parts = {{.out = "abc"}};
  EXPECT_EQ(follow().how, Followed::How::gave_up);
}

TEST_F(FollowJob, CtrlCAsksTheFollowerToCancelAndWaitsForTheEnd) {
  parts = {{.out = "abc", .end = FakeNode::End::never}};
  listener.then = [&](const std::string& event) {
    if (event == "output") stop.request_stop();
    if (event == "stopping") detach.request_stop();  // a second Ctrl-C
  };
  const auto end = follow();
  EXPECT_EQ(end.how, Followed::How::detached);
  EXPECT_EQ(end.stopped, JobStop::interrupted);
  EXPECT_EQ(connector.seen().input.at(1), "cancel\n");
}

TEST_F(FollowJob, CtrlCOnlyLeavesIfItDoesNotCancel) {
  request.cancels = false;
  parts = {{.out = "abc", .end = FakeNode::End::never}};
  listener.then = [&](const std::string& event) {
    if (event == "output") stop.request_stop();
  };
  EXPECT_EQ(follow().how, Followed::How::detached);
  EXPECT_FALSE(connector.seen().input.contains(1));
}

TEST_F(FollowJob, TheMastersRefusalIsShownAndItsStatusKept) {
  parts = {{.err = "ec2mpi: there is no job spread\n", .end = FakeNode::End::exits, .status = {2, {}}}};
  const auto end = follow();
  EXPECT_EQ(end.how, Followed::How::refused);
  EXPECT_EQ(end.refusal.code, 2);
  EXPECT_EQ(listener.err, "ec2mpi: there is no job spread\n");
}

TEST_F(FollowJob, TheRecordDoesNotEndTheOutputThatIsStillOnItsWay) {
  connector.node(1).program = [](const std::string& command) {
    const auto nonce = value_of(command, "nonce");
    FakeNode node;
    introduce(node, nonce);
    report(node, nonce, kRecord);
    std::swap(node.out, node.late);
    node.late.insert(node.late.find(".job end\n") + 9, "the last line\n");
    return node;
  };
  EXPECT_EQ(follow().how, Followed::How::ended);
  EXPECT_EQ(listener.out, "the last line\n");
}

TEST_F(FollowJob, WantsTheTimeOnceAndThenCountsBytesFromTheIntroduction) {
  request.since = std::chrono::minutes(10);
  int started = 0;
  connector.node(1).program = [&](const std::string& command) {
    commands.push_back(command);
    const auto nonce = value_of(command, "nonce");
    FakeNode node{.out = "abc", .end = FakeNode::End::cut};
    for (auto* stream : {&node.out, &node.err})
      stream->insert(0, fmt::format("{0}.job\nspread-1 running 70 20\n{0}.job end\n", nonce));
    if (++started == 2) report(node, nonce, kRecord);
    return node;
  };
  EXPECT_EQ(follow().how, Followed::How::ended);
  EXPECT_EQ(value_of(commands.at(0), "since"), "600");
  EXPECT_EQ(value_of(commands.at(1), "since"), "");
  EXPECT_EQ(value_of(commands.at(1), "from_out") + " " + value_of(commands.at(1), "from_err"), "73 20");
}

// --- a master that says nothing ---

/// A follower that prints its introduction, if anything, and stays silent.
class SilentMaster : public FollowJob {
 protected:
  SilentMaster() {
    request.first_report = test::kLimit;
    connector.node(1).program = [this](const std::string& command) {
      FakeNode node{.end = FakeNode::End::never};
      if (introduces) introduce(node, value_of(command, "nonce"));
      if (++followers >= 2) report(node, value_of(command, "nonce"), kRecord);
      return node;
    };
  }

  int followers = 0;
  bool introduces = true;
};

TEST_F(FollowJob, AJobWhoseIdCouldBeACommandIsNotFollowed) {
  connector.node(1).program = [](const std::string& command) {
    FakeNode node{.end = FakeNode::End::never};
    introduce(node, value_of(command, "nonce"), "x;$(>PWNED)");
    return node;
  };
  const auto followed = follow();
  EXPECT_EQ(followed.how, Followed::How::gave_up);
  EXPECT_NE(followed.error->message.find("a job 'x;$(>PWNED)', and no id is like that"), std::string::npos)
      << followed.error->message;
  EXPECT_TRUE(listener.events.empty());
}

/// Whether it still answers is seen by the connection itself.
TEST_F(SilentMaster, IsWaitedForAsLongAsItsConnectionHolds) {
  asio::steady_timer longer(loop, test::kLimit + std::chrono::seconds(1));
  longer.async_wait([this](std::error_code) { detach.request_stop(); });
  EXPECT_EQ(follow().how, Followed::How::detached);
  EXPECT_EQ(listener.events, std::vector<std::string>{"found spread-1"});
  EXPECT_EQ(followers, 1);
}

/// It may be ending a job whose time is over, which takes as long as the job's processes mind no TERM.
TEST_F(SilentMaster, IsNotGivenUpWhenThePatienceEnds) {
  request.patience = std::chrono::milliseconds(300);
  asio::steady_timer longer(loop, std::chrono::seconds(1));
  longer.async_wait([this](std::error_code) { stop.request_stop(); });
  listener.then = [this](const std::string& event) {
    if (event == "stopping") detach.request_stop();  // a second Ctrl-C
  };
  EXPECT_EQ(follow().how, Followed::How::detached);
  EXPECT_EQ(listener.events, (std::vector<std::string>{"found spread-1", "stopping"}));
}

TEST_F(SilentMaster, ThatDoesNotSayWhichJobItHasIsAskedAgain) {
  introduces = false;
  listener.then = [this](const std::string& event) { introduces |= event.starts_with("lost"); };
  EXPECT_EQ(follow().how, Followed::How::ended);
  EXPECT_EQ(listener.events, (std::vector<std::string>{"lost: it does not report on the job", "reconnected",
                                                       "found spread-1"}));
}

TEST_F(SilentMaster, ThatNeverSaysWhichJobItHasIsGivenUp) {
  introduces = false;
  request.start_patience = std::chrono::milliseconds(1);
  listener.then = [this](const std::string&) { connector.node(1).door = FakeNode::Door::refuses; };
  const auto end = follow();
  EXPECT_EQ(end.how, Followed::How::gave_up);
  EXPECT_FALSE(end.found);
  EXPECT_EQ(end.error->message, "connection refused");
}

TEST_F(FollowJob, ARecordThatIsNoRecordGivesUp) {
  connector.node(1).program = [](const std::string& command) {
    FakeNode node;
    introduce(node, value_of(command, "nonce"));
    report(node, value_of(command, "nonce"), "job ../x\n");
    return node;
  };
  const auto end = follow();
  EXPECT_EQ(end.how, Followed::How::gave_up);
  EXPECT_EQ(end.error->kind, ErrorKind::remote_io);
}

}  // namespace
}  // namespace ec2mpi::ops
