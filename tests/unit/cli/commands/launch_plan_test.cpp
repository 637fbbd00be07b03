#include "src/cli/commands/launch_plan.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

TEST(ParseDisk, SizeIsInGigabytesWithAnOptionalKind) {
  for (const auto* text : {"100", "100G", "100GB", "100GiB"}) {
    const auto disk = parse_disk(text);
    ASSERT_TRUE(disk) << text;
    EXPECT_EQ(disk->gigabytes, 100) << text;
    EXPECT_TRUE(disk->kind.empty()) << text;
  }
  const auto disk = parse_disk("8G,gp3");
  ASSERT_TRUE(disk);
  EXPECT_EQ(disk->kind, "gp3");
}

TEST(ParseDisk, OtherSizesAndKindsAreRefused) {
  for (const auto* text :
       {"", "G", "0G", "-1G", "1.5G", "100M", "65537G", "100G,", "100G,io2", "100G,gp3,gp2"})
    EXPECT_FALSE(parse_disk(text)) << text;
}

TEST(LaunchParts, MasterIsOnDemandWhereOnlyWorkersAreSpot) {
  LaunchPlan plan;
  plan.count = 4;
  plan.spot = SpotShare::workers;
  const auto parts = parts_of(plan);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].count, 1U);
  EXPECT_FALSE(parts[0].spot);
  EXPECT_EQ(parts[1].count, 3U);
  EXPECT_TRUE(parts[1].spot);
}

TEST(LaunchParts, AMasterAloneIsOnDemandAndNewWorkersAreSpot) {
  LaunchPlan plan;
  plan.count = 1;
  plan.spot = SpotShare::workers;
  EXPECT_FALSE(parts_of(plan).front().spot);
  plan.has_master = false;
  plan.count = 2;
  const auto parts = parts_of(plan);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_TRUE(parts.front().spot);
}

TEST(LaunchRequest, SubnetTakesTheZonesPlace) {
  const LaunchPlan plan{.cluster = "c", .count = 1};
  const LaunchChoice choice{{.name = "c5n.large", .architecture = "x86_64", .cores = 1}, {"ami-1", "", ""}};
  const auto request = launch_request(plan, choice, {"us-east-2a", "subnet-1"}, {1, false});
  EXPECT_EQ(request.zone, "");
  EXPECT_EQ(request.subnet, "subnet-1");
}

}  // namespace
}  // namespace ec2mpi::cli
