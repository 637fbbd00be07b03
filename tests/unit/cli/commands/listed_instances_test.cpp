#include "src/cli/commands/listed_instances.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/laptop.hpp"

namespace ec2mpi::test {
namespace {

constexpr const char* kCluster = "ec2mpi:cluster";
const std::map<std::string, std::string> kRegion{{"AWS_REGION", "us-east-2"}};

cloud::Instance instance_of_list(int number) {
  cloud::Instance one;
  one.id = fmt::format("i-0{}aaaaaaaaaaaaaaa", number);
  one.state = "running";
  one.type = "c5n.large";
  one.public_address = fmt::format("203.0.113.{}", 10 + number);
  one.private_address = fmt::format("10.0.0.{}", number);
  one.launched = "2026-01-01T00:00:00.000Z";
  one.tags[kCluster] = "train";
  return one;
}

/// A laptop with a list of two instances, and a third one of the cluster that the list does not have.
struct ThreeInstances {
  Laptop laptop{2};

  ThreeInstances() {
    for (const int number : {1, 2, 3}) laptop.account.instances.push_back(instance_of_list(number));
  }
  [[nodiscard]] bool lists(int number) const {
    return laptop.read(Laptop::kList).find(instance_of_list(number).id) != std::string::npos;
  }
  /// As `up --add` would do it at the same time.
  void write_third() const {
    laptop.write(Laptop::kList, cloud_list({instance_of_list(1), instance_of_list(2), instance_of_list(3)}));
  }
  static std::string cloud_list(const std::vector<cloud::Instance>& instances) {
    std::string text = "Name\tInstance ID\tInstance state\tInstance type\tPublic IPv4 address\tLaunch time\n";
    for (const auto& one : instances)
      text += fmt::format("\u2013\t{}\t{}\t{}\t{}\t{}\n", one.id, one.state, one.type, one.public_address,
                          one.launched);
    return text;
  }
};

TEST(ListedInstances, ALineThatAnotherCommandHasWrittenMeanwhileStays) {
  const std::vector<std::vector<std::string>> commands{
      {"stop", "-w", "2", "--force"}, {"start", "-w", "2"}, {"down", "-w", "2", "--force"}};
  for (const auto& words : commands) {
    ThreeInstances three;
    if (words[0] == "start") three.laptop.account.instances[1].state = "stopped";
    three.laptop.account.meanwhile = [&three] { three.write_third(); };
    auto all = words;
    all.emplace_back("--yes");
    const auto done = three.laptop.run_cli(all, {.variables = kRegion});
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_TRUE(three.lists(3)) << words[0] << three.laptop.read(Laptop::kList);
    EXPECT_EQ(three.lists(2), words[0] != "down");
  }
}

TEST(ListedInstances, AListThatStaysAsItWasIsNotReported) {
  ThreeInstances three;
  const std::vector<std::string> words{"start", "--yes", "-w", "2"};
  three.laptop.account.instances[1].state = "stopped";
  EXPECT_NE(three.laptop.run_cli(words, {.variables = kRegion}).err.find("has the new states and addresses"),
            std::string::npos);
  const auto before = three.laptop.read(Laptop::kList);
  const auto again = three.laptop.run_cli(words, {.variables = kRegion});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.err.find("has the new states"), std::string::npos) << again.err;
  EXPECT_EQ(three.laptop.read(Laptop::kList), before);
}

TEST(ListedInstances, StatusAndDownNameALiveInstanceThatTheListDoesNotHave) {
  ThreeInstances three;
  const auto third = instance_of_list(3).id;
  const auto words = fmt::format(
      "{0} (running) of cluster train costs and is not in amazon_instances_info; to end it: "
      "ec2mpi down --ids {0} --region us-east-2",
      third);
  auto done = three.laptop.run_cli({"status"}, {.variables = kRegion});
  EXPECT_NE(done.err.find(words), std::string::npos) << done.err;
  done = three.laptop.run_cli({"down", "--yes", "--force"}, {.variables = kRegion});
  EXPECT_EQ(done.code, 1);
  EXPECT_NE(done.err.find(words), std::string::npos) << done.err;
  EXPECT_EQ(done.err.find("nothing of them is left"), std::string::npos) << done.err;
  done = three.laptop.run_cli({"down", "--yes", "--force", "--ids", third}, {.variables = kRegion});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(three.laptop.account.is_empty());
}

TEST(ListedInstances, ADownByTagNamesAnInstanceThatWasStartedMeanwhile) {
  ThreeInstances three;
  auto& instances = three.laptop.account.instances;
  instances.pop_back();
  three.laptop.account.meanwhile = [&] {
    if (instances.size() == 2) instances.push_back(instance_of_list(3));
  };
  const auto done = three.laptop.run_cli({"down", "--yes", "--cluster", "train"}, {.variables = kRegion});
  EXPECT_EQ(done.code, 1) << done.err;
  EXPECT_NE(done.err.find(instance_of_list(3).id + " (running) of cluster train costs; to end it"),
            std::string::npos)
      << done.err;
}

TEST(ListedInstances, WhileALaunchIsAtWorkNobodyIsToldToEndItsInstancesAtOnce) {
  ThreeInstances three;
  const auto file = three.laptop.folder() / Laptop::kList;
  const auto lock = cli::lock_for_launch(file);
  ASSERT_TRUE(lock);
  EXPECT_FALSE(cli::lock_for_launch(file));
  const auto done = three.laptop.run_cli({"status"}, {.variables = kRegion});
  EXPECT_NE(done.err.find("another ec2mpi up is at work here"), std::string::npos) << done.err;
}

TEST(Extend, NoNodeTakesAnEndThatEc2WouldNotShow) {
  ThreeInstances three;
  three.laptop.account.first_failing = three.laptop.account.last_failing = 2;  // the dry run of CreateTags
  const auto done = three.laptop.run_cli({"extend", "30m", "--yes"}, {.variables = kRegion});
  EXPECT_EQ(done.code, 2) << done.err;
  EXPECT_EQ(three.laptop.account.names.back(), "CreateTags");
  EXPECT_TRUE(three.laptop.seen.connected.empty());
}

TEST(Extend, WhereTheTagIsRefusedAfterwardsTheEndOfTheNodesIsNamed) {
  ThreeInstances three;
  three.laptop.account.first_failing = three.laptop.account.last_failing = 3;
  const auto done = three.laptop.run_cli({"extend", "30m", "--yes"}, {.variables = kRegion});
  EXPECT_EQ(done.code, 1) << done.err;
  EXPECT_NE(done.err.find("2 instances have their end of life at "), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("the same `ec2mpi extend` again"), std::string::npos) << done.err;
}

}  // namespace
}  // namespace ec2mpi::test
