/// The script that stops all nodes after a job, run by a shell whose sudo, shutdown and sleep are stubs.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "src/ops/job/programs.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;

void write_program(const fs::path& file, const std::string& text) {
  std::ofstream(file) << "#!/bin/sh\n" << text;
  fs::permissions(file, fs::perms::owner_all);
}

TEST(StopAfterJob, ShutdownThatIsRefusedIsNotRepeatedForEver) {
  const test::ScratchFolder scratch;
  const fs::path home = scratch.path();
  const fs::path job = home / ".ec2mpi" / "jobs" / "x-1";
  fs::create_directories(job);
  fs::create_directories(home / "bin");
  std::ofstream(job / "exit") << "0\n";
  write_program(home / "bin" / "sudo", "[ \"$2\" != -l ] || exit 0\nshift; exec \"$@\"\n");
  write_program(home / "bin" / "shutdown", "echo \"refused by policy\" >&2; exit 1\n");
  write_program(home / "bin" / "sleep", "true\n");
  const auto text = "HOME='" + home.string() + "'; PATH=\"$HOME/bin:$PATH\"; export HOME PATH\n" +
                    set_variables({{"id", "x-1"}, {"addresses", ""}}) + std::string(kStopAfterJobSh) +
                    "\nwait\n";
  write_program(home / "whole", text);
  ASSERT_EQ(std::system(("timeout 300 sh '" + (home / "whole").string() + "'").c_str()), 0);
  const auto said = read_file(job / "stop_failed");
  ASSERT_TRUE(said) << said.error().message;
  EXPECT_EQ(split(std::string(trim(*said)), '\n').size(), 10U) << *said;
}

/// What the master says before the job is left alone, if its ssh to 10.0.0.12 ends with `status`.
std::string said_of_unstoppable(int status) {
  const test::ScratchFolder scratch;
  const fs::path home = scratch.path();
  fs::create_directories(home / ".ec2mpi" / "jobs" / "x-1");
  fs::create_directories(home / "bin");
  write_program(home / "bin" / "sudo", "exit 0\n");
  write_program(home / "bin" / "hostname", "echo 10.0.0.11\n");
  write_program(home / "bin" / "ssh",
                "case \"$*\" in *10.0.0.13*) exit 0 ;; esac\necho hello\necho Denied.\nexit " +
                    std::to_string(status) + "\n");
  write_program(home / "whole",
                "HOME='" + home.string() + "'; PATH=\"$HOME/bin:$PATH\"; export HOME PATH\n" +
                    set_variables({{"id", "x-1"}, {"addresses", "10.0.0.11 10.0.0.12 10.0.0.13"}}) +
                    std::string(kStopAfterJobSh));
  const auto run = "timeout 60 sh '" + (home / "whole").string() + "' 2>'" + (home / "said").string() + "'";
  EXPECT_NE(std::system(run.c_str()), 0);
  const auto said = read_file(home / "said");
  return said ? *said : said.error().message;
}

TEST(StopAfterJob, ANodeThatTheMasterCannotStopIsNamedBeforeTheJobIsLeftAlone) {
  EXPECT_EQ(said_of_unstoppable(255),
            "the master could not stop 10.0.0.12: Denied.; ec2mpi setup joins the nodes\n");
  // No setup helps against a sudo that refuses.
  EXPECT_EQ(said_of_unstoppable(1), "the master could not stop 10.0.0.12: Denied.\n");
}

}  // namespace
}  // namespace ec2mpi::ops
