#include "ec2mpi/fleet/gather.hpp"

#include <gtest/gtest.h>
#include <set>
#include <sstream>

namespace ec2mpi {
namespace {

std::string header(const std::string& name) {
  return "---------------\n" + name + "\n---------------\n";
}

TEST(Gather, FoldsEqualOutputsAndPutsTheLargestGroupFirst) {
  const auto groups = gather({{4, "b\n"}, {2, "a\n"}, {1, "b\n"}, {3, "b\n"}});
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].indices, (std::vector{1, 3, 4}));
  EXPECT_EQ(groups[0].text, "b\n");
  EXPECT_EQ(groups[1].indices, std::vector{2});
}

TEST(Gather, TheLowestIndexComesFirstAmongGroupsOfOneSize) {
  const auto groups = gather({{3, "c"}, {1, "a"}, {2, "b"}, {4, "b"}, {5, "a"}});
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].indices, (std::vector{1, 5}));
  EXPECT_EQ(groups[1].indices, (std::vector{2, 4}));
  EXPECT_EQ(groups[2].indices, std::vector{3});
}

TEST(Gather, OfNothingIsNothing) {
  EXPECT_TRUE(gather({}).empty());
  EXPECT_EQ(render_groups({}), "");
  EXPECT_EQ(render_differences({}), "");
}

TEST(Gather, LooksAtEveryByte) {
  EXPECT_EQ(gather({{1, std::string("a\0b", 3)}, {2, std::string("a\0c", 3)}, {3, "a"}}).size(), 3U);
}

TEST(NodesLabel, NamesOneOrFolds) {
  EXPECT_EQ(nodes_label({3}), "node3");
  EXPECT_EQ(nodes_label({1, 2, 3, 4, 6}), "node[1-4,6] (5)");
}

TEST(NodesLabel, TheShortOneNamesTheFirstOfManyRanges) {
  EXPECT_EQ(short_nodes_label({1, 3, 5, 7, 9, 11, 13, 15}), "node[1,3,5,7,9,11,13,15] (8)");
  EXPECT_EQ(short_nodes_label({1, 3, 5, 7, 9, 11, 13, 15, 17}), "node[1,3,5,7,9,11,13,15,…] (9)");
  EXPECT_EQ(short_nodes_label({4}), "node4");
}

TEST(RenderGroups, HasOneHeaderForEachGroupAndEndsLines) {
  EXPECT_EQ(render_groups({{{1, 2}, "same\n"}, {{3}, "no end"}}),
            header("node[1-2] (2)") + "same\n" + header("node3") + "no end\n");
}

TEST(RenderDifferences, ShowsTheMajorityWholeAndThenWhatIsMissingAndAdded) {
  EXPECT_EQ(render_differences({{{1, 2, 4}, "a\nb\nc\n"}, {{3}, "a\nx\nc\nd\n"}}),
            header("node[1-2,4] (3)") + "a\nb\nc\n" + header("node3") + "- b\n+ x\n+ d\n");
}

TEST(RenderDifferences, TellsAnEmptyOutputFromTheMajority) {
  EXPECT_EQ(render_differences({{{1, 2}, "a\nb\n"}, {{3}, ""}}),
            header("node[1-2] (2)") + "a\nb\n" + header("node3") + "- a\n- b\n");
  EXPECT_EQ(render_differences({{{1, 2}, ""}, {{3}, "a\n"}}),
            header("node[1-2] (2)") + header("node3") + "+ a\n");
}

TEST(RenderDifferences, ShowsWhatIsTooLongToCompareWhole) {
  std::ostringstream most, other;
  for (int i = 0; i < 3000; ++i) {
    most << "most " << i << "\n";
    other << "other " << i << "\n";
  }
  EXPECT_EQ(render_differences({{{1, 2}, most.str()}, {{3}, other.str()}}),
            header("node[1-2] (2)") + most.str() + header("node3") + other.str());
}

/// What the shown lines make of the majority is what the other one printed.
TEST(RenderDifferences, IsTrueForManySmallOutputs) {
  const std::string letters = "abc";
  const auto text_of = [&](unsigned number) {
    std::string text;
    for (; number > 0; number /= 4) {
      if (number % 4 > 0) text += std::string(1, letters[number % 4 - 1]) + "\n";
    }
    return text;
  };
  for (unsigned first = 0; first < 256; first += 7) {
    for (unsigned second = 0; second < 256; second += 5) {
      const auto majority = text_of(first);
      const auto other = text_of(second);
      const auto shown = render_differences({{{1, 2}, majority}, {{3}, other}});
      const auto start = shown.rfind("---------------\n") + 16;
      std::istringstream changes(shown.substr(start));
      std::string removed, added, line;
      while (std::getline(changes, line)) (line[0] == '-' ? removed : added) += line.substr(2);
      std::multiset<char> letters_now;
      for (const char c : majority + added) letters_now.insert(c);
      for (const char c : removed) letters_now.erase(letters_now.find(c));
      std::multiset<char> expected;
      for (const char c : other) expected.insert(c);
      letters_now.erase('\n');
      expected.erase('\n');
      ASSERT_EQ(letters_now, expected) << shown;
    }
  }
}

}  // namespace
}  // namespace ec2mpi
