#include "ec2mpi/ops/mpi/tracebacks.hpp"

#include <gtest/gtest.h>
#include <random>

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
  for (const std::size_t piece : {1U, 50U, 1000U})
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

constexpr std::string_view kChain =
    "Traceback (most recent call last):\n"
    "  File \"data.py\", line 5, in load\n"
    "    names[\"x\"]\n"
    "    ~~~~~^^^^^\n"
    "KeyError: 'x'\n"
    "\n"
    "During handling of the above exception, another exception occurred:\n"
    "\n"
    "Traceback (most recent call last):\n"
    "  File \"<frozen runpy>\", line 198, in _run_module_as_main\n"
    "  File \"train.py\", line 12, in <module>\n"
    "    main()\n"
    "  File \"train.py\", line 11, in main\n"
    "    load(3)\n"
    "  File \"train.py\", line 4, in load\n"
    "    load(n - 1)\n"
    "  File \"train.py\", line 4, in load\n"
    "    load(n - 1)\n"
    "  File \"train.py\", line 3, in load\n"
    "    raise ValueError(\"no x\")\n"
    "ValueError: no x\n";

TEST(Tracebacks, ThatAreJoinedAreOneAlsoIfTheirHeadersComeFirst) {
  const auto header = lines_of(kChain).front();
  const auto rest = std::string(kChain.substr(header.size()));
  const auto mixed = header + header + header + rest + rest + header + rest + rest;
  EXPECT_EQ(shown(mixed, 4), "rank 0-3:\n" + std::string(kChain));
}

TEST(Tracebacks, WithWordsOfMpirunBetweenThemAreOne) {
  const std::string words =
      "--------------------\nMPI_ABORT was invoked\n\nNOTE: invoking it\n--------------------\n";
  const std::string one(kTraceback);
  EXPECT_EQ(shown(one + words + one + words, 2), "rank 0-1:\n" + one + words + words);
}

TEST(Tracebacks, KeepAllLinesOfTheExceptionsMessage) {
  const auto longer =
      std::string(kTraceback) + "CUDA kernel errors might be reported late,\nso look above.\n";
  EXPECT_EQ(shown(times(3, longer) + "other\n", 3), "rank 0-2:\n" + longer + "other\n");
}

/// The output of ranks that print in a random order, at most this many lines at once.
std::string in_random_order(std::string_view text, std::size_t ranks, std::size_t most,
                            std::mt19937& random) {
  const auto lines = lines_of(text);
  std::vector<std::size_t> at(ranks);
  std::string mixed;
  for (std::size_t left = ranks * lines.size(); left > 0;) {
    auto& next = at[random() % ranks];
    for (auto n = 1 + random() % most; n > 0 && next < lines.size(); --n, --left) mixed += lines[next++];
  }
  return mixed;
}

TEST(Tracebacks, InAnyOrderGetATitleOnlyIfRanksPrintedThem) {
  std::mt19937 random(1);
  for (const auto text : {kTraceback, kChain}) {
    for (const std::size_t most : {1U, 8U, 40U}) {
      int whole = 0;
      for (int i = 0; i < 200; ++i) {
        const auto mixed = in_random_order(text, 4, most, random);
        const auto seen = shown(mixed, 4);
        whole += seen == "rank 0-3:\n" + std::string(text) ? 1 : 0;
        for (auto at = seen.find("rank"); at != std::string::npos; at = seen.find("rank", at + 1))
          ASSERT_TRUE(seen.substr(seen.find('\n', at) + 1).starts_with(text)) << mixed << "\nas\n" << seen;
      }
      // What a rank writes at once mostly arrives at once.
      EXPECT_TRUE(most < 40 || whole > 100) << whole;
    }
  }
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
  for (const std::size_t piece : {1U, 2U, 7U, 33U, 1000U})
    EXPECT_EQ(shown(text, 0, piece), expected) << piece;
}

TEST(Tracebacks, HeldBackArePassedWhenAskedFor) {
  TracebackFilter filter;
  EXPECT_EQ(filter.feed("Traceback (most recent call last):\n  File"), "");
  EXPECT_EQ(filter.finish(), "Traceback (most recent call last):\n  File");
  EXPECT_EQ(filter.feed(" \"x\"\nafter\n"), " \"x\"\nafter\n");
}

}  // namespace
}  // namespace ec2mpi::ops
