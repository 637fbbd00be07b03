#include "ec2mpi/ops/doctor/health_report.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

const std::string kFacts =
    "ec2mpi-facts 1\nprivate_address 10.0.0.11\naddresses 127.0.0.1 10.0.0.11\nhostname a\nhome "
    "/home/ubuntu\n"
    "boot_id 1f3c\ncores 2\nthreads 4\nmpirun /usr/bin/mpirun\nmpi mpirun (Open MPI) 4.1.4\npython3 "
    "/usr/bin/python3\n"
    "mpi4py yes\nefa no\nsettings no\nec2mpi-facts end\n";

const std::string kBody =
    "user ubuntu\nmpirun /opt/b/mpirun\nsays mpirun (Open MPI) 5.0.7\nmpirun /usr/bin/mpirun\nsays \nsays "
    "mpirun (Open MPI) "
    "4.1.4\nmpi4py 3.1.4\nlibrary Open MPI v4.1.4, package: Debian OpenMPI\nown_name yes 3\nhome_free "
    "1000\ntemp /tmp\ntemp_inodes 40\ntemp_type tmpfs\nforeign_session /tmp/ompi.a.1000\nclosed_session "
    "/tmp/ompi.b.1000\ntmp_free "
    "2000\nshm_free 3000\nmemory 4000\nmemory_available 3000\nlimit n 1024 is_seen /a:1:x y\nlimit l 64  "
    "\nlimit umask 0177 can_go /b:2:umask 177\n"
    "setting pml /home/u/.bashrc:3:OMPI_MCA_pml ucx\nsetting x y\ncomponent pml ob1\ncomponent pml cm\n"
    "settings_error no\x1b pml\ninterface lo 127.0.0.1/8 65536\ninterface ens5 "
    "10.0.0.11/20 9001\nleftover 77 python3\nfile missing\n"
    "metadata placement/availability-zone us-east-2a\n";

std::string told(const std::string& body) {
  return "\nec2mpi-health 1\nclock 1763850000.25\n" + kFacts + body + "ec2mpi-health end\n";
}

TEST(HealthReport, IsReadFromWhatTheScriptPrints) {
  const auto answer = parse_health_report(told(kBody), 1);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->facts.cores, 2);
  const auto& health = answer->health;
  EXPECT_TRUE(health.quiet);
  EXPECT_DOUBLE_EQ(health.clock, 1763850000.25);
  ASSERT_EQ(health.mpiruns.size(), 2U);
  EXPECT_EQ(health.mpiruns[0].version->name(), "Open MPI 5.0.7");
  EXPECT_EQ(health.mpiruns[1].version->name(), "Open MPI 4.1.4");
  EXPECT_EQ(health.mpi4py_mpi->name(), "Open MPI 4.1.4");
  EXPECT_TRUE(health.own_name_resolves);
  EXPECT_EQ(health.home_free, 1'024'000U);
  EXPECT_EQ(health.temp_inodes, std::optional<std::uint64_t>(40));
  EXPECT_EQ(health.foreign_sessions, std::vector<std::string>{"/tmp/ompi.a.1000"});
  EXPECT_EQ(health.closed_sessions, std::vector<std::string>{"/tmp/ompi.b.1000"});
  ASSERT_EQ(health.limits.size(), 3U);
  EXPECT_EQ(health.limits.at("n").value, 1024U);
  EXPECT_EQ(health.limits.at("n").line, "/a:1:x y");
  EXPECT_FALSE(health.limits.at("n").can_go);
  EXPECT_EQ(health.limits.at("l").line, "");
  EXPECT_EQ(health.limits.at("umask").value, 177U);
  EXPECT_TRUE(health.limits.at("umask").can_go);
  ASSERT_EQ(health.interfaces.size(), 2U);
  EXPECT_EQ(health.interfaces[1].mtu, 9001);
  EXPECT_EQ(health.leftovers, (std::vector<Process>{{77, "python3"}}));
  EXPECT_EQ(health.files.at(0).kind, FileState::Kind::missing);
  EXPECT_EQ(health.zone, "us-east-2a");
  ASSERT_EQ(health.settings.size(), 2U);
  EXPECT_EQ(health.settings[0].place, "/home/u/.bashrc:3:OMPI_MCA_pml");
  EXPECT_EQ(health.settings[0].value, "ucx");
  EXPECT_EQ(health.components.at("pml"), (std::set<std::string>{"cm", "ob1"}));
  EXPECT_EQ(health.settings_error, "no\\x1b pml");
}

TEST(HealthReport, AGreetingIsNoticedAndDoesNotHarm) {
  const auto answer = parse_health_report("Welcome!" + told(kBody), 1);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_FALSE(answer->health.quiet);
}

TEST(HealthReport, WhatIsNotUnderstoodIsRefused) {
  for (const auto* line : {"surprise 1\n", "user again\n", "interface x\n", "interface x 10.0.0.1/99 1\n",
                           "leftover x y\n", "file xyz\n", "metadata secret x\n"}) {
    const bool only_the_file = std::string_view(line).starts_with("file");
    EXPECT_FALSE(parse_health_report(told(kBody + line), only_the_file ? 2 : 1)) << line;
  }
  EXPECT_FALSE(parse_health_report(told(kBody), 2));
  EXPECT_FALSE(parse_health_report("", 1));
  EXPECT_FALSE(parse_health_report(told("user x\n"), 0));
  const auto whole = told(kBody);
  EXPECT_FALSE(parse_health_report(whole.substr(0, whole.size() - 20), 1));
}

TEST(MpiLibrary, IsToldByItsFirstLine) {
  EXPECT_EQ(parse_mpi_library("Open MPI v5.0.7rc1, package: x")->name(), "Open MPI 5.0.7rc1");
  EXPECT_EQ(parse_mpi_library("MPICH Version:      4.0.2")->name(), "MPICH 4.0.2");
  EXPECT_EQ(parse_mpi_library("Intel(R) MPI Library 2021.10 for Linux* OS")->name(), "Intel MPI 2021.10");
  EXPECT_FALSE(parse_mpi_library("Cray MPI"));
}

}  // namespace
}  // namespace ec2mpi::ops
