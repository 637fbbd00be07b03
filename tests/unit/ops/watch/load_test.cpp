#include "ec2mpi/ops/watch/load.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

/// An answer as load.sh prints it on Linux; the counters are those of `seconds` after the start.
std::string answer(int seconds, std::string_view ranks = {}) {
  std::string text = "ec2mpi-load 4\n";
  text += fmt::format("/proc/uptime:{}.00 5.00\n", seconds);
  text += "/proc/loadavg:1.50 0.50 0.20 2/300 4242\n";
  text += fmt::format("/proc/stat:cpu  {} 0 0 {} 0 0 0 0 0 0\n", 300 * seconds, 100 * seconds);
  text += "/proc/meminfo:MemTotal:       16000 kB\n/proc/meminfo:MemAvailable:   4000 kB\n";
  text += fmt::format("/proc/self/net/dev:    lo: {0} 1 0 0 0 0 0 0 {0} 1 0 0 0 0 0 0\n", 999 * seconds);
  text += fmt::format("/proc/self/net/dev:  eth0: {} 1 0 0 0 0 0 0 {} 1 0 0 0 0 0 0\n", 1000 * seconds,
                      200 * seconds);
  return text + "ranks" + std::string(ranks) + "\n";
}

NodeLoad load_of(double cpu, double network = 0, std::uint64_t memory_used = 100) {
  return {.cores = 4,
          .load = 1,
          .memory = 1000,
          .memory_used = memory_used,
          .cpu = cpu,
          .received = network,
          .sent = 0};
}

TEST(Load, TwoLooksGiveSharesAndRates) {
  const auto before = parse_load(answer(100));
  const auto now = parse_load(answer(102));
  ASSERT_TRUE(before && now) << before.error().message;
  const auto load = load_between(&*before, *now);
  EXPECT_EQ(load.cores, 4);
  EXPECT_DOUBLE_EQ(load.load, 1.5);
  EXPECT_DOUBLE_EQ(*load.cpu, 0.75);
  EXPECT_EQ(load.memory, 16'384'000U);
  EXPECT_DOUBLE_EQ(load.memory_share(), 0.75);
  EXPECT_DOUBLE_EQ(*load.received, 1000);
  EXPECT_DOUBLE_EQ(*load.sent, 200);
}

TEST(Load, OneLookGivesNoRates) {
  const auto now = parse_load(answer(102));
  const auto load = load_between(nullptr, *now);
  EXPECT_FALSE(load.cpu || load.received || load.sent);
  EXPECT_DOUBLE_EQ(load.memory_share(), 0.75);
}

TEST(Load, CountersThatBeganAnewGiveNoRate) {
  const auto before = parse_load(answer(100));
  const auto now = parse_load(answer(2));
  EXPECT_FALSE(load_between(&*before, *now).cpu);
}

TEST(Load, ARankAndItsChildrenAreOneRank) {
  using namespace std::string_literals;
  const auto sample =
      parse_load(answer(1,
                        "/proc/7/environ:EC2MPI_JOB=ring-1\0/proc/7/environ:OMPI_COMM_WORLD_RANK=0\0"
                        "/proc/8/environ:OMPI_COMM_WORLD_RANK=0\0/proc/8/environ:EC2MPI_JOB=ring-1\0"
                        "/proc/9/environ:PMI_RANK=1\0/proc/9/environ:EC2MPI_JOB=ring-1\0"
                        "/proc/10/environ:EC2MPI_JOB=ring-1\0/proc/11/environ:PMIX_RANK=0\0"s));
  const auto load = load_between(nullptr, *sample);
  EXPECT_EQ(load.ranks, 3U);  // two of ring-1, and one of a job that ec2mpi did not start
  EXPECT_EQ(load.jobs, (std::set<std::string>{"ring-1"}));
}

TEST(Load, AnAnswerThatIsNoneIsAnErrorWithItsWords) {
  for (const std::string_view wrong :
       {"", "ec2mpi-load 0\n", "rubbish\x1b[2J", "ec2mpi-load 4\n/proc/stat:cpu x\n"}) {
    const auto sample = parse_load(wrong);
    ASSERT_FALSE(sample) << wrong;
    EXPECT_EQ(sample.error().kind, ErrorKind::remote_io);
    EXPECT_EQ(sample.error().message.find('\x1b'), std::string::npos);
  }
  EXPECT_TRUE(parse_load(answer(1) + "/proc/self/net/dev:x\n/proc/self/net/dev:y: 1\n/proc/stat:cpu 9\n:\n"));
}

TEST(OddNodes, OneThatIdlesWhileTheOthersWorkIsNamed) {
  const auto odd =
      find_odd_nodes({{1, load_of(0.97)}, {2, load_of(0.95)}, {3, load_of(0.12)}, {4, load_of(0.99)}});
  ASSERT_EQ(odd.size(), 1U);
  EXPECT_EQ(odd[0].text(), "node3: CPU 12 %, usual here is 97 %");
}

TEST(OddNodes, NetworkAndMemoryAreCompared) {
  const auto odd =
      find_odd_nodes({{1, load_of(0.5, 2e6)}, {2, load_of(0.5, 9e7)}, {3, load_of(0.5, 1e6, 600)}});
  ASSERT_EQ(odd.size(), 2U);
  EXPECT_EQ(odd[0].text(), "node2: network 90.0 MB/s, usual here is 2.0 MB/s");
  EXPECT_EQ(odd[1].text(), "node3: memory 60 % full, usual here is 10 %");
}

TEST(OddNodes, OfTwoNodesOnlyFullMemoryIsNamed) {
  const auto odd = find_odd_nodes({{1, load_of(0.0)}, {2, load_of(1.0, 9e8, 950)}});
  ASSERT_EQ(odd.size(), 1U);
  EXPECT_EQ(odd[0].measure, OddNode::Measure::memory);
  EXPECT_TRUE(find_odd_nodes({}).empty());
}

TEST(OddNodes, NodesOfOneJobAreAlike) {
  EXPECT_TRUE(
      find_odd_nodes({{1, load_of(0.9, 8e7)}, {2, load_of(0.8, 7e7)}, {3, load_of(0.99, 9e7)}}).empty());
}

TEST(Sparkline, HasEightHeights) {
  EXPECT_EQ(sparkline({0, 0.5, 1, 2, -1}), "▁▅██▁");
  EXPECT_EQ(sparkline({}), "");
}

}  // namespace
}  // namespace ec2mpi::ops
