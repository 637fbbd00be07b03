#include "ec2mpi/ops/series/scaling.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

VariantResult run(const std::string& np, double seconds, Findings findings = {}) {
  return {.id = "s-np" + np,
          .parameters = {{"np", np}},
          .state = VariantState::done,
          .nodes = {"node1"},
          .seconds = seconds,
          .exit = 0,
          .findings = std::move(findings)};
}

TEST(Scaling, SpeedUpAndEfficiency) {
  const auto scaling = measure_scaling({run("4", 30), run("1", 100), run("2", 50)}, "np");
  ASSERT_TRUE(scaling.has_value());
  EXPECT_FALSE(scaling->by_program);
  EXPECT_EQ(
      scaling_lines(*scaling),
      (std::vector<std::string>{
          "ranks  nodes      time  speed-up  efficiency", "    1  node1  100.00 s      1.00       100 %",
          "    2  node1   50.00 s      2.00       100 %", "    4  node1   30.00 s      3.33        83 %"}));
}

TEST(Scaling, TheFewestRanksAreTakenAsIdeal) {
  const auto scaling = measure_scaling({run("2", 50), run("8", 25)}, "np");
  EXPECT_DOUBLE_EQ(scaling->points[1].speed_up, 4);
  EXPECT_DOUBLE_EQ(scaling->points[1].efficiency, 0.5);
}

TEST(Scaling, TheProgramsOwnTimeWinsIfAllPrintIt) {
  auto scaling = measure_scaling({run("1", 3, {{"time", "2.0"}}), run("2", 2, {{"time", "1.0 s"}})}, "np");
  EXPECT_FALSE(scaling->by_program);  // "1.0 s" has a blank
  scaling = measure_scaling({run("1", 3, {{"time", "2.0"}}), run("2", 2, {{"time", "1.0s"}})}, "np");
  EXPECT_TRUE(scaling->by_program);
  EXPECT_DOUBLE_EQ(scaling->points[1].speed_up, 2);
}

TEST(Scaling, FailuresDoNotCount) {
  auto failed = run("2", 1);
  failed.exit = 1;
  EXPECT_FALSE(measure_scaling({run("1", 2), failed}, "np").has_value());
  EXPECT_EQ(measure_scaling({run("1", 2), failed, run("4", 1)}, "np")->points.size(), 2U);
}

TEST(Scaling, ThePictureIsSafeXml) {
  const auto scaling = measure_scaling({run("1", 2), run("2", 0.5)}, "np");
  const auto svg = scaling_svg(*scaling, "a<b & \"c\"\x1b");
  EXPECT_TRUE(svg.starts_with("<?xml"));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_NE(svg.find("a&lt;b &amp; \"c\"\\x1b"), std::string::npos);
  EXPECT_NE(svg.find(">ideal</text>"), std::string::npos);
  EXPECT_NE(svg.find(">200 %</text>"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::ops
