// The node's script as real sh runs it, where what comes to it can be chosen.

#include "src/ops/push_script.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/tar.hpp"
#include "ec2mpi/base/text.hpp"
#include "src/ops/push_talk.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;

class PushScript : public testing::Test {
 protected:
  void write(const char* name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  /// Runs the script over what was written as "input", behind `before`, and `beside` next to it; the exit
  /// status.
  int run(const std::string& beside, const std::string& before = "") const {
    write("script", push_script());
    const auto text = "cd " + quote_word(folder_.path().string()) + " && mkdir target && { " + before + "{ " +
                      beside +
                      "; } & setsid -w sh -c \"$(cat script)\" ec2mpi-push \"$PWD/target\" 1 key 0 ./x "
                      "<input >output 2>errors; }";
    const int status = std::system(("timeout 60 sh -c " + quote_word(text)).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  [[nodiscard]] std::string read(const fs::path& path) const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] std::string output() const { return read(folder_ / "output"); }
  [[nodiscard]] std::string errors() const { return read(folder_ / "errors"); }
  [[nodiscard]] fs::path stage() const {
    for (const auto& entry : fs::directory_iterator(folder_ / "target")) return entry.path();
    return {};
  }

  test::ScratchFolder folder_;
};

/// What fills a gap would make files that look whole, and the next push would take them as they are.
TEST_F(PushScript, BehindAPartThatCameShortNothingElseIsTaken) {
  const std::string content(600'000, 'a');
  auto archive = encode_tar_header({.name = "0", .size = content.size(), .mode = 0600}) + content;
  archive.append(tar_padding(content.size()), '\0');
  const auto first = archive.substr(0, 100'000);
  const auto rest = std::string(600'000, 'b');  // of another file
  write("input", do_text("begin ''\nlanes 3\nstart\nfeed") + "data 100000\n" + first + do_text("lane 3") +
                     "part 100000 3\n" + "data 600000\n" + rest);
  EXPECT_EQ(run("until pipe=$(ls -d target/.ec2mpi-push.*/lane.3 2>/dev/null); do sleep 0.1; done; "
                "head -c 50000 /dev/zero >\"$pipe\""),
            3);
  const auto held = read(stage() / "0");
  EXPECT_LT(held.size(), content.size());
  EXPECT_EQ(held.find('b'), std::string::npos);
}

TEST_F(PushScript, AStageThatSomebodyElseHasMadeMeanwhileIsNotUsed) {
  write("input",
        do_text("mkdir \"$stage\"; echo theirs >\"$stage/theirs\"") + do_text("begin ''\nstart\nfeed"));
  EXPECT_EQ(run(":"), 1);
  EXPECT_TRUE(fs::exists(stage() / "theirs"));
  EXPECT_FALSE(fs::exists(stage() / "in"));
  EXPECT_NE(errors().find("ec2mpi: cannot write into"), std::string::npos);
}

/// Its files would be taken for what an earlier push of ours has left.
TEST_F(PushScript, AStageThatBelongsToSomebodyElseIsNotGoneOnWith) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  const std::string make = "mkdir target/.ec2mpi-push.$(uname -n).key.1; ";
  write("input", "");
  EXPECT_EQ(run(":", make), 3);
  const auto told = std::string(".key.1") + '\0';
  EXPECT_NE(output().find(told), std::string::npos);
  fs::remove_all(folder_ / "target");
  EXPECT_EQ(run(":", make + "chown 12345 target/.ec2mpi-push.*; "), 3);
  EXPECT_EQ(output().find(told), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::ops
