#include "ec2mpi/ops/setup/packages.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

using Names = std::vector<std::string>;

Survey bare(std::string manager) {
  Survey survey;
  survey.facts.python3 = "/usr/bin/python3";
  survey.package_manager = std::move(manager);
  return survey;
}

Survey complete(std::string mpirun = "/usr/bin/mpirun", MpiFlavour flavour = MpiFlavour::open_mpi) {
  auto survey = bare("apt");
  survey.facts.mpirun = std::move(mpirun);
  survey.facts.mpi = MpiVersion{flavour, 4, "4.1.4"};
  survey.facts.mpi4py = true;
  survey.mpi_headers = true;
  return survey;
}

Names names_of(const Survey& survey, MpiChoice choice = MpiChoice::any) {
  const auto plan = plan_packages(survey, choice);
  return plan ? plan->names() : Names{plan.error().message};
}

TEST(PlanPackages, WhatIsThereAndGoodIsLeftAlone) {
  EXPECT_TRUE(names_of(complete()).empty());
  EXPECT_TRUE(names_of(complete(), MpiChoice::open_mpi).empty());
  EXPECT_TRUE(names_of(complete("/usr/bin/mpirun", MpiFlavour::mpich)).empty());
  EXPECT_TRUE(names_of(complete("/opt/intel/bin/mpirun", MpiFlavour::intel_mpi)).empty());
}

TEST(PlanPackages, ABareNodeGetsTheDistributionsOwn) {
  EXPECT_EQ(names_of(bare("apt")), (Names{"openmpi-bin", "libopenmpi-dev", "python3-mpi4py"}));
  EXPECT_EQ(names_of(bare("dnf")), (Names{"openmpi", "openmpi-devel", "python3-mpi4py-openmpi"}));
  EXPECT_EQ(names_of(bare("apt"), MpiChoice::mpich), (Names{"mpich", "libmpich-dev", "mpi4py (by pip)"}));
}

TEST(PlanPackages, OnlyWhatIsMissing) {
  auto survey = complete();
  survey.facts.mpi4py = false;
  EXPECT_EQ(names_of(survey), Names{"python3-mpi4py"});
  survey.mpi_headers = false;
  EXPECT_EQ(names_of(survey), (Names{"libopenmpi-dev", "python3-mpi4py"}));
  EXPECT_EQ(names_of(complete("/usr/bin/mpirun", MpiFlavour::mpich), MpiChoice::open_mpi),
            (Names{"openmpi-bin", "libopenmpi-dev"}));
}

TEST(PlanPackages, AnMpiOfOnesOwnGetsAnMpi4pyBuiltWithIt) {
  auto survey = complete("/opt/amazon/openmpi/bin/mpirun");
  survey.facts.mpi4py = false;
  const auto plan = plan_packages(survey, MpiChoice::any);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->names(), Names{"mpi4py (by pip)"});
  EXPECT_EQ(plan->compiler, "/opt/amazon/openmpi/bin/mpicc");
}

TEST(PlanPackages, WhatPackagesCannotDoIsSaidWithTheLineToType) {
  auto survey = complete();
  survey.facts.mpi4py = false;
  survey.facts.python3 = "/home/ubuntu/conda/bin/python3";
  EXPECT_NE(names_of(survey)[0].find("type there: /home/ubuntu/conda/bin/python3 -m pip install mpi4py"),
            std::string::npos);
  EXPECT_NE(names_of(bare(""))[0].find("neither apt-get nor dnf"), std::string::npos);
  survey = complete();
  survey.package_manager = "";
  EXPECT_TRUE(names_of(survey).empty());
}

}  // namespace
}  // namespace ec2mpi::ops
