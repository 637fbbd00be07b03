// Sources that name the node.

#include "ec2mpi/ops/push/groups.hpp"

#include <gtest/gtest.h>
#include <fstream>

#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

class PushGroups : public testing::Test {
 protected:
  PushGroups() {
    nodes_.resize(3);
    for (int i = 1; i <= 3; ++i) nodes_[static_cast<std::size_t>(i) - 1].index = i;
  }
  std::string file(const std::string& name) {
    std::ofstream(folder_ / name.c_str()) << name;
    return (folder_ / name.c_str()).string();
  }
  [[nodiscard]] std::string at(const char* name) const { return (folder_ / name).string(); }

  test::ScratchFolder folder_;
  std::vector<Node> nodes_;
};

using Indices = std::vector<int>;

TEST_F(PushGroups, WithoutANameInTheSourcesAllNodesShareOneTree) {
  const auto groups = push_groups({file("a"), file("b")}, nodes_, {});
  ASSERT_TRUE(groups);
  ASSERT_EQ(groups->size(), 1U);
  EXPECT_EQ(groups->front().nodes, (Indices{1, 2, 3}));
  EXPECT_EQ(count_files(*groups), 2U);
}

TEST_F(PushGroups, NodesWithTheSameSourcesShareATree) {
  for (const auto* name : {"all", "master.conf", "worker.conf"}) file(name);
  const auto groups = push_groups({at("all"), at("{role}.conf")}, nodes_, {});
  ASSERT_TRUE(groups);
  ASSERT_EQ(groups->size(), 2U);
  EXPECT_EQ((*groups)[0].nodes, (Indices{1}));
  EXPECT_EQ((*groups)[1].nodes, (Indices{2, 3}));
  EXPECT_EQ((*groups)[1].tree->tops[1].name, "worker.conf");
  EXPECT_EQ(count_files(*groups), 3U) << "what both get is one file";
}

TEST_F(PushGroups, AMissingSourceIsNamedWithItsNode) {
  for (const auto* name : {"node1.conf", "node3.conf"}) file(name);
  const auto groups = push_groups({at("{node}.conf")}, nodes_, {});
  ASSERT_FALSE(groups);
  EXPECT_TRUE(groups.error().message.starts_with("node2: cannot read")) << groups.error().message;
  EXPECT_NE(groups.error().message.find("node2.conf"), std::string::npos);
  const auto missing = push_groups({at("missing")}, nodes_, {});
  ASSERT_FALSE(missing);
  EXPECT_FALSE(missing.error().message.starts_with("node")) << "it is nobody's own";
}

}  // namespace
}  // namespace ec2mpi::ops
