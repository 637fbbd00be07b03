#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::FakeNode;
using ::ec2mpi::test::Laptop;

/// Two answers of a node, two seconds one after the other, with this share of busy ticks in percent.
std::string answers(int busy) {
  std::string text;
  for (const int seconds : {100, 102})
    text += fmt::format(
        "ec2mpi-load 2\n/proc/uptime:{0}.00 1.00\n/proc/loadavg:0.50 0.40 0.30 1/2 3\n/proc/stat:cpu  {1} 0 "
        "0 {2} 0 0 0 "
        "0\n/proc/meminfo:MemTotal: 2000000 kB\n/proc/meminfo:MemAvailable: 1500000 kB\n/proc/self/net/dev: "
        "eth0: {0}000 "
        "1 0 0 0 0 0 0 {0}000 1 0 0 0 0 0 0\nranks\nec2mpi-load end\n",
        seconds, busy * seconds, (100 - busy) * seconds);
  return text;
}

TEST(Top, OncePrintsATableAndNamesTheNodesThatDiffer) {
  Laptop laptop(5);
  for (const int node : {1, 2, 3}) laptop.nodes[node] = {.out = answers(90), .end = FakeNode::End::never};
  laptop.nodes[4] = {.out = answers(10), .end = FakeNode::End::never};
  laptop.nodes[5] = {.door = FakeNode::Door::refuses};
  const auto done = laptop.run_cli({"top", "--once"});
  EXPECT_EQ(done.code, 1);
  EXPECT_NE(done.out.find("node1  90 %  0.50  25 % of 2.0 GB  1.0 kB/s  1.0 kB/s      0"), std::string::npos)
      << done.out;
  EXPECT_NE(done.out.find("node5     -     -"), std::string::npos) << done.out;
  EXPECT_NE(done.err.find("node4: CPU 10 %, usual here is 90 %"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("node5: connection refused"), std::string::npos) << done.err;
}

TEST(Top, JsonHasEveryNodesLoad) {
  Laptop laptop(2);
  laptop.nodes[1] = {.out = answers(50), .end = FakeNode::End::never};
  laptop.nodes[2] = {.out = "sh: not found\n"};
  const auto done = laptop.run_cli({"top", "--once", "--json"});
  EXPECT_EQ(done.code, 1);
  const auto json = nlohmann::json::parse(done.out);
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["nodes"][0]["cpu"], 0.5);
  EXPECT_EQ(json["nodes"][0]["received"], 1000.0);
  EXPECT_EQ(json["nodes"][1]["error"]["kind"], "remote_io");
  EXPECT_FALSE(json["nodes"][1].contains("cores"));
}

TEST(Top, ANodeIsAskedOverOneChannel) {
  Laptop laptop(1);
  laptop.nodes[1] = {.out = answers(50), .end = FakeNode::End::never};
  EXPECT_EQ(laptop.run_cli({"top", "--once"}).code, 0);
  EXPECT_EQ(laptop.seen.input[1], "look\nlook\n");
  EXPECT_EQ(laptop.seen.commands.size(), 1U);
}

TEST(Top, WithoutATerminalItNamesOnce) {
  Laptop laptop;
  EXPECT_NE(laptop.refused({"top"}).find("--once"), std::string::npos);
  EXPECT_NE(laptop.refused({"top", "--json"}).find("--once"), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::cli
