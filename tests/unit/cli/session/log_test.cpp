// The log of the last command, and the file for a bug report, by the command line.

#include "ec2mpi/cli/session/log.hpp"

#include <gtest/gtest.h>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::FakeNode;
using ::ec2mpi::test::Laptop;
namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Log, HasWhatHappenedOnEachNodeAndNoTypedValue) {
  Laptop laptop(2);
  laptop.nodes[1] = {.out = "output\n"};
  laptop.nodes[2] = {.door = FakeNode::Door::refuses};
  EXPECT_EQ(laptop.run_cli({"exec-all", "-u", "9", "echo secret"}).code, 1);
  const auto log = laptop.read(".ec2mpi/last.log");
  EXPECT_TRUE(log.starts_with("ec2mpi exec-all --command-timeout · 1970-01-01 00:00:00 UTC · 2 of 2 nodes\n"))
      << log;
  EXPECT_TRUE(has(log, " node1: connected after ")) << log;
  EXPECT_TRUE(has(log, " node1: ok after ")) << log;
  EXPECT_TRUE(has(log, " node2: not connected after ")) << log;
  EXPECT_TRUE(has(log, "connection refused")) << log;
  EXPECT_TRUE(has(log, " exit code 1\n")) << log;
  EXPECT_FALSE(has(log, "secret")) << log;
  EXPECT_FALSE(has(log, "output")) << log;
  EXPECT_EQ(fs::status(laptop.folder() / ".ec2mpi/last.log").permissions(), static_cast<fs::perms>(0600));
}

TEST(Log, HidesTypedValuesAndGreetingsInMessages) {
  Laptop laptop(1);
  laptop.nodes[1] = {.door = FakeNode::Door::refuses};
  laptop.run_cli({"exec-all", "-l", "SEKRITuser", "true"});
  const auto log = laptop.read(".ec2mpi/last.log");
  EXPECT_FALSE(has(log, "SEKRIT")) << log;
}

TEST(Log, IsOfTheLastCommandOnly) {
  Laptop laptop(1);
  laptop.run_cli({"exec-all", "true"});
  laptop.run_cli({"exec", "-w", "1", "true"});
  const auto log = laptop.read(".ec2mpi/last.log");
  EXPECT_TRUE(log.starts_with("ec2mpi exec --nodes · ")) << log;
  EXPECT_FALSE(has(log, "exec-all")) << log;
}

TEST(Log, ReachesTheTerminalWithVVOnly) {
  Laptop laptop(1);
  EXPECT_FALSE(has(laptop.run_cli({"exec-all", "true"}).err, "connected after"));
  EXPECT_TRUE(has(laptop.run_cli({"exec-all", "-vv", "true"}).err, "node1: connected after"));
}

TEST(Bugreport, HidesAddressesUnlessAskedAndIsForTheUserOnly) {
  Laptop laptop(1);
  laptop.nodes[1] = {.door = FakeNode::Door::refuses};
  laptop.run_cli({"exec-all", "true"});
  EXPECT_EQ(laptop.run_cli({"bugreport", "--offline"}).code, 0);
  const auto text = laptop.read("ec2mpi-bugreport.txt");
  EXPECT_TRUE(has(text, "== versions ==\nec2mpi ")) << text;
  EXPECT_TRUE(has(text, "node1: not connected")) << text;
  EXPECT_FALSE(has(text, "203.0.113.11")) << text;
  EXPECT_EQ(fs::status(laptop.folder() / "ec2mpi-bugreport.txt").permissions(), static_cast<fs::perms>(0600));
  EXPECT_EQ(laptop.run_cli({"bugreport", "--offline"}).code, 0) << "over one of its own";
}

TEST(UsualNames, OfAFileThatIsTheUsersAreRefusedBeforeAnyWork) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> commands = {
      {"report.html", {"report"}},
      {"ec2mpi-bugreport.txt", {"bugreport", "--offline"}},
      {"app-scale.svg", {"run", "--scale", "np=1,2", "--", "app"}}};
  for (const auto& [name, words] : commands) {
    Laptop laptop(1);
    laptop.write(name, "mine");
    EXPECT_TRUE(has(laptop.refused(words), name + " is there already, and ec2mpi has not written it"))
        << name;
    EXPECT_EQ(laptop.read(name), "mine");
  }
}

}  // namespace
}  // namespace ec2mpi::cli
