#include "ec2mpi/ops/series/plan.hpp"

#include <gtest/gtest.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/job/script.hpp"
#include "tests/support/job_setup.hpp"

namespace ec2mpi::ops {
namespace {

constexpr const char* kReport =
    "now 100.50\n"
    "job s-a1\nseries s\nstate ended 0\nset a=1\non node1\non node2\nclock 50.25 60.50\n| loss=0.5\n| \n"
    "job s-a2\nseries s\nstate running \nset a=2\non node3\nclock 90.50\n"
    "job s-a3\nseries s\nstate waiting \nset a=x = y\n"
    "job s-a4-run2\nseries s-run2\nstate ended 255\nset a=4\nclock 1.00 2.00\nwhy lost rebooted\n"
    "ec2mpi-report end\n";

std::vector<SeriesRecord> records(const std::string& printed = kReport) {
  auto parsed = parse_series_records(printed);
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().message);
  return parsed.value_or(std::vector<SeriesRecord>{});
}

/// As if they had been submitted as `job` says.
std::vector<SeriesRecord> records(const std::string& printed, const JobSpec& job) {
  auto all = records(printed);
  for (auto& record : all) record.determinants = determinants_of(job);
  return all;
}

SeriesSpec series_of(const std::vector<std::string>& values, bool resume = false) {
  SeriesSpec series{.name = "s", .variants = {}, .resume = resume};
  for (const auto& value : values) {
    Variant variant{.parameters = {{"a", value}}, .job = {}};
    variant.job.id = "s-a" + value;
    series.variants.push_back(std::move(variant));
  }
  return series;
}

std::string decided(const SeriesSpec& series, const std::vector<SeriesRecord>& records) {
  const auto decision = decide(series, records);
  if (!decision) return decision.error().message;
  std::string text = decision->series + ":";
  for (const auto& job : decision->jobs) text += (job.submit ? " +" : " ") + job.id;
  return text;
}

TEST(FindSeries, IsTheNewestRunAndTheLastTryOfEachVariant) {
  const auto ids = [](const std::string& name, const std::string& printed) {
    const auto found = find_series(name, records(printed));
    std::string text = found.series + ":";
    for (const auto& job : found.jobs) text += " " + job.id;
    return text;
  };
  EXPECT_EQ(ids("s", kReport), "s-run2: s-a4-run2");
  EXPECT_EQ(ids("s-run2", kReport), "s-run2: s-a4-run2");
  const std::string begin = "now 1.0\n";
  const std::string job = "series t\nstate waiting \nset a=1\n";
  EXPECT_EQ(ids("t", begin + "job t-a1\n" + job + "job t-a1-try10\n" + job + "job t-a1-try2\n" + job +
                         "job t-a2\nseries t\nstate waiting \nset a=2\nec2mpi-report end\n"),
            "t: t-a1-try10 t-a2");
  EXPECT_EQ(ids("none", kReport), "none:");
}

TEST(SeriesReport, IsRead) {
  const auto all = records();
  ASSERT_EQ(all.size(), 4U);
  EXPECT_TRUE(all[0].job.succeeded());
  EXPECT_EQ(all[0].job.nodes, (std::vector<std::string>{"node1", "node2"}));
  EXPECT_DOUBLE_EQ(*all[0].job.seconds, 10.25);
  EXPECT_EQ(all[0].job.findings, (Findings{{"loss", "0.5"}}));
  EXPECT_EQ(all[1].job.state, VariantState::running);
  EXPECT_DOUBLE_EQ(*all[1].job.seconds, 10);
  EXPECT_EQ(all[2].job.parameters, (Parameters{{"a", "x = y"}}));
  EXPECT_EQ(all[3].series, "s-run2");
  EXPECT_EQ(all[3].job.state, VariantState::lost);
  EXPECT_EQ(all[3].job.trouble, "the master was rebooted");
}

TEST(SeriesReport, EndsAreTold) {
  EXPECT_EQ(records("job j\nstate ended 130\nwhy cancelled\nec2mpi-report end\n")[0].job.state,
            VariantState::cancelled);
  EXPECT_EQ(records("job j\nstate ended 143\nwhy timeout\nec2mpi-report end\n")[0].job.exit, 124);
  EXPECT_EQ(records("job j\nstate lost killed\nec2mpi-report end\n")[0].job.state, VariantState::lost);
}

TEST(SeriesReport, WhatMeansNothingIsAnError) {
  for (const auto* text : {"", "job j\nstate ended 0\n", "job j\nstate odd\nec2mpi-report end\n",
                           "job j\nstate ended x\nec2mpi-report end\n", "job j\nset a\nec2mpi-report end\n",
                           "job j\nclock x\nec2mpi-report end\n", "hello\nec2mpi-report end\n",
                           "job \nec2mpi-report end\n", "job j\nclock 5\nec2mpi-report end\n"})
    EXPECT_FALSE(parse_series_records(text).has_value()) << text;
}

TEST(SeriesDecision, ANewSeriesHasNewIds) {
  EXPECT_EQ(decided(series_of({"1", "7"}), {}), "s: +s-a1 +s-a7");
  EXPECT_EQ(decided(series_of({"1", "7"}), records()), "s-run3: +s-a1-run3 +s-a7-run3");
}

TEST(SeriesDecision, WhatRunsAlreadyIsNotStartedTwice) {
  EXPECT_EQ(decided(series_of({"7", "2"}), records()),
            "s-a2 runs already; --resume follows the series, ec2mpi cancel s ends it");
  EXPECT_EQ(decided(series_of({"x = y"}), records()),
            "s-a3 waits already; --resume follows the series, ec2mpi cancel s ends it");
}

TEST(SeriesDecision, ResumeGoesOnWithTheNewest) {
  EXPECT_EQ(decided(series_of({"4", "5"}, true), records()), "s-run2: +s-a4-run2-try2 +s-a5-run2");
  auto first = records(kReport, {});
  first.pop_back();
  EXPECT_EQ(decided(series_of({"1", "2", "9"}, true), first), "s: s-a1 s-a2 +s-a9");
  EXPECT_EQ(decided(series_of({"1"}, true), {}), "s: +s-a1");
}

TEST(SeriesDecision, ResumeTakesTheRanksOfEachNodeFromTheLastRun) {
  const std::string begin = "now 9.0\njob s-a1\nseries s\nstate ended 1\nset a=1\n";
  const auto before = records(begin + "per_node 4\nec2mpi-report end\n");
  auto again = series_of({"1", "2"}, true);
  EXPECT_EQ(take_ranks_per_node(again, before), "--per-node 4, as before");
  EXPECT_EQ(again.variants[0].job.ranks.per_node, 4);
  EXPECT_EQ(again.variants[1].job.ranks.per_node, 0);
  auto other = series_of({"1"}, true);
  other.variants[0].job.ranks.per_node = 2;
  EXPECT_EQ(take_ranks_per_node(other, before), "");
  EXPECT_EQ(other.variants[0].job.ranks.per_node, 2);
  auto fresh = series_of({"1"});
  EXPECT_EQ(take_ranks_per_node(fresh, before), "");
  EXPECT_FALSE(parse_series_records(begin + "per_node x\nec2mpi-report end\n"));
}

TEST(SeriesDecision, ATryThatSucceededCounts) {
  auto both = records(
      "job s-a1\nseries s\nstate ended 3\nset a=1\njob s-a1-try2\nseries s\nstate ended 0\nset "
      "a=1\nec2mpi-report end\n",
      {});
  EXPECT_EQ(decided(series_of({"1"}, true), both), "s: s-a1-try2");
  both[1].job.exit = 4;
  EXPECT_EQ(decided(series_of({"1"}, true), both), "s: +s-a1-try3");
}

TEST(SeriesDecision, WhatSucceededAsSomethingElseRunsAgain) {
  auto now = series_of({"1"}, true);
  now.variants[0].job.command = {"./x", "6"};
  now.variants[0].job.env = {{"A", "1"}};
  auto before = now.variants[0].job;
  const auto difference = [&] {
    const auto decision =
        decide(now, records("job s-a1\nseries s\nstate ended 0\nset a=1\nec2mpi-report end\n", before));
    return decision && decision->jobs[0].submit ? join(decision->notes, "; ") : "kept";
  };
  EXPECT_EQ(difference(), "kept");
  before.timeout = std::chrono::seconds(5);
  before.id = "other";
  EXPECT_EQ(difference(), "kept");
  before.command = {"./x 6"};
  EXPECT_EQ(difference(), "s-a1 succeeded before command changed, so it runs again");
  before.env = {{"A", "2"}};
  before.ranks.np = 7;
  EXPECT_EQ(difference(), "s-a1 succeeded before command, ranks, variables changed, so it runs again");
}

TEST(SeriesDecision, WhatRunsAsSomethingElseIsNotFollowed) {
  auto now = series_of({"2"}, true);
  now.variants[0].job.command = {"./y"};
  auto all = records(kReport, {});
  all.pop_back();
  EXPECT_EQ(decided(now, all),
            "s-a2 runs already, but not as it is wanted now (command changed); ec2mpi cancel s-a2 ends it");
}

TEST(SeriesDecision, OfAJobOfWhichNothingIsKnownNothingIsKept) {
  EXPECT_EQ(decided(series_of({"1"}, true),
                    records("job s-a1\nseries s\nstate ended 0\nset a=1\nec2mpi-report end\n")),
            "s: +s-a1-try2");
}

struct VariantPlan : testing::Test, test::JobSetup {
  VariantPlan() : JobSetup(4, 2, "s-a1", {"./x"}) {}

  Result<JobPlan> plan() {
    QueueFiles queue;
    queue.series = "s";
    return plan_variant({{{"a", "1"}}, job}, nodes, nodes.front(), facts, std::move(queue));
  }
  std::string line() {
    const auto planned = plan();
    if (!planned) return planned.error().message;
    std::string text;
    for (const auto& word : line_of(planned->line)) text += word + " ";
    return text;
  }
};

TEST_F(VariantPlan, WaitsForAsFewNodesAsHaveRoom) {
  job.ranks.np = 3;
  const auto planned = plan();
  ASSERT_TRUE(planned.has_value());
  const auto& queue = *planned->files.queue;
  EXPECT_EQ(queue.need, (Need{3, 0}));
  EXPECT_EQ(queue.pool,
            "node1 10.0.0.1 local 2\nnode2 10.0.0.2 10.0.0.2 2\nnode3 10.0.0.3 10.0.0.3 2\nnode4 10.0.0.4 "
            "10.0.0.4 2\n");
  EXPECT_EQ(queue.always, "node1 local\n");
  EXPECT_NE(planned->files.meta.find("series s\nset a=1\n"), std::string::npos);
  EXPECT_EQ(planned->files.meta.find("nodes "), std::string::npos);
  EXPECT_NE(line().find(" -np 3 "), std::string::npos);
  EXPECT_NE(line().find("btl_tcp_if_include 10.0.0.0/29"),
            std::string::npos);  // of all nodes, whichever it gets
}

TEST_F(VariantPlan, NodesAndPerNode) {
  job.ranks = {.np = 0, .per_node = 1, .nodes = 3};
  EXPECT_EQ(plan()->files.queue->need, (Need{3, 3}));
  job.ranks = {.np = 4, .per_node = 0, .nodes = 3};
  EXPECT_EQ(plan()->files.queue->need, (Need{4, 3}));
  job.ranks = {};
  EXPECT_EQ(plan()->files.queue->need, (Need{8, 0}));
}

TEST_F(VariantPlan, WhatCanNeverBePlacedIsRefused) {
  job.ranks.np = 9;
  EXPECT_EQ(line(), "9 ranks, 8 slots (4 nodes x 2 cores); use --per-node 3");
  job.ranks = {.np = 1, .per_node = 0, .nodes = 5};
  EXPECT_EQ(line(), "5 nodes are wanted, there are 4");
  job.ranks = {.np = 5, .per_node = 0, .nodes = 2};
  EXPECT_EQ(line(),
            "5 ranks on 2 nodes need room for 3 on each; only 0 of 4 have it (4 nodes x 2 cores); use "
            "--per-node 3");
  job.ranks = {.np = 1};
  facts[3].private_address = facts[2].private_address;
  EXPECT_EQ(line(), "node2 and node3 are the same machine, 10.0.0.2; leave one out with --exclude");
}

TEST_F(VariantPlan, UnequalNodesMustYieldIfOneOfThemWouldBeCrowded) {
  job.ranks = {.np = 2, .per_node = 2};
  EXPECT_EQ(line().find("mpi_yield_when_idle"), std::string::npos);
  facts[4].cores = 1;
  EXPECT_NE(line().find("mpi_yield_when_idle 1"), std::string::npos);
}

TEST(SeriesReport, SaysWhyTheMasterCanWriteNothing) {
  const std::string text = "job j\nstate waiting \ntrouble No space left on device\nec2mpi-report end\n";
  EXPECT_EQ(trouble_in_report(text), "No space left on device");
  EXPECT_EQ(records(text).size(), 1U);
  EXPECT_EQ(trouble_in_report("job j\n| trouble x\nec2mpi-report end\n"), "");
}

}  // namespace
}  // namespace ec2mpi::ops
