#include "ec2mpi/ops/job/plan.hpp"

#include <gtest/gtest.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/job/record.hpp"
#include "ec2mpi/ops/job/script.hpp"
#include "ec2mpi/ops/process/sweep.hpp"
#include "tests/support/job_setup.hpp"

namespace ec2mpi::ops {
namespace {

struct PlanOf : testing::Test, test::JobSetup {
  PlanOf() : JobSetup(3, 1, "t-1", {"python3", "x.py"}) {}

  std::string line() {
    const auto plan = plan_job(job, nodes, nodes.front(), facts);
    return plan ? quote_words(line_of(plan->line)) : plan.error().message;
  }
  ErrorKind kind() { return plan_job(job, nodes, nodes.front(), facts).error().kind; }
  static bool ends(const std::string& text, const std::string& end) { return text.ends_with(end); }
};

TEST_F(PlanOf, PythonUsesTheOnePathAndMpi4py) {
  EXPECT_PRED2(ends, line(), " /usr/bin/python3 -m mpi4py x.py");
}

TEST_F(PlanOf, PythonAtDifferentPathsKeepsItsName) {
  facts[2].python3 = "/opt/python3";
  EXPECT_PRED2(ends, line(), " python3 -m mpi4py x.py");
}

TEST_F(PlanOf, PythonWithoutMpi4pyStaysAsTyped) {
  facts[3].mpi4py = false;
  EXPECT_PRED2(ends, line(), " /usr/bin/python3 x.py");
  facts[3].mpi4py = true;
  job.mpi4py_run = false;
  EXPECT_PRED2(ends, line(), " /usr/bin/python3 x.py");
}

TEST_F(PlanOf, AProfileIsPreloadedIntoTheRanksInFrontOfTheUsersLibrary) {
  job.profile = true;
  job.env["LD_PRELOAD"] = "/opt/own.so";
  const auto plan = plan_job(job, nodes, nodes.front(), facts);
  ASSERT_TRUE(plan);
  const auto words = quote_words(line_of(plan->line));
  EXPECT_NE(words.find(" -x LD_PRELOAD=/home/ubuntu/.ec2mpi/profile/t-1/libprofile.so:/opt/own.so "),
            std::string::npos)
      << words;
  EXPECT_EQ(words.find("LD_PRELOAD", words.find("LD_PRELOAD") + 1), std::string::npos) << words;
  EXPECT_NE(job_text(plan->files, "").find("sh ./profiler prepare"), std::string::npos);
  EXPECT_NE(plan->files.meta.find("\nprofile yes\n"), std::string::npos);
}

TEST_F(PlanOf, AScriptHasNoProfile) {
  job.script = JobScript{"run_x.sh", "true\n"};
  job.profile = true;
  EXPECT_NE(line().find("--profile: a script starts mpirun itself"), std::string::npos);
}

/// A start-up file can break the mpirun in the PATH; a program that the user has named may be none.
TEST_F(PlanOf, AProgramThatIsNoMpirunIsDoubtedWhereItWasNamed) {
  facts[2].mpi.reset();
  facts[2].mpi_error = "true (GNU coreutils) 9.1";
  EXPECT_NE(line().find("set LD_LIBRARY_PATH or OPAL_PREFIX? ec2mpi exec -w 2 env"), std::string::npos)
      << line();
  job.mpirun = "/bin/true";
  EXPECT_PRED2(ends, line(), "; is that the mpirun of an MPI? ec2mpi exec -w 2 '/bin/true --version'");
}

TEST_F(PlanOf, WorkdirIsBelowTheHomeOrAbsolute) {
  const std::pair<const char*, const char*> cases[] = {{"", "/home/ubuntu"},
                                                       {"~", "/home/ubuntu"},
                                                       {"a", "/home/ubuntu/a"},
                                                       {"~/a", "/home/ubuntu/a"},
                                                       {"/mnt/x", "/mnt/x"}};
  for (const auto& [typed, expected] : cases) {
    job.workdir = typed;
    EXPECT_NE(line().find(std::string(" -wdir ") + expected + " "), std::string::npos) << typed;
  }
}

TEST_F(PlanOf, DifferentMpisIsRefusedAndTellsWhoHasWhich) {
  facts[2].mpi = parse_mpi_version("mpirun (Open MPI) 4.1.0");
  EXPECT_NE(line().find("node2 Open MPI 4.1.0, node[1,3] Open MPI 4.1.4; different versions hang"),
            std::string::npos)
      << line();
  EXPECT_EQ(kind(), ErrorKind::remote_io);
}

TEST_F(PlanOf, ANodeWithoutMpirunNamesItAndTheRemedy) {
  facts[3].mpi.reset();
  facts[3].mpirun.clear();
  EXPECT_NE(line().find("node3 no mpirun; install it there: ec2mpi setup"), std::string::npos) << line();
}

TEST_F(PlanOf, AnMpirunThatFailsIsShownWithItsWordsAndNotInstalled) {
  facts[3].mpi.reset();
  facts[3].mpi_error = "mpirun: /opt/bad/libx.so: file too short";
  EXPECT_NE(line().find("node3 an mpirun that says 'mpirun: /opt/bad/libx.so: file too short'; does"),
            std::string::npos)
      << line();
  EXPECT_EQ(line().find("setup"), std::string::npos);
}

TEST_F(PlanOf, OneMachineTwiceIsRefused) {
  facts[3].private_address = facts[1].private_address;
  EXPECT_NE(line().find("node1 and node3 are the same machine, 10.0.0.1"), std::string::npos);
  EXPECT_EQ(kind(), ErrorKind::usage);
}

TEST_F(PlanOf, TheNetworkHoldsTheMasterEvenIfItHasNoRank) {
  const auto master = nodes.front();
  facts[1].private_address = *parse_ipv4("10.0.9.1");
  nodes.erase(nodes.begin());
  const auto plan = plan_job(job, nodes, master, facts);
  ASSERT_TRUE(plan);
  EXPECT_NE(quote_words(line_of(plan->line)).find("btl_tcp_if_include 10.0.0.0/20"), std::string::npos);
  EXPECT_EQ(hostfile(plan->places), "10.0.0.2 slots=1\n10.0.0.3 slots=1\n");
}

TEST_F(PlanOf, ASecondAddressInTheNetworkIsNoted) {
  facts[2].addresses.push_back(*parse_ipv4("10.0.0.3"));
  const auto plan = plan_job(job, nodes, nodes.front(), facts);
  ASSERT_EQ(plan->notes.size(), 1U);
  EXPECT_NE(plan->notes[0].find("node2 has 2 addresses in 10.0.0.0/30"), std::string::npos);
}

TEST_F(PlanOf, TheBugOfMpich40IsNotedWhereItShows) {
  for (auto& [index, said] : facts) said.mpi = MpiVersion{MpiFlavour::mpich, 4, "4.0.2"};
  const auto plan = plan_job(job, nodes, nodes.front(), facts);
  ASSERT_EQ(plan->notes.size(), 1U);
  EXPECT_TRUE(plan->notes[0].starts_with("MPICH 4.0.2 often hangs in MPI_Finalize")) << plan->notes[0];
  for (auto& [index, said] : facts) said.mpi = MpiVersion{MpiFlavour::mpich, 4, "4.2.1"};
  EXPECT_TRUE(plan_job(job, nodes, nodes.front(), facts)->notes.empty());
}

TEST_F(PlanOf, SettingsThatOnlyOtherNodesHaveReachTheSupervisorWithTheNodesInFrontOfTheirPlace) {
  const MpiSetting common{"coll", "/etc/openmpi/openmpi-mca-params.conf:2", "^hcoll"};
  const MpiSetting other{"btl_tcp_if_exclude", "/h/.openmpi/mca-params.conf:1", "lo"};
  facts[1].settings = {{"coll", "OMPI_MCA_coll", "^hcoll"}};
  facts[2].settings = {common, other};
  facts[3].settings = {common, other, {"pml", "OMPI_MCA_pml", "cm"}};
  const auto settle = plan_job(job, nodes, nodes.front(), facts)->files.settle;
  EXPECT_NE(settle.find("elsewhere='btl_tcp_if_exclude node[2-3]:/h/.openmpi/mca-params.conf:1 lo\n"
                        "pml node3:OMPI_MCA_pml cm\n'"),
            std::string::npos)
      << settle.substr(0, 500);
}

TEST_F(PlanOf, WithoutSettingsOfAnybodyTheLineIsReadyAsItIs) {
  const auto settle = [&] { return plan_job(job, nodes, nodes.front(), facts)->files.settle; };
  EXPECT_EQ(settle(), "");
  job.env = {{"OMPI_MCA_btl", "tcp,self"}};
  EXPECT_NE(settle(), "");
  job.env = {{"OMP_NUM_THREADS", "1"}};
  EXPECT_EQ(settle(), "");
  facts[1].has_settings = true;
  EXPECT_NE(settle(), "");
}

TEST_F(PlanOf, SettingsOfANodeWithoutRanksDoNotMatter) {
  facts[3].settings = {{"btl_tcp_if_exclude", "/h/.openmpi/mca-params.conf:1", "lo"}};
  job.ranks.np = 2;
  EXPECT_EQ(plan_job(job, nodes, nodes.front(), facts)->files.settle.find("node3:"), std::string::npos);
}

TEST_F(PlanOf, TheJobKeepsWhichLauncherItHas) {
  const auto plan = plan_job(job, nodes, nodes.front(), facts);
  ASSERT_TRUE(plan);
  EXPECT_NE(plan->files.meta.find("\nmpirun " + plan->line.front().words.front() + "\n"), std::string::npos);
}

TEST_F(PlanOf, WhatIsToBeBroughtBackIsKeptByItsWholePath) {
  job.workdir = "proj";
  job.pull = {"out/*.csv", "~/log", "/mnt/x y"};
  const auto plan = plan_job(job, nodes, nodes.front(), facts);
  ASSERT_TRUE(plan);
  EXPECT_PRED2(ends, plan->files.meta,
               "pull /home/ubuntu/proj/out/*.csv\npull /home/ubuntu/log\npull /mnt/x y\n");
  const auto records = parse_job_records("job t-1\nstate ended 0\nmeta pull /mnt/x y\nmeta pull /a\n");
  ASSERT_TRUE(records);
  EXPECT_EQ(records->front().pull, (std::vector<std::string>{"/mnt/x y", "/a"}));
}

TEST_F(PlanOf, ResultsThatWouldHaveOnePlaceAreRefusedBeforeTheJobRuns) {
  job.workdir = "proj";
  job.pull = {"a/sum.txt", "b/sum.txt"};
  EXPECT_EQ(
      line(),
      "pull: /home/ubuntu/proj/a/sum.txt and /home/ubuntu/proj/b/sum.txt would have one place in results/; "
      "give one another name, or pull the folders that they lie in");
  EXPECT_EQ(kind(), ErrorKind::usage);
  for (const std::vector<std::string>& paths :
       {std::vector<std::string>{"out", "out", "~/proj/out"}, std::vector<std::string>{"o/u/*", "o/u/3"},
        std::vector<std::string>{"a", "b", "a/c"}}) {
    job.pull = paths;
    EXPECT_TRUE(plan_job(job, nodes, nodes.front(), facts)) << paths.front();
  }
}

TEST_F(PlanOf, AScriptNeedsNoMpiOfOurs) {
  facts[1].mpi.reset();
  job.script = JobScript{"run_x.sh", "#!/bin/sh\necho it's\n"};
  const auto plan = plan_job(job, nodes, nodes.front(), facts);
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->line.empty());
  const auto text = job_text(plan->files, "");
  EXPECT_NE(text.find("content='#!/bin/sh\necho it'\\''s\n'"), std::string::npos);
}

TEST(JobId, IsFreeOfAnythingThatAShellWouldMind) {
  const std::chrono::system_clock::time_point now{std::chrono::seconds(1'794'000'000)};
  const auto id = make_job_id("../a dir/spread it's; $(x).py", now);
  EXPECT_TRUE(id.starts_with("spread-it-s----x-.py-2026")) << id;
  EXPECT_EQ(id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"),
            std::string::npos);
  EXPECT_NE(id, make_job_id("../a dir/spread it's; $(x).py", now));
  EXPECT_TRUE(make_job_id("\u8bad\u7ec3", now).starts_with(job_word("\u8bad\u7ec3") + "-2026"));
  EXPECT_NE(job_word("\u8bad\u7ec3"), job_word("\u6d4b\u8bd5"));
  EXPECT_TRUE(job_word("s\u8bad-k-\u4e00").starts_with(job_word("s\u8bad") + "-k-u"));
  EXPECT_TRUE(make_job_id("", now).starts_with("job-2026"));
  EXPECT_TRUE(make_job_id("...", now).starts_with("job...-2026"));
}

TEST(Sweep, ReadsWhatTheScriptPrints) {
  const auto swept = parse_swept(
      "hello\nec2mpi-sweep 1\nended 12 orted\nended 13 my prog\nleft 14 python3\nec2mpi-sweep end\n");
  ASSERT_TRUE(swept);
  EXPECT_EQ(swept->ended, (std::vector<Process>{{12, "orted"}, {13, "my prog"}}));
  EXPECT_EQ(swept->left, (std::vector<Process>{{14, "python3"}}));
  for (const auto* said :
       {"", "ec2mpi-sweep 1\nended 12 orted\n", "ec2mpi-sweep 1\nended x y\nec2mpi-sweep end\n",
        "ec2mpi-sweep 1\nkilled 1 y\nec2mpi-sweep end\n", "ec2mpi-sweep 1\nended 12\nec2mpi-sweep end\n"}) {
    EXPECT_FALSE(parse_swept(said)) << said;
  }
}

TEST(Sweep, DoesNotCarryTheMarkItself) {
  EXPECT_EQ(sweep_script().find("export mark"), std::string::npos);
  EXPECT_EQ(sweep_script().find("export EC2MPI_JOB"), std::string::npos);
  EXPECT_NE(sweep_script().find("mark=EC2MPI_JOB=$id\n"), std::string::npos);
}

TEST_F(PlanOf, TheProgramsOfASeriesAreSentOnceForAllItsJobs) {
  const auto sends = [&](std::size_t jobs) {
    auto files = plan_job(job, nodes, nodes.front(), facts)->files;
    files.queue.emplace();
    return series_text(std::vector<JobFiles>(jobs, files));
  };
  const auto once = [](const std::string& text, std::string_view part) {
    const auto at = text.find(part);
    return at != std::string::npos && text.find(part, at + 1) == std::string::npos;
  };
  for (const auto* part : {"watch_launcher() {", "collect_usage() (", "function find_processes("})
    EXPECT_TRUE(once(sends(5), part)) << part;
}

TEST_F(PlanOf, IdleNodesComeFirstAndSharedOnesAreNamed) {
  const auto busy = parse_busy("busy 10.0.0.1 other-1\nnoise\nbusy 10.0.0.1 other-2\nbusy x y\n");
  const auto plan = [&] { return *plan_job(job, nodes, nodes.front(), facts, busy); };
  job.ranks.np = 2;
  EXPECT_EQ(plan().files.hosts, "10.0.0.2 slots=1\n10.0.0.3 slots=1\n");
  EXPECT_TRUE(plan().notes.empty());
  job.ranks.np = 3;
  EXPECT_EQ(plan().notes, std::vector<std::string>{"it shares node1 with other-1, other-2"});
}

}  // namespace
}  // namespace ec2mpi::ops
