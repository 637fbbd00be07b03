#include "ec2mpi/ops/mpi/words.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

TEST(NoiseFilter, TakesTheHarmlessLineOutWhereverTheStreamIsCut) {
  const std::string stream =
      "one\n[ip-10:885] plm:rsh: Warning: setpgid(885,885) failed in parent with errno=Permission "
      "denied(13)\n"
      "[mine] two\n[h:1] plm:ssh: Warning: setpgid(1,1) failed\n\nthree";
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    NoiseFilter filter;
    std::string passed;
    for (std::size_t at = 0; at < stream.size(); at += size)
      passed += filter.feed(std::string_view(stream).substr(at, size));
    EXPECT_EQ(passed + filter.finish(), "one\n[mine] two\n\nthree") << size;
  }
}

TEST(RankFilter, GivesOneRanksLinesWhereverTheStreamIsCut) {
  const std::pair<std::string, std::string> cases[] = {
      {"[1,0]<stdout>:a\n[1,3]<stdout>:b c\n[1,3]<stderr>:\nplain\n[1,30]<stdout>:x\n[1,3]<stdout>: "
       "d\n[1,3]<stdout>:end",
       "b c\n\n d\nend"},                                                                      // Open MPI 4
      {"[1,0]<stdout>: a\n[1,3]<stdout>: b\n[1,3]<stdout>:   indented\n", "b\n  indented\n"},  // Open MPI 5
      {"[0] a\n[3] b [3] c\n[x] d\n[3]e\n[3] \n", "b [3] c\n\n"}};                             // MPICH
  for (const auto& [said, expected] : cases) {
    for (std::size_t cut = 0; cut <= said.size(); ++cut) {
      RankFilter filter(3);
      auto passed = filter.feed(said.substr(0, cut));
      passed += filter.feed(said.substr(cut));
      EXPECT_EQ(passed + filter.finish(), expected) << cut;
      EXPECT_TRUE(filter.saw_tags());
    }
  }
}

TEST(RankFilter, SaysWhenLinesDoNotTellTheirRanks) {
  RankFilter filter(0);
  EXPECT_EQ(filter.feed("a\n[warning] b\n[1,2] c\n[99999999999999999999] d\n") + filter.finish(), "");
  EXPECT_FALSE(filter.saw_tags());
}

TEST(NoiseFilter, HoldsNothingElseBack) {
  NoiseFilter filter;
  EXPECT_EQ(filter.feed("50 %"), "50 %");
  EXPECT_EQ(filter.feed("\r[60 %"), "\r[60 %");
  EXPECT_EQ(filter.feed("\n"), "\n");
  EXPECT_EQ(filter.feed("[" + std::string(500, 'x')), "[" + std::string(500, 'x'));
}

TEST(FirstFailure, IsReadFromTheLaunchersWords) {
  const auto killed = first_failure(
      "x\nmpirun noticed that process rank 2 with PID 0 on node ip-10-0-0-13 exited on signal 9 (Killed).\n");
  ASSERT_TRUE(killed);
  EXPECT_EQ(killed->describe(),
            "rank 2 on ip-10-0-0-13 was killed (signal 9): out of memory, or somebody's kill");
  const auto failed = first_failure("  Process name: [[50970,1],3]\n  Exit code:    7\n----\n");
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->describe(), "rank 3 ended with 7");
  const auto five = first_failure("   Process name: [prterun-ip-10-0-0-11-55@1,1] Exit code:    9\n");
  ASSERT_TRUE(five);
  EXPECT_EQ(five->rank, 1);
  const auto hydra = first_failure(
      "=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES\n=   PID 62 RUNNING AT 10.0.0.12\n=   EXIT "
      "CODE: 9\n"
      "YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Killed (signal 9)\nKILLED BY SIGNAL: 9 (Killed)\n");
  ASSERT_TRUE(hydra);
  EXPECT_EQ(hydra->host, "10.0.0.12");
  EXPECT_EQ(hydra->signal, 9);
  EXPECT_FALSE(first_failure("all well\n"));
}

}  // namespace
}  // namespace ec2mpi::ops
