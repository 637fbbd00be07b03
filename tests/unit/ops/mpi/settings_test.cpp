/// settings.sh as sh runs it, in a home with settings of Open MPI.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/mpi/command.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;

class UsersSettings : public testing::Test {
 protected:
  /// The line that is left of `line`, of which the last words are the user's --mca and program.
  std::string settled(const std::string& environment = {}) {
    MpiJob job;
    job.mca = {{"btl", "self"}};
    const std::vector<MpiOption> options{{{"/opt/mpi/bin/mpirun"}, ""},
                                         {{"--mca", "btl_tcp_if_include", "10.0.0.8/29"}, ""},
                                         {{"--mca", "pml", "ob1"}, ""},
                                         {{"--mca", "orte_launch_agent", "env M=1 orted"}, ""},
                                         {{"-x", "EC2MPI_JOB"}, ""},
                                         {{"--mca", "btl", "self"}, "yours"},
                                         {{"prog", "--mca", "pml", "x"}, "the program"}};
    std::ofstream(home_ / "run") << "set -- " << quote_words(line_of(options)) << "\n"
                                 << settle_settings(job, options) << "printf '%s|' \"$@\"\n";
    const auto home = home_.string();
    const auto line =
        "HOME=" + home + " " + environment + " sh " + home + "/run >" + home + "/line 2>" + home + "/said";
    EXPECT_EQ(std::system(line.c_str()), 0);
    return text("line");
  }
  void write_settings(const std::string& settings) {
    fs::create_directory(home_ / ".openmpi");
    std::ofstream(home_ / ".openmpi" / "mca-params.conf") << settings;
  }
  [[nodiscard]] std::string text(const char* name) const { return read_file(home_ / name).value_or(""); }

  test::ScratchFolder scratch_;
  fs::path home_ = scratch_.path();
};

constexpr const char* kEnd = "--mca|btl|self|prog|--mca|pml|x|";

TEST_F(UsersSettings, NoneLeaveTheLineAsItIs) {
  EXPECT_EQ(settled(),
            "/opt/mpi/bin/mpirun|--mca|btl_tcp_if_include|10.0.0.8/29|--mca|pml|ob1|--mca|orte_launch_agent|"
            "env M=1 orted|-x|EC2MPI_JOB|" +
                std::string(kEnd));
  EXPECT_EQ(text("said"), "");
}

TEST_F(UsersSettings, AnExcludedInterfaceReplacesOurIncludedNetworkAndTheLineOfTheFileIsNamed) {
  write_settings("# mine\n\nbtl_tcp_if_exclude = docker0,lo\n");
  EXPECT_EQ(settled(),
            "/opt/mpi/bin/mpirun|--mca|pml|ob1|--mca|orte_launch_agent|env M=1 orted|-x|EC2MPI_JOB|" +
                std::string(kEnd));
  EXPECT_NE(text("said").find("/.openmpi/mca-params.conf:3 sets btl_tcp_if_exclude to docker0,lo"),
            std::string::npos);
}

TEST_F(UsersSettings, AVariableOfTheEnvironmentWinsOverOurParameterOfTheSameName) {
  EXPECT_EQ(settled("OMPI_MCA_pml=cm").find("|pml|ob1|"), std::string::npos);
  EXPECT_NE(text("said").find("OMPI_MCA_pml sets pml to cm"), std::string::npos);
}

TEST_F(UsersSettings, TheLaunchAgentStaysForItMarksTheDaemons) {
  EXPECT_NE(settled("OMPI_MCA_orte_launch_agent=mine").find("|env M=1 orted|"), std::string::npos);
  EXPECT_NE(text("said").find("which is not used"), std::string::npos);
}

TEST_F(UsersSettings, AListOfVariablesIsJoinedByOurs) {
  write_settings("mca_base_env_list = FOO=1;LD_LIBRARY_PATH\n");
  const auto line = settled();
  EXPECT_NE(line.find("|--mca|mca_base_env_list|FOO=1;LD_LIBRARY_PATH;EC2MPI_JOB|" + std::string(kEnd)),
            std::string::npos)
      << line;
  EXPECT_EQ(line.find("|-x|"), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::ops
