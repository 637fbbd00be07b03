#include "ec2mpi/ops/process/ps.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdio>
#include <fstream>

#include "ec2mpi/base/text.hpp"
#include "src/ops/process/programs.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

TEST(Processes, AreReadAsTheScriptPrintsThem) {
  const auto found = parse_processes(
      "greeting\nec2mpi-ps 1\n12 a-1 3 99.5 2048 61 6050 4096 python3 x.py \n13 a-1 - 0.0 4 1 0 4 [odd]\n"
      "usage a-1 2 6100 5000 0 16000000 77\nec2mpi-ps end\n");
  ASSERT_TRUE(found) << found.error().message;
  const auto* processes = &found->processes;
  ASSERT_EQ(processes->size(), 2U);
  EXPECT_EQ(processes->front().pid, 12);
  EXPECT_EQ(processes->front().rank, 3);
  EXPECT_EQ(processes->front().rss, 2048U * 1024);
  EXPECT_EQ(processes->front().cpu_time, 60.5);
  EXPECT_EQ(processes->front().peak, 4096U * 1024);
  EXPECT_EQ(processes->front().command, "python3 x.py");
  EXPECT_EQ(found->usage.at("a-1").sent, 77U);
  EXPECT_FALSE((*processes)[1].rank);
}

TEST(Processes, OfAHostileNodeAreRefused) {
  for (const auto* said : {"", "ec2mpi-ps 1\n", "ec2mpi-ps 1\nx\nec2mpi-ps end\n", "ec2mpi-ps end\n",
                           "ec2mpi-ps 1\n1 a - -1 2 3 4 5 c\nec2mpi-ps end\n",
                           "ec2mpi-ps 1\n1  - 1 2 3 4 5 6 c\nec2mpi-ps end\n",
                           "ec2mpi-ps 1\n99999999999 a - 1 2 3 4 5 c\nec2mpi-ps end\n",
                           "ec2mpi-ps 1\n1 a - nan 2 3 4 5 c\nec2mpi-ps end\n"})
    EXPECT_FALSE(parse_processes(said)) << said;
}

TEST(Processes, ThatEndWhileTheScriptReadsAreLeftOut) {
  const auto mark = "EC2MPI_TEST" + random_hex(8);
  const auto victim = ::fork();
  if (victim == 0) {
    ::setenv(mark.c_str(), "job-1", 1);
    ::execlp("sleep", "sleep", "1000", nullptr);
    ::_exit(127);
  }
  // A grep that ends the process once it has found it. We are its parent, so it stays as a zombie.
  const test::ScratchFolder folder;
  const auto grep = folder.path() / "grep";
  std::ofstream(grep) << fmt::format(
      "#!/bin/sh\n/bin/grep \"$@\"\nkill -KILL {0}\n"
      "until /bin/grep -q '^State:.Z' /proc/{0}/status; do :; done\n",
      victim);
  std::filesystem::permissions(grep, std::filesystem::perms::owner_all);
  while (true) {  // until it is the program sleep
    std::ifstream environment(fmt::format("/proc/{}/environ", victim));
    const std::string all((std::istreambuf_iterator<char>(environment)), {});
    if (all.find(mark) != std::string::npos) break;
    ::usleep(1000);
  }
  const auto program = fmt::format("PATH={}:$PATH mark={}\n{}", folder.path().string(), mark, kPsSh);
  auto* pipe = ::popen(("exec sh -c " + quote_word(program)).c_str(), "r");
  std::string said;
  char block[4096];
  while (const auto got = std::fread(block, 1, sizeof block, pipe)) said.append(block, got);
  ::pclose(pipe);
  int status = 0;
  ::waitpid(victim, &status, 0);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  const auto found = parse_processes(said);
  ASSERT_TRUE(found) << said;
  EXPECT_TRUE(found->processes.empty()) << said;
}

}  // namespace
}  // namespace ec2mpi::ops
