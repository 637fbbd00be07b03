#include "ec2mpi/ops/setup/packages.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

using Names = std::vector<std::string>;

SetupState bare(std::string manager) {
  SetupState state;
  state.facts.python3 = "/usr/bin/python3";
  state.package_manager = std::move(manager);
  return state;
}

SetupState complete(std::string mpirun = "/usr/bin/mpirun", MpiFlavour flavour = MpiFlavour::open_mpi) {
  auto state = bare("apt");
  state.facts.mpirun = std::move(mpirun);
  state.facts.mpi = MpiVersion{flavour, 4, "4.1.4"};
  state.facts.mpi4py = true;
  state.mpi_headers = true;
  return state;
}

Names names_of(const SetupState& state, MpiChoice choice = MpiChoice::any) {
  const auto plan = plan_packages(state, choice);
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
  auto state = complete();
  state.facts.mpi4py = false;
  EXPECT_EQ(names_of(state), Names{"python3-mpi4py"});
  state.mpi_headers = false;
  EXPECT_EQ(names_of(state), (Names{"libopenmpi-dev", "python3-mpi4py"}));
  EXPECT_EQ(names_of(complete("/usr/bin/mpirun", MpiFlavour::mpich), MpiChoice::open_mpi),
            (Names{"openmpi-bin", "libopenmpi-dev"}));
}

TEST(PlanPackages, AnMpiOfOnesOwnGetsAnMpi4pyBuiltWithIt) {
  auto state = complete("/opt/amazon/openmpi/bin/mpirun");
  state.facts.mpi4py = false;
  const auto plan = plan_packages(state, MpiChoice::any);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->names(), Names{"mpi4py (by pip)"});
  EXPECT_EQ(plan->compiler, "/opt/amazon/openmpi/bin/mpicc");
}

TEST(PlanPackages, NoneMendsAPythonThatDoesNotRun) {
  auto state = complete();
  state.facts.mpi4py = false;
  state.python_said = "Fatal Python error: init_fs_encoding (PYTHONHOME is /nosuch)";
  const auto plan = plan_packages(state, MpiChoice::any);
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().message.find("its python3 does not run: " + state.python_said), std::string::npos);
}

TEST(PlanPackages, WhatPackagesCannotDoIsSaidWithTheLineToType) {
  auto state = complete();
  state.facts.mpi4py = false;
  state.facts.python3 = "/home/ubuntu/conda/bin/python3";
  EXPECT_NE(names_of(state)[0].find("type there: /home/ubuntu/conda/bin/python3 -m pip install mpi4py"),
            std::string::npos);
  EXPECT_NE(names_of(bare(""))[0].find("neither apt-get nor dnf"), std::string::npos);
  state = complete();
  state.package_manager = "";
  EXPECT_TRUE(names_of(state).empty());
}

}  // namespace
}  // namespace ec2mpi::ops
