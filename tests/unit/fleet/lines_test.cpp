#include "ec2mpi/fleet/lines.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace ec2mpi {
namespace {

using Words = std::vector<std::string>;

/// The lines of a stream that comes in these blocks.
Words lines(const Words& blocks) {
  LineCutter cutter;
  Words found;
  const auto keep = [&found](std::string_view line) { found.emplace_back(line); };
  for (const auto& block : blocks) cutter.feed(block, keep);
  cutter.finish(keep);
  return found;
}

TEST(LineCutter, CutsAtTheEndsOfLinesAndKeepsEmptyOnes) {
  EXPECT_EQ(lines({"a\n\nb\n"}), (Words{"a", "", "b"}));
  EXPECT_EQ(lines({"\n"}), (Words{""}));
  EXPECT_EQ(lines({}), Words{});
}

TEST(LineCutter, PutsALineTogetherFromManyBlocks) {
  EXPECT_EQ(lines({"on", "", "e", "\ntw", "o\n"}), (Words{"one", "two"}));
  EXPECT_EQ(lines({"one", "\n", "two\n"}), (Words{"one", "two"}));
}

TEST(LineCutter, HandsOnALastLineWithoutItsEnd) {
  EXPECT_EQ(lines({"one\ntwo"}), (Words{"one", "two"}));
}

TEST(LineCutter, KeepsEveryOtherByte) {
  const std::string odd("a\0b\r\xff", 5);
  EXPECT_EQ(lines({odd + "\n"}), (Words{odd}));
}

TEST(LineCutter, IsTheSameWhereverTheBlocksAreCut) {
  const std::string text = "first\n\nthird line\nlast";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(lines({text.substr(0, cut), text.substr(cut)}), lines({text}));
  }
}

TEST(LineCutter, HandsOnALineWithoutEndInPartsAndLosesNothing) {
  const std::string block(100'000, 'x');
  const auto parts = lines(Words(50, block));
  std::size_t total = 0;
  for (const auto& part : parts) {
    EXPECT_LE(part.size(), LineCutter::kLongest + block.size());
    total += part.size();
  }
  EXPECT_EQ(total, 5'000'000U);
}

}  // namespace
}  // namespace ec2mpi
