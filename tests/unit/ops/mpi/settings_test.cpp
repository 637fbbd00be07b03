/// settings.sh as sh runs it, in a home with settings of Open MPI.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/mpi/command.hpp"
#include "ec2mpi/ops/node/facts.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;

class UsersSettings : public testing::Test {
 protected:
  /// The line that is left of line_, of which the last words are the user's --mca and program.
  std::string settled(const std::string& environment = {}) {
    MpiJob job;
    job.mca = {{"btl", "self"}};
    job.elsewhere = elsewhere_;
    std::ofstream(home_ / "run") << "set -- " << quote_words(line_of(line_)) << "\n"
                                 << find_settings_functions() << settle_settings(job, line_)
                                 << "printf '%s|' \"$@\"\n";
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

  std::vector<MpiOption> line_{{{"/opt/mpi/bin/mpirun"}, ""},
                               {{"--mca", "btl_tcp_if_include", "10.0.0.8/29"}, ""},
                               {{"--mca", "pml", "ob1"}, ""},
                               {{"--mca", "orte_launch_agent", "env M=1 orted"}, ""},
                               {{"-x", "EC2MPI_JOB"}, ""},
                               {{"--mca", "btl", "self"}, "yours"},
                               {{"prog", "--mca", "pml", "x"}, "the program"}};
  std::vector<MpiSetting> elsewhere_;
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

TEST_F(UsersSettings, ALauncherThatStartsNoDaemonsHereIsOverruledAndNamed) {
  write_settings("plm = slurm\n");
  EXPECT_NE(settled().find("|-x|EC2MPI_JOB|--mca|plm|rsh|" + std::string(kEnd)), std::string::npos);
  EXPECT_NE(text("said").find("mca-params.conf:1 sets plm to slurm, which is not used"), std::string::npos);
}

TEST_F(UsersSettings, ALauncherByRshIsLeftToTheUser) {
  EXPECT_EQ(settled("OMPI_MCA_plm=rsh").find("|plm|"), std::string::npos);
  EXPECT_EQ(text("said"), "");
}

/// With the names of Open MPI 5 in the line, and those of Open MPI 4 in the user's settings.
class OldNames : public UsersSettings {
 protected:
  std::string settled_by_five(const std::string& environment = {}) {
    line_ = {{{"/opt/mpi/bin/mpirun"}, ""},
             {{"--prtemca", "plm_ssh_agent", "/jobs/x/rsh"}, ""},
             {{"--prtemca", "prte_if_include", "10.0.0.8/29"}, ""},
             {{"--prtemca", "prte_launch_agent", "env M=1 prted"}, ""},
             {{"--mca", "btl", "self"}, "yours"},
             {{"prog", "--mca", "pml", "x"}, "the program"}};
    return settled(environment);
  }
};

TEST_F(OldNames, OfASettingGiveItsValueToTheNewName) {
  write_settings("plm_rsh_agent = ssh -p 2222\noob_tcp_if_exclude = lo,docker0\n");
  EXPECT_EQ(settled_by_five(),
            "/opt/mpi/bin/mpirun|--prtemca|plm_ssh_agent|ssh -p 2222|--prtemca|prte_if_exclude|lo,docker0|"
            "--prtemca|prte_launch_agent|env M=1 prted|" +
                std::string(kEnd));
  EXPECT_NE(text("said").find("mca-params.conf:1 sets plm_rsh_agent to ssh -p 2222"), std::string::npos);
  EXPECT_NE(text("said").find("mca-params.conf:2 sets oob_tcp_if_exclude to lo,docker0"), std::string::npos);
}

TEST_F(OldNames, OfTheLaunchAgentAreReportedAndNotUsed) {
  EXPECT_NE(settled_by_five("OMPI_MCA_orte_launch_agent=mine").find("|env M=1 prted|"), std::string::npos);
  EXPECT_NE(text("said").find("OMPI_MCA_orte_launch_agent sets orte_launch_agent, which is not used"),
            std::string::npos);
}

TEST_F(OldNames, AreNotRenamedForOpenMpi4) {
  EXPECT_NE(settled("OMPI_MCA_plm_rsh_agent=mine").find("|env M=1 orted|"), std::string::npos);
  EXPECT_EQ(text("said"), "ec2mpi: OMPI_MCA_plm_rsh_agent sets plm_rsh_agent to mine\n");
}

TEST_F(UsersSettings, AVariableIsNamedWithTheLineThatSetsIt) {
  std::ofstream(home_ / ".bashrc") << "# export OMPI_MCA_pml=x\n\nexport OMPI_MCA_pml=cm\n";
  EXPECT_EQ(settled("OMPI_MCA_pml=cm").find("|pml|ob1|"), std::string::npos);
  EXPECT_NE(text("said").find("/.bashrc:3:OMPI_MCA_pml sets pml to cm"), std::string::npos) << text("said");
}

TEST_F(UsersSettings, OnesThatChooseComponentsAreReportedAndOthersAreNot) {
  EXPECT_EQ(settled("OMPI_MCA_ess=singleton OMPI_MCA_mpi_show_mca_params=all"), settled());
  settled("OMPI_MCA_ess=singleton OMPI_MCA_mpi_show_mca_params=all");
  EXPECT_EQ(text("said"), "ec2mpi: OMPI_MCA_ess sets ess to singleton\n");
}

TEST_F(UsersSettings, AnInterfaceThatOnlyAnotherNodeExcludesReplacesOurIncludedNetwork) {
  elsewhere_ = {{"btl_tcp_if_exclude", "node[2-3]:/h/.openmpi/mca-params.conf:1", "lo"}};
  EXPECT_EQ(settled(),
            "/opt/mpi/bin/mpirun|--mca|pml|ob1|--mca|orte_launch_agent|env M=1 orted|-x|EC2MPI_JOB|" +
                std::string(kEnd));
  EXPECT_EQ(text("said"),
            "ec2mpi: node[2-3]:/h/.openmpi/mca-params.conf:1 sets btl_tcp_if_exclude to lo; ec2mpi's "
            "btl_tcp_if_include 10.0.0.8/29 is left out\n");
}

TEST_F(UsersSettings, OnesOfAnotherNodeDoNotReplaceOurs) {
  elsewhere_ = {{"pml", "node2:OMPI_MCA_pml", "cm"}, {"btl_tcp_if_include", "node2:/h/f:1", "eth9"}};
  EXPECT_EQ(settled(), (elsewhere_.clear(), settled()));
}

TEST_F(UsersSettings, OnesOfAnotherNodeAreReportedAndWhetherTheyAreUsed) {
  elsewhere_ = {{"pml", "node2:OMPI_MCA_pml", "cm"}, {"coll_tuned_use_dynamic_rules", "node2:/h/f:1", "1"}};
  settled();
  EXPECT_EQ(text("said"),
            "ec2mpi: node2:OMPI_MCA_pml sets pml to cm, which is not used: the line of mpirun sets it\n"
            "ec2mpi: node2:/h/f:1 sets coll_tuned_use_dynamic_rules to 1, unlike the master\n");
}

TEST_F(UsersSettings, OneOfAnotherNodeIsInForceWhereTheMasterHasItsOwn) {
  elsewhere_ = {{"pml", "node2:/h/f:1", "cm"}};
  EXPECT_EQ(settled("OMPI_MCA_pml=ucx").find("|pml|ob1|"), std::string::npos);
  EXPECT_EQ(text("said"),
            "ec2mpi: node2:/h/f:1 sets pml to cm, unlike the master\n"
            "ec2mpi: OMPI_MCA_pml sets pml to ucx; ec2mpi's own is left out (ob1)\n");
}

TEST_F(UsersSettings, AnExcludedInterfaceOfAnotherNodeIsNamedBesideTheUsersIncludedOne) {
  elsewhere_ = {{"btl_tcp_if_exclude", "node2:/h/f:1", "lo"}};
  settled("OMPI_MCA_btl_tcp_if_include=eth0");
  EXPECT_NE(text("said").find("node2:/h/f:1 sets btl_tcp_if_exclude to lo, too; Open MPI accepts only one"),
            std::string::npos)
      << text("said");
}

}  // namespace
}  // namespace ec2mpi::ops
