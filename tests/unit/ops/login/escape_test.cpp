#include "src/ops/login/escape.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ec2mpi::ops {
namespace {

/// What a filter made of some input: the node's bytes with [leave] and [help] where they came.
std::string filtered(EscapeFilter& filter, std::string_view input) {
  std::string seen;
  do {
    const auto step = filter.next(input);
    seen += step.bytes;
    if (step.action == EscapeAction::leave) seen += "[leave]";
    if (step.action == EscapeAction::help) seen += "[help]";
  } while (!input.empty());
  return seen;
}

std::string filtered(std::string_view input) {
  EscapeFilter filter;
  return filtered(filter, input);
}

TEST(EscapeFilter, PassesOrdinaryInputOn) {
  EXPECT_EQ(filtered("ls -l\rexit\r"), "ls -l\rexit\r");
  EXPECT_EQ(filtered(""), "");
}

TEST(EscapeFilter, PassesEveryOtherByteOn) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(filtered(all), all);
}

TEST(EscapeFilter, LeavesAtTheVeryBeginning) {
  EXPECT_EQ(filtered("~."), "[leave]");
}

TEST(EscapeFilter, LeavesAfterCarriageReturnAndAfterLineFeed) {
  EXPECT_EQ(filtered("a\r~."), "a\r[leave]");
  EXPECT_EQ(filtered("a\n~."), "a\n[leave]");
}

TEST(EscapeFilter, LeavesTildeAloneInsideALine) {
  EXPECT_EQ(filtered("cp a~.b ~.\r"), "cp a~.b ~.\r");
  EXPECT_EQ(filtered("a~?"), "a~?");
}

TEST(EscapeFilter, SendsOneTildeForTwo) {
  EXPECT_EQ(filtered("~~/bin\r"), "~/bin\r");
  EXPECT_EQ(filtered("~~~."), "~~.") << "only the first pair is at the beginning of the line";
}

TEST(EscapeFilter, SendsBothBytesOfAPairThatMeansNothing) {
  EXPECT_EQ(filtered("~/bin/x\r"), "~/bin/x\r");
  EXPECT_EQ(filtered("~a"), "~a");
}

TEST(EscapeFilter, LineBeginsAfterTildeReturn) {
  EXPECT_EQ(filtered("~\r~."), "~\r[leave]");
}

TEST(EscapeFilter, HelpMayBeFollowedByLeave) {
  EXPECT_EQ(filtered("~?~?~."), "[help][help][leave]");
}

TEST(EscapeFilter, TextMayFollowHelp) {
  EXPECT_EQ(filtered("~?ls~.\r"), "[help]ls~.\r");
}

TEST(EscapeFilter, HoldsATildeUntilTheNextByteComes) {
  EscapeFilter filter;
  EXPECT_EQ(filtered(filter, "x\r~"), "x\r");
  EXPECT_EQ(filtered(filter, "."), "[leave]");
}

TEST(EscapeFilter, RemembersTheLineAcrossCalls) {
  EscapeFilter filter;
  EXPECT_EQ(filtered(filter, "x"), "x");
  EXPECT_EQ(filtered(filter, "~."), "~.");
  EXPECT_EQ(filtered(filter, "\r"), "\r");
  EXPECT_EQ(filtered(filter, "~"), "");
  EXPECT_EQ(filtered(filter, "~"), "~");
}

TEST(EscapeFilter, StopsAtTheFirstActionAndLeavesTheRest) {
  EscapeFilter filter;
  std::string_view input = "a\r~.rest";
  const auto step = filter.next(input);
  EXPECT_EQ(step.bytes, "a\r");
  EXPECT_EQ(step.action, EscapeAction::leave);
  EXPECT_EQ(input, "rest");
}

}  // namespace
}  // namespace ec2mpi::ops
