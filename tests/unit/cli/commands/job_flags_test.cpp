#include "src/cli/commands/job_flags.hpp"

#include <gtest/gtest.h>
#include <cstdlib>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::Laptop;

TEST(JobFlags, WordsThatOpenMpiDoesNotKnowAreRefusedBeforeAnyConnection) {
  Laptop laptop;
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--map-by", "nodes"}, {"--map-by", "ppr:3"}, {"--rank-by", "foo"}}) {
    const auto said = laptop.refused({"run", words[0], words[1], "--", "./hello"});
    EXPECT_NE(said.find(words[0] + " " + words[1] + ": Open MPI "), std::string::npos) << said;
  }
}

const Parameters kThree = {{"n", "3"}};

/// The job of a series, with the value 3 for n.
Result<JobSpec> with_three(const JobFlags& flags) {
  auto job = with_flags({.command = {"prog"}}, flags);
  if (job) job = job->filled(kThree);
  if (job) job = completed(std::move(*job), flags);
  return job;
}

TEST(JobFlags, MayAskForParametersAndCountAsUses) {
  JobFlags flags;
  flags.workdir = "d/{n}";
  flags.env = {"V={n}"};
  const auto job = with_three(flags);
  ASSERT_TRUE(job.has_value()) << job.error().message;
  EXPECT_EQ(job->workdir, "d/3");
  EXPECT_EQ(job->env.at("V"), "3");
  EXPECT_TRUE(with_flags({.command = {"prog"}}, flags)->check_used({{"n", {"1", "2"}}}));
  test::Laptop laptop;
  EXPECT_NE(laptop.refused({"run", "--set", "n=1", "-x", "V={m}", "--workdir", "{n}", "--", "a"}).find("{m}"),
            std::string::npos);
}

TEST(JobFlags, AValueFromTheEnvironmentIsTakenAsItIs) {
  ::setenv("EC2MPI_TEST_BRACES", "{other}", 1);
  JobFlags flags;
  flags.env = {"EC2MPI_TEST_BRACES"};
  const auto job = with_three(flags);
  ::unsetenv("EC2MPI_TEST_BRACES");
  ASSERT_TRUE(job.has_value()) << job.error().message;
  EXPECT_EQ(job->env.at("EC2MPI_TEST_BRACES"), "{other}");
}

TEST(JobFlags, ANumberReplacesTheFormulaInASeriesAndInASingleJob) {
  JobFlags flags;
  flags.np = 4;
  flags.map_by = "ppr:2:node";
  const JobSpec job{.command = {"prog"}, .formulas = {.np = "{n}", .per_node = {}, .nodes = {}}};
  const auto of_series = with_flags(job, flags)->filled(kThree);
  const auto single = with_flags(*job.filled(kThree), flags);
  ASSERT_TRUE(of_series && single);
  for (const auto* each : {&*of_series, &*single}) {
    EXPECT_EQ(each->ranks.np, 4);
    EXPECT_EQ(each->ranks.per_node, 2);
  }
}

}  // namespace
}  // namespace ec2mpi::cli
