#include "ec2mpi/fleet/outcome.hpp"

#include <gtest/gtest.h>

#include "ec2mpi/base/exit_code.hpp"

namespace ec2mpi {
namespace {

FleetReport report_of(std::vector<Outcome> outcomes, Ending ending = Ending::complete) {
  FleetReport report;
  report.ending = ending;
  for (auto& outcome : outcomes) {
    NodeResult result;
    result.outcome = std::move(outcome);
    report.results.push_back(std::move(result));
  }
  return report;
}

const Outcome kFine = ssh::ExitStatus{0};
const Outcome kThree = ssh::ExitStatus{3};
const Outcome kKilled = ssh::ExitStatus{0, "KILL"};
const Outcome kUnreachable = Error{ErrorKind::unreachable, "connection refused"};
const Outcome kNotRun = NotRun{"interrupted"};

TEST(Outcome, OnlyAZeroWithoutASignalIsASuccess) {
  EXPECT_TRUE(succeeded(kFine));
  for (const auto& outcome : {kThree, kKilled, kUnreachable, kNotRun}) EXPECT_FALSE(succeeded(outcome));
}

TEST(Outcome, TellsWhatBecameOfANode) {
  EXPECT_EQ(describe(kFine), "ok");
  EXPECT_EQ(describe(kThree), "exit 3");
  EXPECT_EQ(describe(kKilled), "killed by signal KILL");
  EXPECT_EQ(describe(kUnreachable), "connection refused");
  EXPECT_EQ(describe(kNotRun), "not run: interrupted");
}

TEST(ExitCode, OfManyNodesIsZeroOnlyIfAllSucceeded) {
  EXPECT_EQ(exit_code_for(report_of({kFine, kFine})), 0);
  for (const auto& outcome : {kThree, kKilled, kUnreachable, kNotRun}) {
    EXPECT_EQ(exit_code_for(report_of({kFine, outcome})), 1);
  }
}

TEST(ExitCode, AnEarlyEndCountsMoreThanTheNodes) {
  EXPECT_EQ(exit_code_for(report_of({kFine, kNotRun}, Ending::interrupted)), 130);
  EXPECT_EQ(exit_code_for(report_of({kFine, kThree}, Ending::timed_out)), 124);
  EXPECT_EQ(exit_code_for_one(report_of({kNotRun}, Ending::interrupted)), 130);
  EXPECT_EQ(exit_code_for_one(report_of({kNotRun}, Ending::timed_out)), 124);
}

TEST(ExitCode, OfOneNodeIsItsOwn) {
  EXPECT_EQ(exit_code_for_one(report_of({kFine})), 0);
  EXPECT_EQ(exit_code_for_one(report_of({kThree})), 3);
  EXPECT_EQ(exit_code_for_one(report_of({kKilled})), 128 + 9);
  EXPECT_EQ(exit_code_for_one(report_of({kUnreachable})), 255);
}

TEST(ExitCode, OfASignalThatIsNotKnownHereIsStillAFailure) {
  EXPECT_EQ(exit_code_for_one(report_of({ssh::ExitStatus{0, "SOMETHING"}})), 128);
}

}  // namespace
}  // namespace ec2mpi
