#include "ec2mpi/ops/doctor/net.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

/// All pairs alike but those of `slow`, in node indices 1 to `count`.
NetMap measured(int count, const std::vector<std::pair<int, int>>& slow, double factor = 20) {
  NetMap map;
  for (int a = 1; a <= count; ++a) {
    map.nodes.push_back(a);
    for (int b = a + 1; b <= count; ++b) {
      const bool bad = std::find(slow.begin(), slow.end(), std::pair{a, b}) != slow.end();
      map.pairs.push_back({a, b, 20, bad ? 1e9 / factor : 1e9});
    }
  }
  return map;
}

TEST(Net, IsReadFromWhatTheProgramPrints) {
  const auto map = parse_net("round 1 1\npair 0 1 12.5 1000000\nmeasured\n", {3, 7});
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->pairs, (std::vector<PairSpeed>{{3, 7, 12.5, 1e6}}));
  EXPECT_EQ(map->between(7, 3), &map->pairs[0]);
  EXPECT_EQ(map->between(3, 3), nullptr);
}

TEST(Net, WhatIsNoMeasurementIsRefused) {
  for (const auto* text :
       {"", "pair 0 1 12.5 1000000\n", "measured\n", "pair 0 1 12.5 1e6\npair 0 1 1 1\nmeasured\n",
        "pair 1 0 1 1\nmeasured\n", "pair 0 2 1 1\nmeasured\n", "pair 0 1 -1 1\nmeasured\n",
        "pair 0 1 nan 1\nmeasured\n", "pair 0 1 1\nmeasured\n"})
    EXPECT_FALSE(parse_net(text, {1, 2})) << text;
}

TEST(Net, ProgressIsTheLastWholeLine) {
  EXPECT_EQ(net_progress("round 1 3\nround 2 3\n"), "2/3");
  EXPECT_EQ(net_progress("round 1 3\nrou"), "1/3");
  EXPECT_EQ(net_progress("hello\n"), "");
  EXPECT_EQ(net_progress(""), "");
}

TEST(Net, EqualPairsHaveNoOutlier) {
  EXPECT_TRUE(outliers(measured(2, {})).empty());
  EXPECT_TRUE(outliers(measured(8, {})).empty());
  EXPECT_TRUE(outliers(measured(2, {{1, 2}})).empty());
}

TEST(Net, ANodeThatIsSlowInAllPairsIsNamedAlone) {
  for (const int count : {3, 4, 9}) {
    std::vector<std::pair<int, int>> slow;
    for (int other = 1; other < count; ++other) slow.emplace_back(other, count);
    const auto found = outliers(measured(count, slow));
    ASSERT_EQ(found.size(), 1U) << count;
    EXPECT_EQ(found[0].nodes, std::vector<int>{count});
    EXPECT_NEAR(found[0].factor, 20, 0.1);
    EXPECT_NE(found[0].text().find("bandwidth 20 times lower than usual here in all its pairs"),
              std::string::npos);
  }
}

TEST(Net, APairThatIsSlowByItselfIsAPair) {
  const auto found = outliers(measured(5, {{2, 4}}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].nodes, (std::vector<int>{2, 4}));
}

TEST(Net, HighLatencyIsAnOutlierToo) {
  auto map = measured(4, {});
  for (auto& pair : map.pairs) {
    if (pair.b == 4) pair.latency = 800;
  }
  const auto found = outliers(map);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0], (Outlier{{4}, Measure::latency, 40}));
}

TEST(Net, ThePictureShowsEveryPairTwiceInBothMaps) {
  const auto svg = net_svg(measured(4, {{1, 2}}));
  std::size_t cells = 0;
  for (auto at = svg.find("<title>"); at != std::string::npos; at = svg.find("<title>", at + 1)) ++cells;
  EXPECT_EQ(cells, 4U * 3U * 2U);
  EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
}

TEST(NetSvg, CaptionAndNumbersFitIntoThePicture) {
  auto map = measured(2, {});
  for (auto& pair : map.pairs) pair.latency = 12'345;
  const auto svg = net_svg(map);
  EXPECT_NE(svg.find(">12k</text>"), std::string::npos) << svg;
  const auto at = svg.find("width=\"") + 7;
  EXPECT_GE(std::stoul(svg.substr(at)), 60 + 5 * kNetMethod.size()) << "the caption begins at 60";
}

}  // namespace
}  // namespace ec2mpi::ops
