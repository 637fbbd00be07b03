// The programs of a pull as real sh runs them, where the tools around them can be chosen.

#include "src/ops/pull/script.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "ec2mpi/base/text.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

class PullScript : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "home");
    fs::create_directories(folder_ / "bin");
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.path() / name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string read(const char* name) const {
    std::ifstream file(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// Puts a program of this name before all others.
  void fake(const std::string& name, const std::string& text) const {
    write("bin/" + name, "#!/bin/sh\n" + text + "\n");
    fs::permissions(folder_.path() / "bin" / name, fs::perms::owner_all);
  }
  /// Runs a program in the folder "home"; the exit status.
  int run(const std::string& program, const std::string& input) const {
    write("program", program);
    write("input", input);
    const auto text =
        "cd " + quote_word((folder_ / "home").string()) +
        " && PATH=../bin:$PATH timeout 300 sh -c \"$(cat ../program)\" <../input >../out 2>../err";
    const int status = std::system(text.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  /// Runs a program on a node that has no other tools than these; the text on standard error.
  std::string run_with_only(const std::vector<std::string>& tools, const std::string& program) const {
    fs::remove_all(folder_ / "few");
    fs::create_directory(folder_ / "few");
    for (const auto& tool : tools)
      fs::create_symlink(fs::exists("/usr/bin/" + tool) ? "/usr/bin/" + tool : "/bin/" + tool,
                         folder_ / "few" / tool);
    run("PATH=../few; export PATH\n" + program, {});
    return read("err");
  }
  static PullPlan plan_of(const std::vector<std::string>& paths) {
    PullPlan plan;
    for (const auto& path : paths)
      plan.sources.push_back({.path = path, .filled_in = {}, .name = {}, .glob = {}});
    return plan;
  }

  test::ScratchFolder folder_;
};

TEST_F(PullScript, AToolThatTheNodeLacksIsNamed) {
  const auto said = [](const std::string& tools) {
    return "ec2mpi: ec2mpi needs programs that this node lacks: " + tools + "; install them\n";
  };
  const auto list = pull_list_program(plan_of({"."}), "t", AbsentSources::fail).text;
  EXPECT_EQ(run_with_only({"sh", "find", "xargs", "readlink"}, list), said("tar"));
  EXPECT_EQ(run_with_only({"sh", "tar", "find", "readlink"}, list), said("xargs"));
  EXPECT_EQ(run_with_only({"sh", "tar"}, list), said("find readlink"));
  EXPECT_EQ(run_with_only({"sh", "tar", "find", "xargs", "readlink"}, list), "");
  EXPECT_EQ(run_with_only({"sh", "find", "xargs", "readlink"}, pull_watch_program(plan_of({"."}), "t").text),
            said("cksum"));
  EXPECT_EQ(run_with_only({"sh", "cat"}, pull_ranges_program("t")), said("head tail"));
}

/// What a pull lists begins with a look for links to files; the link's true path is asked of readlink.
TEST_F(PullScript, ASourceThatVanishesDuringTheListingIsReportedAndTheOthersAreListed) {
  for (const auto* name : {"target", "b", "c"}) write("home/"s + name, name);
  fs::create_symlink("target", folder_ / "home/a");
  fs::create_directory(folder_ / "home/d");
  fake("readlink", "rm -f b; exec /usr/bin/readlink \"$@\"");
  const auto program = pull_list_program(plan_of({"./b", "./c", "./d", "./a"}), "T", AbsentSources::fail);
  EXPECT_NE(run(program.text, program.input), 0);
  const auto out = read("out");
  for (const auto& listed : {"source\0./a\0"s, "source\0./c\0"s, "source\0./d/.\0"s, "end\0\0\0"s})
    EXPECT_NE(out.find(listed), std::string::npos) << listed;
  EXPECT_NE(read("err").find("./b"), std::string::npos);
}

TEST_F(PullScript, ASourceThatIsNotThereEndsTheListingAtOnce) {
  write("home/c", "c");
  const auto program = pull_list_program(plan_of({"./b", "./c"}), "T", AbsentSources::fail);
  EXPECT_EQ(run(program.text, program.input), 1);
  EXPECT_EQ(read("err"), "ec2mpi: b: No such file or directory\n");
  EXPECT_EQ(read("out").find("end"), std::string::npos);
}

TEST_F(PullScript, TheReasonForAMissingFileIsTheSystems) {
  fake("ls", R"(echo "ls: cannot access '$3': Permission denied" >&2; exit 2)");
  const auto program = pull_list_program(plan_of({"/locked/a: b"}), "T", AbsentSources::fail);
  EXPECT_EQ(run(program.text, program.input), 1);
  EXPECT_EQ(read("err"), "ec2mpi: /locked/a: b: Permission denied\n");
  EXPECT_EQ(run(pull_ranges_program("T"), "1 4 =/locked/f\n"), 1);
  EXPECT_EQ(read("err"), "ec2mpi: /locked/f: Permission denied\n");
}

/// The head of busybox reads a whole block, however few bytes it is asked for.
TEST_F(PullScript, AWatchReadsNoMoreOfItsInputThanTheSources) {
  std::vector<std::string> paths;
  for (int i = 0; i < 200; ++i) paths.push_back("./" + std::string(60, 'x') + std::to_string(i));
  write("home/" + paths.back().substr(2), "content");
  fake("head", "exec cat");
  const auto program = pull_watch_program(plan_of(paths), "T");
  ASSERT_FALSE(program.input.empty());
  EXPECT_EQ(run(program.text, program.input + "\n"), 0);
  EXPECT_NE(read("out").find("source\0"s + paths.back() + '\0'), std::string::npos);
}

TEST_F(PullScript, TheAnswersAboutARemovedFileEndToo) {
  write("home/f", "0123456789");
  EXPECT_EQ(run(pull_ranges_program("T"), "3 4 =./f\nrecord 0 =./gone\n9 4 =./f\n"), 1);
  EXPECT_EQ(read("out"), "T\n2345\n\n89\0\0\n"s);
  EXPECT_EQ(run(pull_ranges_program("T"), "1 4 =./gone\n"), 1);
  EXPECT_EQ(read("err"), "ec2mpi: gone: No such file or directory\n");
}

TEST_F(PullScript, APipeThatTookTheFilesPlaceIsNotWaitedFor) {
  ASSERT_EQ(::mkfifo((folder_ / "home/pipe").c_str(), 0600), 0);
  EXPECT_EQ(run(pull_ranges_program("T"), "1 4 =./pipe\n"), 1);
  EXPECT_EQ(read("err"), "ec2mpi: ./pipe: not a file any more\n");
}

}  // namespace
}  // namespace ec2mpi::ops
