#include "ec2mpi/ops/stacks/stacks.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

RankStack rank_with_frames(int rank, std::vector<std::string> frames) {
  return {.rank = rank,
          .node = fmt::format("node{}", 1 + rank / 2),
          .state = 'R',
          .tool = "gdb",
          .frames = std::move(frames)};
}

RankStack rank_with_counters(int rank, const std::string& call, double seconds, std::uint64_t collectives) {
  auto stack = rank_with_frames(rank, {});
  stack.counters = RankProfile{.rank = rank};
  stack.counters->current = {call, seconds};
  stack.counters->collectives = collectives;
  return stack;
}

TEST(Stacks, AnAnswerBecomesRanksWithTheirFramesAndCounters) {
  const auto read = parse_stacks(
      "ec2mpi-stacks 1\nbarred\n3 77 state R 98 0 running\n3 77 by gdb\n3 77 frame poll\n3 77 frame main "
      "(a.c:3)\n"
      "ec2mpi-stacks end\nnow 20.00\nrank 0:1 1:3 2:4 6:1000000000 8:1000000000 9:4 10:2000000000 13:5\n",
      "node2");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->barred);
  ASSERT_EQ(read->ranks.size(), 1U);
  const auto& rank = read->ranks[0];
  EXPECT_EQ(rank.node, "node2");
  EXPECT_EQ(rank.pid, 77);
  EXPECT_EQ(rank.percent, 98);
  EXPECT_EQ(rank.frames, (std::vector<std::string>{"poll", "main (a.c:3)"}));
  ASSERT_TRUE(rank.counters);
  EXPECT_EQ(rank.counters->current.name, "Send");
  EXPECT_NEAR(rank.counters->current.seconds, 18, 0.01);
  EXPECT_EQ(rank.counters->collectives, 5U);
}

TEST(Stacks, KeptAnswersOfSeveralNodesAreThoseThatAreWhole) {
  const auto kept = parse_kept_stacks(
      "node node2\nec2mpi-stacks 1\n3 77 state R 98 0 running\nec2mpi-stacks end\nnow 20.00\n"
      "node node7\nec2mpi-stacks 1\n4 78 state\nnode node9\nnode nodex\nec2mpi-stacks 1\nec2mpi-stacks "
      "end\n");
  ASSERT_EQ(kept.size(), 1U);
  ASSERT_EQ(kept.at(2).ranks.size(), 1U);
  EXPECT_EQ(kept.at(2).ranks[0].node, "node2");
  EXPECT_EQ(kept.at(2).ranks[0].percent, 98);
  EXPECT_TRUE(parse_kept_stacks("").empty());
}

TEST(Stacks, AnAnswerWithoutItsEndOrWithNonsenseIsRefusedOrIgnored) {
  EXPECT_FALSE(parse_stacks("", "node1"));
  EXPECT_FALSE(parse_stacks("ec2mpi-stacks 1\n3 77 state R 98\n", "node1"));
  const auto read = parse_stacks(
      "ec2mpi-stacks 1\nx 1 state R 1\n1 x state R 1\n99999999 1 by gdb\nec2mpi-stacks end\n", "node1");
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->ranks.empty());
}

TEST(Stacks, RanksInTheSameCallAreOneGroupWhateverTheMpiDoesInside) {
  std::vector<RankStack> ranks = {
      rank_with_frames(0, {"poll", "opal_progress", "PMPI_Barrier", "MPI_Barrier", "main (miss.c:12)",
                           "__libc_start_main"}),
      rank_with_frames(1, {"nanosleep", "work (miss.c:4)", "main (miss.c:10)"}),
      rank_with_frames(2, {"epoll_wait", "PMPI_Barrier", "MPI_Barrier", "main (miss.c:12)"})};
  const auto groups = group_stacks(ranks);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].ranks.size(), 2U);
  EXPECT_EQ(groups[0].lines, (std::vector<std::string>{"MPI_Barrier", "main (miss.c:12)"}));
  EXPECT_EQ(describe_missing(ranks),
            "rank 1 (node1) has not come to Barrier, in which 2 ranks wait; it computes");
  ranks[1].state = 'S';
  EXPECT_EQ(describe_missing(ranks),
            "rank 1 (node1) has not come to Barrier, in which 2 ranks wait; it sleeps outside of MPI");
}

TEST(Stacks, TheRankThatMissesACallIsNamedByItsCounters) {
  std::vector<RankStack> ranks;
  for (int rank = 0; rank < 8; ++rank)
    ranks.push_back(rank == 5 ? rank_with_counters(rank, "", 12, 40)
                              : rank_with_counters(rank, "Allreduce", 11.5, 41));
  EXPECT_EQ(describe_missing(ranks),
            "rank 5 (node3) has not come to Allreduce, in which 7 ranks wait for 11.5 s; it computes");
  ranks[5] = rank_with_counters(5, "Recv", 12, 40);
  EXPECT_EQ(describe_missing(ranks),
            "rank 5 (node3) has not come to Allreduce, in which 7 ranks wait for 11.5 s; it is in Recv");
  EXPECT_EQ(group_stacks(ranks)[0].lines, (std::vector<std::string>{"in Allreduce, call 41 of all ranks"}));
}

TEST(Stacks, RanksThatHaveLeftTheCallOrAreAboutToArriveAreNotMissing) {
  std::vector<RankStack> ranks;
  for (int rank = 0; rank < 8; ++rank) ranks.push_back(rank_with_counters(rank, "Barrier", 2, 41));
  EXPECT_EQ(describe_missing(ranks), "") << "all wait";
  ranks[5] = rank_with_counters(5, "", 0.2, 42);
  EXPECT_EQ(describe_missing(ranks), "") << "it is ahead";
  ranks[5] = rank_with_counters(5, "", 0.2, 40);
  ranks[0] = rank_with_counters(0, "Barrier", 0.2, 41);
  EXPECT_EQ(describe_missing(ranks), "") << "a short wait";
  for (auto& rank : ranks) rank = rank_with_counters(rank.rank, rank.rank % 2 == 0 ? "Recv" : "", 9, 3);
  EXPECT_EQ(describe_missing(ranks), "") << "no call of all ranks";
}

TEST(Stacks, AdviceIsGivenOnlyWhereAToolIsMissing) {
  const std::vector<RankStack> with = {rank_with_frames(0, {"main"})};
  const std::vector<RankStack> without = {rank_with_frames(0, {})};
  EXPECT_EQ(more_advice(with, false), "");
  auto silent = with;
  silent[0].frames.clear();
  silent[0].tried = "gdb";
  EXPECT_EQ(more_advice(silent, false), "gdb did not read the stack of rank 0 (node1); try again");
  EXPECT_NE(more_advice(without, false).find("gdb"), std::string::npos);
  EXPECT_NE(more_advice(without, true).find("sudo"), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::ops
