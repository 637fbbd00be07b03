#include <gtest/gtest.h>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::FakeNode;
using ::ec2mpi::test::Laptop;

TEST(Shell, EqualAnswersOfALineAreShownOnce) {
  Laptop laptop(3);
  for (const int node : {1, 2, 3}) laptop.nodes[node] = {.out = "Linux\n"};
  const auto done = laptop.run_cli({"shell"}, {.input = "# a comment\n\n  uname  \n", .piped = true});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out, "---------------\nnode[1-3] (3)\n---------------\nLinux\n");
  EXPECT_EQ(done.err, "");
}

TEST(Shell, ALineCostsNoNewConnection) {
  Laptop laptop(2);
  EXPECT_EQ(laptop.run_cli({"shell"}, {.input = "true\ntrue\ntrue", .piped = true}).code, 0);
  EXPECT_EQ(laptop.seen.connected, (std::vector<int>{1, 2}));
}

TEST(Shell, ANodeThatCannotBeReachedIsNamedAndTheOthersContinue) {
  Laptop laptop(3);
  laptop.nodes[1] = {.out = "one\n"};
  laptop.nodes[2] = {.door = FakeNode::Door::refuses};
  laptop.nodes[3] = {.out = "three\n", .status = {4, ""}};
  const auto done = laptop.run_cli({"shell"}, {.input = "x\n", .piped = true});
  EXPECT_EQ(done.code, 1);
  EXPECT_NE(done.out.find("one\n"), std::string::npos);
  EXPECT_NE(done.out.find("three\n"), std::string::npos);
  EXPECT_NE(done.err.find("node2: connection refused"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("ec2mpi: node2 is left out from now on; :all tries again\n"), std::string::npos)
      << done.err;
  EXPECT_NE(done.err.find("node3: exit 4"), std::string::npos) << done.err;
}

TEST(Shell, AllTriesTheNodesAgain) {
  Laptop laptop(2);
  laptop.nodes[2] = {.door = FakeNode::Door::refuses};
  EXPECT_EQ(laptop.run_cli({"shell"}, {.input = "true\n:all\ntrue\n", .piped = true}).code, 1);
  EXPECT_EQ(laptop.seen.connected, (std::vector<int>{1, 2, 2}));
}

TEST(Shell, ItEndsWithoutAnyNode) {
  Laptop laptop(1);
  laptop.nodes[1] = {.door = FakeNode::Door::refuses};
  const auto done = laptop.run_cli({"shell"}, {.input = "true\n", .piped = true});
  EXPECT_EQ(done.code, 1);
  EXPECT_TRUE(laptop.seen.commands.empty());
}

TEST(Shell, ExitLeavesBeforeTheOtherLines) {
  Laptop laptop(1);
  EXPECT_EQ(laptop.run_cli({"shell"}, {.input = "exit\nuname\n", .piped = true}).code, 0);
  EXPECT_TRUE(laptop.seen.commands.empty());
}

TEST(Shell, AFolderThatWouldNotLastIsSaid) {
  Laptop laptop(1);
  const auto done = laptop.run_cli({"shell"}, {.input = "cd /tmp\ncd /tmp && ls\n", .piped = true});
  EXPECT_NE(done.err.find("each line begins in the login folder"), std::string::npos) << done.err;
  EXPECT_EQ(done.err.find("login folder"), done.err.rfind("login folder"));
}

}  // namespace
}  // namespace ec2mpi::cli
