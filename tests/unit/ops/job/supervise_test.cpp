/// The supervisor of a job as a real shell runs it, in a home of its own, with a job that only sleeps.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/job/shell.hpp"
#include "ec2mpi/ops/process/sweep.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;

class Supervise : public testing::TestWithParam<const char*> {
 protected:
  Supervise() {
    fs::create_directories(folder_);
    write("nodes", "node1 local\n");
    write("hosts", "");
    write("meta", "np 1\n");
    write("times", "submitted 1\n");
    write("script", "");
    write("workdir", home_.string());
    write("sampler", "");
    write("sweep", "id=" + id_ + "\n" + sweep_script());
    write("supervise", "id=" + id_ + "\n" + sweep_functions() + supervisor_script());
  }

  void write(const char* file, const std::string& text) const { std::ofstream(folder_ / file) << text; }
  [[nodiscard]] std::string text(const char* file) const {
    return std::string(trim(read_file(folder_ / file).value_or("")));
  }

  /// Returns when the supervisor has ended, and the process that it leaves behind to remove `spare`: that one
  /// would take it away from the next supervisor in this folder.
  void supervise(const std::string& mode = "") const {
    const auto line = "cd '" + home_.string() + "' && HOME=\"$PWD\" PATH=\"$PWD/bin:$PATH\" exec " +
                      GetParam() + " '" + (folder_ / "supervise").string() + "' '" + folder_.string() + "' " +
                      mode + " </dev/null >/dev/null 2>&1";
    ASSERT_EQ(std::system(line.c_str()), 0);
    for (int tries = 0; tries < 3000 && fs::exists(folder_ / "spare"); ++tries) ::usleep(20'000);
    ASSERT_FALSE(fs::exists(folder_ / "spare"));
  }

  /// What the shell text prints, behind the functions for jobs.
  [[nodiscard]] std::string said(const std::string& text) const {
    write("asks", job_functions() + "id=" + id_ + "\n" + text);
    const auto line = "HOME='" + home_.string() + "' " + GetParam() + " '" + (folder_ / "asks").string() +
                      "' >'" + (folder_ / "said").string() + "' 2>&1 </dev/null";
    EXPECT_EQ(std::system(line.c_str()), 0);
    return this->text("said");
  }

  /// The value behind the word in the file `times`.
  [[nodiscard]] std::int64_t time(const std::string& word) const {
    const auto times = text("times");
    for (const auto line : split(times, '\n'))
      if (line.starts_with(word + " "))
        return static_cast<std::int64_t>(parse_number(line.substr(word.size() + 1)).value_or(0));
    return 0;
  }

  test::ScratchFolder scratch_;
  fs::path home_ = scratch_.path();
  std::string id_ = "supervised-" + std::to_string(::getpid());
  fs::path folder_ = home_ / ".ec2mpi" / "jobs" / id_;
};

// The sampler runs when the job has been started and nobody waits for it yet.
TEST_P(Supervise, ATermThatComesBeforeTheWaitEndsTheJob) {
  write("run", "sleep 30\n");
  write("sampler", ": >cancelled\nkill -TERM \"$PPID\"\nsleep 0.2\n");
  supervise();
  EXPECT_EQ(text("why"), "cancelled");
  EXPECT_EQ(text("exit"), "143");  // 0 if the job has slept to its end
}

TEST_P(Supervise, ATermInTheMiddleEndsTheJob) {
  write("run", "kill -TERM \"$PPID\"\nsleep 30\n");
  supervise();
  EXPECT_EQ(text("why"), "cancelled");
  EXPECT_EQ(text("exit"), "143");
}

TEST_P(Supervise, AJobHasItsOwnStatusAfterATermThatItMinds) {
  write("run", "trap 'exit 7' TERM\nkill -TERM \"$PPID\"\nwhile :; do sleep 0.1; done\n");
  supervise();
  EXPECT_EQ(text("why"), "cancelled");
  EXPECT_EQ(text("exit"), "7");
}

// A script of the user's may wait for a program that is no launcher.
TEST_P(Supervise, AJobThatMindsNoTermIsKilled) {
  write("run", "trap '' TERM\nkill -TERM \"$PPID\"\nfor i in $(seq 60); do sleep 1; done\n");
  supervise();
  EXPECT_EQ(text("why"), "cancelled");
  EXPECT_EQ(text("exit"), "137");
}

// Each call but the first one is two hours later.
TEST_P(Supervise, AClockThatIsSetMeanwhileDoesNotMakeTheJobLonger) {
  fs::create_directories(home_ / "bin");
  std::ofstream(home_ / "bin" / "date")
      << "#!/bin/sh\nnow=$(/bin/date +%s)\n[ ! -f \"$HOME/late\" ] || now=$((now + 7200))\n"
         ": >\"$HOME/late\"\necho \"$now\"\n";
  fs::permissions(home_ / "bin" / "date", fs::perms::owner_all);
  write("run", "true\n");
  supervise();
  EXPECT_EQ(text("exit"), "0");
  EXPECT_GT(time("started"), 0);
  EXPECT_LT(time("ended") - time("started"), 3600);
}

TEST_P(Supervise, ANewJobIsNotLostWhereTheFilesHaveOldDates) {
  const auto age =
      "touch -d '2 hours ago' \"$jobs/$id/meta\" \"$jobs/$id\"\njob_state \"$jobs/$id\"\n"
      "echo \"$state $detail\"\n";
  EXPECT_EQ(
      said(std::string("read -r up rest </proc/uptime\necho \"$up $boot\" >\"$jobs/$id/made\"\n") + age),
      "waiting");
  EXPECT_EQ(said(std::string("echo \"1.00 another-boot\" >\"$jobs/$id/made\"\n") + age), "lost unstarted");
  EXPECT_EQ(said(std::string("rm \"$jobs/$id/made\"\n") + age), "lost unstarted");
}

// Where a rank is missing, it may be the one that another rank could not connect to.
TEST_P(Supervise, ARankThatHasEndedIsNotCalledAFirewall) {
  write("meta", "np 4\n");
  write("err", "Open MPI failed to TCP connect to a peer MPI process.  This\n");
  const std::string ask =
      "cd \"$jobs/$id\"\neval \"$(sed -n '/^unconnected() {/,/^}/p' supervise)\"\n"
      "note() { echo \"$2\"; }\nranks_elsewhere() { echo 2; }\n";
  EXPECT_TRUE(said(ask + "unconnected 2").starts_with("a firewall refused a connection"));
  EXPECT_TRUE(said(ask + "unconnected 1").starts_with("a rank could not connect to another one, and some"));
}

TEST_P(Supervise, AScriptThatHidesACrashedRankIsToldApart) {
  const std::string rule(74, '-');
  const std::string crash =
      "mpirun noticed that process rank 1 with PID 7 on node b exited on signal 11 (Segmentation fault).\n";
  const auto error_of = [&](const std::string& printed) {
    write("script", "run_x.sh");
    write("run", "cat >&2 <<'END'\n" + printed + "END\n");
    write("out", "");
    write("err", "");
    supervise();
    EXPECT_EQ(text("exit"), "0");
    return text("err");
  };
  EXPECT_NE(
      error_of(rule + "\n" + crash + rule + "\n").find("ec2mpi: an mpirun of this script failed (mpirun"),
      std::string::npos);
  EXPECT_EQ(error_of(crash).find("ec2mpi:"), std::string::npos);
  EXPECT_EQ(error_of(rule + "\n" + crash + "more\n" + rule + "\n").find("ec2mpi:"), std::string::npos);
}

// A wrapper of a site, as --mpirun or as the first mpirun of the PATH, may end with 0 whatever its mpirun
// returned.
TEST_P(Supervise, WhatMpirunSaidCountsWhereAWrapperHidesItsStatus) {
  const std::string rule(74, '-');
  const std::string line(83, '=');
  std::ofstream(home_ / "wrapper") << "#!/bin/sh\n";
  const auto status_of = [&](const std::string& page, const char* stream = "err",
                             const std::string& mpirun = "") {
    for (const char* old : {"out", "err", "why", "exit"}) fs::remove(folder_ / old);
    write("meta", "np 1\nmpirun " + (mpirun.empty() ? (home_ / "wrapper").string() : mpirun) + "\n");
    write("run", std::string("cat ") + (stream == std::string("err") ? ">&2 " : "") + "<<'END'\n" + page +
                     "END\necho bye >&2\n");
    supervise();
    return text("exit");
  };
  const std::string primary = rule + "\nPrimary job  terminated normally, but 1 process returned\n" +
                              "a non-zero exit code. Per user-direction, the job has been aborted.\n" + rule +
                              "\n";
  const std::string code =
      rule + "\nmpirun detected that one or more processes exited with non-zero status, thus causing\n" +
      "the job to be terminated. The first process to do so was:\n\n  Process name: [[8596,1],1]\n" +
      "  Exit code:    3\n";
  EXPECT_EQ(status_of(primary + code + rule + "\n"), "3");
  EXPECT_NE(text("err").find("wrapper ended with 0, but the mpirun in it said"), std::string::npos);
  EXPECT_EQ(status_of(primary + code + rule + "\n", "out"), "3") << "of a wrapper with 2>&1";
  EXPECT_EQ(status_of("a rank's text" + primary), "1");
  EXPECT_EQ(status_of(rule + "\nprterun noticed that process rank 1 with PID 7 on node b exited on\n" +
                      "signal 11 (Segmentation fault).\n" + rule + "\n"),
            "139");
  EXPECT_EQ(status_of(rule + "\nmpirun was unable to launch the specified application as it could not\n" +
                      "access or execute an executable:\n\nExecutable: ./a\n" + rule + "\n"),
            "1");
  EXPECT_EQ(status_of(line + "\n=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES\n" +
                      "=   PID 8571 RUNNING AT vm\n=   EXIT CODE: 11\n=   CLEANING UP\n" + line + "\n"),
            "11");
  EXPECT_EQ(status_of(code), "0") << "a page without its end";
  EXPECT_EQ(status_of("it said: " + primary.substr(rule.size() + 1)), "0") << "a page without its begin";
  EXPECT_EQ(status_of(rule + "\nWARNING: a page about something else\n" + rule + "\n"), "0");
  EXPECT_EQ(status_of(primary + code + rule + "\n", "err", "/bin/true"), "0")
      << "an mpirun that is a program returns the truth";
}

TEST_P(Supervise, AnMpirunThatASignalEndedSaysNothing) {
  write("meta", "np 1\nmpi Open MPI 4.1.4\n");
  write("run", "trap 'exit 1' TERM\nkill -TERM $$\n");
  supervise();
  EXPECT_EQ(text("why") + text("exit"), "mpirun ended1");
  fs::remove(folder_ / "why");
  write("run",
        "echo '[a:79] plm:rsh: Warning: setpgid(117,117) failed in parent with errno=Permission denied(13)' "
        ">&2\nexit 1\n");
  supervise();
  EXPECT_EQ(text("why") + text("exit") + text("reason"), "mpirun ended1exit 1")
      << "only the launcher's noise";
  fs::remove(folder_ / "why");
  fs::remove(folder_ / "err");
  write("run", "exit 1\n");
  write("script", "run_x.sh");
  supervise();
  EXPECT_EQ(text("why") + text("exit"), "1") << "of the script's own";
  write("script", "");
  write("run", "echo 'a rank failed' >&2\nexit 1\n");
  supervise();
  EXPECT_EQ(text("why") + text("exit"), "1");
}

TEST_P(Supervise, AnMpirunThatWasKilledIsNoRank) {
  write("meta", "np 1\nmpi Open MPI 4.1.4\n");
  write("run", "kill -KILL $$\n");
  supervise();
  EXPECT_EQ(text("why") + text("exit"), "mpirun killed137");
  fs::remove(folder_ / "why");
  const std::string rule(74, '-');
  write("run", "echo '" + rule +
                   "' >&2\necho 'mpirun noticed that process rank 0 with PID 0 on node a exited on' "
                   ">&2\nexit 137\n");
  supervise();
  EXPECT_EQ(text("why") + text("exit"), "137");
}

// The name of a folder of its own is taken, as if nothing could be made.
TEST_P(Supervise, AJobThatFindsNoRoomHasNoTime) {
  write("swept", "");
  write("run", "true\n");
  supervise();
  EXPECT_EQ(text("why") + text("exit") + text("reason"), "no room1-");
  EXPECT_FALSE(fs::exists(folder_ / "clock"));
}

// A lost job must not look like one that somebody has cancelled; nor is its loss a fault that others share.
TEST_P(Supervise, WhoCleansUpAfterALostJobKeepsTheReason) {
  const auto why_of = [this](const char* why) {
    write("why", why);
    fs::remove(folder_ / "exit");
    supervise("clean");
    EXPECT_EQ(text("exit"), "255");
    return text("why") + ", " + text("reason");
  };
  EXPECT_EQ(why_of("lost rebooted\n"), "lost rebooted, -");
  EXPECT_EQ(why_of("timeout\n"), "timeout, -");
  EXPECT_EQ(why_of(""), "lost killed, -");
  write("cancelled", "");
  EXPECT_EQ(why_of("lost killed\n"), "cancelled, -");
}

INSTANTIATE_TEST_SUITE_P(Shells, Supervise, testing::Values("dash", "bash"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace ec2mpi::ops
