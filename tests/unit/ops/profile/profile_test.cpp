#include "ec2mpi/ops/profile/profile.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kStart = 5 * kSecond;

/// The line of a rank that has ended: it has computed and has been in Send (the fourth call) for these
/// seconds.
std::string ended_rank(int rank, int size, double computing, double in_mpi) {
  const auto nano = [](double seconds) { return static_cast<std::uint64_t>(seconds * 1e9); };
  return fmt::format("rank 0:1 1:{} 2:{} 3:77 6:{} 7:{} 12:{} 25:4 26:{} 27:800\n", rank, size, kStart,
                     kStart + nano(computing + in_mpi), nano(in_mpi), nano(in_mpi));
}

/// Two ranks on each node; all ranks end at the same time.
JobProfile job_of(const std::vector<double>& computing, double whole) {
  std::string text;
  for (std::size_t i = 0; i < computing.size(); ++i) {
    if (i % 2 == 0) text += fmt::format("node node{}\n", 1 + i / 2);
    text += ended_rank(static_cast<int>(i), static_cast<int>(computing.size()), computing[i],
                       whole - computing[i]);
  }
  return parse_profile(text, 0).value();
}

TEST(Profile, CountersOfARankBecomeItsTimesAndCalls) {
  const auto profile = job_of({1, 3}, 4);
  ASSERT_EQ(profile.ranks.size(), 2U);
  const auto& rank = profile.ranks[1];
  EXPECT_EQ(rank.node, "node1");
  EXPECT_NEAR(rank.computing(), 3, 0.01);
  EXPECT_NEAR(rank.in_mpi, 1, 0.01);
  ASSERT_EQ(rank.calls.size(), 1U);
  EXPECT_EQ(rank.calls[0].name, "Send");
  EXPECT_EQ(rank.calls[0].count, 4U);
  EXPECT_EQ(rank.calls[0].bytes, 800U);
}

TEST(Profile, TheSlowRankIsNamedWithItsNodeAndTheRanksThatWait) {
  EXPECT_EQ(
      describe_balance(job_of({1, 1, 1, 1, 3, 1, 1, 1}, 3.02)),
      "rank 4 (node3) computes 3.0 s where the others need 1.0 s; 7 ranks wait for it 67 % of their time");
  EXPECT_EQ(describe_balance(job_of({1, 3}, 3)),
            "rank 1 (node1) computes 3.0 s where the other needs 1.0 s; rank 0 (node1) waits for it 67 % of "
            "its time");
}

TEST(Profile, SlowRanksOfOneNodeAreNamedTogether) {
  EXPECT_EQ(describe_balance(job_of({1, 1, 3, 3, 1, 1, 1, 1}, 3)),
            "ranks 2-3 (node2) compute 3.0 s where the others need 1.0 s; 6 ranks wait for them 67 % of "
            "their time");
}

TEST(Profile, BalancedRanksAndSmallDifferencesNameNobody) {
  EXPECT_EQ(describe_balance(job_of({1, 1, 1, 1}, 1.25)),
            "the ranks compute equally long, 1.0 s; MPI takes 20 % of their time");
  EXPECT_EQ(describe_balance(job_of({0.01, 0.01, 0.2, 0.01}, 0.3)).find("wait"), std::string::npos);
  EXPECT_EQ(describe_balance(job_of({10, 10, 10.9, 10}, 11)).find("wait"), std::string::npos);
  EXPECT_EQ(describe_balance(job_of({1, 2, 3, 4, 5, 6, 7, 8}, 9)),
            "the ranks compute from 1.0 s for rank 0 (node1) to 8.0 s for rank 7 (node4); MPI takes 56 % of "
            "their time");
  EXPECT_EQ(describe_balance(job_of({1}, 2)), "");
}

TEST(Profile, ARankThatNobodyWaitsForIsNotBlamed) {
  std::string text = "node node1\n";
  for (int rank = 0; rank < 4; ++rank) text += ended_rank(rank, 4, rank == 3 ? 9 : 1, 0.1);
  EXPECT_EQ(describe_balance(parse_profile(text, 0).value()).find("wait"), std::string::npos);
}

TEST(Profile, AKilledRankCountsTheCallThatDidNotEnd) {
  // It has begun at second 5 of its clock, which was second 100 since 1970, and is in Send for rank 3 since
  // second 6.
  const auto text = fmt::format("now 99.50\nnode node1\nrank 0:1 1:0 2:4 5:{} 6:{} 8:{} 9:4 10:{} 11:4\n",
                                100 * kSecond, kStart, kStart, 6 * kSecond);
  const auto rank = parse_profile(text, 110).value().ranks.at(0);
  EXPECT_FALSE(rank.finalized);
  EXPECT_EQ(rank.current.name, "Send");
  EXPECT_EQ(rank.current.partner, 3);
  EXPECT_NEAR(rank.seconds, 10, 0.01);
  EXPECT_NEAR(rank.in_mpi, 9, 0.01);
  EXPECT_NEAR(rank.calls.at(0).seconds, 9, 0.01);
  EXPECT_NEAR(parse_profile(text, 0).value().ranks.at(0).current.seconds, 93.5, 0.01) << "it still runs";
}

TEST(Profile, RanksBeforeTheEndOfInitAndSpawnedOnesAreLeftOut) {
  const auto profile =
      parse_profile("node node1\nrank 1:1 2:4\nrank 0:1 2:2 4:1\nlost node2\nnonsense\n", 0).value();
  EXPECT_TRUE(profile.ranks.empty());
  EXPECT_EQ(profile.spawned, 1U);
  EXPECT_EQ(profile.lost, std::vector<std::string>{"node2"});
}

TEST(Profile, TextThatIsNoCounterIsRefused) {
  for (const auto* text :
       {"rank 0", "rank x:1", "rank 0:-1", "rank 0:99999999999999999999999", "rank 99999999:1"})
    EXPECT_FALSE(parse_profile(text, 0)) << text;
}

TEST(Profile, TheProgramForTheNodesNamesTheMpiOfTheJob) {
  const auto of = [](const char* version) {
    return profiler_script({"j-1", "/home/it's/x", "/opt/bin/mpirun", parse_mpi_version(version).value()});
  };
  EXPECT_NE(of("mpirun (Open MPI) 5.0.7").find("-DWANT_OPEN_MPI=5"), std::string::npos);
  EXPECT_EQ(of("mpirun (Open MPI) 5.0.7").find("/home/it's/x"), std::string::npos) << "quoted";
}

}  // namespace
}  // namespace ec2mpi::ops
