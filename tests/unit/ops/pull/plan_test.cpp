#include "ec2mpi/ops/pull/plan.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;

class PullPlanTest : public ::testing::Test {
 protected:
  PullPlanTest() {
    node.index = 3;
    node.address = "203.0.113.13";
  }
  [[nodiscard]] std::string at(const std::string& name) const { return (folder / name).string(); }
  [[nodiscard]] Result<PullPlan> plan(const std::vector<std::string>& sources, const std::string& target,
                                      PullLayout layout = PullLayout::as_named) const {
    return pull_plan(sources, target, node, layout);
  }

  test::ScratchFolder scratch;
  fs::path folder = scratch.path();
  Node node;
};

TEST_F(PullPlanTest, APlanForOneNodeIsScps) {
  fs::create_directory(folder / "dir");
  std::ofstream(folder / "file") << "";
  const auto renamed = plan({"a/log"}, at("new"));
  ASSERT_TRUE(renamed);
  EXPECT_EQ(renamed->folder, folder);
  EXPECT_EQ(renamed->rename, "new");
  for (const auto& target : {"dir", "missing/"}) {
    const auto inside = plan({"a/log"}, at(target));
    ASSERT_TRUE(inside);
    EXPECT_EQ(inside->folder, folder / target);
    EXPECT_EQ(inside->rename, "");
    EXPECT_EQ(inside->sources.front().name, "log");
  }
  EXPECT_EQ(plan({"a", "b"}, at("new"))->folder, folder / "new");
  EXPECT_EQ(plan({"*.csv"}, at("new"))->folder, folder / "new");
  EXPECT_EQ(plan({"a"}, "new")->folder, ".");
  EXPECT_FALSE(plan({"a"}, at("file"), PullLayout::per_node));
  EXPECT_FALSE(plan({"a", "b"}, at("file")));
  EXPECT_FALSE(plan({"x/a", "y/a"}, at("dir")));
  EXPECT_TRUE(plan({"x/a", "x/a"}, at("dir"))) << "one path";
  EXPECT_FALSE(plan({"a"}, ""));
}

TEST_F(PullPlanTest, ABegunFolderIsTheNewNameForTheSameSourceOnly) {
  const auto first = plan({"a/d"}, at("new"));
  ASSERT_TRUE(first);
  fs::create_directory(folder / "new");
  std::ofstream(folder / "new" / first->mark) << "";
  const auto again = plan({"a/d"}, at("new"));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->folder, folder);
  EXPECT_EQ(again->rename, "new");
  fs::create_symlink("new", folder / "link");
  EXPECT_EQ(plan({"a/d"}, at("link"))->folder, folder) << "the link was written through";
  EXPECT_EQ(plan({"b/d"}, at("new"))->folder, folder / "new") << "another source goes inside";
  EXPECT_EQ(plan({"a/d", "b"}, at("new"))->folder, folder / "new");
  EXPECT_EQ(plan({"a/d"}, at("new/"))->folder, folder / "new/");
  EXPECT_EQ(plan({"a/d"}, at("new/."))->folder, folder / "new/.") << "this is no name";
  EXPECT_EQ(plan({"a/d"}, at("new"), PullLayout::per_node)->folder, folder / "new/node3");
  node.address = "203.0.113.14";
  EXPECT_EQ(plan({"a/d"}, at("new"))->folder, folder / "new") << "another machine";
}

TEST_F(PullPlanTest, AnInstanceContinuesUnderAnotherAddress) {
  node.instance_id = "i-0123456789abcdef0";
  const auto mark = plan({"d"}, at("new"))->mark;
  node.address = "203.0.113.14";
  EXPECT_EQ(plan({"d"}, at("new"))->mark, mark);
}

TEST_F(PullPlanTest, ALinkAsTargetIsWrittenThrough) {
  fs::create_directories(folder / "elsewhere");
  fs::create_symlink("elsewhere/real", folder / "second");
  fs::create_symlink(folder / "second", folder / "first");
  const auto through = plan({"a"}, at("first"));
  ASSERT_TRUE(through) << "whether the file is there or not";
  EXPECT_EQ(through->folder, folder / "elsewhere");
  EXPECT_EQ(through->rename, "real");
  fs::create_symlink("circle", folder / "circle");
  const auto circle = plan({"a"}, at("circle"));
  ASSERT_FALSE(circle);
  EXPECT_EQ(circle.error().message,
            "cannot follow the link " + at("circle") + ": Too many levels of symbolic links");
}

TEST_F(PullPlanTest, PlansForManyNodes) {
  EXPECT_EQ(pull_layout("out", 1, false), PullLayout::as_named);
  EXPECT_EQ(pull_layout("out", 2, false), PullLayout::per_node);
  EXPECT_EQ(pull_layout("out/{role}", 2, false), PullLayout::per_node);
  EXPECT_EQ(pull_layout("out/{node}", 2, false), PullLayout::as_named);
  EXPECT_EQ(pull_layout("out/{node}", 2, true), PullLayout::flat);
  EXPECT_EQ(plan({"a"}, at("new"), PullLayout::per_node)->folder, folder / "new/node3");
  const auto flat = plan({"a"}, at("new"), PullLayout::flat);
  EXPECT_EQ(flat->folder, folder / "new");
  EXPECT_EQ(flat->suffix, ".node3");
  const auto filled = plan({"out/{index}.csv"}, at("{node}.csv"));
  EXPECT_EQ(filled->sources.front().path, "./out/3.csv");
  EXPECT_EQ(filled->rename, "node3.csv");
}

/// A file's own name may look like a placeholder.
TEST_F(PullPlanTest, ErrorsAboutAFilledInNameShowWhatWasTyped) {
  constexpr const char* kNote = "; '{node}.txt' was typed, and {...} in it stands for a node's own";
  EXPECT_EQ(plan({"{node}.txt"}, at("new"))->sources.front().filled_in, kNote);
  EXPECT_EQ(plan({"plain.txt"}, at("new"))->sources.front().filled_in, "");
  const auto twice = plan({"x/node3.txt", "{node}.txt"}, at("new"));
  ASSERT_FALSE(twice);
  EXPECT_TRUE(twice.error().message.ends_with(kNote)) << twice.error().message;
}

}  // namespace
}  // namespace ec2mpi::ops
