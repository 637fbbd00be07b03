#include "ec2mpi/ops/process/end_marked.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdio>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {
namespace {

Result<Swept> answer(const std::string& lines) {
  return parse_swept("ec2mpi-sweep 1\n" + lines + "ec2mpi-sweep end\n");
}

TEST(ParseSwept, ReadsWhatEndedAndWhatIsLeft) {
  const auto swept = answer("ended 123 python3\nended 124 my prog\nleft 123 python3\n");
  ASSERT_TRUE(swept);
  EXPECT_EQ(swept->ended, (std::vector<Process>{{123, "python3"}, {124, "my prog"}}));
  EXPECT_EQ(swept->left, (std::vector<Process>{{123, "python3"}}));
  EXPECT_EQ(swept->describe(), "still running: pid 123 python3");
}

TEST(ParseSwept, NothingLeft) {
  const auto swept = answer("ended 2 sleep\n");
  ASSERT_TRUE(swept);
  EXPECT_EQ(swept->describe(), "nothing left running");
}

TEST(ParseSwept, AProcessWithoutANameIsStillNamedByItsNumber) {
  const auto swept = answer("left 7 \n");
  ASSERT_TRUE(swept);
  EXPECT_EQ(swept->describe(), "still running: pid 7");
}

TEST(ParseSwept, AnIncompleteAnswerIsNoProof) {
  for (const auto* text : {"", "ec2mpi-sweep 1\n", "ec2mpi-sweep 1\nleft 1 a\n", "ec2mpi-sweep end\n",
                           "sh: 1: ps: not found\n"}) {
    const auto swept = parse_swept(text);
    ASSERT_FALSE(swept) << text;
    EXPECT_EQ(swept.error().message, "the node did not finish its look at running processes");
  }
  EXPECT_FALSE(parse_swept("ec2mpi-sweep 1\nleft 1 a\nec2mpi-sweep en"));
}

TEST(ParseSwept, RefusesLinesThatMakeNoSense) {
  for (const auto* line : {"left\n", "left many a\n", "left 99999999999999999999 a\n", "ended -1 a\n", "\n"})
    EXPECT_FALSE(answer(line)) << line;
}

TEST(ParseSwept, ControlCharactersOfANameAreMadeVisible) {
  const auto swept = answer("left 5 \x1b[2Jevil\n");
  ASSERT_TRUE(swept);
  EXPECT_EQ(swept->describe().find('\x1b'), std::string::npos);
}

/// Processes of this test, in a real shell of this machine.
class StopScript : public testing::Test {
 protected:
  void TearDown() override {
    for (const auto pid : started_) {
      ::kill(-pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    if (pipe_[0] >= 0) ::close(pipe_[0]);
  }

  /// In a process group of its own. Its standard output is what `lines` reads.
  pid_t start(const std::string& text) {
    if (pipe_[0] < 0 && ::pipe2(pipe_, O_CLOEXEC) != 0) ADD_FAILURE() << "no pipe";
    const auto pid = ::fork();
    if (pid == 0) {
      ::setpgid(0, 0);
      ::dup2(pipe_[1], STDOUT_FILENO);
      ::execl("/bin/sh", "sh", "-c", text.c_str(), nullptr);
      ::_exit(127);
    }
    ::setpgid(pid, pid);
    started_.push_back(pid);
    return pid;
  }

  /// The next line that one of them prints, within 20 s.
  std::string line() {
    std::string text;
    for (char c = 0; c != '\n';) {
      pollfd ready{pipe_[0], POLLIN, 0};
      if (::poll(&ready, 1, 300'000) != 1 || ::read(pipe_[0], &c, 1) != 1) return "nothing came";
      text += c;
    }
    return text;
  }

  static std::string output_of(const std::string& text) {
    std::FILE* pipe = ::popen(("exec sh -c " + quote_word(text)).c_str(), "r");
    std::string out;
    char block[4096];
    while (const auto got = std::fread(block, 1, sizeof block, pipe)) out.append(block, got);
    ::pclose(pipe);
    return out;
  }

  static bool runs(pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) == 0; }

  const std::string mark_ = "EC2MPI_TEST=" + random_hex(16);

 private:
  std::vector<pid_t> started_;
  int pipe_[2] = {-1, -1};
};

TEST_F(StopScript, EndsMarkedProcessesAndNoOthers) {
  const auto marked = start("exec env " + mark_ + " sh -c 'echo up; sleep 1000 & sleep 1000'");
  const auto longer = start("exec env " + mark_ + "x sh -c 'echo up; exec sleep 1000'");
  const auto named = start("exec env OTHER=" + mark_ + " sh -c 'echo up; exec sleep 1000'");
  const auto plain = start("echo up; exec sleep 1000");
  for (int i = 0; i < 4; ++i) ASSERT_EQ(line(), "up\n");
  const auto proof = parse_swept(output_of(stop_script(mark_, 2)));
  ASSERT_TRUE(proof);
  EXPECT_EQ(proof->describe(), "nothing left running");
  EXPECT_GE(proof->ended.size(), 2U);
  EXPECT_FALSE(runs(marked));
  EXPECT_TRUE(runs(longer) && runs(named) && runs(plain));
}

TEST_F(StopScript, EndsProcessesThatIgnoreTermAreStoppedOrHaveLostTheMark) {
  const auto deaf =
      start("exec env " + mark_ + " sh -c 'trap \"\" TERM; echo up; while :; do sleep 1000; done'");
  const auto stopped = start("exec env " + mark_ + " sh -c 'echo up; kill -STOP $$; sleep 1000'");
  const auto parent =
      start("exec env " + mark_ +
            " sh -c 'env -i sh -c \"trap \\\"\\\" TERM; echo \\$\\$; sleep 1000; :\" & sleep 1000'");
  pid_t orphan = 0;
  for (int i = 0; i < 3; ++i) {
    const auto said = line();
    if (said != "up\n") orphan = std::atoi(said.c_str());
  }
  ASSERT_GT(orphan, 1);
  const auto proof = parse_swept(output_of(stop_script(mark_, 1)));
  ASSERT_TRUE(proof);
  EXPECT_EQ(proof->describe(), "nothing left running");
  EXPECT_FALSE(runs(deaf));
  EXPECT_FALSE(runs(stopped));
  EXPECT_FALSE(runs(parent));
  std::FILE* state = std::fopen(("/proc/" + std::to_string(orphan) + "/environ").c_str(), "r");
  if (state != nullptr) {
    EXPECT_EQ(std::fgetc(state), EOF) << "the orphan is neither gone nor a zombie";
    std::fclose(state);
  }
}

TEST_F(StopScript, FindsNothingWhereThereIsNothing) {
  const auto proof = parse_swept(output_of(stop_script(mark_, 2)));
  ASSERT_TRUE(proof);
  EXPECT_TRUE(proof->ended.empty());
  EXPECT_EQ(proof->describe(), "nothing left running");
}

}  // namespace
}  // namespace ec2mpi::ops
