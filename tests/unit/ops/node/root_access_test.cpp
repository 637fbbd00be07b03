#include "ec2mpi/ops/node/root_access.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "src/ops/job/programs.hpp"
#include "src/ops/stacks/programs.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;

/// A machine whose sudo is a program of the test, which gets the words behind -n.
class FalseSudo : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    fs::create_directories(folder_ / "bin");
    std::ofstream(folder_ / "bin" / name) << "#!/bin/sh\n" << text;
    fs::permissions(folder_ / "bin" / name, fs::perms::owner_all);
  }
  /// What the text prints, behind its status.
  std::string run(const std::string& text) {
    const auto line = "cd " + quote_word(folder_.string()) + " && PATH=$PWD/bin:" + behind_ + " /bin/sh -c " +
                      quote_word(text) + " >said 2>&1";
    const auto status = std::system(line.c_str());
    return std::to_string(WEXITSTATUS(status)) + " " + read_file(folder_ / "said").value_or("");
  }
  std::string checked() { return run(std::string(check_sudo_text()) + "echo runs"); }

 protected:
  std::string behind_ = "$PATH";  ///< folders of programs behind those of the test
  test::ScratchFolder scratch_;
  fs::path folder_ = scratch_.path();
};

TEST_F(FalseSudo, ThatServesIsNotMentioned) {
  write("sudo", "shift; exec \"$@\"\n");
  EXPECT_EQ(checked(), "0 runs\n");
}

TEST_F(FalseSudo, ThatAsksForAPasswordIsNamed) {
  write("sudo", "echo 'sudo: a password is required' >&2; exit 1\n");
  EXPECT_EQ(checked(), "1 ec2mpi: sudo does not serve without a password here: a password is required\n");
}

TEST_F(FalseSudo, ThatRefusesForAnotherReasonIsQuoted) {
  write(
      "sudo",
      "printf 'sudo: unable to resolve host h: Name or service not known\\nsudo: /usr/bin/sudo must be owned "
      "by uid 0 and have the setuid bit set\\n' >&2; exit 1\n");
  EXPECT_EQ(
      checked(),
      "1 ec2mpi: sudo does not serve here: /usr/bin/sudo must be owned by uid 0 and have the setuid bit "
      "set\n");
  write("sudo",
        "printf '/etc/sudoers.d/x:1:5: syntax error\\nfoo\\n    ^\\nsudo: a password is required\\n' >&2; "
        "exit 1\n");
  EXPECT_EQ(checked(),
            "1 ec2mpi: sudo does not serve without a password here: /etc/sudoers.d/x:1:5: syntax error; a "
            "password is required\n");
}

TEST_F(FalseSudo, ThatAllowsSomeCommandsOnlyIsNamedWithoutOurProgram) {
  write("sudo",
        "shift; echo \"Sorry, user u is not allowed to execute '/usr/bin/$*' as root on h.\" >&2; exit 1\n");
  EXPECT_EQ(checked(),
            "1 ec2mpi: sudo there does not let this account run sh as root; sudo -l shows what it allows\n");
}

TEST_F(FalseSudo, ThatWantsAPasswordForWhatItAllowsNobodyWithOneIsNotCalledAQuestionForIt) {
  write("sudo",
        "[ \"$*\" != '-n true' ] || exit 0; [ \"$2\" = -l ] || echo 'sudo: a password is required' >&2; exit "
        "1\n");
  EXPECT_EQ(checked(),
            "1 ec2mpi: sudo there does not let this account run sh as root; sudo -l shows what it allows\n");
}

TEST_F(FalseSudo, ThatLetsAProgramStartNoOtherOneIsNamed) {
  write("sudo", "shift; exec \"$@\"\n");
  EXPECT_EQ(checked(), "0 runs\n");
  EXPECT_EQ(run(std::string(check_noexec_text()) + "echo runs"), "0 runs\n");
  // The kernel refuses env as it does under noexec, and there is no other one.
  fs::create_symlink("/bin/sh", folder_ / "bin/sh");
  write("closed", "");
  write("env", "");
  run("printf '#!%s/bin/closed\\n' \"$PWD\" >bin/env; chmod 000 bin/closed");
  behind_ = "/nowhere";
  constexpr const char* kSaid =
      "ec2mpi: sudo there lets a program start no other one (noexec in sudoers), so nothing can be done as "
      "root\n";
  EXPECT_EQ(checked(), std::string("1 ") + kSaid);
  EXPECT_EQ(run(std::string(check_noexec_text()) + "echo runs"), std::string("126 ") + kSaid);
}

TEST_F(FalseSudo, IsAskedForTheProgramsThatReadStacks) {
  write("id", "echo 1000\n");
  write("cat", "echo 1\n");
  write("sleep", "");
  const auto look = set_variables({{"mark", "EC2MPI_NO_SUCH_JOB=1"}}) + std::string(kStacksSh);
  write("sudo", "[ \"$2\" = true ]\n");
  EXPECT_EQ(run(look), "0 ec2mpi-stacks 1\nbarred\nec2mpi-stacks end\n");
  write("sudo", "[ \"$2\" = gdb ]\n");
  EXPECT_EQ(run(look), "0 ec2mpi-stacks 1\nec2mpi-stacks end\n");
}

TEST_F(FalseSudo, IsAskedForTheShutdownThatIsNeededAfterAJob) {
  fs::create_directories(folder_ / ".ec2mpi/jobs/x-1");
  write("id", "echo 1000\n");
  const auto arm = "HOME=$PWD\n" + set_variables({{"id", "x-1"}, {"addresses", ""}}) +
                   std::string(sudo_words_text()).append(kStopAfterJobSh);
  write("sudo", "[ \"$2\" = true ]\n");
  EXPECT_EQ(run(arm),
            "1 nobody could stop this machine later: sudo there does not let this account run shutdown as "
            "root; sudo -l shows what it allows\n");
}

TEST(Refusal, IsTheSentenceAndNotOurProgram) {
  EXPECT_EQ(sudo_refusal("sudo: a password is required"), "");
  EXPECT_EQ(sudo_refusal("Sorry, user u is not allowed to execute '/usr/bin/sh -c a\nb' as root on h."),
            "sudo there does not let this account run sh as root; sudo -l shows what it allows");
}

}  // namespace
}  // namespace ec2mpi::ops
