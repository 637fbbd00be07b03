#include "ec2mpi/cluster/list/list_memory.hpp"

#include <gtest/gtest.h>

namespace ec2mpi {
namespace {

Inventory listed(const std::vector<std::pair<std::string, std::string>>& ids_and_addresses) {
  Inventory inventory;
  for (const auto& [id, address] : ids_and_addresses) {
    Node node;
    node.index = static_cast<int>(inventory.nodes.size()) + 1;
    node.instance_id = id;
    node.address = address;
    inventory.nodes.push_back(node);
  }
  return inventory;
}

std::string order(const Inventory& inventory) {
  std::string text;
  for (const auto& node : inventory.nodes) text += std::to_string(node.index) + "=" + node.instance_id + " ";
  return text;
}

const std::vector<RememberedNode> kBefore = {
    {1, "i-a", "1.0.0.1", "head"}, {2, "i-b", "1.0.0.2", ""}, {3, "i-c", "1.0.0.3", ""}};
using Sayings = std::vector<std::string>;

TEST(ListMemory, KeepsIndicesWhenThePasteComesInAnotherOrder) {
  auto now = listed({{"i-c", "1.0.0.3"}, {"i-a", "1.0.0.1"}, {"i-b", "1.0.0.2"}});
  EXPECT_EQ(merge_memory(now, kBefore), Sayings{});
  EXPECT_EQ(order(now), "1=i-a 2=i-b 3=i-c ");
}

TEST(ListMemory, BringsNoControlCharactersToTheTerminal) {
  const auto memory =
      parse_memory("1\ti-a\t1.0.0.1\t\x1b[2Jhead\n2\ti-\x1b[2J\t1.0.0.2\t\n3\ti-c\t1.\x9b\t\n");
  ASSERT_EQ(memory.size(), 1U);
  EXPECT_EQ(memory.front().name, "\\x1b[2Jhead");
}

TEST(ListMemory, SaysWhoMovedAndKeepsTheNameThatTheListLost) {
  auto now = listed({{"i-a", "9.0.0.1"}, {"i-b", "1.0.0.2"}, {"i-c", "1.0.0.3"}});
  EXPECT_EQ(merge_memory(now, kBefore), Sayings{"node1 moved from 1.0.0.1 to 9.0.0.1"});
  EXPECT_EQ(now.master().name, "head");
}

TEST(ListMemory, NewInstancesTakeTheFreeIndices) {
  auto now = listed({{"i-d", "1.0.0.4"}, {"i-a", "1.0.0.1"}, {"i-e", "1.0.0.5"}, {"i-c", "1.0.0.3"}});
  EXPECT_EQ(merge_memory(now, kBefore),
            (Sayings{"node2 is gone: i-b", "node2 is new: i-d at 1.0.0.4", "node4 is new: i-e at 1.0.0.5"}));
  EXPECT_EQ(order(now), "1=i-a 2=i-d 3=i-c 4=i-e ");
}

TEST(ListMemory, WhoIsGoneLeavesAGap) {
  auto now = listed({{"i-a", "1.0.0.1"}, {"i-c", "1.0.0.3"}});
  EXPECT_EQ(merge_memory(now, kBefore), Sayings{"node2 is gone: i-b"});
  EXPECT_EQ(order(now), "1=i-a 3=i-c ");
}

TEST(ListMemory, ThereIsAlwaysAMaster) {
  auto now = listed({{"i-c", "1.0.0.3"}, {"i-b", "1.0.0.2"}});
  const auto said = merge_memory(now, kBefore);
  EXPECT_EQ(order(now), "1=i-b 2=i-c ");
  EXPECT_EQ(said.back(), "the master is gone: all nodes are counted anew, and i-b is the master now");
}

TEST(ListMemory, ListsWithoutIdsStayAsTheyAre) {
  auto now = listed({{"", "1.0.0.9"}, {"", "1.0.0.8"}});
  EXPECT_EQ(merge_memory(now, kBefore), Sayings{});
  EXPECT_EQ(now.nodes[0].address, "1.0.0.9");
}

TEST(ListMemory, IsReadBackAsWritten) {
  auto now = listed({{"i-a", "1.0.0.1"}, {"i-b", "1.0.0.2"}});
  now.nodes[0].name = "a name";
  const auto memory = parse_memory(memory_text(now, {}));
  ASSERT_EQ(memory.size(), 2U);
  EXPECT_EQ(memory[0].index, 1);
  EXPECT_EQ(memory[0].instance_id, "i-a");
  EXPECT_EQ(memory[0].address, "1.0.0.1");
  EXPECT_EQ(memory[0].name, "a name");
}

TEST(ListMemory, AnInstanceThatDoesNotRunKeepsItsIndexUntilAnotherHasIt) {
  auto now = listed({{"i-a", "1.0.0.1"}, {"i-c", "1.0.0.3"}});
  now.skipped.push_back({.instance_id = "i-b", .name = "", .state = "stopped"});
  EXPECT_EQ(merge_memory(now, kBefore), Sayings{"node2 is gone: i-b"});
  const auto memory = parse_memory(memory_text(now, kBefore));
  EXPECT_EQ(memory.size(), 3U);
  EXPECT_EQ(merge_memory(now, memory), Sayings{}) << "it is said once";
  auto later = listed({{"i-a", "1.0.0.1"}, {"i-b", "9.0.0.2"}, {"i-c", "1.0.0.3"}});
  EXPECT_EQ(merge_memory(later, memory), Sayings{"node2 runs again: i-b at 9.0.0.2"});
  EXPECT_EQ(order(later), "1=i-a 2=i-b 3=i-c ");
  now.nodes.back().index = 2;
  EXPECT_EQ(parse_memory(memory_text(now, memory)).size(), 2U);
}

TEST(ListMemory, LinesThatMakeNoSenseAreSkipped) {
  const auto memory = parse_memory("x\ti-a\t1\t\n0\ti-b\t1\t\n2\ti-c\t1\t\n2\ti-d\t1\t\n3\ti-c\t1\t\nhalf\t");
  ASSERT_EQ(memory.size(), 1U);
  EXPECT_EQ(memory[0].instance_id, "i-c");
}

}  // namespace
}  // namespace ec2mpi
