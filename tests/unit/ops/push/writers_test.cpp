// Which node writes, where nodes of a push share storage.

#include "src/ops/push/writers.hpp"

#include <gtest/gtest.h>
#include <random>
#include <set>

namespace ec2mpi::ops {
namespace {

std::string mark_in(const std::string& words) {
  return words.substr(words.find('.') + 1);
}
std::string name_in(const std::string& words) {
  return words.substr(0, words.find('.'));
}

TEST(PushWriters, AMarkIsThatOfItsNodeAndANameThatOfTheTarget) {
  const Writers writers({1, 2, 7});
  const auto one = writers.mark_for(1, "./a");
  const auto two = writers.mark_for(2, "./a");
  EXPECT_EQ(name_in(one), name_in(two));
  EXPECT_NE(name_in(one), name_in(writers.mark_for(1, "./b")));
  EXPECT_NE(mark_in(one), mark_in(two));
  EXPECT_EQ(mark_in(one), mark_in(writers.mark_for(1, "./b")));
  EXPECT_EQ(writers.owner_of(mark_in(two) + ".1.ip-10-0-0-12.ec2.internal.4711"), 2);
  EXPECT_EQ(writers.owner_of(mark_in(two)), 2);
  for (const auto* none : {"", ".", "1", "host.1"}) EXPECT_EQ(writers.owner_of(none), 0) << none;
  EXPECT_EQ(writers.owner_of(mark_in(two).substr(1)), 0);
}

TEST(PushWriters, AnotherPushOrAnotherGroupHasOtherNamesAndMarks) {
  const Writers writers({1, 2});
  const Writers others({1, 2});
  EXPECT_NE(name_in(writers.mark_for(1, "./a")), name_in(others.mark_for(1, "./a")));
  EXPECT_EQ(writers.owner_of(mark_in(others.mark_for(1, "./a"))), 0);
}

TEST(PushWriters, TheNodeWhoseMarkIsThereWritesAndTheOthersWait) {
  Writers writers({1, 2, 3});
  EXPECT_EQ(writers.writer_for(2, 2), 2);
  EXPECT_EQ(writers.writer_for(1, 2), 2);
  EXPECT_EQ(writers.writer_for(3, 2), 2);
  EXPECT_EQ(writers.end_of(2), nullptr);
  writers.note_end(2, {});
  EXPECT_EQ(writers.writer_for(3, 2), 2) << "it has written";
  EXPECT_TRUE(writers.end_of(2)->result);
}

TEST(PushWriters, OneNodeTakesOverFromALostWriterAndTheOthersWaitForIt) {
  Writers writers({1, 2, 3});
  EXPECT_EQ(writers.writer_for(1, 3), 3);
  EXPECT_EQ(writers.writer_for(2, 3), 3);
  writers.note_end(3, {.result = fail(ErrorKind::unreachable, "lost"), .lost = true});
  EXPECT_EQ(writers.writer_for(2, 3), 2);
  EXPECT_EQ(writers.writer_for(1, 3), 2);
  writers.note_end(2, {.result = fail(ErrorKind::timeout, "lost, too"), .lost = true});
  EXPECT_EQ(writers.writer_for(1, 3), 1);
}

TEST(PushWriters, NobodyTakesOverWhereTheStorageItselfRefused) {
  Writers writers({1, 2});
  writers.note_end(2, {.result = fail(ErrorKind::remote_io, "No space left on device")});
  EXPECT_EQ(writers.writer_for(1, 2), 2);
  EXPECT_EQ(writers.end_of(2)->result.error().message, "No space left on device");
}

TEST(PushWriters, NodesThatWouldWaitForEachOtherDoNot) {
  Writers writers({1, 2, 3});
  EXPECT_EQ(writers.writer_for(1, 2), 2);
  EXPECT_EQ(writers.writer_for(2, 3), 3);
  EXPECT_EQ(writers.writer_for(3, 1), 3) << "or it would wait for itself";
}

TEST(PushWriters, AFolderIsThatOfThisPushOnlyUnderItsTarget) {
  Writers writers({1, 2});
  EXPECT_EQ(writers.made_words("./new"), "");
  writers.note_made(1, "./new", "12.1600000000");
  writers.note_made(2, "./new", "12.1600000000");
  writers.note_made(2, "./new", "13.1600000000");
  EXPECT_EQ(writers.made_words("./new"), " made=12.1600000000, made=13.1600000000,");
  EXPECT_EQ(writers.maker_of("./new", "12.1600000000"), 1);
  EXPECT_EQ(writers.maker_of("./new", "12.1600000001"), 0);
  EXPECT_EQ(writers.maker_of("./other", "12.1600000000"), 0);
}

TEST(PushWriters, NothingButNumbersOfANodeReachesTheCommandsOfOthers) {
  Writers writers({1});
  for (const auto* id : {"", "1 named", "1,", "$(reboot)"}) writers.note_made(1, "./new", id);
  writers.note_made(1, "./new", std::string(100, '1'));
  EXPECT_EQ(writers.made_words("./new"), "");
  for (int i = 0; i < 1000; ++i) writers.note_made(1, "./new", std::to_string(i) + ".1");
  EXPECT_LT(writers.made_words("./new").size(), 1000U);
}

/// Whatever nodes find or claim, and however they end: as long as nodes are at work, one of them does not
/// wait.
TEST(PushWriters, SomeNodeAlwaysWorks) {
  std::mt19937 random(1);
  const auto any = [&random](int most) { return std::uniform_int_distribution<int>(1, most)(random); };
  for (int round = 0; round < 2000; ++round) {
    const int nodes = any(7);
    Writers writers({});
    std::map<int, int> waits;
    std::set<int> alive;
    for (int node = 1; node <= nodes; ++node) alive.insert(node);
    while (!alive.empty()) {
      for (const int node : alive) waits[node] = writers.writer_for(node, any(nodes));
      std::set<int> working;
      for (const int node : alive) {
        if (waits[node] == node || writers.end_of(waits[node]) != nullptr) working.insert(node);
      }
      ASSERT_FALSE(working.empty()) << "round " << round;
      const bool lost = any(2) == 1;
      writers.note_end(
          *working.begin(),
          {.result = lost ? Result<void>(fail(ErrorKind::timeout, "")) : Result<void>(), .lost = lost});
      alive.erase(*working.begin());
    }
  }
}

}  // namespace
}  // namespace ec2mpi::ops
