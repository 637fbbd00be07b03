#include "ec2mpi/ops/job/record.hpp"

#include <gtest/gtest.h>

#include "ec2mpi/ops/job/run.hpp"

namespace ec2mpi::ops {
namespace {

TEST(JobRecord, IsReadAsTheMasterPrintsIt) {
  const auto records = parse_job_records(
      "job a-1\nstate ended 7\nmeta np 8\nmeta nodes 1-4\nmeta mpi Open MPI 4.1.4\nmeta command ./a 'b c'\n"
      "meta later thing\ntimes submitted 100\ntimes started 101\ntimes ended 105\nwhy timeout\n"
      "node node1\nec2mpi-sweep 1\nended 12 orted\nec2mpi-sweep end\n"
      "node node2\ntrouble ssh: connect to host 10.0.0.12: Connection timed out\n"
      "job b-2\nstate lost rebooted\njob c-3\nstate running \n");
  ASSERT_TRUE(records) << records.error().message;
  ASSERT_EQ(records->size(), 3U);
  const auto& first = records->front();
  EXPECT_EQ(first.id, "a-1");
  EXPECT_EQ(first.state, JobState::ended);
  EXPECT_EQ(first.status, 7);
  EXPECT_EQ(first.exit_code(), 124);
  EXPECT_EQ(first.np, 8);
  EXPECT_EQ(first.command, "./a 'b c'");
  EXPECT_EQ(first.ended - first.started, 4);
  EXPECT_EQ(first.swept.at("node1").ended, (std::vector<Process>{{12, "orted"}}));
  EXPECT_EQ(first.not_swept.at("node2"), "ssh: connect to host 10.0.0.12: Connection timed out");
  EXPECT_EQ((*records)[1].exit_code(), 255);
  EXPECT_EQ((*records)[1].why, "rebooted");
  EXPECT_EQ((*records)[2].state, JobState::running);
}

TEST(JobRecord, GivesTheExitCodeThatTellsWhy) {
  JobRecord record;
  record.state = JobState::ended;
  record.status = 3;
  EXPECT_EQ(record.exit_code(), 3);
  record.why = "cancelled";
  EXPECT_EQ(record.exit_code(), 130);
  EXPECT_EQ(parse_job_records("job a\nstate ended what\n")->front().exit_code(), 1);
}

// The queue has cleaned up after such a job, and its record has an end, which is the cleaner's.
TEST(JobRecord, OfALostJobThatWasCleanedUpAfterSaysLost) {
  const auto records = parse_job_records(
      "job a\nstate ended 255\nmeta command x\ntimes started 1\ntimes ended 9\nwhy lost rebooted\n"
      "job b\nstate ended 0\nmeta command lost x\n");
  ASSERT_TRUE(records);
  const auto& lost = records->front();
  EXPECT_EQ(lost.state, JobState::lost);
  EXPECT_EQ(lost.why, "rebooted");
  EXPECT_EQ(lost.exit_code(), 255);
  EXPECT_EQ(records->back().state, JobState::ended);
}

TEST(JobRecord, OfAHostileMasterIsRefusedOrHarmless) {
  for (const auto* said : {"state running\n", "job \n", "job a\nstate dancing\n", "job a\nnonsense\n",
                           "hello\njob a\n", "job \x1b[2Ja\n", "job x;$(touch y)\n", "job a b\n", "job .a\n",
                           "job -a\n", "job a/b\n", "job *\n"}) {
    EXPECT_FALSE(parse_job_records(said)) << said;
  }
  const auto records = parse_job_records("job a\nstate ended 999999999999999999999\nmeta np 99999999999\n");
  ASSERT_TRUE(records);
  EXPECT_FALSE(parse_job_records("job " + std::string(161, 'a') + "\n"));
  EXPECT_EQ(records->front().np, 1'000'000);
  EXPECT_TRUE(parse_job_records("")->empty());
}

TEST(JobRecord, ThatIsDamagedDoesNotHideTheOthers) {
  for (const auto* damage :
       {"times started soon\n", "times started 99999999999999\n", "times \n", "why damaged times\n"}) {
    const auto records =
        parse_job_records("job a\nstate running \n" + std::string(damage) + "job b\nstate ended 0\n");
    ASSERT_TRUE(records) << damage;
    ASSERT_EQ(records->size(), 2U) << damage;
    EXPECT_EQ(records->front().why, "damaged times") << damage;
    EXPECT_EQ(records->back().why, "") << damage;
  }
}

TEST(JobRecord, WhoseFactsHoldNoCommandIsDamaged) {
  const auto records =
      parse_job_records("job a\nstate ended 0\nmeta \x01\x02 rubbish\njob b\nstate ended 0\n");
  ASSERT_TRUE(records);
  EXPECT_EQ(records->front().why, "damaged meta");
  EXPECT_EQ(records->back().why, "");  // a job whose folder is being made
  EXPECT_EQ(parse_job_records("job a\nstate ended 0\nmeta np 4\n")->front().why, "damaged meta");
}

TEST(JobRecord, AnIdCanBeAFolderAndAShellWord) {
  for (const auto* id : {"spread-20261129-183054-47cd", "a", "n.1_run2"}) EXPECT_TRUE(is_job_id(id)) << id;
  for (const auto* id : {"", "..", ".hidden", "-rf", "a/b", "a b", "a;b", "a\n"})
    EXPECT_FALSE(is_job_id(id)) << id;
  EXPECT_FALSE(is_job_id(std::string(200, 'a')));
}

TEST(RecordCutter, TakesTheRecordOutWhereverTheStreamIsCut) {
  const std::string stream = "job's ec2mpi-1\nbytes\nec2mpi-ab\njob x\nstate running \nec2mpi-ab end\n";
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    RecordCutter cutter("ec2mpi-ab");
    std::string job;
    for (std::size_t at = 0; at < stream.size(); at += size)
      job += cutter.feed(std::string_view(stream).substr(at, size));
    EXPECT_EQ(job, "job's ec2mpi-1\nbytes\n") << size;
    ASSERT_TRUE(cutter.complete()) << size;
    EXPECT_EQ(cutter.record(), "job x\nstate running \n");
  }
}

TEST(RecordCutter, HandsOutWhatComesBehindTheRecord) {
  RecordCutter cutter("ec2mpi-ab");
  EXPECT_EQ(cutter.feed("said\nec2mpi-ab\njob x\nec2mpi-ab end\nmore\n"), "said\n");
  ASSERT_TRUE(cutter.complete());
  EXPECT_EQ(cutter.rest(), "more\n");
}

TEST(RecordCutter, HoldsBackOnlyWhatMayBeTheNonce) {
  RecordCutter cutter("ec2mpi-ab");
  EXPECT_EQ(cutter.feed("no end of line ec2mp"), "no end of line ");
  EXPECT_EQ(cutter.feed("ec2mpi-a"), "ec2mp");
  EXPECT_EQ(cutter.feed("x"), "ec2mpi-ax");
  EXPECT_FALSE(cutter.complete());
}

TEST(RunsExitCode, OfAJobThatWasLeftOrLost) {
  Followed followed;
  EXPECT_EQ(exit_code_for(followed), 255);
  followed.stopped = JobStop::timed_out;
  EXPECT_EQ(exit_code_for(followed), 124);
  followed.how = Followed::How::detached;
  EXPECT_EQ(exit_code_for(followed), 0);
  followed.how = Followed::How::refused;
  followed.refusal.code = 2;
  EXPECT_EQ(exit_code_for(followed), 2);
}

}  // namespace
}  // namespace ec2mpi::ops
