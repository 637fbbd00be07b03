/// The program `rsh` with a false ssh in the PATH, which gives the command to a login shell as sshd does.
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

constexpr const char* kOfBash =
    "PATH=/opt/mpi/bin:$PATH ; export PATH ; LD_LIBRARY_PATH=/opt/mpi/lib:${LD_LIBRARY_PATH:-} ; export "
    "LD_LIBRARY_PATH ;  env EC2MPI_JOB=j7 printf";
constexpr const char* kOfCsh =
    "set path = ( /opt/mpi/bin $path ) ; if ( $?LD_LIBRARY_PATH == 0 ) setenv LD_LIBRARY_PATH /opt/mpi/lib ; "
    " "
    "env EC2MPI_JOB=j7 printf";

/// The real function asks ssh for its lists of algorithms.
const std::string kInFront = "#!/bin/sh\nfind_swift() { swift='-o Swift=yes'; }\n";

class RemoteShell : public testing::TestWithParam<const char*> {
 protected:
  RemoteShell() {
    fs::create_directory(folder_ / "bin");
    program("rsh", kInFront + remote_shell("j7", folder_.string()));
    false_ssh("shift; exec \"$login_shell\" -c \"$*\"");
  }
  void program(const fs::path& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    fs::permissions(folder_ / name, fs::perms::owner_all);
  }
  /// `text` runs behind the options; $1 is the host.
  void false_ssh(const std::string& text) {
    program("bin/ssh",
            "#!/bin/sh\nwhile :; do case $1 in -x) shift ;; -o) shift 2 ;; *) break ;; esac; done\n" + text);
  }
  int run(const std::string& line) {
    const auto whole = "cd " + quote_word(folder_.string()) + " && export PATH=\"$PWD/bin:$PATH\" && " + line;
    return std::system(whole.c_str()) >> 8;
  }
  [[nodiscard]] std::string text(const char* name) const { return read_file(folder_ / name).value_or(""); }

  test::ScratchFolder scratch_;
  fs::path folder_ = scratch_.path();
};

TEST_P(RemoteShell, TheCheapestAlgorithmsAreAskedFor) {
  program("bin/ssh", "#!/bin/sh\necho \"$*\" >said\n");
  EXPECT_EQ(run(": >err.pipe; ./rsh 10.0.0.12 env EC2MPI_JOB=j7 true"), 0);
  EXPECT_TRUE(text("said").starts_with("-o Swift=yes 10.0.0.12 ")) << text("said");
}

TEST_P(RemoteShell, AnyLoginShellRunsTheCommandOfOpenMpi) {
  if (run("command -v " + std::string(GetParam()) + " >/dev/null") != 0) GTEST_SKIP();
  for (const auto* command : {kOfBash, kOfCsh}) {
    const auto words = quote_words({"-o", "BatchMode=yes", "10.0.0.12", command, "'%s|'", "\"two words\"",
                                    "'$HOME'", "'a!b'", "'c\\d'", ">&2"});
    EXPECT_EQ(run(std::string("login_shell=") + GetParam() + " ./rsh " + words + " 2>said"), 0);
    EXPECT_EQ(text("said"), "two words|$HOME|a!b|c\\d|") << command;
  }
}

TEST_P(RemoteShell, TheSamplerRunsInFrontOfEachDaemonAndLeavesItsWordsAlone) {
  if (run("command -v " + std::string(GetParam()) + " >/dev/null") != 0) GTEST_SKIP();
  program("sampler", "words='it is\n\\0101 here!'\nprintf '%s,' \"$words\" >&2\n");
  // The false ssh gives "env EC2MPI_JOB=j7 bin/hydra_pmi_proxy" to the login shell, as sshd does.
  program("bin/hydra_pmi_proxy", "#!/bin/sh\nprintf '%s|' \"$EC2MPI_JOB\" \"$@\" >&2\n");
  const auto login = std::string("login_shell=") + GetParam();
  const auto of_open_mpi = quote_words({"10.0.0.12", kOfBash, "'%s|'", "\"two words\"", ">&2"});
  EXPECT_EQ(run(login + " ./rsh " + of_open_mpi + " 2>said"), 0);
  EXPECT_EQ(text("said"), "it is\n\\0101 here!,two words|");
  const auto of_hydra = quote_words({"-x", "10.0.0.12", "bin/hydra_pmi_proxy", "--port", "'10.0.0.11 4'"});
  EXPECT_EQ(run(login + " ./rsh " + of_hydra + " 2>said"), 0);
  EXPECT_EQ(text("said"), "it is\n\\0101 here!,j7|--port|10.0.0.11 4|");
}

TEST_P(RemoteShell, AnyLoginShellRunsTheCommandThatOpenMpiWritesForAnUnknownShell) {
  if (run("command -v " + std::string(GetParam()) + " >/dev/null") != 0) GTEST_SKIP();
  const auto words = quote_words({"10.0.0.12", "(", "test", "!", "-r", "./.profile", "||", ".", "./.profile;",
                                  kOfBash, "'%s|'", "'one word'", ">&2", ")"});
  EXPECT_EQ(run(std::string("login_shell=") + GetParam() + " ./rsh " + words + " 2>said"), 0);
  EXPECT_EQ(text("said"), "one word|");
}

TEST_P(RemoteShell, ShowsNothingOfTheCommandWhereAStartUpFileTraces) {
  const std::string shell = GetParam();
  if (shell == "fish" || run("command -v " + shell + " >/dev/null") != 0) GTEST_SKIP();
  program("sampler", "echo sampler >&2\n");
  program("bin/hydra_pmi_proxy", "#!/bin/sh\nprintf '%s|' \"$@\" >&2\n");
  false_ssh("shift; printf greeting >&2; exec \"$login_shell\" -xv -c \"$*\"");
  const auto of_open_mpi = quote_words({"10.0.0.12", kOfBash, "'%s|'", "\"two words\"", ">&2"});
  const auto of_hydra = quote_words({"-x", "10.0.0.12", "bin/hydra_pmi_proxy", "--port"});
  for (const auto& [words, said] : {std::pair{of_open_mpi, "two words|"}, {of_hydra, "--port|"}}) {
    ASSERT_EQ(run("rm -f err.pipe; mkfifo err.pipe && { cat err.pipe >err & login_shell=" + shell +
                  " ./rsh " + words + " 2>>err.pipe; wait; }"),
              0);
    EXPECT_EQ(text("err"), std::string("sampler\n") + said);
  }
}

INSTANTIATE_TEST_SUITE_P(LoginShells, RemoteShell, testing::Values("sh", "bash", "zsh", "tcsh", "fish"),
                         [](const auto& each) { return std::string(each.param); });

class RemoteShellOnce : public RemoteShell {};

TEST_P(RemoteShellOnce, ACommandForCshKeepsItsFolderOfLibrariesAndItsPrefix) {
  fs::create_directories(folder_ / "mpi/bin");
  const auto place = (folder_ / "mpi").string();
  program("mpi/bin/orted", "#!/bin/sh\necho \"$LD_LIBRARY_PATH $OPAL_PREFIX $PATH\"\n");
  false_ssh("shift; exec sh -c \"$*\"");
  const auto command =
      "set path = ( " + place + "/bin $path ) ; if ( $?LD_LIBRARY_PATH == 0 ) setenv LD_LIBRARY_PATH " +
      place + "/lib64 ; setenv OPAL_PREFIX " + place + " ;  env EC2MPI_JOB=j7 " + place + "/bin/orted";
  EXPECT_EQ(run("unset LD_LIBRARY_PATH; ./rsh 10.0.0.12 " + quote_word(command + " >&2") + " 2>said"), 0);
  EXPECT_TRUE(text("said").starts_with(place + "/lib64 " + place + " " + place + "/bin:")) << text("said");
}

TEST_P(RemoteShellOnce, ItsStatusIsThatOfSsh) {
  false_ssh("exit 7");
  EXPECT_EQ(run("./rsh 10.0.0.12 'env EC2MPI_JOB=j7 orted'"), 7);
}

TEST_P(RemoteShellOnce, SshStartsWithoutAFolderOfLibrariesThatBreaksIt) {
  false_ssh("[ \"$LD_LIBRARY_PATH\" != /broken ] || exit 127; echo \"[$LD_LIBRARY_PATH]\" >&2");
  for (const auto& [folder, seen] : {std::pair{"/broken", "[]\n"}, {"/other", "[/other]\n"}}) {
    EXPECT_EQ(
        run("LD_LIBRARY_PATH=" + std::string(folder) + " ./rsh 10.0.0.12 'env EC2MPI_JOB=j7 orted' 2>said"),
        0);
    EXPECT_EQ(text("said"), seen);
  }
}

TEST_P(RemoteShellOnce, SshDoesNotMakeTheLaunchersErrorsNonblocking) {
  false_ssh(
      "exec python3 -c 'import fcntl, os; os.write(2, b\"said\\n\")\n"
      "fcntl.fcntl(2, fcntl.F_SETFL, os.O_NONBLOCK | fcntl.fcntl(2, fcntl.F_GETFL))'");
  ASSERT_EQ(
      run("mkfifo err.pipe && { cat err.pipe >err & "
          "{ ./rsh 10.0.0.12 'env EC2MPI_JOB=j7 orted'; "
          "python3 -c 'import fcntl, os; print(fcntl.fcntl(2, fcntl.F_GETFL) & os.O_NONBLOCK)' >flags; } "
          "2>>err.pipe; wait; }"),
      0);
  EXPECT_EQ(text("flags"), "0\n");
  EXPECT_EQ(text("err"), "said\n");
}

TEST_P(RemoteShellOnce, TheWordsOfAnSshThatStartsNothingAreShown) {
  false_ssh("echo 'Permission denied (publickey).' >&2; exit 255");
  EXPECT_EQ(
      run("mkfifo err.pipe; cat err.pipe >err & ./rsh 10.0.0.12 'env EC2MPI_JOB=j7 orted'; code=$?; wait; "
          "exit $code"),
      255);
  EXPECT_EQ(text("err"), "Permission denied (publickey).\n");
}

/// With `sweep` in the folder, and the links of one mpirun of Open MPI 4.
class RemoteShellLooks : public RemoteShell {
 protected:
  RemoteShellLooks() {
    program("rsh", kInFront + remote_shell("j7", folder_.string(), DaemonLinks::looked_over));
    program("sweep", "echo 'ec2mpi-sweep 1'\necho 'ec2mpi-sweep end'\n");
    false_ssh("shift; echo welcome; exec sh -c \"$*\"");
  }
  std::string launcher_ = "$$";
  /// Starts `daemon` as Open MPI does, and waits until all have ended that write into its folder.
  int start(const std::string& daemon) {
    return run(
        "echo " + launcher_ +
        " >launcher; rm -f err.pipe; mkfifo err.pipe && { cat err.pipe >err & ./rsh 10.0.0.12 " +
        quote_word("PATH=$PATH ; env EC2MPI_JOB=j7 " + daemon) +
        "; code=$?; wait; while [ -n \"$(ls answer.* 2>/dev/null)\" ]; do sleep 0.01; done; exit $code; }");
  }
};

TEST_P(RemoteShellLooks, TheNodeIsLookedAtWhenItsDaemonHasEnded) {
  program("bin/orted", "#!/bin/sh\necho out; echo err >&2; exit 7\n");
  EXPECT_EQ(start("orted"), 7);
  EXPECT_EQ(text("daemon/10.0.0.12.look"), "ec2mpi-sweep 1\nec2mpi-sweep end\n");
  EXPECT_EQ(text("err"), "out\nerr\n");
}

TEST_P(RemoteShellLooks, NotBehindADaemonOfAnotherLauncher) {
  program("bin/orted", "#!/bin/sh\nexit 0\n");
  launcher_ = "$PPID";
  EXPECT_EQ(start("orted"), 0);
  EXPECT_FALSE(fs::exists(folder_ / "daemon"));
}

TEST_P(RemoteShellLooks, NotWhileADaemonOfTheJobIsThere) {
  fs::copy_file("/bin/sleep", folder_ / "bin/orted");
  EXPECT_EQ(start("sh -c 'orted 5 >&- 2>&- & echo $! >daemon.pid'"), 0);
  EXPECT_EQ(text("daemon/10.0.0.12.look"), "ec2mpi-daemon-stays\n");
  run("kill $(cat daemon.pid)");
}

TEST_P(RemoteShellLooks, ItsDaemonLeadsASession) {
  program("bin/orted", "#!/bin/sh\nread -r stat </proc/$$/stat; set -- $stat; echo \"$1 $6\"\n");
  EXPECT_EQ(start("orted"), 0);
  const auto said = text("err");
  EXPECT_EQ(said.substr(0, said.find(' ')) + "\n", said.substr(said.find(' ') + 1)) << said;
}

TEST_P(RemoteShellLooks, ItsDaemonStartsWhereAStartUpFileHasClosedStandardError) {
  program("bin/orted", "#!/bin/sh\nexit 7\n");
  false_ssh("shift; exec 2>&-; exec sh -c \"$*\"");
  EXPECT_EQ(start("orted"), 7);
  EXPECT_EQ(text("daemon/10.0.0.12.look"), "ec2mpi-sweep 1\nec2mpi-sweep end\n");
}

TEST_P(RemoteShellLooks, TheWordsOfANodeThatStartsNoDaemonAreShown) {
  false_ssh("echo 'This account is currently not available.'; exit 1");
  EXPECT_EQ(start("orted"), 1);
  EXPECT_EQ(text("err"), "This account is currently not available.\n");
  EXPECT_EQ(text("daemon/10.0.0.12.look"), "");
}

TEST_P(RemoteShellOnce, DaemonsOfHydraGetTheMarkAndKeepTheirWords) {
  false_ssh("shift; printf '%s|' \"$@\"");
  EXPECT_EQ(run("./rsh -x 10.0.0.12 '\"/usr/bin/hydra_pmi_proxy\"' --port '10.0.0.11:4' >said"), 0);
  EXPECT_EQ(text("said"), "env|EC2MPI_JOB=j7|\"/usr/bin/hydra_pmi_proxy\"|--port|10.0.0.11:4|");
}

INSTANTIATE_TEST_SUITE_P(Sh, RemoteShellOnce, testing::Values("sh"));
INSTANTIATE_TEST_SUITE_P(Sh, RemoteShellLooks, testing::Values("sh"));

}  // namespace
}  // namespace ec2mpi::ops
