// `ec2mpi` alone.

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

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
  expect_line(said, "list      amazon_instances_info: 3 nodes, 0.30 USD an hour (by [prices])");
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
  const auto said = situation(laptop).out;
  expect_line(said, "failed    the last command failed on node2");
  expect_line(said, "reached   node[1,3] (2) by the last commands; not node2");
}

TEST(Situation, ACommandThatFailsOnNodesThatAnswerIsNoCaseForTheDoctor) {
  Laptop laptop(2);
  laptop.nodes[1] = laptop.nodes[2] = {.status = {.code = 1}};
  laptop.run_cli({"exec-all", "killall python3"});
  const auto said = situation(laptop).out;
  expect_line(said, "failed    the last command failed on node[1-2] (2)");
  expect_line(said, "next      ec2mpi setup");
}

TEST(Situation, SeesTheListAndTheKeyThatNodesSees) {
  Laptop laptop(2);
  std::filesystem::create_directory(laptop.folder() / "other");
  laptop.write("other/list", "203.0.113.7\n");
  const auto alone = [&laptop](const std::string& variable, const std::string& value) {
    const auto done = laptop.run_cli({}, {.variables = {{variable, value}}});
    EXPECT_EQ(done.code, 0);
    return done.out;
  };
  expect_line(alone("EC2MPI_LIST", "other/list"), "list      other/list: 1 node");
  expect_line(alone("EC2MPI_NODES", "2"), "list      amazon_instances_info: 1 node");
  expect_line(alone("EC2MPI_IDENTITY", "nosuch.pem"), "key       nosuch.pem");
  for (const auto& [variable, value] :
       std::initializer_list<std::pair<std::string, std::string>>{{"EC2MPI_LIST", "nosuch"},
                                                                  {"EC2MPI_NODES", "9"},
                                                                  {"EC2MPI_PORT", "x"},
                                                                  {"EC2MPI_ADDRESS", "ipv6"}}) {
    auto error = laptop.refused({"nodes"}, {.variables = {{variable, value}}});
    error.erase(0, std::string("ec2mpi: ").size());
    while (error.ends_with('\n')) error.pop_back();
    const auto said = alone(variable, value);
    expect_line(said, "trouble   " + error);
    expect_line(said, "next      correct it, then type ec2mpi again");
  }
}

TEST(Situation, ACommandBringsBackAListOfItsOwnInWhichNothingRuns) {
  const auto stopped_list = [](const std::string& first, const std::string& second, const char* title) {
    return std::string("Name\tInstance ID\tInstance state\tInstance type\tAvailability Zone\tPublic IPv4 ") +
           title + "\tPrivate IP address\tLaunch time\n\u2013\ti-0123456789abcdef0\t" + first +
           "\tc5n.large\tus-east-1a\t\u2013\t10.0.0.1\t2026-01-01T00:00:00.000Z\n"
           "\u2013\ti-0123456789abcdef1\t" +
           second + "\tc5n.large\tus-east-1a\t\u2013\t10.0.0.2\t2026-01-01T00:00:00.000Z\n";
  };
  Laptop laptop;
  const auto expect_step = [&laptop](const std::string& step) {
    EXPECT_NE(laptop.refused({"nodes"}).find("); next: " + step + "\n"), std::string::npos) << step;
    expect_line(situation(laptop).out, "next      " + step);
  };
  laptop.write(Laptop::kList, stopped_list("stopped", "stopped", "address"));
  expect_step("ec2mpi start");
  laptop.write(Laptop::kList, stopped_list("terminated", "stopped", "address"));
  expect_step("ec2mpi start --ids i-0123456789abcdef1");
  laptop.write(Laptop::kList, stopped_list("terminated", "shutting-down", "address"));
  expect_step("ec2mpi up");
  laptop.write(Laptop::kList, stopped_list("stopped", "stopped", "DNS"));
  EXPECT_NE(laptop.refused({"nodes"}).find("; start them and copy the list again"), std::string::npos);
  expect_line(situation(laptop).out, "next      correct it, then type ec2mpi again");
}

TEST(Situation, NeverSuggestsACommandThatMustFail) {
  Laptop broken_settings;
  broken_settings.write("ec2mpi.toml", "[jobs.x\n");
  expect_line(situation(broken_settings).out, "next      correct it, then type ec2mpi again");
  Laptop no_key;
  std::filesystem::rename(no_key.folder() / Laptop::kKey, no_key.folder() / "key.pem.txt");
  EXPECT_NE(situation(no_key).out.find("next      no private key: "), std::string::npos);
  Laptop garbage;
  garbage.write(Laptop::kKey, "garbage\n");
  std::filesystem::permissions(garbage.folder() / Laptop::kKey, std::filesystem::perms(0600));
  EXPECT_NE(situation(garbage).out.find("next      ./key.pem is not a private key"), std::string::npos);
  Laptop refused(2);
  refused.nodes[1] = refused.nodes[2] = {.door = test::FakeNode::Door::refuses};
  refused.run_cli({"exec-all", "x"});
  expect_line(situation(refused).out, "next      ec2mpi doctor");
}

TEST(Situation, CostsByTheTableOfThisProgramNameItsDate) {
  Laptop laptop;
  laptop.write(Laptop::kList,
               "Instance ID\tPublic IPv4 address\tInstance type\tAvailability Zone\n"
               "i-0123456789abcdef0\t203.0.113.11\tc5n.large\tus-east-1a\n");
  const auto said = situation(laptop).out;
  EXPECT_NE(said.find(" USD an hour (by ec2mpi's table of 20"), std::string::npos) << said;
}

TEST(Situation, AKeyThatOthersCanReadIsTheFirstThingToCorrect) {
  Laptop laptop;
  std::filesystem::permissions(laptop.folder() / Laptop::kKey, std::filesystem::perms(0644));
  const auto said = situation(laptop).out;
  expect_line(said, "key       key.pem, which others can read (mode 0644)");
  expect_line(said, "next      chmod 600 key.pem");
}

TEST(Situation, ScriptsThatCouldBeJobsAreNamedUntilThereIsASettingsFile) {
  Laptop laptop;
  laptop.write("run_spread.sh", "mpirun -np 2 ./x\n");
  constexpr const char* kLine = "scripts   run_*.sh; ec2mpi init writes ec2mpi.toml with a job for each";
  expect_line(situation(laptop).out, kLine);
  laptop.write("ec2mpi.toml", "");
  EXPECT_EQ(situation(laptop).out.find("scripts"), std::string::npos);
}

TEST(Situation, NodesOnWhichAJobWentWellNeedNoSetup) {
  Laptop laptop(2);
  std::filesystem::create_directory(laptop.folder() / ".ec2mpi");
  laptop.write(".ec2mpi/last_job", "hello-1 ended\n");
  laptop.write(".ec2mpi/jobs", "hello-1 ended exit 3\n");
  expect_line(situation(laptop).out, "next      ec2mpi setup");
  laptop.write(".ec2mpi/jobs", "hello-1 ended ok\n");
  expect_line(situation(laptop).out, "next      ec2mpi jobs");
}

TEST(Situation, IsADocumentForScripts) {
  Laptop laptop(2);
  const auto done = laptop.run_cli({"--json"});
  EXPECT_EQ(done.code, 0);
  const auto document = nlohmann::json::parse(done.out);
  EXPECT_EQ(document["schema"], 1);
  EXPECT_EQ(document["key"], "key.pem");
  EXPECT_EQ(document["last_job"], "none");
  EXPECT_EQ(document["next"], "ec2mpi setup");
}

TEST(Situation, TheLastJobHasItsOutcome) {
  Laptop laptop;
  laptop.write("ec2mpi.toml", "");
  std::filesystem::create_directory(laptop.folder() / ".ec2mpi");
  laptop.write(".ec2mpi/last_job", "hello-1 ended\n");
  expect_line(situation(laptop).out, "last job  hello-1, ended");
  laptop.write(".ec2mpi/jobs", "other-1\nhello-1 ended exit 3\n");
  expect_line(situation(laptop).out, "last job  hello-1, exit 3");
}

}  // namespace
}  // namespace ec2mpi::cli
