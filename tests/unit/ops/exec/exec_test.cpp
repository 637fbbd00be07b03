#include "ec2mpi/ops/exec/exec.hpp"
#include "ec2mpi/ops/node/placeholders.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <cstdio>

#include "ec2mpi/base/text.hpp"
#include "tests/support/fake_transport.hpp"

namespace ec2mpi::ops {
namespace {

/// What a real shell makes of the line, as sshd would hand it over; with its exit status behind.
std::string run_in_shell(const std::string& line, const std::string& shell = "/bin/sh") {
  const auto command = "SHELL=" + shell + " " + shell + " -c " + quote_word(line);
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  std::string out;
  char block[4096];
  while (const auto got = std::fread(block, 1, sizeof block, pipe)) out.append(block, got);
  const int status = ::pclose(pipe);
  return out + "[" + std::to_string(WEXITSTATUS(status)) + "]";
}

Node node(int index) {
  return test::fake_nodes(index).back();
}

ExecPlan plan_of(std::string command) {
  return {.command = std::move(command), .count = 7, .master = "10.0.0.11"};
}

constexpr const char* kMark = "EC2MPI_TASK=0123456789abcdef";

TEST(FillPlaceholders, FillsTheFourAndLeavesOtherBraces) {
  const auto second = node(2);
  EXPECT_EQ(fill_placeholders("{index} {node} {role}", second), "2 node2 worker");
  EXPECT_EQ(fill_placeholders("{role}", node(1)), "master");
  EXPECT_EQ(fill_placeholders("{address}", second), second.address);
  EXPECT_EQ(fill_placeholders("{} {other} ${x} a{b,c} {index", second), "{} {other} ${x} a{b,c} {index");
  EXPECT_EQ(fill_placeholders("{index}{index}", second), "22");
  EXPECT_EQ(fill_placeholders("{{index}}", second), "{2}");
  EXPECT_EQ(fill_placeholders("", second), "");
}

TEST(FillPlaceholders, DoesNotLookIntoWhatItHasFilledIn) {
  auto odd = node(3);
  odd.address = "{index}";
  EXPECT_EQ(fill_placeholders("{address}", odd), "{index}");
}

TEST(CommandLine, ARealShellRunsTheTextAsItStands) {
  const auto shown = [](const std::string& text) {
    return run_in_shell(command_line(plan_of(text), node(2), kMark));
  };
  EXPECT_EQ(shown("echo 'two  words' \"$((1 + 1))\"; exit 3"), "two  words 2\n[3]");
  EXPECT_EQ(shown("printf '%s\\n' \"it's\" '\"' \\$HOME '`x`' 'a\nb' '!' '*'"),
            "it's\n\"\n$HOME\n`x`\na\nb\n!\n*\n[0]");
  EXPECT_EQ(shown("for i in 1 2; do echo $i; done | tac"), "2\n1\n[0]");
  EXPECT_EQ(shown("echo {index} {role} {x}"), "2 worker {x}\n[0]");
}

TEST(CommandLine, GivesTheVariables) {
  const auto line = command_line(
      plan_of("echo $EC2MPI_INDEX $EC2MPI_COUNT $EC2MPI_ROLE $EC2MPI_MASTER $EC2MPI_TASK"), node(2), kMark);
  EXPECT_EQ(run_in_shell(line), "2 7 worker 10.0.0.11 0123456789abcdef\n[0]");
}

TEST(CommandLine, AnAddressThatLooksLikeShellTextStaysAWord) {
  auto plan = plan_of("echo \"$EC2MPI_MASTER\"");
  plan.master = "a;echo $(id) 'b";
  EXPECT_EQ(run_in_shell(command_line(plan, node(1), kMark)), "a;echo $(id) 'b\n[0]");
}

TEST(CommandLine, UsesTheUsersOwnShell) {
  const auto line = command_line(plan_of("[[ abc == a* ]] && echo bash"), node(1), kMark);
  EXPECT_EQ(run_in_shell(line, "/bin/bash"), "bash\n[0]");
}

TEST(CommandLine, VariablesOfTheUserKeepTheirValues) {
  const auto line =
      command_line(plan_of("echo \"$o $f $file $size\"; env | grep -c ^ec2mpi_"), node(1), kMark);
  for (const auto* shell : {"/bin/sh", "/bin/bash"})
    EXPECT_EQ(run_in_shell("export o=1 f=2 file=3 size=4; " + line, shell), "1 2 3 4\n0\n[1]") << shell;
}

TEST(CommandLine, AScriptComesByStandardInputAndLeavesTheRestOfIt) {
  const std::string script = "#!/bin/sh\necho \"script: $# $1|$2\"; cat; exit 4\n";
  auto plan = plan_of(quote_words({"a  b", "it's $HOME"}));
  plan.script = std::make_shared<const std::string>(script);
  const auto line = "printf %s " + quote_word(script + "the rest") + " | sh -c " +
                    quote_word(command_line(plan, node(1), kMark));
  EXPECT_EQ(run_in_shell(line), "[0123456789abcdef script]script: 2 a  b|it's $HOME\nthe rest[4]");
}

TEST(CommandLine, AMessageOfTheShellShowsNothingButTheUsersText) {
  const auto said = [](const std::string& text, const std::string& shell) {
    return run_in_shell("exec 2>&1; " + command_line(plan_of(text), node(1), kMark), shell);
  };
  for (const auto* shell : {"/bin/sh", "/bin/bash"}) {
    const auto syntax = said("echo )", shell);
    EXPECT_NE(syntax.find("yntax error"), std::string::npos) << syntax;
    EXPECT_EQ(syntax.find("ec2mpi_"), std::string::npos) << syntax;
  }
  const auto missing = said("true\nno-such-command", "/bin/bash");
  EXPECT_NE(missing.find("line 2: no-such-command: "), std::string::npos) << missing;
}

TEST(CommandLine, OfAScriptTheProgramThatEnvDoesNotFindIsNamed) {
  const auto said = [](const std::string& first) {
    const auto script = "#!/usr/bin/env " + first + "\necho ran\n";
    auto plan = plan_of("");
    plan.script = std::make_shared<const std::string>(script);
    return run_in_shell("printf %s " + quote_word(script) + " | sh -c " +
                        quote_word("exec 2>&1; " + command_line(plan, node(1), kMark)));
  };
  for (const auto* missing : {"no-such-shell", "-S no-such-shell -x", "-S A=1 no-such-shell"}) {
    const auto text = said(missing);
    EXPECT_NE(text.find("the script asks for no-such-shell, which is not there"), std::string::npos) << text;
  }
  for (const auto* there : {"sh", "-S sh -e", "-S -u HOME sh", "-S A=1 sh"}) {
    const auto text = said(there);
    EXPECT_TRUE(text.ends_with("ran\n[0]")) << text;
  }
}

}  // namespace
}  // namespace ec2mpi::ops
