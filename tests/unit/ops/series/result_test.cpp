#include "ec2mpi/ops/series/result.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace ec2mpi::ops {
namespace {

VariantResult done(const std::string& agents, double seconds, int exit, Findings findings) {
  return {.id = "s-agents" + agents,
          .parameters = {{"agents", agents}},
          .state = VariantState::done,
          .nodes = {"node1", "node2", "node4"},
          .seconds = seconds,
          .exit = exit,
          .findings = std::move(findings)};
}

SeriesResult example() {
  SeriesResult series = {
      done("3", 62.4, 0, {{"loss", "0.25"}, {"steps", "90"}}),
      done("6", 3.4, 9, {}),
      {.id = "s-agents12", .parameters = {{"agents", "12"}}, .state = VariantState::queued}};
  return series;
}

using Lines = std::vector<std::string>;

TEST(Findings, TheLinesAtTheEnd) {
  EXPECT_EQ(findings_at_end("old=1\nhello\nloss=0.1\n\nsteps=90\n"),
            (Findings{{"loss", "0.1"}, {"steps", "90"}}));
  EXPECT_EQ(findings_at_end("a=1 b.c-d=2\n"), (Findings{{"a", "1"}, {"b.c-d", "2"}}));
  EXPECT_EQ(findings_at_end("name=two words = x\r\n"), (Findings{{"name", "two words = x"}}));
  EXPECT_EQ(findings_at_end("a=1\nb=2\na=3\n"), (Findings{{"b", "2"}, {"a", "3"}}));
  EXPECT_EQ(findings_at_end("a=\n"), (Findings{{"a", ""}}));
}

TEST(Findings, OtherLinesAreNone) {
  EXPECT_TRUE(findings_at_end("").empty());
  EXPECT_TRUE(findings_at_end("a=1\nthe end\n").empty());
  EXPECT_TRUE(findings_at_end("=1\n").empty());
  EXPECT_TRUE(findings_at_end("--flag=1\n").empty());
  EXPECT_TRUE(findings_at_end("x y=1\n").empty());
  EXPECT_TRUE(findings_at_end("\x1b[31ma=1\n").empty());
}

TEST(SeriesTable, HasTheFindingsAsColumns) {
  EXPECT_EQ(table_lines(example()), (Lines{"variant     nodes              time    exit  loss  steps",
                                           "s-agents3   node[1-2,4]  1 min 02 s       0  0.25     90",
                                           "s-agents6   node[1-2,4]       3.4 s       9",
                                           "s-agents12                           queued"}));
}

TEST(SeriesTable, WhatAJobPrintsCannotHarmATerminal) {
  const auto lines = table_lines({done("3", 1, 0, {{"x", "\x1b]0;evil\a" + std::string(500, 'y')}})});
  EXPECT_EQ(lines[1].find('\x1b'), std::string::npos);
  EXPECT_LT(lines[1].size(), 120U);
}

TEST(SeriesCsv, QuotesAndTellsNamesApart) {
  auto series = example();
  series[0].findings = {{"agents", "4"}, {"note", "a,\"b\""}};
  EXPECT_EQ(csv_text(series),
            "variant,agents,state,nodes,seconds,exit,out.agents,note\n"
            "s-agents3,3,done,node1 node2 node4,62.40,0,4,\"a,\"\"b\"\"\"\n"
            "s-agents6,6,done,node1 node2 node4,3.40,9,,\n"
            "s-agents12,12,queued,,,,,\n");
}

TEST(SeriesJson, IsWhole) {
  auto series = example();
  series[1].findings = {{"bytes", "\xff"}};
  const auto json = nlohmann::json::parse(json_text("s", series));
  EXPECT_EQ(json["series"], "s");
  EXPECT_EQ(json["variants"][0]["results"]["loss"], "0.25");
  EXPECT_EQ(json["variants"][0]["parameters"]["agents"], "3");
  EXPECT_EQ(json["variants"][0]["seconds"], 62.4);
  EXPECT_EQ(json["variants"][1]["exit"], 9);
  EXPECT_TRUE(json["variants"][2]["exit"].is_null());
  EXPECT_EQ(json["variants"][2]["state"], "queued");
}

TEST(SeriesTally, CountsFailuresApart) {
  EXPECT_EQ(tally(example()), "1 done, 1 failed, 1 queued");
}

TEST(CommonFailure, IsTheReasonWhyAllThatEndedFailed) {
  const auto failed = [](int exit, const char* reason) {
    auto variant = done("1", 1, exit, {});
    variant.reason = reason;
    return variant;
  };
  const VariantResult unstarted{.id = "u", .parameters = {}, .state = VariantState::cancelled};
  const auto common =
      common_failure({failed(1, "Error: 17 of 20"), failed(1, "Error: 3 of 4"), unstarted}, 2);
  ASSERT_TRUE(common);
  EXPECT_EQ(common->reason, "Error: 17 of 20");
  EXPECT_EQ(common->failed, 2U);
  EXPECT_EQ(common->unstarted, 1U);
  EXPECT_FALSE(common_failure({failed(1, "a"), failed(1, "b")}, 2));
  EXPECT_FALSE(common_failure({failed(1, "a"), failed(2, "a")}, 2));
  EXPECT_FALSE(common_failure({failed(1, "a"), done("2", 1, 0, {})}, 2));
  EXPECT_FALSE(common_failure({failed(1, "a")}, 2));
  EXPECT_FALSE(common_failure({failed(124, "-"), failed(124, "-")}, 2));
}

}  // namespace
}  // namespace ec2mpi::ops
