#include "ec2mpi/ops/stacks/stacks.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ec2mpi/base/file.hpp"
#include "tests/support/scratch_folder.hpp"

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

/// Runs a shell program in a folder, where `bin` comes first in the PATH.
std::string printed_in(const test::ScratchFolder& folder, const std::string& program) {
  std::ofstream(folder / "program") << program;
  const auto line =
      "cd '" + folder.path().string() + "' && PATH=\"$PWD/bin:$PATH\" timeout 100 sh ./program >said 2>&1";
  EXPECT_EQ(std::system(line.c_str()), 0);
  return read_file(folder / "said").value_or("");
}

// A rank may be a shell and nothing else, and then the look must find it.
TEST(Stacks, AShellIsTheRankWhereItRunsNoOtherProgram) {
  const test::ScratchFolder folder;
  std::filesystem::create_directory(folder / "bin");
  for (const char* tool : {"gdb", "eu-stack", "sudo"}) {
    const auto file = folder.path() / "bin" / tool;
    std::ofstream(file) << "#!/bin/sh\nexit 1\n";
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }
  const auto id = "looked-at-" + std::to_string(::getpid());
  std::ofstream(folder / "look") << stacks_script(id);
  // Ranks 0 and 2 wait in their shells until somebody writes into the pipe.
  printed_in(folder,
             "mkfifo pipe\nexport EC2MPI_JOB=" + id +
                 "\nOMPI_COMM_WORLD_RANK=0 timeout 90 sh -c 'read -r line <pipe; :' & echo $! >>pids\n"
                 "OMPI_COMM_WORLD_RANK=1 timeout 90 sh -c 'sleep 80; :' & echo $! >>pids\n"
                 "OMPI_COMM_WORLD_RANK=2 timeout 90 bash -c 'read -r line <pipe; :' & echo $! >>pids\n");
  std::string found;
  for (int tries = 0; tries < 20 && found != "0 sh\n1 sleep\n2 bash\n"; ++tries)
    found = printed_in(folder,
                       "sh ./look | awk '$3 == \"state\" { print $1, $2 }' | sort |\n"
                       "  while read -r rank pid; do echo \"$rank $(cat /proc/$pid/comm)\"; done\n");
  EXPECT_EQ(found, "0 sh\n1 sleep\n2 bash\n");
  printed_in(folder, "kill $(cat pids)\n");
}

}  // namespace
}  // namespace ec2mpi::ops
