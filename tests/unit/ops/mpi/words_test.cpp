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

TEST(FirstFailure, OfMpichIsASignalOnlyIfItNamesThatSignal) {
  const auto told = [](const char* code, const char* below) {
    const auto failure = first_failure(
        fmt::format("=   PID 8571 RUNNING AT node2\n=   EXIT CODE: {}\n=   CLEANING UP REMAINING "
                    "PROCESSES\n====\nYOUR APPLICATION TERMINATED WITH THE EXIT STRING: {}\n",
                    code, below));
    return failure ? failure->describe() : "";
  };
  EXPECT_EQ(told("11", "Segmentation fault (signal 11)"),
            "a rank on node2 was killed (signal 11): segmentation fault");
  EXPECT_EQ(told("6", "Aborted (signal 6)"), "a rank on node2 was killed (signal 6): it aborted itself");
  EXPECT_EQ(told("11", "Hangup (signal 1)"), "a rank on node2 ended with 11");
  EXPECT_EQ(told("11", ""), "a rank on node2 ended with 11");
}

std::string described(std::string_view err) {
  const auto failure = first_failure(err);
  return failure ? failure->describe() : "";
}

TEST(FirstFailure, IsReadFromTheRanksOwnReports) {
  const std::string rule = std::string(74, '-') + "\n";
  const auto abort = [&](const char* communicator) {
    return rule + "MPI_ABORT was invoked on rank 1 in communicator " + communicator +
           "\nwith errorcode 3.\n\n" + rule;
  };
  EXPECT_EQ(described(abort("MPI_COMM_WORLD")), "rank 1 called MPI_Abort with 3");
  EXPECT_EQ(described(abort("MPI_COMM_SELF")), "") << "the number is that of another communicator";
  EXPECT_EQ(described(abort("MPI_COMM_WORLD").substr(rule.size())), "") << "no page of Open MPI";
  // Open MPI 5 names the rank of the job as well.
  EXPECT_EQ(
      described(rule +
                "MPI_ABORT was invoked on rank 0 in communicator MPI_COMM_SELF\n  Proc: [[6412,1],2]\n  "
                "Errorcode: -4\n\nNOTE:\n" +
                rule),
      "rank 2 called MPI_Abort with -4");
  EXPECT_EQ(
      described(rule +
                "mpirun has exited due to process rank 1 with PID 579 on\nnode 10.0.0.12 exiting improperly. "
                "There are three reasons this could occur:\n" +
                rule),
      "rank 1 on 10.0.0.12 ended without MPI_Finalize (exit, os._exit, a crash)");
}

TEST(FirstFailure, OfAnErrorOfMpiNamesTheCallAndTheError) {
  const auto line = [](const char* begin, const char* text) { return std::string(begin) + text + "\n"; };
  const auto error = [&](const char* begin, const char* other) {
    return line(begin, "An error occurred in MPI_Recv") + line(other, "An error occurred in MPI_Send") +
           line(other, "reported by process [3306946561,2]") +
           line(begin, "reported by process [3306946561,1]") + line(begin, "on communicator MPI_COMM_WORLD") +
           line(begin, "MPI_ERR_TRUNCATE: message truncated") +
           line(begin, "MPI_ERRORS_ARE_FATAL (processes in this communicator will now abort,");
  };
  const std::string says = "rank 1 on h2 failed in MPI_Recv: MPI_ERR_TRUNCATE: message truncated";
  const auto plain = error("[h2:00345] *** ", "[h3:7] *** ");
  EXPECT_EQ(described(plain), says);
  EXPECT_EQ(described(error("[1,1]<stderr>:[h2:00345] *** ", "[1,2]<stderr>:[h3:7] *** ")), says);
  // mpirun knows who was first.
  EXPECT_EQ(described(plain + "  Process name: [[50970,1],1]\n  Exit code:    15\n"), says);
  EXPECT_EQ(described(plain + "  Process name: [[50970,1],3]\n  Exit code:    7\n"), "rank 3 ended with 7");
  EXPECT_EQ(described(plain +
                      "noticed that process rank 1 with PID 0 on node h2 exited on signal 11 (Segmentation)"),
            "rank 1 on h2 was killed (signal 11): segmentation fault");
  EXPECT_EQ(described("*** An error occurred in MPI_Init\n*** MPI_ERRORS_ARE_FATAL\n"), "");
}

}  // namespace
}  // namespace ec2mpi::ops
