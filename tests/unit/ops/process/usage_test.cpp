#include "ec2mpi/ops/process/usage.hpp"

#include <gtest/gtest.h>

#include "ec2mpi/ops/process/end_marked.hpp"

namespace ec2mpi::ops {
namespace {

constexpr std::uint64_t kGiB = 1ULL << 30U;

TEST(Usage, IsReadInFrontOfTheLookAtTheNode) {
  const auto swept =
      parse_swept("usage 4 6150 2048 0 16777216 1000\nec2mpi-sweep 1\nended 7 a\nec2mpi-sweep end\n");
  ASSERT_TRUE(swept);
  ASSERT_TRUE(swept->usage);
  EXPECT_EQ(
      *swept->usage,
      (NodeUsage{
          .ranks = 4, .cpu = 61.5, .peak = 2048 * 1024, .swapped = 0, .memory = 16 * kGiB, .sent = 1000}));
  EXPECT_EQ(swept->ended.size(), 1U);
}

TEST(Usage, OfAHostileNodeIsNone) {
  for (const auto* text : {"", "1 2 3 4 5", "1 2 3 4 5 6 7", "1 2 3 4 5 -6", "1 2 3 4 5 99999999999999999999",
                           "a b c d e f", "1 2 3 4 5 1125899906842625"})
    EXPECT_FALSE(parse_usage(text)) << text;
}

TEST(OddUsage, OfNodesThatAreAlikeIsNone) {
  const NodeUsage usual{.ranks = 4, .cpu = 400, .peak = kGiB, .memory = 16 * kGiB};
  auto slower = usual;
  slower.cpu = 200;
  auto master = usual;  // without a rank
  master.ranks = 0;
  master.cpu = 1;
  EXPECT_TRUE(describe_odd_usage({}).empty());
  EXPECT_TRUE(
      describe_odd_usage({{"node1", master}, {"node2", usual}, {"node3", slower}, {"node4", usual}}).empty());
}

TEST(OddUsage, NamesTheIdleNodeTheFullOneAndTheOneThatSwaps) {
  const NodeUsage usual{.ranks = 4, .cpu = 400, .peak = kGiB, .memory = 16 * kGiB};
  auto idle = usual;
  idle.cpu = 8;
  auto full = usual;
  full.peak = 15 * kGiB;
  auto swapping = usual;
  swapping.swapped = kGiB;
  EXPECT_EQ(
      describe_odd_usage({{"node1", usual}, {"node2", idle}, {"node3", full}, {"node4", swapping}}),
      (std::vector<std::string>{
          "node2: a rank used 2 s of CPU, usual here is 100 s",
          "node3: the job needed 16.1 GB of its 17.2 GB of memory",
          "node4: 1.1 GB of the job were swapped to its disk, which is slow; it has 17.2 GB of memory"}));
}

TEST(OddUsage, OfAShortJobOrOfTwoNodesIsNoIdleNode) {
  const NodeUsage usual{.ranks = 1, .cpu = 8, .memory = kGiB};
  auto idle = usual;
  idle.cpu = 0;
  EXPECT_TRUE(describe_odd_usage({{"node1", usual}, {"node2", idle}, {"node3", usual}}).empty());
  auto busy = usual;
  busy.cpu = 80;
  EXPECT_TRUE(describe_odd_usage({{"node1", busy}, {"node2", idle}}).empty());
}

}  // namespace
}  // namespace ec2mpi::ops
