#include "ec2mpi/ops/series/scaling.hpp"

#include <gtest/gtest.h>

#include <regex>

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

TEST(Scaling, EachValueOfAnotherParameterHasItsOwnLine) {
  SeriesResult series;
  for (const auto& [np, size, seconds] :
       {std::tuple{"1", "10", 10.0}, {"1", "20", 40.0}, {"2", "10", 5.0}, {"2", "20", 20.0}}) {
    series.push_back(run(np, seconds));
    series.back().parameters.emplace_back("size", size);
  }
  const auto scaling = measure_scaling(series, "np");
  ASSERT_TRUE(scaling.has_value());
  for (const auto& point : scaling->points) EXPECT_DOUBLE_EQ(point.efficiency, 1) << point.line;
  const auto svg = scaling_svg(*scaling, "t");
  EXPECT_TRUE(svg.contains(kScalingSvgMark));
  const std::regex line("<polyline points=\"[0-9., ]+\"[^>]*><title>size=(10|20)</title>");
  EXPECT_EQ(std::distance(std::sregex_iterator(svg.begin(), svg.end(), line), {}), 2);
  EXPECT_EQ(svg.find("efficiency"), std::string::npos);
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

/// A rectangle that a text takes at most.
struct Box {
  double left, right, top, bottom;
  std::string text;
};

/// All texts of a picture but those that are turned.
std::vector<Box> text_boxes(const std::string& svg) {
  static const std::regex text(
      "<text x=\"([-0-9.]+)\" y=\"([-0-9.]+)\" text-anchor=\"([a-z]+)\" fill=\"[^\"]*\" "
      "font-size=\"(\\d+)\">([^<]*)<");
  std::vector<Box> boxes;
  for (std::sregex_iterator at(svg.begin(), svg.end(), text), end; at != end; ++at) {
    const auto& part = *at;
    const double size = std::stod(part[4]);
    const double width = 0.6 * size * static_cast<double>(part[5].length());
    const double anchor = part[3] == "start" ? 0 : part[3] == "end" ? 1 : 0.5;
    const double left = std::stod(part[1]) - anchor * width;
    boxes.push_back(
        {left, left + width, std::stod(part[2]) - 0.75 * size, std::stod(part[2]) + 0.2 * size, part[5]});
  }
  return boxes;
}

TEST(Scaling, NoLabelOfThePlotLiesOnAnotherOneOrOutside) {
  const std::vector<std::vector<std::pair<int, double>>> series = {
      {{1, 100}, {2, 50}, {4, 30}, {8, 20}},
      {{1, 1e4},
       {2, 5e3},
       {4, 2e3},
       {8, 1e3},
       {16, 600},
       {32, 400},
       {64, 300},
       {128, 200},
       {256, 150},
       {512, 140},
       {1024, 139}},
      {{1, 1}, {2, 100}},
      {{3, 100}, {6, 50}, {12, 1}},
      {{63, 10}, {64, 9}, {65, 8}, {66, 8}},
      {{1, 1e6}, {100'000, 1}, {1'000'000, 1e-3}}};
  for (const auto& sizes : series) {
    SeriesResult result;
    for (const auto& [np, seconds] : sizes) result.push_back(run(std::to_string(np), seconds));
    const auto scaling = measure_scaling(result, "np");
    ASSERT_TRUE(scaling.has_value());
    const auto boxes = text_boxes(scaling_svg(*scaling, "spread: speed-up " + std::string(200, 'x')));
    EXPECT_GT(boxes.size(), 6U);
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      const auto& one = boxes[i];
      EXPECT_TRUE(one.left >= 0 && one.right <= 720 && one.top >= 0 && one.bottom <= 480)
          << one.text << " at " << one.left;
      for (std::size_t k = 0; k < i; ++k) {
        const auto& other = boxes[k];
        const bool separate = one.right <= other.left || other.right <= one.left || one.bottom <= other.top ||
                              other.bottom <= one.top;
        EXPECT_TRUE(separate) << one.text << " lies on " << other.text;
      }
    }
  }
}

}  // namespace
}  // namespace ec2mpi::ops
