#include "ec2mpi/cluster/values/launch_time.hpp"

#include <gtest/gtest.h>

namespace ec2mpi {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;

constexpr LaunchTime kEvening = sys_days(std::chrono::year(2021) / 8 / 8) + 16h + 11min;

TEST(LaunchTime, ReadsTheConsolesForm) {
  EXPECT_EQ(parse_launch_time("2021/08/08 09:11 GMT-7"), kEvening);
}
TEST(LaunchTime, ReadsHalfHourZones) {
  EXPECT_EQ(parse_launch_time("2021/08/08 21:41 GMT+5:30"), kEvening);
}
TEST(LaunchTime, ReadsTheApisForms) {
  EXPECT_EQ(parse_launch_time("2021-08-08T16:11:00+00:00"), kEvening);
  EXPECT_EQ(parse_launch_time("2021-08-08T16:11:00Z"), kEvening);
  EXPECT_EQ(parse_launch_time("2021-08-08T16:11:00.000Z"), kEvening);
}

TEST(LaunchTime, RefusesEverythingElse) {
  for (const auto* text :
       {"", "-", "yesterday", "2021/13/08 09:11 GMT-7", "2021/02/30 09:11", "2021/08/08 25:11",
        "2021/08/08 09:61 GMT-7", "2021/08-08 09:11", "2021/08/08 09:11 GMT-7 x", "99999999999999"}) {
    EXPECT_FALSE(parse_launch_time(text)) << text;
  }
}

TEST(LaunchTime, AgesAreRead) {
  EXPECT_EQ(format_age(59s), "0 min");
  EXPECT_EQ(format_age(59min), "59 min");
  EXPECT_EQ(format_age(5h + 7min), "5 h 07 min");
  EXPECT_EQ(format_age(76h), "3 d 4 h");
}

TEST(LaunchTime, CostComesOnlyFromTheUsersPrices) {
  Node node;
  node.type = "c5n.large";
  node.launched = "2021/08/08 09:11 GMT-7";
  EXPECT_DOUBLE_EQ(cost_since_launch(node, {{"c5n.large", 0.5}}, kEvening + 90min).value(), 0.75);
  EXPECT_FALSE(cost_since_launch(node, {{"c5n.xlarge", 0.5}}, kEvening + 90min));
  EXPECT_FALSE(cost_since_launch(node, {{"c5n.large", 0.5}}, kEvening - 1min));
  node.launched = "-";
  EXPECT_FALSE(cost_since_launch(node, {{"c5n.large", 0.5}}, kEvening));
}

}  // namespace
}  // namespace ec2mpi
