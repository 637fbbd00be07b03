#include "ec2mpi/ops/mpi/command.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {
namespace {

MpiJob job(const std::string& version) {
  MpiJob job;
  job.id = "spread-1";
  job.mpirun = "/usr/bin/mpirun";
  job.mpi = *parse_mpi_version("mpirun (Open MPI) " + version);
  job.folder = "/home/ubuntu/.ec2mpi/jobs/spread-1";
  job.master = Ipv4{0x0a00000b};
  job.places = {{"node1", Ipv4{0x0a00000b}, 2, 4, 0, 2}, {"node2", Ipv4{0x0a00000c}, 2, 4, 0, 2}};
  job.network = covering_network({Ipv4{0x0a00000b}, Ipv4{0x0a00000c}});
  job.workdir = "/home/ubuntu";
  job.command = {"./ring", "two words"};
  return job;
}

std::string line(const MpiJob& job) {
  const auto options = mpi_options(job);
  return options ? quote_words(line_of(*options)) : options.error().message;
}

TEST(MpiLine, ForOpenMpi4) {
  EXPECT_EQ(line(job("4.1.4")),
            "/usr/bin/mpirun --hostfile /home/ubuntu/.ec2mpi/jobs/spread-1/hosts -np 4 --map-by slot "
            "--bind-to none "
            "-wdir /home/ubuntu "
            "--mca plm_rsh_agent /home/ubuntu/.ec2mpi/jobs/spread-1/rsh --mca plm_rsh_args '-o BatchMode=yes "
            "-o ConnectTimeout=10 -o ServerAliveInterval=15 -o LogLevel=ERROR' "
            "--mca plm_rsh_no_tree_spawn 1 --mca orte_leave_session_attached 1 --mca orte_launch_agent 'env "
            "EC2MPI_JOB=spread-1 orted' "
            "--mca oob_tcp_if_include 10.0.0.8/29 --mca btl_tcp_if_include 10.0.0.8/29 --mca pml ob1 "
            "--mca btl tcp,vader,self --mca oob_tcp_keepalive_time 20 --mca oob_tcp_keepalive_intvl 5 "
            "--mca oob_tcp_keepalive_probes 4 -x EC2MPI_JOB ./ring 'two words'");
}

TEST(MpiLine, ForOpenMpi5) {
  EXPECT_EQ(line(job("5.0.7")),
            "/usr/bin/mpirun --hostfile /home/ubuntu/.ec2mpi/jobs/spread-1/hosts -np 4 --map-by slot "
            "--bind-to none "
            "-wdir /home/ubuntu --output-proctable=/home/ubuntu/.ec2mpi/jobs/spread-1/ranks "
            "--prtemca plm_ssh_agent /home/ubuntu/.ec2mpi/jobs/spread-1/rsh --prtemca plm_ssh_args '-o "
            "BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o LogLevel=ERROR' "
            "--prtemca plm_ssh_no_tree_spawn 1 --prtemca prte_launch_agent 'env EC2MPI_JOB=spread-1 prted' "
            "--prtemca odls_base_max_threads 0 "
            "--prtemca prte_if_include 10.0.0.8/29 --mca btl_tcp_if_include 10.0.0.8/29 --mca pml ob1 "
            "--mca btl tcp,sm,self --prtemca oob_tcp_keepalive_time 20 --prtemca oob_tcp_keepalive_intvl 5 "
            "--prtemca oob_tcp_keepalive_probes 4 -x EC2MPI_JOB ./ring 'two words'");
}

TEST(MpiLine, ForksWithoutThreadsWhereThatIsKnownToBeDefined) {
  for (const auto* version : {"5.0.7", "5.0.8", "5.0.10", "5.1.0"})
    EXPECT_NE(line(job(version)).find(" --prtemca odls_base_max_threads 0 "), std::string::npos) << version;
  for (const auto* version : {"4.1.4", "4.1.8", "5.0.0", "5.0.6", "5.0.7rc1"})
    EXPECT_EQ(line(job(version)).find("odls_base_max_threads"), std::string::npos) << version;
  auto tuned = job("5.0.7");
  tuned.mca = {{"odls_base_max_threads", "4"}};
  EXPECT_EQ(line(tuned).find("odls_base_max_threads 0"), std::string::npos);
}

TEST(MpiLine, TagsLinesInEachMpisWay) {
  const std::pair<const char*, const char*> cases[] = {
      {"mpirun (Open MPI) 4.1.4", " --tag-output "},
      {"mpirun (Open MPI) 5.0.7", " --output tag "},
      {"HYDRA build details:\n Version: 4.2.1\n", " -prepend-pattern '[%r] ' "},
      {"Intel(R) MPI Library for Linux* OS, Version 2021.10 Build 1", " -prepend-rank "}};
  for (const auto& [says, expected] : cases) {
    auto tagged = job("4.1.4");
    tagged.mpi = *parse_mpi_version(says);
    EXPECT_EQ(line(tagged).find(expected), std::string::npos) << says;
    tagged.tag = true;
    EXPECT_NE(line(tagged).find(expected), std::string::npos) << line(tagged);
  }
}

TEST(MpiLine, NeverHasHostNorOversubscribe) {
  for (const auto* version : {"4.1.4", "5.0.7"}) {
    EXPECT_EQ(line(job(version)).find("--host "), std::string::npos);
    EXPECT_EQ(line(job(version)).find("oversubscribe"), std::string::npos);
  }
}

TEST(MpiLine, YieldsWhereRanksExceedCores) {
  EXPECT_EQ(line(job("4.1.4")).find("mpi_yield_when_idle"), std::string::npos);
  auto many = job("5.0.7");
  many.places[1].ranks = 3;
  EXPECT_NE(line(many).find("-np 5 "), std::string::npos);
  EXPECT_NE(line(many).find("--mca mpi_yield_when_idle 1"), std::string::npos);
}

TEST(MpiLine, LeavesTheTransportToTheMpiWhereThereIsEfa) {
  auto fast = job("4.1.4");
  fast.efa = true;
  EXPECT_EQ(line(fast).find("--mca pml"), std::string::npos);
  EXPECT_EQ(line(fast).find("--mca btl"), std::string::npos);
  EXPECT_NE(line(fast).find("oob_tcp_if_include"), std::string::npos);
}

TEST(MpiLine, ReplacesItsOwnParametersByTheUsers) {
  auto tuned = job("4.1.4");
  tuned.mca = {{"btl", "tcp,self"}, {"oob_tcp_keepalive_time", "60"}};
  tuned.env = {{"GREETING", "it's"}};
  const auto text = line(tuned);
  EXPECT_EQ(text.find("vader"), std::string::npos);
  EXPECT_EQ(text.find("keepalive_time 20"), std::string::npos);
  EXPECT_NE(text.find("-x GREETING --mca btl tcp,self --mca oob_tcp_keepalive_time 60 ./ring"),
            std::string::npos);
  EXPECT_EQ(launcher_environment(tuned).at("GREETING"), "it's");
}

TEST(MpiLine, AnInterfaceThatTheUserExcludesTakesThePlaceOfTheIncludedNetwork) {
  auto wish = job("4.1.4");
  wish.mca = {{"btl_tcp_if_exclude", "docker0"}, {"oob_tcp_if_exclude", "docker0"}};
  EXPECT_EQ(line(wish).find("_if_include"), std::string::npos) << line(wish);
}

TEST(MpiLine, HoldsNoValuesButOfWhatWouldChangeMpirunItself) {
  auto own = job("4.1.4");
  own.env = {{"TOKEN", "secret"}, {"PATH", "/opt/bin:/bin"}, {"LD_LIBRARY_PATH", "/opt/lib"}};
  EXPECT_NE(line(own).find("-x TOKEN -x PATH=/opt/bin:/bin -x LD_LIBRARY_PATH=/opt/lib"), std::string::npos);
  EXPECT_EQ(launcher_environment(own), (std::map<std::string, std::string>{{"TOKEN", "secret"}}));
}

TEST(MpiLine, KeepsAsManyConnectionsAsThereAreNodes) {
  auto big = job("4.1.4");
  big.places.assign(128, big.places.front());
  EXPECT_EQ(line(big).find("plm_rsh_num_concurrent"), std::string::npos);
  big.places.assign(129, big.places.front());
  EXPECT_NE(line(big).find("orte_leave_session_attached 1 --mca plm_rsh_num_concurrent 129 "),
            std::string::npos);
  EXPECT_EQ(line(job("5.0.7")).find("leave_session_attached"), std::string::npos);
}

TEST(MpiLine, OfManyNodesIsStartedByATree) {
  auto big = job("4.1.4");
  big.places.assign(301, big.places.front());
  EXPECT_EQ(line(big).find("no_tree_spawn"), std::string::npos);
  EXPECT_EQ(line(big).find("leave_session_attached"), std::string::npos);
}

TEST(MpiLine, ForMpich) {
  auto hydra = job("4.1.4");
  hydra.mpirun = "/usr/bin/mpiexec.mpich";
  hydra.mpi = *parse_mpi_version("HYDRA build details:\n Version: 4.2.1\n");
  hydra.env = {{"UCX_TLS", "tcp,self"}};
  EXPECT_EQ(
      line(hydra),
      "/usr/bin/mpiexec.mpich -f /home/ubuntu/.ec2mpi/jobs/spread-1/hosts -n 4 -localhost 10.0.0.11 -wdir "
      "/home/ubuntu -genv EC2MPI_JOB spread-1 -genvall ./ring 'two words'");
  EXPECT_EQ(hostfile_for(hydra.mpi, hydra.places), "10.0.0.11:2\n10.0.0.12:2\n");
  EXPECT_EQ(launcher_environment(hydra).at("HYDRA_LAUNCHER_EXEC"), "/home/ubuntu/.ec2mpi/jobs/spread-1/rsh");
  EXPECT_NE(remote_shell(hydra).find("mark=EC2MPI_JOB=spread-1\n"), std::string::npos);
  hydra.mca = {{"btl", "tcp,self"}};
  EXPECT_EQ(line(hydra), "--mca is for Open MPI; the nodes have MPICH 4.2.1");
}

/// By its documentation; nothing more was tried.
TEST(MpiLine, ForIntelMpi) {
  auto intel = job("4.1.4");
  intel.mpi = *parse_mpi_version(
      "Intel(R) MPI Library for Linux* OS, Version 2021.10 Build 20230619 (id: c2e19c2f3e)");
  intel.command = {"python3", "x.py"};
  EXPECT_EQ(
      line(intel),
      "/usr/bin/mpirun -machinefile /home/ubuntu/.ec2mpi/jobs/spread-1/hosts -n 4 -wdir /home/ubuntu -genv "
      "EC2MPI_JOB spread-1 -genv PYTHONUNBUFFERED 1 python3 x.py");
  const auto environment = launcher_environment(intel);
  EXPECT_EQ(environment.at("I_MPI_HYDRA_BOOTSTRAP"), "ssh");
  EXPECT_EQ(environment.at("FI_PROVIDER"), "tcp");
  EXPECT_FALSE(environment.contains("I_MPI_PIN"));
  intel.places[0].ranks = 3;
  EXPECT_EQ(launcher_environment(intel).at("I_MPI_PIN"), "off");
}

TEST(MpiLine, ForAnOldOpenMpiIsRefused) {
  EXPECT_NE(line(job("3.1.6")).find("Open MPI 3.1.6; only Open MPI 4 and 5"), std::string::npos);
}

TEST(MpiLine, GivesAReasonForEachOption) {
  const auto options = *mpi_options(job("4.1.4"));
  EXPECT_TRUE(
      std::all_of(options.begin(), options.end(), [](const auto& option) { return !option.reason.empty(); }));
}

TEST(ThroughMpi4py, WrapsPythonProgramsOnly) {
  const std::pair<const char*, const char*> cases[] = {
      {"python3 x.py a", "python3 -m mpi4py x.py a"},
      {"python3 -u -OO x.py", "python3 -u -OO -m mpi4py x.py"},
      {"python3 -W ignore -X dev x.py", "python3 -W ignore -X dev -m mpi4py x.py"},
      {"/opt/conda/bin/python3.11 x.py", "/opt/conda/bin/python3.11 -m mpi4py x.py"},
      {"python x.py", "python -m mpi4py x.py"},
      {"python3 -m darl1n.train --seed 1", "python3 -m mpi4py -m darl1n.train --seed 1"},
      {"python3 -c pass", "python3 -m mpi4py -c pass"},
      {"python3 -m mpi4py x.py", "python3 -m mpi4py x.py"},
      {"python3 -m mpi4py.bench helloworld", "python3 -m mpi4py.bench helloworld"},
      {"python3 --version", "python3 --version"},
      {"python3 -i x.py", "python3 -i x.py"},
      {"python3 -W", "python3 -W"},
      {"python3", "python3"},
      {"pythonize x.py", "pythonize x.py"},
      {"./ring x.py", "./ring x.py"},
  };
  for (const auto& [typed, expected] : cases) {
    std::vector<std::string> command;
    for (const auto word : words(typed)) command.emplace_back(word);
    EXPECT_EQ(quote_words(through_mpi4py(command)), expected);
  }
}

TEST(ScriptEnvironment, MarksTheDaemonsOfTheScriptsOwnMpirun) {
  const auto environment = script_environment("j7", "/home/ubuntu/.ec2mpi/jobs/j7");
  EXPECT_EQ(environment.at("EC2MPI_JOB"), "j7");
  EXPECT_EQ(environment.at("OMPI_MCA_orte_launch_agent"), "env EC2MPI_JOB=j7 orted");
  EXPECT_EQ(environment.at("PRTE_MCA_prte_launch_agent"), "env EC2MPI_JOB=j7 prted");
}

TEST(MpiLine, TakesTheUsersMappingAndRanking) {
  auto mapped = job("4.1.4");
  mapped.map_by = "ppr:1:node";
  mapped.rank_by = "node";
  const auto words = line(mapped);
  EXPECT_NE(words.find(" --map-by ppr:1:node --rank-by node --bind-to none "), std::string::npos) << words;
  EXPECT_EQ(words.find("--map-by slot"), std::string::npos);
  mapped.mpi =
      *parse_mpi_version("HYDRA build details:\n    Version:                                 4.0.2\n");
  EXPECT_NE(line(mapped).find("--map-by and --rank-by are for Open MPI"), std::string::npos) << line(mapped);
}

}  // namespace
}  // namespace ec2mpi::ops
