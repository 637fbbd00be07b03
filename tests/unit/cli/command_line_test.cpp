#include "src/cli/command_line.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

// A command that is missing in the table would start more slowly, and one too many would be read twice.
TEST(CommandGroups, EachCommandHasOneAndIsAddedByIt) {
  test::Laptop laptop;
  const auto tree = Json::parse(laptop.run_cli({"option-tree"}).out);
  ASSERT_GT(tree["commands"].size(), 20U);
  for (const auto& command : tree["commands"]) {
    const auto name = command["name"].get<std::string>();
    const auto* group = group_of_first({name, "1"});
    ASSERT_NE(group, nullptr) << name;
    CLI::App app;
    Dispatch dispatch;
    group->add(app, dispatch);
    std::vector<std::string_view> added;
    for (const auto* each : app.get_subcommands({})) added.push_back(each->get_name());
    EXPECT_TRUE(std::ranges::is_permutation(added, group->names)) << name;
  }
}

TEST(CommandGroups, WordsThatAreNoCommandHaveNone) {
  EXPECT_EQ(group_of_first({}), nullptr);
  EXPECT_EQ(group_of_first({"-w", "exec"}), nullptr);
  EXPECT_EQ(group_of_first({"exe"}), nullptr);
}

TEST(CommandLine, ReadsWithOneGroupWhatNeedsNoWordsOfOurs) {
  const World world;
  const auto reads = [&](const std::vector<std::string>& words) {
    return CommandLine(world, group_of_first(words)).reads(words);
  };
  EXPECT_TRUE(reads({"exec", "-w", "1", "true"}));
  EXPECT_TRUE(reads({"nodes", "--json"}));
  EXPECT_FALSE(reads({"exec", "--help"}));
  EXPECT_FALSE(reads({"exec", "--nosuch", "true"}));
  EXPECT_FALSE(reads({"push", "", "x"}));
  EXPECT_FALSE(reads({"nodes", "–json"}));
}

}  // namespace
}  // namespace ec2mpi::cli
