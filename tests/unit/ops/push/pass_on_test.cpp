// The program that takes tee's place on a node, as real perl runs it.

#include <gtest/gtest.h>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "ec2mpi/base/text.hpp"
#include "src/ops/push/programs.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {

namespace {

class PassOn : public testing::Test {
 protected:
  /// Runs shell text in a folder with the program, as `pass_on`, and 20 MB that are called `input`.
  int run(const std::string& text) const {
    std::ofstream(folder_ / "pass_on.pl") << kPassOnPl;
    const auto whole =
        "cd " + quote_word(folder_.path().string()) +
        " && seq 3000000 | head -c 20000000 >input; trap '' PIPE; "
        "clock='sub () { CORE::time }'; pass_on() { exec perl -e \"BEGIN { *CORE::GLOBAL::time = do { "
        "$clock } }\" -e \"$(cat pass_on.pl)\" \"$@\"; }\n" +
        text;
    const int status = std::system(("timeout 60 sh -c " + quote_word(whole)).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  /// Shell text that gives the program another clock.
  static std::string with_clock(const std::string& perl) { return "clock='" + perl + "'; "; }
  [[nodiscard]] std::string read(const char* name) const {
    std::ifstream file(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  test::ScratchFolder folder_;
};

TEST_F(PassOn, EverybodyGetsAllOfIt) {
  EXPECT_EQ(run("mkfifo pipe; cat <pipe >c & cat input | pass_on b pipe | cat >a; wait; "
                "cmp a input && cmp b input && cmp c input"),
            0);
}

TEST_F(PassOn, NothingIsPassedOnToo) {
  EXPECT_EQ(run(": | pass_on b >a; [ -f b ] && [ ! -s a ] && [ ! -s b ]"), 0);
}

/// The others get the bytes that may be held in memory, and few more. Its clock stands still, so that all
/// bytes arrive in one second.
TEST_F(PassOn, AReaderThatIsNotReadyHoldsUpNobodyForSomeMegabytes) {
  EXPECT_EQ(
      run(with_clock("sub () { 1 }") +
          "mkfifo pipe; { until [ -e b ] && [ $(stat -c %s b) -ge 8000000 ]; do sleep 0.1; done; sleep 1; "
          "stat -c %s b >then; cat; } <pipe >c & "
          "cat input | pass_on b pipe >a; wait; cmp c input && cmp b input"),
      0);
  const auto then = parse_number(trim(read("then")));
  ASSERT_TRUE(then);
  EXPECT_GE(*then, 8'000'000U);
  EXPECT_LE(*then, 9'000'000U);
}

/// Between readers lie a pipe and the bytes of two seconds. Each look at its clock shows a later hour, so
/// that no bytes arrived within the last two seconds.
TEST_F(PassOn, WhereFewBytesArriveNoReaderIsFarAhead) {
  EXPECT_EQ(run(with_clock("my $hour = 0; sub () { $hour += 3600 }") +
                "head -c 1000000 input >little; mkfifo pipe; { head -c 10000 >c; "
                "until [ -e b ] && [ $(stat -c %s b) -ge 65536 ]; do sleep 0.1; done; sleep 1; "
                "stat -c %s b >then; cat >>c; } <pipe & "
                "pass_on b pipe <little >a; wait; cmp c little && cmp b little"),
            0);
  const auto then = parse_number(trim(read("then")));
  ASSERT_TRUE(then);
  EXPECT_LE(*then, 700'000U);
}

TEST_F(PassOn, WhoIsLostIsToldAndTheOthersGetAll) {
  EXPECT_EQ(run("mkfifo pipe; head -c 1000000 <pipe >c & cat input | pass_on b pipe 2>said | cat >a; wait; "
                "cmp a input && cmp b input"),
            0);
  EXPECT_EQ(read("said"), "pipe: Broken pipe\n");
}

TEST_F(PassOn, AFullDiskIsToldAndTheOthersGetAll) {
  EXPECT_EQ(run("cat input | pass_on /dev/full nowhere/b c 2>said | cat >a; cmp a input && cmp c input"), 0);
  EXPECT_EQ(read("said"), "nowhere/b: No such file or directory\n/dev/full: No space left on device\n");
}

/// Who writes to it shall notice.
TEST_F(PassOn, ItEndsWhenNobodyIsLeft) {
  EXPECT_EQ(run("cat /dev/zero | pass_on 2>said | head -c 1000000 >/dev/null"), 0);
  EXPECT_EQ(read("said"), "standard output: Broken pipe\n");
}

}  // namespace
}  // namespace ec2mpi::ops
