// `ec2mpi` alone.

#include <gtest/gtest.h>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::CliResult;
using ::ec2mpi::test::Laptop;

CliResult situation(Laptop& laptop) {
  auto done = laptop.run_cli({});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.err, "");
  EXPECT_TRUE(laptop.seen.connected.empty());
  return done;
}

void expect_line(const std::string& text, const std::string& line) {
  EXPECT_NE(("\n" + text).find("\n" + line + "\n"), std::string::npos) << "no line '" << line << "' in:\n"
                                                                       << text;
}

TEST(Situation, WithAListNamesItItsKeyAndTheNextStep) {
  Laptop laptop(3);
  laptop.write("ec2mpi.toml", "[prices]\n\"c5n.large\" = 0.1\n");
  const auto before = laptop.files();
  const auto said = situation(laptop).out;
  expect_line(said, "list      amazon_instances_info: 3 nodes, 0.30 an hour");
  expect_line(said, "key       key.pem");
  expect_line(said, "last job  none");
  expect_line(said, "next      ec2mpi setup");
  EXPECT_NE(said.find("ec2mpi --help"), std::string::npos);
  EXPECT_EQ(laptop.files(), before) << "it only looks";
}

TEST(Situation, WithoutAListSaysHowToGetOne) {
  Laptop laptop;
  std::filesystem::remove(laptop.folder() / Laptop::kList);
  const auto said = situation(laptop).out;
  expect_line(said, "list      none in this folder");
  expect_line(said, "next      paste the table of the EC2 console into a file amazon_instances_info here");
}

TEST(Situation, WithAListThatCannotBeReadShowsTheLine) {
  Laptop laptop;
  laptop.write(Laptop::kList, "???\n");
  const auto said = situation(laptop).out;
  EXPECT_NE(said.find("amazon_instances_info:1"), std::string::npos) << said;
}

TEST(Situation, ShowsTheNodesOnWhichTheLastCommandFailed) {
  Laptop laptop(3);
  laptop.nodes[2] = {.door = test::FakeNode::Door::refuses};
  laptop.run_cli({"exec-all", "x"});
  expect_line(situation(laptop).out, "failed    the last command failed on node2");
}

}  // namespace
}  // namespace ec2mpi::cli
