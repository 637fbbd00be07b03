#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/laptop.hpp"

namespace ec2mpi::test {
namespace {

using Words = std::vector<std::string>;

const std::map<std::string, std::string> kRegion{{"AWS_REGION", "us-east-2"}};

std::string id_of(int number) {
  return fmt::format("i-0{}aaaaaaaaaaaaaaa", number);
}

/// Two instances of `up`.
struct TwoInstances {
  Laptop laptop{2};

  TwoInstances() {
    for (const int number : {1, 2}) laptop.account.add_running(id_of(number));
  }
  CliResult run(Words words) {
    words.emplace_back("--yes");
    laptop.account.names.clear();
    return laptop.run_cli(words, {.variables = kRegion});
  }
  /// Of the last command: "i-01… stop" for each shutdown behaviour that EC2 was told to set.
  [[nodiscard]] Words behaviours() const {
    constexpr std::string_view kCall = "ModifyInstanceAttribute ";
    Words told;
    for (const auto& name : laptop.account.names)
      if (name.starts_with(kCall) && !name.ends_with("(dry run)")) told.push_back(name.substr(kCall.size()));
    return told;
  }
  cloud::Instance& instance(int number) { return laptop.account.instances.at(std::size_t(number) - 1); }
  void fail_call(std::size_t number) { laptop.account.first_failing = laptop.account.last_failing = number; }
};

TEST(Extend, TheShutdownBehaviourIsThatOfTheRule) {
  const std::vector<std::pair<std::string, std::string>> rules{
      {"1h=stop", " stop"}, {"1h=stop,7d=down", " stop"}, {"2h=down", " terminate"}, {"off", " terminate"}};
  for (const auto& [rule, behaviour] : rules) {
    TwoInstances two;
    const auto done = two.run({"extend", "8h", "--idle", rule});
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_EQ(two.behaviours(), (Words{id_of(1) + behaviour, id_of(2) + behaviour})) << rule;
    const auto* words =
        behaviour == " stop" ? "disks stay and cost money until ec2mpi down" : "EC2 then ends those";
    EXPECT_NE(done.err.find(words), std::string::npos) << done.err;
  }
  TwoInstances two;
  EXPECT_EQ(two.run({"extend", "8h"}).code, 0);
  EXPECT_EQ(two.behaviours(), Words()) << "the rule stays, and so does the behaviour";
}

TEST(Extend, NoInstanceEndsThatOthersHaveStartedOrThatAJobIsToStop) {
  TwoInstances two;
  two.instance(1).tags.clear();
  two.instance(2).tags[cloud::kStopsTag] = "after a job";
  const auto ids = id_of(1) + "," + id_of(2);
  auto done = two.run({"extend", "8h", "--idle", "2h=down", "--ids", ids});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(two.behaviours(), Words());
  EXPECT_NE(done.err.find("ec2mpi run --then stop has made them stop"), std::string::npos) << done.err;
  done = two.run({"extend", "8h", "--idle", "1h=stop", "--ids", ids});
  EXPECT_EQ(two.behaviours(), (Words{id_of(1) + " stop", id_of(2) + " stop"})) << done.err;
}

TEST(Extend, AJobThatIsToStopTheInstancesMarksThem) {
  TwoInstances two;
  two.laptop.nodes[1].door = FakeNode::Door::refuses;
  two.laptop.run_cli({"run", "--detach", "--then", "stop", "--", "true"}, {.variables = kRegion});
  EXPECT_EQ(two.behaviours(), (Words{id_of(1) + " stop", id_of(2) + " stop"}));
  EXPECT_EQ(two.laptop.account.names.back(), "CreateTags");
}

TEST(Extend, ANodeThatEc2WouldEndDoesNotTakeARuleThatStopsIt) {
  TwoInstances two;
  two.fail_call(5);  // after the first look, two dry runs and the call for node1
  const auto done = two.run({"extend", "8h", "--idle", "1h=stop"});
  EXPECT_EQ(done.code, 1) << done.err;
  EXPECT_EQ(two.laptop.seen.connected, std::vector<int>{1});
  EXPECT_NE(done.err.find("node2 (" + id_of(2) + "): nothing is changed there"), std::string::npos)
      << done.err;
  EXPECT_NE(done.err.find(" stop is refused"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("1 instance has its end of life"), std::string::npos) << done.err;
}

TEST(Extend, ARefusedShutdownBehaviourIsFoundBeforeAnythingChanges) {
  for (const char* rule : {"1h=stop", "off"}) {
    TwoInstances two;
    two.fail_call(3);  // its dry run
    const auto done = two.run({"extend", "8h", "--idle", rule});
    EXPECT_EQ(done.code, 2) << done.err;
    EXPECT_TRUE(two.laptop.seen.connected.empty());
    EXPECT_EQ(two.laptop.account.calls, 3U);
  }
}

TEST(Extend, ANodeWithoutTheNewRuleDoesNotEndInThePlaceOfStopping) {
  TwoInstances two;
  two.laptop.nodes[2].door = FakeNode::Door::refuses;
  EXPECT_EQ(two.run({"extend", "8h", "--idle", "off"}).code, 1);
  EXPECT_EQ(two.behaviours(), (Words{id_of(1) + " terminate"})) << "the old rule of node2 may be 1h=stop";
  const auto done = two.run({"extend", "8h", "--idle", "1h=stop"});
  EXPECT_NE(done.err.find("node2 (" + id_of(2) + "): without the new rule, but from now on EC2 stops it"),
            std::string::npos)
      << done.err;
}

TEST(Extend, ANodeThatEc2DoesNotLetEndIsNamed) {
  TwoInstances two;
  two.fail_call(4);
  const auto done = two.run({"extend", "8h", "--idle", "off"});
  EXPECT_EQ(done.code, 1) << done.err;
  EXPECT_NE(done.err.find("node1 (" + id_of(1) + "): EC2 may only stop it at its end"), std::string::npos)
      << done.err;
  EXPECT_EQ(two.behaviours().size(), 2U) << "the other one ends";
}

TEST(Extend, ASpotInstanceOfUpTakesNoRuleThatStopsIt) {
  TwoInstances two;
  two.instance(2).spot = true;
  const auto done = two.run({"extend", "8h", "--idle", "1h=stop"});
  EXPECT_EQ(done.code, 2) << done.err;
  EXPECT_NE(done.err.find("node2 (" + id_of(2) + ") is a spot instance, which cannot stop"),
            std::string::npos)
      << done.err;
  EXPECT_EQ(two.run({"extend", "8h", "--idle", "1h=down"}).code, 0);
  EXPECT_EQ(two.behaviours(), (Words{id_of(1) + " terminate"})) << "a spot instance ends anyway";
}

TEST(Extend, WhereNoInstanceRunsTheNextStepDependsOnTheStates) {
  TwoInstances two;
  two.instance(1).state = two.instance(2).state = "terminated";
  for (const char* verb : {"extend", "start"}) {
    const auto done = two.run({verb});
    EXPECT_EQ(done.code, 2);
    EXPECT_NE(done.err.find("all of these instances have ended; ec2mpi down removes what is left of them"),
              std::string::npos)
        << done.err;
  }
  EXPECT_NE(two.run({"extend", "-w", "2"}).err.find("ec2mpi up --replace failed starts others"),
            std::string::npos);
  two.instance(1).state = "stopped";
  EXPECT_NE(two.run({"extend"}).err.find("ec2mpi start --ids " + id_of(1)), std::string::npos);
  EXPECT_NE(two.run({"start"}).err.find("take it out of the list with ec2mpi down --ids " + id_of(2)),
            std::string::npos);
  EXPECT_EQ(two.run({"down", "--ids", id_of(2)}).code, 0);
  EXPECT_EQ(two.run({"start"}).code, 0) << "the hint was right";
}

/// The words and the states of the two instances behind them.
struct Chosen {
  Words words;
  std::string first;
  std::string second;
};

TEST(Instances, AStoppedNodeIsChosenByTheLabelThatStatusShows) {
  TwoInstances two;
  EXPECT_EQ(two.laptop.run_cli({"exec-all", "true"}).code, 0) << "the numbers are remembered";
  const std::vector<Chosen> steps{{{"stop", "-w", "2", "--force"}, "running", "stopped"},
                                  {{"start", "-w", "2"}, "running", "running"},
                                  {{"stop", "--force"}, "stopped", "stopped"},
                                  {{"start", "-w", "master"}, "running", "stopped"},
                                  {{"start", "-w", "workers"}, "running", "running"},
                                  {{"stop", "-w", "node2", "--force"}, "running", "stopped"},
                                  {{"down", "-w", "2", "--force"}, "running", "terminated"}};
  for (const auto& step : steps) {
    const auto done = two.run(step.words);
    EXPECT_EQ(done.code, 0) << step.words[0] << ": " << done.err;
    EXPECT_EQ(two.instance(1).state, step.first) << step.words[0];
    EXPECT_EQ(two.instance(2).state, step.second) << step.words[0];
    // Both look at the nodes that run.
    EXPECT_EQ(two.laptop.run_cli({"status"}, {.variables = kRegion}).code, 0);
    two.laptop.run_cli({"exec-all", "true"});
  }
}

TEST(Instances, AStoppedNodeOfWhichANewOneHasTheNumberIsChosenByItsIdOnly) {
  TwoInstances two;
  EXPECT_EQ(two.laptop.run_cli({"exec-all", "true"}).code, 0);
  EXPECT_EQ(two.run({"stop", "-w", "2", "--force"}).code, 0);
  auto third = two.instance(1);
  third.id = id_of(3);
  third.public_address = "203.0.113.13";
  two.laptop.account.instances.push_back(third);
  two.laptop.write(Laptop::kList, two.laptop.read(Laptop::kList) +
                                      fmt::format("–\t{}\trunning\tc5n.large\t\t203.0.113.13\n", id_of(3)));
  EXPECT_EQ(two.laptop.run_cli({"exec-all", "true"}).code, 0);
  auto done = two.run({"down", "-w", "3", "--force"});
  EXPECT_EQ(done.code, 2) << done.err;
  EXPECT_NE(done.err.find(id_of(2) + " (stopped) has no number, so name it with --ids"), std::string::npos)
      << done.err;
  done = two.run({"down", "-w", "2", "--force"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(two.instance(3).state, "terminated") << "status calls it node2";
  EXPECT_EQ(two.instance(2).state, "stopped");
}

}  // namespace
}  // namespace ec2mpi::test
