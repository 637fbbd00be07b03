#include "ec2mpi/ops/bench/bench.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

NodeSpeed healthy() {
  return {.method = "CPython 3.11.2",
          .model = "AMD EPYC",
          .cores = 2,
          .one_core = 2.1e7,
          .all_cores = 2e7,
          .memory = 1e10};
}

NodeSpeeds four_nodes() {
  return {{1, healthy()}, {2, healthy()}, {3, healthy()}, {4, healthy()}};
}

std::vector<std::string> named(const NodeSpeeds& speeds, double limit = kUsualLimit) {
  std::vector<std::string> names;
  for (const auto& off : find_off_nodes(speeds, limit))
    names.push_back(std::to_string(off.index) + " " + off.measure);
  return names;
}

constexpr const char* kAnswer =
    "greeting\nec2mpi-bench 1\nmethod CPython 3.11.2\nmodel AMD EPYC\ncores 2\none 2.1e+07\nall 2e+07\n"
    "memory 1.0e+10\nstolen 0.0015\nthrottled 0.2500\nothers 0.5000\nmissing 0.1000\nother 77 python3 x\n"
    "ec2mpi-bench end\n";

TEST(NodeSpeed, IsReadAsTheProgramPrintsIt) {
  const auto speed = parse_speed(kAnswer);
  ASSERT_TRUE(speed) << speed.error().message;
  EXPECT_EQ(speed->method, "CPython 3.11.2");
  EXPECT_EQ(speed->cores, 2);
  EXPECT_EQ(speed->one_core, 2.1e7);
  EXPECT_EQ(speed->memory, 1e10);
  EXPECT_EQ(speed->throttled, 0.25);
  EXPECT_EQ(speed->other, "pid 77 python3 x");
}

TEST(NodeSpeed, OfAHostileNodeIsRefused) {
  const std::string good = kAnswer;
  EXPECT_FALSE(parse_speed(""));
  EXPECT_FALSE(parse_speed(good.substr(0, good.size() - 8)));
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"one 2.1e+07", "one nan"},
                                                        {"one 2.1e+07", "one inf"},
                                                        {"one 2.1e+07", "one -1"},
                                                        {"one 2.1e+07", "one 0"},
                                                        {"cores 2", "cores 0"},
                                                        {"stolen 0.0015", "stolen 1.5"},
                                                        {"other 77", "other x"},
                                                        {"method", "methods"}}) {
    auto text = good;
    text.replace(text.find(from), from.size(), to);
    EXPECT_FALSE(parse_speed(text)) << to;
  }
}

TEST(OffNodes, AreNoneAmongNodesThatDifferByLessThanTheLimit) {
  auto speeds = four_nodes();
  speeds[2].one_core *= 0.92;
  speeds[3].memory *= 0.84;
  speeds[4].stolen = 0.09;
  speeds[1].one_core *= 1.5;  // a fast node is no fault
  EXPECT_TRUE(named(speeds).empty());
  EXPECT_EQ(named(speeds, 0.05), (std::vector<std::string>{"2 one core", "3 memory", "4 stolen"}));
}

TEST(OffNodes, AreTheSlowOnesAndNobodyElse) {
  auto speeds = four_nodes();
  speeds[3].one_core *= 0.7;
  speeds[3].all_cores *= 0.7;
  EXPECT_EQ(named(speeds), (std::vector<std::string>{"3 one core", "3 all cores"}));
  EXPECT_EQ(find_off_nodes(speeds, 0.1).front().what, "computes 30 % slower than the others");
  speeds[2] = speeds[3];  // half of the nodes
  EXPECT_EQ(named(speeds).size(), 4U);
  NodeSpeeds two = {{1, healthy()}, {2, speeds[3]}};
  EXPECT_EQ(named(two), (std::vector<std::string>{"2 one core", "2 all cores"}));
}

TEST(OffNodes, LoseTimeThatTheOthersDoNotLose) {
  auto speeds = four_nodes();
  for (auto& [index, speed] : speeds) speed.stolen = 0.3;  // all alike, as on one machine
  EXPECT_TRUE(named(speeds).empty());
  speeds[1].throttled = 0.8;
  speeds[2].missing = 0.4;
  speeds[4].others = 0.5;
  speeds[4].other = "pid 7 train";
  EXPECT_EQ(named(speeds), (std::vector<std::string>{"1 throttled", "2 missing", "4 others"}));
  EXPECT_EQ(find_off_nodes(speeds, 0.1).back().what,
            "other programs use 50 % of its 2 cores, most of it pid 7 train");
  const NodeSpeeds alone = {{1, speeds[1]}};
  EXPECT_EQ(named(alone), (std::vector<std::string>{"1 stolen", "1 throttled"}));
}

TEST(OffNodes, OfAnotherInterpreterAreComparedByTheirMemoryOnly) {
  auto speeds = four_nodes();
  speeds[2].method = "CPython 3.8.1";
  speeds[2].one_core *= 0.5;
  EXPECT_TRUE(named(speeds).empty());
  speeds[2].memory *= 0.5;
  EXPECT_EQ(named(speeds), (std::vector<std::string>{"2 memory"}));
}

TEST(OffNodes, AProcessorOfAnotherModelIsNamed) {
  auto speeds = four_nodes();
  speeds[2].model = "Old Xeon";
  speeds[2].one_core *= 0.5;
  EXPECT_EQ(find_off_nodes(speeds, 0.1).front().what,
            "computes 50 % slower than the others; its processor is Old Xeon, that of node1 AMD EPYC");
}

TEST(OffNodes, OneGoodMeasurementOfSeveralIsEnough) {
  auto disturbed = healthy();
  disturbed.one_core *= 0.5;
  disturbed.others = 0.9;
  disturbed.other = "pid 3 apt";
  auto known = disturbed;
  merge_speed(known, healthy());
  EXPECT_EQ(known.one_core, healthy().one_core);
  EXPECT_EQ(known.others, 0);
  EXPECT_EQ(known.other, "");
  merge_speed(known, disturbed);
  EXPECT_EQ(known.one_core, healthy().one_core);
}

TEST(Speeds, AreSummedUp) {
  auto speeds = four_nodes();
  speeds[2].one_core *= 0.95;
  EXPECT_EQ(describe_speeds(speeds),
            "one core within 5 %, all cores within 0 %, memory 10.0 GB/s within 0 %");
  EXPECT_EQ(describe_speeds({}), "nothing was measured");
}

}  // namespace
}  // namespace ec2mpi::ops
