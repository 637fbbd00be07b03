#include "src/cli/views/job_texts.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

TEST(PlanText, HasALineToPasteThenEachOptionWithItsReason) {
  ops::JobPlan plan;
  plan.line = {{{"mpirun"}, "the program"}, {{"-x", "A=b c"}, "a variable"}};
  plan.files.hosts = "10.0.0.1 slots=2\n";
  EXPECT_EQ(plan_text(plan),
            "mpirun -x 'A=b c'\n\n"
            "mpirun      # the program\n"
            "-x 'A=b c'  # a variable\n"
            "\n# the hostfile\n10.0.0.1 slots=2\n");
}

TEST(LostBytesText, IsOnlyForAJobThatLostSome) {
  EXPECT_TRUE(lost_bytes_text("output lost", "j").starts_with("not all that j printed"));
  EXPECT_TRUE(lost_bytes_text("input lost", "j").starts_with("j did not get all of its standard input"));
  EXPECT_EQ(lost_bytes_text("timeout", "j"), "");
}

TEST(LostJobText, BlamesTheSupervisorOfNoDamagedJob) {
  EXPECT_EQ(lost_job_text("j", "damaged pid", false),
            "j is lost: its record on the master is damaged; ec2mpi cancel j cleans up after it");
  EXPECT_EQ(lost_job_text("j", "", true), "j is lost: its supervisor on the master was killed");
}

}  // namespace
}  // namespace ec2mpi::cli
