#include "ec2mpi/ops/series/series.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <deque>

#include "tests/support/fake_transport.hpp"
#include "tests/support/hang.hpp"

namespace ec2mpi::ops {
namespace {

using test::FakeNode;

constexpr const char* kFacts =
    "ec2mpi-facts 1\nprivate_address 10.0.0.1\naddresses 10.0.0.1\nhostname a\nhome /home/u\nboot_id 1\n"
    "cores 2\nthreads 2\nmpirun /usr/bin/mpirun\nmpi mpirun (Open MPI) 4.1.4\npython3 /usr/bin/python3\n"
    "mpi4py yes\nefa no\nsettings no\nec2mpi-facts end\n";
const std::string kNone = "now 1.0\nec2mpi-report end\n";

std::string report(const std::string& state, const std::string& rest = {}) {
  return "now 9.0\njob s-a1\nseries s\nstate " + state + "\nset a=1\n" + rest + "ec2mpi-report end\n";
}

class Listener : public SeriesObserver {
 public:
  void on_lost(const Error&, Clock::duration) override { events.emplace_back("lost"); }
  void on_reconnected() override { events.emplace_back("reconnected"); }
  void on_submitted(const std::string& series, std::size_t fresh, std::size_t kept,
                    std::size_t found) override {
    events.push_back(fmt::format("{}: {} fresh, {} kept, {} found", series, fresh, kept, found));
  }
  void on_progress(const SeriesResult& result) override {
    if (then) then(result);
  }
  void on_cancelling() override { events.emplace_back("cancelling"); }

  std::vector<std::string> events;
  std::function<void(const SeriesResult&)> then;
};

/// The programs that the only node, the master, runs one after the other; the last one repeats.
class RunSeries : public testing::Test {
 protected:
  RunSeries() {
    connector.node(1).program = [this](const std::string&) {
      auto answer = answers.front();
      if (answers.size() > 1) answers.pop_front();
      return answer;
    };
  }

  SeriesEnd run(bool resume = false) {
    SeriesSpec series{.name = "s", .variants = {}, .resume = resume};
    series.variants.push_back({{{"a", "1"}}, {.id = "s-a1", .command = {"./x", "1"}}});
    JobNodes nodes{test::fake_nodes(1), test::fake_nodes(1).front()};
    return end_of(run_series(std::move(series), std::move(nodes), context()));
  }

  SeriesContext context() {
    return {
        connector, {}, listener, {.stop = stop.get_token(), .detach = detach.get_token(), .until = until}};
  }

  SeriesEnd end_of(asio::awaitable<SeriesEnd> work) {
    std::optional<SeriesEnd> end;
    asio::co_spawn(loop, std::move(work), [&](std::exception_ptr thrown, SeriesEnd how) {
      EXPECT_EQ(thrown, nullptr);
      end = std::move(how);
    });
    loop.run_for(test::kHang);
    EXPECT_TRUE(end.has_value()) << "it hangs";
    return end.value_or(SeriesEnd{});
  }

  asio::io_context loop;
  test::FakeConnector connector{loop.get_executor()};
  Listener listener;
  std::stop_source stop;
  std::stop_source detach;
  Until until = Until::ended;
  std::deque<FakeNode> answers;
};

TEST_F(RunSeries, SubmitsItsJobsAndCollectsWhatTheyPrinted) {
  answers = {{.out = kNone},
             {.out = kFacts},
             {.out = "submitted s-a1\n"},
             {.out = report("running", "clock 2.0\n")},
             {.out = report("ended 0", "clock 2.0 4.5\n| loss=0.5\n")}};
  const auto end = run();
  EXPECT_EQ(end.how, SeriesEnd::How::over);
  EXPECT_EQ(exit_code_for(end), 0);
  ASSERT_EQ(end.result.size(), 1U);
  EXPECT_EQ(end.result[0].findings, (Findings{{"loss", "0.5"}}));
  EXPECT_EQ(end.result[0].seconds, 2.5);
  EXPECT_EQ(listener.events, std::vector<std::string>{"s: 1 fresh, 0 kept, 0 found"});
}

/// An answer that is full: report() asks for 1000 jobs at once.
std::string thousand_others() {
  std::string text = "now 9.0\n";
  for (int i = 0; i < 1000; ++i) text += fmt::format("job r-{:04}\nseries s\nstate running\n", i);
  return text + "ec2mpi-report end\n";
}

TEST_F(RunSeries, JobsBehindTheFirstThousandAreReportedToo) {
  answers = {{.out = kNone},
             {.out = kFacts},
             {.out = "submitted s-a1\n"},
             {.out = thousand_others()},
             {.out = report("ended 0", "clock 2.0 4.5\n")},
             {.out = report("ended 0", "clock 2.0 4.5\n| loss=0.5\n")}};
  const auto end = run();
  EXPECT_EQ(exit_code_for(end), 0);
  EXPECT_EQ(end.result.at(0).findings, (Findings{{"loss", "0.5"}}));
}

TEST_F(RunSeries, AMasterThatRepeatsItsJobsForEverIsNotAskedForEver) {
  answers = {{.out = thousand_others()}};
  const auto end = run();
  EXPECT_EQ(end.how, SeriesEnd::How::refused);
}

TEST_F(RunSeries, AMasterThatTakesNoJobIsTheEnd) {
  answers = {{.out = kNone}, {.out = kFacts}, {}};
  const auto end = run();
  EXPECT_EQ(end.how, SeriesEnd::How::refused);
  EXPECT_EQ(end.refused->message, "the master took none of the jobs");
  EXPECT_EQ(exit_code_for(end), 1);
}

TEST_F(RunSeries, ANodeThatDoesNotAnswerStopsEverything) {
  answers = {{.out = kNone}, {.end = FakeNode::End::cut}};
  const auto end = run();
  EXPECT_EQ(end.how, SeriesEnd::How::refused);
  ASSERT_EQ(end.unfit.size(), 1U);
  EXPECT_EQ(end.unfit[0].error.message, "connection lost");
}

TEST_F(RunSeries, IsFollowedOverANewConnectionWhenOneBreaks) {
  answers = {{.out = kNone},
             {.out = kFacts},
             {.out = "submitted s-a1\n"},
             {.end = FakeNode::End::cut},
             {.out = report("ended 0", "clock 2.0 4.5\n")}};
  EXPECT_EQ(run().how, SeriesEnd::How::over);
  EXPECT_EQ(listener.events,
            (std::vector<std::string>{"s: 1 fresh, 0 kept, 0 found", "lost", "reconnected"}));
}

TEST_F(RunSeries, AJobWhoseFolderIsGoneIsLost) {
  answers = {{.out = kNone}, {.out = kFacts}, {.out = "submitted s-a1\n"}, {.out = kNone}};
  const auto end = run();
  EXPECT_EQ(end.how, SeriesEnd::How::over);
  EXPECT_EQ(end.result[0].state, VariantState::lost);
  EXPECT_EQ(exit_code_for(end), 1);
}

TEST_F(RunSeries, CtrlCCancelsItsJobsAndWaitsForTheirEnd) {
  answers = {{.out = kNone},
             {.out = kFacts},
             {.out = "submitted s-a1\n"},
             {.out = report("running", "clock 2.0\n")},
             {.out = ""},
             {.out = report("ended 143", "clock 2.0 4.5\nwhy cancelled\n")}};
  listener.then = [this](const SeriesResult&) { stop.request_stop(); };
  const auto end = run();
  EXPECT_EQ(end.how, SeriesEnd::How::over);
  EXPECT_TRUE(end.cancelled);
  EXPECT_EQ(end.result[0].state, VariantState::cancelled);
  EXPECT_EQ(exit_code_for(end), 130);
  EXPECT_EQ(listener.events, (std::vector<std::string>{"s: 1 fresh, 0 kept, 0 found", "cancelling"}));
}

TEST_F(RunSeries, ResumeKeepsWhatHasSucceededAndAsksNoNode) {
  JobSpec job{.id = "s-a1", .command = {"./x", "1"}};
  std::string sums;
  for (const auto& [name, sum] : determinants_of(job)) sums += "determinant " + name + " " + sum + "\n";
  answers = {{.out = report("ended 0", "clock 2.0 4.5\n" + sums)}};
  const auto end = run(true);
  EXPECT_EQ(end.how, SeriesEnd::How::over);
  EXPECT_EQ(listener.events, std::vector<std::string>{"s: 0 fresh, 1 kept, 0 found"});
}

TEST_F(RunSeries, FollowOnlyFindsTheJobsIfItIsToEndWhenTheyAreHandedOver) {
  until = Until::handed_over;
  answers = {{.out = report("running", "clock 2.0\n")}};
  const auto end = end_of(follow_series("s", test::fake_nodes(1).front(), context()));
  EXPECT_EQ(end.how, SeriesEnd::How::detached);
  ASSERT_EQ(end.result.size(), 1U);
  EXPECT_EQ(end.result[0].id, "s-a1");
}

TEST_F(RunSeries, FollowRefusesANameThatNoSeriesHas) {
  answers = {{.out = kNone}};
  const auto end = end_of(follow_series("t", test::fake_nodes(1).front(), context()));
  EXPECT_EQ(end.how, SeriesEnd::How::refused);
  EXPECT_EQ(end.refused->message, "there is no series t");
  EXPECT_EQ(exit_code_for(end), 2);
}

TEST_F(RunSeries, NamesEveryJobThatCannotRunAndEachReasonOnce) {
  answers = {{.out = kNone}, {.out = kFacts}};
  SeriesSpec series{.name = "s", .variants = {}};
  for (const auto* id : {"s-a1", "s-a2", "s-a3"})
    series.variants.push_back({{{"a", id}}, {.id = id, .command = {"./x"}, .ranks = {.np = 14}}});
  series.variants.back().job.ranks.np = 26;
  JobNodes nodes{test::fake_nodes(1), test::fake_nodes(1).front()};
  const auto end = end_of(run_series(std::move(series), std::move(nodes), context()));
  EXPECT_EQ(end.how, SeriesEnd::How::refused);
  EXPECT_EQ(exit_code_for(end), 2);
  const auto& text = end.refused->message;
  EXPECT_TRUE(text.starts_with("s-a1, s-a2: 14 ranks")) << text;
  EXPECT_NE(text.find("; s-a3: 26 ranks"), std::string::npos) << text;
}

TEST_F(RunSeries, ThatIsOnlyPlannedIsRefusedAsTheRealOne) {
  answers = {{.out = kNone}, {.out = kFacts}};
  until = Until::planned;
  SeriesSpec series{.name = "s", .variants = {}};
  series.variants.push_back({{{"a", "1"}}, {.id = "s-a1", .command = {"./x"}, .ranks = {.np = 14}}});
  JobNodes nodes{test::fake_nodes(1), test::fake_nodes(1).front()};
  const auto end = end_of(run_series(std::move(series), std::move(nodes), context()));
  EXPECT_EQ(end.how, SeriesEnd::How::refused);
  EXPECT_EQ(exit_code_for(end), 2);
  EXPECT_TRUE(end.refused->message.starts_with("s-a1: 14 ranks")) << end.refused->message;
}

TEST_F(RunSeries, ThatIsOnlyPlannedIsRefusedByTheMasterAsTheRealOne) {
  for (const auto when : {Until::planned, Until::ended}) {
    answers = {{.out = kNone},
               {.out = kFacts},
               {.out = "refused 2\n", .err = "ec2mpi: on the master: there is no run_s.sh\n"}};
    until = when;
    loop.restart();
    const auto end = run();
    EXPECT_EQ(end.how, SeriesEnd::How::refused);
    EXPECT_EQ(exit_code_for(end), 2);
    EXPECT_EQ(end.refused.value_or(Error{}).message, "on the master: there is no run_s.sh");
  }
}

TEST_F(RunSeries, ThatIsOnlyPlannedSaysWhichJobsResumeWouldStart) {
  answers = {{.out = "now 9.0\njob s-a1\nseries s\nstate ended 1\nset a=1\nec2mpi-report end\n"},
             {.out = kFacts},
             {.out = "submitted s-a1-try2\n"}};
  until = Until::planned;
  const auto end = run(true);
  EXPECT_EQ(end.how, SeriesEnd::How::detached);
  EXPECT_EQ(end.fresh, std::vector<bool>{true});
  EXPECT_EQ(end.result[0].id, "s-a1-try2");
  EXPECT_TRUE(listener.events.empty());
}

}  // namespace
}  // namespace ec2mpi::ops
