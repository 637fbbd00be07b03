// How a push of a folder under a new name is repeated after some nodes have not finished it.

#include "src/cli/commands/push_memory.hpp"

#include <gtest/gtest.h>

#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::cli {
namespace {

TEST(PushMemory, LastsUntilNoListedNodeLacksThePush) {
  const test::ScratchFolder folder;
  const StateFolder state(folder / "state");
  std::vector<Node> nodes(3);
  int index = 0;
  for (auto& node : nodes) {
    node.index = ++index;
    node.address = "10.0.0.1" + std::to_string(index);
  }
  const auto run = [&](const std::string& id, const std::set<int>& named, const std::set<int>& finished,
                       const std::vector<Node>& chosen, const std::vector<Node>& listed) {
    ops::PushCount count;
    count.named = named;
    count.finished = finished;
    remember_push(state, id, recall_push(state, id), chosen, listed, count);
    return named_nodes(recall_push(state, id), nodes);
  };
  using Indices = std::set<int>;
  EXPECT_EQ(run("a", {1, 2, 3}, {1, 2, 3}, nodes, nodes), Indices());
  EXPECT_EQ(run("a", {}, {1, 2}, nodes, nodes), Indices()) << "the target was a folder already";
  EXPECT_EQ(run("a", {1}, {1}, nodes, nodes), Indices({1}));
  EXPECT_EQ(run("b", {3}, {}, nodes, nodes), Indices({3}));
  EXPECT_EQ(run("a", {2}, {2}, {nodes[1]}, nodes), Indices({1, 2})) << "node3 still lacks it";
  EXPECT_EQ(run("a", {3}, {3}, {nodes[2]}, nodes), Indices());
  EXPECT_EQ(run("b", {3}, {3}, {nodes[2]}, {nodes[2]}), Indices()) << "the others have left the list";
  EXPECT_FALSE(std::filesystem::exists(folder / "state/unfinished-pushes"));
}

TEST(PushMemory, KnowsAPushByItsPathsAndNotByTheirSpelling) {
  EXPECT_EQ(push_id("x/d", "./nd"), push_id("./x//d/", "./nd"));
  EXPECT_NE(push_id("x/d", "./nd"), push_id("x/e", "./nd"));
  EXPECT_NE(push_id("x/d", "./nd"), push_id("x/d", "./ne"));
}

}  // namespace
}  // namespace ec2mpi::cli
