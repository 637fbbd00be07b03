#include "ec2mpi/ops/mpi/tracebacks.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

constexpr std::string_view kTraceback =
    "Traceback (most recent call last):\n"
    "  File \"train.py\", line 3, in <module>\n"
    "    main()\n"
    "  File \"train.py\", line 2, in main\n"
    "    main()\n"
    "ValueError: bad\n";

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n') + 1;
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

/// The text that is shown of these bytes if they come in pieces of this size.
std::string shown(std::string_view bytes, int ranks = 0, std::size_t piece = 1000) {
  TracebackFilter filter;
  filter.set_ranks(ranks);
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += piece) text += filter.feed(bytes.substr(at, piece));
  return text + filter.finish();
}

std::string times(int count, std::string_view text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

TEST(Tracebacks, ThatAreEqualAreShownOnceWithTheNumberOfRanks) {
  EXPECT_EQ(shown(times(8, kTraceback)), "8 ranks:\n" + std::string(kTraceback));
  EXPECT_EQ(shown(times(8, kTraceback), 8), "rank 0-7:\n" + std::string(kTraceback));
  EXPECT_EQ(shown(times(3, kTraceback), 8), "3 ranks:\n" + std::string(kTraceback));
}

TEST(Tracebacks, OfRanksThatPrintInTurnAreUntangled) {
  std::string mixed;
  for (const auto& line : lines_of(kTraceback)) mixed += times(4, line);
  EXPECT_EQ(shown(mixed, 4), "rank 0-3:\n" + std::string(kTraceback));
}

TEST(Tracebacks, OfRanksThatMpirunEndedInTheMidstOfThemAreOneWithTheWholeOnes) {
  const auto lines = lines_of(kTraceback);
  const std::string words = "-----\nPrimary job terminated\n\n  Process name: [[1,1],6]\n-----\n";
  // Two ranks in turn, words of mpirun, the end of the second rank, and the beginning of a third one.
  const auto mixed = lines[0] + lines[0] + lines[1] + lines[1] + lines[2] + lines[2] + lines[3] + lines[4] +
                     lines[5] + words + lines[3] + lines[0] + lines[1] + lines[4] + lines[5];
  for (const std::size_t piece : {1, 50, 1000})
    EXPECT_EQ(shown(mixed, 8, piece), "3 ranks:\n" + std::string(kTraceback) + words) << piece;
}

TEST(Tracebacks, ALineOfCodeIsNoEnd) {
  const std::string raising =
      "Traceback (most recent call last):\n  File \"x\", line 1\n    raise\nKeyError\n";
  std::string mixed;
  for (const auto& line : lines_of(raising)) mixed += times(3, line);
  EXPECT_EQ(shown(mixed, 3), "rank 0-2:\n" + raising);
}

TEST(Tracebacks, WithTagsNameTheirRanksAndTheFirstFailureStandsFirst) {
  const std::string other = "Traceback (most recent call last):\n  File \"x\"\nKeyError: 1\n";
  std::string mixed;
  for (const auto& line : lines_of(other)) mixed += "[1,5]<stderr>:" + line;
  for (const auto& line : lines_of(kTraceback))
    for (const int rank : {0, 1, 2, 7}) mixed += fmt::format("[1,{}]<stderr>:{}", rank, line);
  EXPECT_EQ(shown(mixed, 8), "rank 5:\n" + other + "rank 0-2,7:\n" + std::string(kTraceback));
}

TEST(Tracebacks, ThatDifferAndASingleOneStayAsTheyAre) {
  const std::string other = "Traceback (most recent call last):\n  File \"x\"\nKeyError: 1\n";
  for (const auto& text : {std::string(kTraceback), other + std::string(kTraceback)})
    EXPECT_EQ(shown(text), text);
  std::string mixed;
  const auto mine = lines_of(kTraceback);
  const auto theirs = lines_of(other);
  for (std::size_t i = 0; i < mine.size(); ++i) mixed += mine[i] + (i < theirs.size() ? theirs[i] : "");
  EXPECT_EQ(shown(mixed), mixed);
}

TEST(Tracebacks, JoinedOnesAreOne) {
  const auto joined = std::string(kTraceback) +
                      "\nDuring handling of the above exception, another exception occurred:\n\n" +
                      std::string(kTraceback);
  EXPECT_EQ(shown(joined), joined);
  EXPECT_EQ(shown(times(3, joined)), "3 ranks:\n" + joined);
}

TEST(Tracebacks, LetOtherBytesPassAtOnceAndUnchanged) {
  TracebackFilter filter;
  EXPECT_EQ(filter.feed("step 1"), "step 1");
  EXPECT_EQ(filter.feed(" of 2\nTrain"), " of 2\nTrain");
  EXPECT_FALSE(filter.is_holding());
  EXPECT_EQ(filter.feed("ing\nTrace"), "ing\n");
  EXPECT_TRUE(filter.is_holding());
  EXPECT_EQ(filter.feed("s are on\n"), "Traces are on\n");
  const auto text = "before\n" + times(2, kTraceback) + "MPI_ABORT was invoked\n  by rank 0\n";
  const auto expected =
      "before\n2 ranks:\n" + std::string(kTraceback) + "MPI_ABORT was invoked\n  by rank 0\n";
  for (const std::size_t piece : {1, 2, 7, 33, 1000}) EXPECT_EQ(shown(text, 0, piece), expected) << piece;
}

TEST(Tracebacks, HeldBackArePassedWhenAskedFor) {
  TracebackFilter filter;
  EXPECT_EQ(filter.feed("Traceback (most recent call last):\n  File"), "");
  EXPECT_EQ(filter.finish(), "Traceback (most recent call last):\n  File");
  EXPECT_EQ(filter.feed(" \"x\"\nafter\n"), " \"x\"\nafter\n");
}

}  // namespace
}  // namespace ec2mpi::ops
