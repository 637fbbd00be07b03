#include "ec2mpi/ops/node/remote_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <cstdlib>
#include <fstream>

#include "ec2mpi/base/text.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

struct Shell {
  std::string path;
  std::vector<std::string> words;
};

/// The login shells of this machine.
std::vector<Shell> shells() {
  std::vector<Shell> found;
  for (const auto* name : {"sh", "dash", "bash", "zsh", "ksh", "ksh93", "mksh", "csh", "tcsh", "fish"}) {
    const auto path = std::string("/bin/") + name;
    if (::access(path.c_str(), X_OK) == 0) found.push_back({path, {name}});
  }
  if (::access("/bin/busybox", X_OK) == 0) found.push_back({"/bin/busybox", {"busybox", "sh"}});
  return found;
}

struct Printed {
  std::string out;
  int code = -1;
};

/// Hands the line over as sshd does, in a home without start-up files, with these variables besides.
Printed run_by(const Shell& shell, const std::string& line, const std::string& home,
               const std::vector<std::string>& variables = {}) {
  int ends[2];
  if (::pipe(ends) != 0) return {"no pipe"};
  const auto child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 1);
    ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), 2);
    ::close(ends[0]);
    std::vector<std::string> environment = {"HOME=" + home, "SHELL=" + shell.path, "PATH=/usr/bin:/bin",
                                            "SSH_CLIENT=10.0.0.1 1 22"};
    environment.insert(environment.end(), variables.begin(), variables.end());
    auto words = shell.words;
    words.insert(words.end(), {"-c", line});
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::vector<char*> settings;
    for (auto& variable : environment) settings.push_back(variable.data());
    settings.push_back(nullptr);
    ::execve(shell.path.c_str(), arguments.data(), settings.data());
    ::_exit(126);
  }
  ::close(ends[1]);
  Printed printed;
  char block[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], block, sizeof block)) > 0;)
    printed.out.append(block, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  printed.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return printed;
}

class RemoteProgram : public ::testing::Test {
 protected:
  [[nodiscard]] std::string home() const { return folder_.path().string(); }
  test::ScratchFolder folder_;
};

TEST_F(RemoteProgram, EveryLoginShellHandsAnyTextToShAsItStands) {
  std::string every_byte;
  for (int byte = 1; byte < 256; ++byte) every_byte += static_cast<char>(byte);
  const std::string texts[] = {
      every_byte,
      "it's \"quoted\" `back` $HOME ${x} $(echo no) !! !x \\ \\\\ \\n \\0101 %s %% ~ * ? [a] {a,b} # ; & | < "
      "> ^x^y^",
      "two\nlines\n\nand\ta tab \\",
      "\xc3\xa9\xe2\x82\xac \xf0\x9f\x98\x80 \xef\x98\x80 \xff\xfe \xc3",
      "-n",
      std::string(20'000, 'w') + "'" + std::string(2000, '\n') + "end",
  };
  for (const auto& shell : shells()) {
    for (const auto* language : {"LC_ALL=C", "LC_ALL=C.UTF-8"}) {
      for (const auto& text : texts) {
        const auto program = "printf %s " + quote_word(text) + "; exit 7";
        for (const auto& line : {shell_line(program), shell_line_in_user_environment(program)}) {
          const auto printed = run_by(shell, line, home(), {language});
          EXPECT_EQ(printed.out, text) << shell.path << " " << language;
          EXPECT_EQ(printed.code, 7) << shell.path;
        }
      }
    }
  }
}

TEST_F(RemoteProgram, TheTextGetsNoArguments) {
  for (const auto& shell : shells())
    EXPECT_EQ(run_by(shell, shell_line("echo $# \"$*\""), home()).out, "0 \n") << shell.path;
}

TEST_F(RemoteProgram, VariablesThatChangeToolsAreClearedAndOthersStay) {
  const auto program =
      std::string(clean_environment()) + "env | grep -c -e TAR_ -e POSIXLY -e CDPATH; echo $MINE $LC_ALL";
  for (const auto& shell : shells()) {
    const auto printed =
        run_by(shell, shell_line(program), home(),
               {"TAR_OPTIONS=--exclude=*.o", "POSIXLY_CORRECT=1", "CDPATH=/tmp", "MINE=kept"});
    EXPECT_EQ(printed.out, "0\nkept C\n") << shell.path;
  }
}

TEST_F(RemoteProgram, AnExportedFunctionDoesNotStandForATool) {
  const auto line =
      std::string(clean_environment()) + "tar --version | head -c 9; bash -c 'tar --version | head -c 9'";
  const std::vector<std::string> exported = {"BASH_FUNC_tar%%=() {  echo mine\n}",
                                             "BASH_FUNC_a-b%%=() {  echo mine\n}"};
  for (const auto& shell : shells())
    EXPECT_EQ(run_by(shell, shell_line(line), home(), exported).out, "tar (GNU tar (GNU ") << shell.path;
  // Where /bin/sh is bash, which makes functions of these.
  const Shell bash{"/bin/bash", {"sh"}};
  EXPECT_EQ(run_by(bash, line, home(), exported).out, "tar (GNU tar (GNU ");
}

TEST_F(RemoteProgram, WhatABashUserHasExportedReachesTheUsersCommand) {
  const Shell bash{"/bin/bash", {"bash"}};
  const auto line = shell_line_in_user_environment("exec \"$SHELL\" --norc -c module");
  EXPECT_EQ(run_by(bash, line, home(), {"BASH_FUNC_module%%=() {  echo loaded\n}"}).out, "loaded\n");
}

TEST_F(RemoteProgram, TheHomeIsTheFolderWhereverStartUpFilesWent) {
  const auto line = "cd /; " + shell_line(std::string(go_home_text()) + "pwd");
  for (const auto& shell : shells())
    EXPECT_EQ(run_by(shell, line, home(), {"CDPATH=/usr", "LOGNAME=no-such-user"}).out, home() + "\n")
        << shell.path;
}

TEST_F(RemoteProgram, TheHomeIsThatOfTheAccountWhateverStartUpFilesPutIntoHome) {
  const auto* account = ::getpwuid(::getuid());
  const auto line = shell_line(std::string(go_home_text()) + "echo \"$PWD $HOME $ec2mpi_home\"");
  const auto expected = fmt::format("{0} {0} {1}\n", account->pw_dir, home());
  for (const auto& shell : shells())
    EXPECT_EQ(run_by(shell, line, home(), {fmt::format("LOGNAME={}", account->pw_name)}).out, expected)
        << shell.path;
}

TEST_F(RemoteProgram, WithoutAHomeAProgramThatNeedsOneEndsAndAnotherOneRuns) {
  std::ofstream(home() + "/file") << "x";
  const auto missing = home() + "/file/missing";  // fish makes its home
  for (const auto& [path, printed] : {std::pair{"./there", "1 the home of the account, " + missing +
                                                               ", is not there; "
                                                               "give a path that begins with /"},
                                      {"/there", std::string("0 ran")}}) {
    const auto text = fmt::format("{}said=$( ({}echo ran) 2>&1); echo \"$? ${{said#ec2mpi: }}\"",
                                  go_home_text(), need_home_for({"/else", path}));
    for (const auto& shell : shells())
      EXPECT_EQ(run_by(shell, shell_line(text), missing, {"LOGNAME=no-such-user"}).out, printed + "\n")
          << shell.path;
  }
}

TEST_F(RemoteProgram, AShellThatRepeatsItsCommandDoesNotPassForTheProgram) {
  const BeginMark mark;
  EXPECT_EQ(shell_line(mark.print()).find(mark.text()), std::string::npos);
  for (const auto& shell : shells())
    EXPECT_EQ(run_by(shell, shell_line(mark.print() + "echo x"), home()).out, mark.text() + "x\n")
        << shell.path;
}

TEST_F(RemoteProgram, ALongCommandFindsWhatStartUpFilesDefineToo) {
  const auto command = take_back_text() + "greet; : " + std::string(100'000, '%');
  const auto line = "greet() { echo hi; }; " +
                    shell_line_in_user_environment("exec \"$BASH\" --norc -c " + quote_word(command));
  EXPECT_LT(line.size(), 110'000U) << "it has to fit into one argument";
  EXPECT_EQ(run_by({"/bin/bash", {"bash"}}, line, home()).out, "hi\n");
}

TEST_F(RemoteProgram, ADebugTrapOrPosixModeOfAStartUpFileDoesNotChangeACommand) {
  const auto line = shell_line_in_user_environment("exec \"$BASH\" --norc -c " +
                                                   quote_word(take_back_text() + "greet; echo ran"));
  for (const std::string begin : {"set -T; trap 'echo false' DEBUG; ", "set -o posix; "}) {
    const auto text = "exec 2>&1; greet() { echo hi; }; " + begin + line;
    const auto printed = run_by({"/bin/bash", {"bash"}}, text, home());
    EXPECT_TRUE(printed.out.ends_with("hi\nran\n")) << printed.out;
    EXPECT_EQ(printed.out.find("not found"), std::string::npos) << printed.out;
    EXPECT_LT(printed.out.size(), 100U) << printed.out;
  }
}

/// Prints a text in two parts on one stream, and ends with 1.
class RefusingChannel : public ssh::Channel {
 public:
  RefusingChannel(ssh::Stream stream, std::string text) : stream_(stream), text_(std::move(text)) {}
  [[nodiscard]] Result<ssh::ExitStatus> exit_status() const override { return ssh::ExitStatus{.code = 1}; }
  void close_input() override {}
  void signal(const std::string&) override {}
  void resize(int, int) override {}

 private:
  ssh::awaitable<Result<std::optional<ssh::Chunk>>> receive(Limit) override {
    if (at_ == text_.size()) co_return std::nullopt;
    const auto size = at_ == 0 ? text_.size() / 2 : text_.size() - at_;
    ssh::Chunk chunk{stream_, std::string_view(text_).substr(at_, size)};
    at_ += size;
    co_return chunk;
  }
  ssh::awaitable<Result<void>> send(std::string_view, Limit) override { co_return Result<void>{}; }

  ssh::Stream stream_;
  std::string text_;
  std::size_t at_ = 0;
};

/// The error of a program whose login shell prints `text` and ends.
std::string refusal(const std::string& text, ssh::Stream stream = ssh::Stream::out,
                    const BeginMark& mark = {}) {
  asio::io_context loop;
  ProgramChannel program(loop.get_executor(), std::make_unique<RefusingChannel>(stream, text), mark,
                         Greeting::dropped);
  std::string said;
  asio::co_spawn(loop, program.read(Limit{}), [&](const std::exception_ptr&, const auto& read) {
    if (!read) said = read.error().message;
  });
  loop.run();
  return said;
}

/// Every wait for it ends by its limit; its line is on its way during the first of them.
class LateChannel : public RefusingChannel {
 public:
  LateChannel(int waits_of_line, int& waits)
      : RefusingChannel(ssh::Stream::out, ""), waits_of_line_(waits_of_line), waits_(waits) {}
  [[nodiscard]] bool is_sending() const override { return waits_ < waits_of_line_; }

 private:
  ssh::awaitable<Result<std::optional<ssh::Chunk>>> receive(Limit) override {
    ++waits_;
    co_return fail(ErrorKind::timeout, "too late");
  }

  int waits_of_line_;
  int& waits_;
};

TEST(ProgramChannel, TheTimeForItsFirstWordBeginsWhenItsLineHasArrived) {
  for (const int waits_of_line : {0, 3}) {
    asio::io_context loop;
    int waits = 0;
    ProgramChannel program(loop.get_executor(), std::make_unique<LateChannel>(waits_of_line, waits),
                           BeginMark{}, Greeting::dropped);
    std::string said;
    asio::co_spawn(loop, program.read(Limit{}), [&](const std::exception_ptr&, const auto& read) {
      if (!read) said = read.error().message;
    });
    loop.run();
    EXPECT_EQ(waits, waits_of_line + 1);
    EXPECT_TRUE(said.starts_with("the login shell did not run what it was given within 15 s")) << said;
  }
}

TEST(ProgramChannel, TakesOnlyAWholeLineForTheWordsOfItsOwnCheck) {
  EXPECT_EQ(refusal("hello\n/dev/null takes nothing there; fix it: x\n"),
            "/dev/null takes nothing there; fix it: x");
  // A shell whose exec is echo.
  const auto line =
      shell_line(std::string("echo '/dev/null takes nothing there; fix it'\n").append(400, 'x'));
  auto echoed = line.substr(std::string_view("exec ").size());
  std::erase(echoed, '\'');
  const auto said = refusal("bonjour\n" + echoed + "\n");
  EXPECT_FALSE(said.starts_with("/dev/null")) << said;
  const auto alone = refusal(echoed + "\n");
  EXPECT_EQ(alone.find("xxx"), std::string::npos) << alone;
  EXPECT_NE(alone.find("[the command of ec2mpi]"), std::string::npos) << alone;
}

// A follower took the half of the answer for the whole, and connected again for ever.
TEST(ProgramChannel, GivesNoPartOfAnAnswerWhoseOutputGoesElsewhere) {
  const BeginMark mark;
  const auto err = mark.text() + "job spread\n";
  EXPECT_NE(refusal(err, ssh::Stream::err, mark).find("does not arrive here"), std::string::npos)
      << refusal(err, ssh::Stream::err, mark);
}

/// All that the cutter gives back for a text that arrives in parts of `size` bytes.
MarkCutter::Parts feed_in_parts(MarkCutter& cutter, std::string_view text, std::size_t size) {
  MarkCutter::Parts all;
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
    const auto parts = cutter.feed(text.substr(0, size));
    all.before += parts.before;
    all.behind += parts.behind;
  }
  return all;
}

TEST(MarkCutter, FindsAMarkThatArrivesInParts) {
  const std::string text = "welcome ma\nmarmark: answer mark:";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    MarkCutter cutter("mark:");
    const auto [before, behind] = feed_in_parts(cutter, text, size);
    EXPECT_EQ(before, "welcome ma\nmar") << size;
    EXPECT_EQ(behind, " answer mark:") << size;
    EXPECT_TRUE(cutter.begun());
  }
}

TEST(MarkCutter, GivesBackWhatWasNoMark) {
  MarkCutter cutter("mark:");
  EXPECT_EQ(cutter.feed("hello mar").before, "hello ");
  EXPECT_EQ(cutter.rest().before, "mar");
  EXPECT_FALSE(cutter.begun());
}

TEST(MarkCutter, CutsBothMarksOffAStreamThatTheOtherOneWasJoinedTo) {
  const std::string text = "hi mark:\x1fmark:\x1fma";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    MarkCutter cutter("mark:");
    const auto [before, behind] = feed_in_parts(cutter, text, size);
    EXPECT_EQ(before, "hi ") << size;
    EXPECT_EQ(behind, "\x1fma") << size;
    EXPECT_TRUE(cutter.holds_both()) << size;
  }
}

TEST(MarkCutter, TheSignOfStandardErrorStandsInFrontOfTheMark) {
  const std::string text = "hi \x1f\x1fmark:a";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    MarkCutter cutter("mark:");
    const auto [before, behind] = feed_in_parts(cutter, text, size);
    EXPECT_EQ(before, "hi \x1f") << size;
    EXPECT_EQ(behind, "a") << size;
    EXPECT_FALSE(cutter.holds_both()) << size;
  }
}

TEST(MarkCutter, HoldsBackOnlyWhatMayBeTheOtherMark) {
  MarkCutter cutter("mark:");
  EXPECT_EQ(cutter.feed("mark:").behind, "");
  EXPECT_FALSE(cutter.is_behind_marks());
  EXPECT_EQ(cutter.feed("\x1fma").behind, "");
  EXPECT_EQ(cutter.rest().behind, "\x1fma");
  EXPECT_FALSE(cutter.holds_both());
}

TEST(EndCutter, CutsAStreamInPartsOfAnySizeAndReadsTheStatus) {
  const EndMark mark;
  const auto sent = "data " + mark.text("word").substr(0, 9) + " more" + mark.text("word") + "23;late";
  for (std::size_t step = 1; step <= sent.size(); ++step) {
    EndCutter cutter(mark.text("word"));
    std::string passed;
    for (std::size_t at = 0; at < sent.size(); at += step)
      passed += cutter.feed(std::string_view(sent).substr(at, step));
    EXPECT_EQ(passed, "data " + mark.text("word").substr(0, 9) + " more") << step;
    EXPECT_EQ(cutter.status(), 23);
  }
}

TEST(EndCutter, HoldsBackNoTextThatCouldEndAnAnswer) {
  const EndMark mark;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string answer{'x', static_cast<char>(byte)};
    EndCutter cutter(mark.text("word"));
    if (answer.back() == '\x1f') continue;
    EXPECT_EQ(cutter.feed(answer), answer) << byte;
  }
}

TEST(EndCutter, WithoutAMarkNothingIsLost) {
  const EndMark mark;
  EndCutter cutter(mark.text("word"));
  std::string passed(cutter.feed("data" + mark.text("word").substr(0, 20)));
  EXPECT_EQ(passed + cutter.rest(), "data" + mark.text("word").substr(0, 20));
  EXPECT_FALSE(cutter.status());
}

TEST_F(RemoteProgram, TheEndMarkStandsBehindAProgramThatReplacesItsShellOrClosesItsOutput) {
  const EndMark mark;
  for (const auto& shell : shells()) {
    EXPECT_EQ(run_by(shell, shell_line(mark.print_behind("echo a; exec sh -c 'exit 3'")), home()).out,
              "a\n" + mark.text("") + "3;");
    EXPECT_EQ(run_by(shell, shell_line(mark.print_behind("exec >&- 2>&-; exit 4")), home()).out,
              mark.text("") + "4;");
  }
}

TEST_F(RemoteProgram, AnEndMarkFromTheCommandLineEndsNothing) {
  const BeginMark begin;
  const EndMark end;
  // The command line shows all of the mark but the node's word.
  const auto forge = "printf %s " + quote_word(end.text("") + "0;") + "; echo more; exit 5";
  const auto text =
      std::string(EndMark::choose_word()) + begin.print_with_end_word() + end.print_behind(forge);
  for (const auto& shell : shells()) {
    const auto printed = run_by(shell, shell_line(text), home()).out;
    MarkCutter cutter(begin.text(), MarkCutter::Word::behind_mark);
    const auto behind = cutter.feed(printed).behind;
    ASSERT_TRUE(cutter.word() && cutter.word()->size() == 36) << shell.path;
    EndCutter ends(end.text(*cutter.word()));
    EXPECT_EQ(ends.feed(behind), end.text("") + "0;more\n") << shell.path;
    EXPECT_EQ(ends.status(), 5) << shell.path;
  }
}

TEST(MarkCutter, ReadsTheWordBehindEachOfTwoMarksInPartsOfAnySize) {
  const std::string text = "hi mark:ab12:\x1fmark:ab12:data";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    MarkCutter cutter("mark:", MarkCutter::Word::behind_mark);
    const auto [before, behind] = feed_in_parts(cutter, text, size);
    EXPECT_EQ(before + "|" + behind, "hi |data") << size;
    EXPECT_EQ(cutter.word(), "ab12") << size;
    EXPECT_TRUE(cutter.holds_both()) << size;
  }
}

TEST_F(RemoteProgram, FunctionsAndVariablesOfBashStartUpFilesReachTheUsersCommandUnexported) {
  const auto command = take_back_text() +
                       "greet you; echo \"$plain\"; sh -c 'echo [$plain]'; env | grep -c -e ec2mpi_ -e greet";
  const auto line = "greet() { echo \"hi $1\"; }; plain='a  b'; set -eu; " +
                    shell_line_in_user_environment("exec \"$SHELL\" --norc -c " + quote_word(command));
  EXPECT_EQ(run_by({"/bin/bash", {"bash"}}, line, home()).out, "hi you\na  b\n[]\n0\n");
}

TEST_F(RemoteProgram, TheFileInBashEnvIsReadByNoShellOnTheWayToTheUsersCommand) {
  const auto file = home() + "/environment";
  std::ofstream(file) << "echo read\n";
  const auto line =
      "export BASH_ENV=" + quote_word(file) + "; " +
      shell_line_in_user_environment(
          "exec \"$BASH\" --norc -c " +
          quote_word(take_back_text() + "echo \"${BASH_ENV##*/}\"; env | grep -c ec2mpi_; bash /dev/null"));
  EXPECT_EQ(run_by({"/bin/bash", {"bash"}}, line, home()).out, "environment\n0\nread\n");
}

TEST_F(RemoteProgram, FunctionsAndAliasesNamedLikeToolsChangeNothingOnTheWayToACommand) {
  const auto names = std::string("test [ set export read echo printf local declare unset continue return");
  const auto line = shell_line_in_user_environment("exec \"$BASH\" --norc -c " +
                                                   quote_word(take_back_text() + "greet you"));
  const auto functions = "for f in " + names + "; do builtin eval \"$f() { builtin echo no; }\"; done; ";
  const auto aliases = "shopt -s expand_aliases\nfor f in " + names + "; do alias $f='echo no'; done\n";
  for (const auto& begin : {functions, aliases}) {
    const auto text = "greet() { builtin echo \"hi $1\"; }; " + begin + line;
    EXPECT_EQ(run_by({"/bin/bash", {"bash"}}, text, home()).out, "hi you\n") << begin;
  }
}

/// The builtins that the line itself uses. Without eval the functions of start-up files are not handed over.
TEST_F(RemoteProgram, FunctionsNamedLikeBuiltinsOfTheLineDoNotStopACommand) {
  const auto line = shell_line_in_user_environment("echo ran");
  for (const std::string name : {"command", "eval", "printf", "shift", "unset", ":"}) {
    const auto begin = name + "() { return 0; }; ";
    for (const auto& exported : {std::string(), name == ":" ? std::string() : "export -f " + name + "; "}) {
      EXPECT_EQ(run_by({"/bin/bash", {"bash"}}, begin + exported + line, home()).out, "ran\n")
          << begin << exported;
      EXPECT_EQ(run_by({"/bin/bash", {"bash"}}, begin + exported + shell_line("echo ran"), home()).out,
                "ran\n")
          << begin << exported;
    }
  }
}

TEST_F(RemoteProgram, AnExecThatIsNoneIsNamed) {
  for (const auto* begin : {"exec() { return 0; }; ", "shopt -s expand_aliases\nalias exec=:\n"})
    EXPECT_EQ(run_by({"/bin/bash", {"bash"}}, begin + shell_line("echo ran"), home()).out,
              "exec did not start /bin/sh, is it a function or an alias of a start-up file, or is this shell "
              "restricted\n");
}

TEST_F(RemoteProgram, AShellThatAStartUpFileNamesInShellIsNotTheLoginShell) {
  const auto line =
      shell_line_in_user_environment("echo ${BASH_VERSION:+bash}; echo ${ec2mpi_functions+given}");
  EXPECT_EQ(run_by({"/bin/bash", {"bash"}}, "export SHELL=/bin/dash; " + line, home()).out, "bash\ngiven\n");
  EXPECT_EQ(run_by({"/bin/dash", {"dash"}}, "SHELL=/bin/bash; " + line, home()).out, "\n\n");
}

/// What such a bash prints is its own refusal only, for that is shown to the user.
TEST_F(RemoteProgram, ARestrictedBashIsNotSaidToLackRoom) {
  const auto printed = run_by({"/bin/bash", {"bash"}},
                              "exec 2>&1; set -r; " + shell_line_in_user_environment("echo x"), home());
  EXPECT_EQ(printed.out.find("room"), std::string::npos) << printed.out;
  EXPECT_NE(printed.out.find("restricted"), std::string::npos) << printed.out;
}

TEST_F(RemoteProgram, ToolsAreFoundWhateverThePathIs) {
  for (const auto* path : {"PATH=/nowhere", "PATH=", "PATH=/usr/sbin:/usr/local/bin"})
    EXPECT_EQ(run_by({"/bin/dash", {"dash"}}, std::string(find_tools_text()) + "env true && echo found",
                     home(), {path})
                  .out,
              "found\n")
        << path;
}

TEST_F(RemoteProgram, AWrapperInThePathOfTheUserIsNoToolOfOurs) {
  std::ofstream(home() + "/sed") << "#!/bin/sh\necho wrapper\n";
  std::filesystem::permissions(home() + "/sed", std::filesystem::perms::owner_all);
  const auto text = std::string(clean_environment()).append(own_tools_text()) +
                    "echo a | sed s/a/b/; PATH=$ec2mpi_path; echo a | sed s/a/b/";
  for (const auto& path : {"PATH=" + home(), "PATH=" + home() + ":/usr/bin:/bin"})
    EXPECT_EQ(run_by({"/bin/dash", {"dash"}}, text, home(), {path}).out, "b\nwrapper\n") << path;
}

/// fish before 3.0 has no && and no ||: outside of quotes the line must hold neither. In fish a backslash
/// escapes a quote in single quotes, too.
TEST_F(RemoteProgram, TheLineHoldsNothingThatOldFishDoesNotKnow) {
  const auto line = shell_line_in_user_environment("echo 'a && b' || c");
  std::string outside;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && (line[i + 1] == '\'' || line[i + 1] == '\\')) {
      ++i;
    } else if (line[i] == '\'') {
      quoted = !quoted;
    } else if (!quoted) {
      outside += line[i];
    }
  }
  EXPECT_FALSE(quoted);
  EXPECT_EQ(outside.find_first_of("&|`$()\""), std::string::npos) << outside;
}

}  // namespace
}  // namespace ec2mpi::ops
