#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::Laptop;

TEST(Exec, ShowsTheLinesOfAllNodesUnderTheirNames) {
  Laptop laptop(2);
  laptop.nodes[1] = {.out = "one\n"};
  laptop.nodes[2] = {.out = "two\n", .err = "warning\n"};
  const auto done = laptop.run_cli({"exec-all", "x"});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out, "node1\tone\nnode2\ttwo\n");
  EXPECT_TRUE(done.err.starts_with("node2\twarning\n2/2 nodes ok · ")) << done.err;
}

TEST(Exec, TheStatusOfOneNodeIsItsOwn) {
  Laptop laptop(2);
  laptop.nodes[2] = {.status = {7, ""}};
  EXPECT_EQ(laptop.run_cli({"exec", "-w", "2", "x"}).code, 7);
  EXPECT_EQ(laptop.run_cli({"exec", "-w", "1-2", "x"}).code, 1);
  laptop.nodes[2] = {.door = test::FakeNode::Door::refuses};
  EXPECT_EQ(laptop.run_cli({"exec", "-w", "2", "x"}).code, 255);
}

TEST(Exec, ACommandThatRunsIntoItsOwnLimitGives124) {
  Laptop laptop(2);
  laptop.nodes[2] = {.end = test::FakeNode::End::never};
  EXPECT_EQ(laptop.run_cli({"exec", "-w", "2", "-u", "0.05", "x"}).code, 124);
  EXPECT_EQ(laptop.run_cli({"exec", "-w", "1-2", "-u", "1500ms", "x"}).code, 1);
  laptop.nodes[1] = laptop.nodes[2];
  EXPECT_EQ(laptop.run_cli({"exec", "-w", "1-2", "-u", "0.05s", "x"}).code, 124);
  EXPECT_EQ(laptop.run_cli({"exec-all", "-u", "0.05", "x"}).code, 124);
  laptop.nodes[2] = {.end = test::FakeNode::End::cut};
  EXPECT_EQ(laptop.run_cli({"exec", "-w", "2", "-u", "60", "x"}).code, 255);
}

TEST(Exec, ADryRunListsTheNodesAndConnectsToNone) {
  Laptop laptop(3);
  const auto done = laptop.run_cli({"exec", "-n", "-w", "node[1,3]", "x"});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out, "node1\t203.0.113.11\nnode3\t203.0.113.13\n");
  EXPECT_TRUE(laptop.seen.connected.empty());
  EXPECT_EQ(laptop.run_cli({"exec", "-n", "-w", "node[1,3]"}).out, done.out) << "it needs no command";
}

TEST(Exec, InputThatNoNodeWouldGetIsRefused) {
  Laptop laptop(2);
  constexpr const char* kRefusal =
      "ec2mpi: no node would get what is on standard input: --stdin - sends it to every node, </dev/null "
      "leaves "
      "it out\n";
  EXPECT_EQ(laptop.refused({"exec-all", "cat"}, {.input = "x\n", .piped = true}), kRefusal);
  EXPECT_EQ(laptop.refused({"exec-all", "cat"}, {.input = "x\n"}), kRefusal) << "a file";
  EXPECT_EQ(laptop.run_cli({"exec-all", "--stdin", "-", "cat"}, {.input = "x\n", .piped = true}).code, 0);
  EXPECT_EQ(laptop.run_cli({"exec-all", "-n", "cat"}, {.input = "x\n", .piped = true}).code, 0);
  EXPECT_EQ(laptop.run_cli({"exec-all", "--list", "-", "cat"}, {.input = "10.0.0.1\n"}).code, 0);
  EXPECT_EQ(laptop.run_cli({"exec-all", "cat"}, {.input = "", .piped = true}).code, 0);
  EXPECT_EQ(laptop.run_cli({"exec-all", "cat"}, {.input = ""}).code, 0);
}

TEST(Exec, JsonHasEveryNodesOutcomeAndOutput) {
  Laptop laptop(3);
  laptop.nodes[1] = {.out = "one \"quoted\" \xff\n"};
  laptop.nodes[2] = {.status = {3, ""}};
  laptop.nodes[3] = {.door = test::FakeNode::Door::refuses};
  const auto done = laptop.run_cli({"exec-all", "--json", "echo \"a\"", "b"});
  EXPECT_EQ(done.code, 1);
  const auto json = nlohmann::json::parse(done.out);
  EXPECT_EQ(json["command"], "echo \"a\" b");
  EXPECT_EQ(json["ending"], "complete");
  EXPECT_EQ(json["exit_code"], 1);
  EXPECT_EQ(json["nodes"].size(), 3U);
  EXPECT_EQ(json["nodes"][0]["stdout"], "one \"quoted\" \xef\xbf\xbd\n");
  EXPECT_EQ(json["nodes"][1]["status"], 3);
  EXPECT_EQ(json["nodes"][2]["error"]["kind"], "unreachable");
}

TEST(Exec, JsonHasTheExitCodeOfTheProcess) {
  Laptop laptop(2);  // run_cli compares both
  laptop.nodes[1] = {.status = {7, ""}};
  laptop.nodes[2] = {.end = test::FakeNode::End::never};
  EXPECT_EQ(laptop.run_cli({"exec", "-w", "1", "--json", "x"}).code, 7);
  EXPECT_EQ(laptop.run_cli({"exec", "-w", "2", "-u", "0.05", "--json", "x"}).code, 124);
}

TEST(Exec, AFolderForTheOutputThatCannotBeMadeIsNamedWithItsReason) {
  Laptop laptop;
  laptop.write("file", "");
  const auto done = laptop.run_cli({"exec-all", "--outdir", "file/o", "true"});
  EXPECT_EQ(done.code, 2);
  EXPECT_EQ(done.err, "ec2mpi: cannot make the folder file/o: Not a directory\n");
}

TEST(Exec, AnInputThatIsMissingIsRefused) {
  Laptop laptop;
  EXPECT_NE(laptop.refused({"exec-all", "--stdin", "nowhere", "cat"}).find("nowhere"), std::string::npos);
}

TEST(Exec, StandardInputReachesEveryNode) {
  Laptop laptop(2);
  EXPECT_EQ(laptop.run_cli({"exec-all", "--stdin", "-", "cat"}, {.input = "a line\n"}).code, 0);
  for (const int node : {1, 2})
    EXPECT_NE(laptop.seen.input[node].find("a line\n"), std::string::npos) << laptop.seen.input[node];
}

TEST(Exec, AScriptOfAnotherLanguageThanTheShellsNeedsItsFirstLine) {
  Laptop laptop;
  laptop.write("hello.py", "from os import name\n");
  EXPECT_NE(
      laptop.refused({"exec-all", "--script", "hello.py"}).find("write #!/usr/bin/env python3 above it"),
      std::string::npos);
  laptop.write("hello.py", "#!/usr/bin/python3\nfrom os import name\n");
  laptop.write("hello.sh", "uname\n");
  for (const char* script : {"hello.py", "hello.sh"})
    EXPECT_EQ(laptop.run_cli({"exec-all", "--script", script}).code, 0) << script;
}

TEST(Exec, AScriptThatDoesNotArriveIsAnErrorOfTheNode) {
  Laptop laptop;
  laptop.write("hello.sh", "uname\n");
  laptop.nodes[1] = {.err = "greeting\nec2mpi: cannot write into /tmp: No space left on device\n",
                     .status = {.code = 126}};
  const auto done = laptop.run_cli({"exec", "-w", "1", "--script", "hello.sh"});
  EXPECT_EQ(done.code, 255);
  EXPECT_NE(
      done.err.find("node1: the script did not arrive: cannot write into /tmp: No space left on device\n"),
      std::string::npos)
      << done.err;
  EXPECT_EQ(done.out, "");
}

TEST(Exec, WordsBehindACommandWithoutQuotesAreItsOwn) {
  Laptop laptop;
  EXPECT_EQ(laptop.run_cli({"exec-all", "ls", "-n", "a b", "-u"}).code, 0);
  EXPECT_NE(laptop.seen.commands[1].find("ls -n a b -u"), std::string::npos) << laptop.seen.commands[1];
  EXPECT_EQ(laptop.run_cli({"exec-all", "ls /tmp", "--no-such-flag"}).code, 0);
}

TEST(Exec, FilesHaveEachNodesOutput) {
  Laptop laptop(2);
  laptop.nodes[2] = {.out = "two\n", .err = "warning\n"};
  EXPECT_EQ(laptop.run_cli({"exec-all", "--outdir", "out", "x"}).code, 0);
  EXPECT_EQ(laptop.read("out/node1.out"), "");
  EXPECT_EQ(laptop.read("out/node2.out"), "two\n");
  EXPECT_EQ(laptop.read("out/node2.err"), "warning\n");
}

}  // namespace
}  // namespace ec2mpi::cli
