#include "ec2mpi/cluster/values/job_spec.hpp"

#include <gtest/gtest.h>

namespace ec2mpi {
namespace {

JobSpec with_parameters() {
  return {.command = {"x", "{n} {{n}}", "{\"k\":1}"},
          .formulas = {.np = "2*{n}", .per_node = {}, .nodes = {}},
          .push = {"in{n}"},
          .pull = {"out{n}"},
          .workdir = "d/{n}",
          .env = {{"A", "{n}"}}};
}

TEST(JobSpec, FilledPutsValuesIntoEveryTextAndCalculatesTheRanks) {
  const auto filled = with_parameters().filled({{"n", "3"}, {"per_node", "2"}});
  ASSERT_TRUE(filled.has_value());
  EXPECT_EQ(filled->command, (std::vector<std::string>{"x", "3 {n}", "{\"k\":1}"}));
  EXPECT_EQ(filled->ranks.np, 6);
  EXPECT_EQ(filled->ranks.per_node, 2);
  EXPECT_EQ(filled->ranks.nodes, 0);
  EXPECT_EQ(filled->push.front() + filled->pull.front() + filled->workdir + filled->env.at("A"),
            "in3out3d/33");
}

TEST(JobSpec, FilledNamesTheNumberThatIsWrongAndTheParameterThatHasNoValue) {
  EXPECT_EQ(with_parameters().filled({{"n", "0"}}).error().message,
            "np: 0 is not a number from 1 to 1000000");
  EXPECT_TRUE(with_parameters().filled({}).error().message.starts_with("{n} in '{n} {{n}}' has no value"));
}

TEST(JobSpec, AParameterThatIsUsedNowhereIsNamed) {
  const auto job = with_parameters();
  EXPECT_TRUE(job.check_used({{"n", {"1"}}, {"np", {"1"}}}).has_value());
  EXPECT_EQ(job.check_used({{"o", {"1"}}}).error().message,
            "o is used nowhere in the job; write {o} where its value belongs");
  for (auto place : {&JobSpec::command, &JobSpec::push, &JobSpec::pull}) {
    auto other = job;
    (other.*place) = {"{o}"};
    EXPECT_TRUE(other.check_used({{"o", {"1"}}}).has_value());
  }
  auto of_formula = job;
  of_formula.formulas.nodes = "{o}";
  EXPECT_TRUE(of_formula.check_used({{"o", {"1"}}}).has_value());
}

}  // namespace
}  // namespace ec2mpi
