// Jobs and results that stop and down must not lose, also after another node has become the master; and
// numbers that have changed.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "tests/support/laptop.hpp"

namespace ec2mpi::test {
namespace {

using Words = std::vector<std::string>;

const std::map<std::string, std::string> kRegion{{"AWS_REGION", "us-east-2"}};
constexpr const char* kJob = "keep-20260131-120000-abcd";

std::string id_of(int number) {
  return fmt::format("i-0{}aaaaaaaaaaaaaaa", number);
}

/// A master with one job, whose results nobody has brought.
FakeNode with_results() {
  return {.out = fmt::format("job {}\nstate ended 0\nmeta command x\nmeta nodes 1\nmeta pull /home/answer\n",
                             kJob)};
}

/// Instances of `up`, whose numbers are remembered.
class AfterTheMasterWasStopped : public testing::Test {
 protected:
  AfterTheMasterWasStopped() {
    for (const int number : {1, 2, 3}) laptop.account.add_running(id_of(number));
    EXPECT_EQ(laptop.run_cli({"exec-all", "true"}).code, 0);
  }
  void start_job_on(int number) const {
    cli::Cluster cluster;
    cluster.state = cli::open_state(laptop.folder() / Laptop::kList).value();
    cluster.inventory.nodes.emplace_back().instance_id = id_of(number);
    cli::remember_job(cluster, {kJob, false});
  }
  CliResult run(Words words) {
    words.emplace_back("--yes");
    return laptop.run_cli(words, {.variables = kRegion});
  }
  void expect_refused(const Words& words, const std::string& why) {
    const auto before = states();
    const auto done = run(words);
    EXPECT_EQ(done.code, 2) << done.err;
    EXPECT_NE(done.err.find(why), std::string::npos) << "'" << why << "' is not in: " << done.err;
    EXPECT_EQ(states(), before);
  }
  void expect_done(const Words& words) {
    const auto done = run(words);
    EXPECT_EQ(done.code, 0) << done.err;
  }
  [[nodiscard]] Words states() const {
    Words all;
    for (const auto& one : laptop.account.instances) all.push_back(one.state);
    return all;
  }

  Laptop laptop{3};
};

TEST_F(AfterTheMasterWasStopped, NoEndLosesResultsThatOnlyItHolds) {
  start_job_on(1);
  expect_done({"stop", "-w", "1", "--force"});
  const auto why = fmt::format(
      "{0} was the master of {1}, is stopped, and cannot be asked for running jobs and results that are not "
      "here; "
      "`ec2mpi start --ids {0}` and then `ec2mpi ips --renumber` make it the master again",
      id_of(1), kJob);
  expect_refused({"down"}, why);
  expect_refused({"down", "--ids", id_of(1)}, why);
  expect_refused({"down", "-w", "2"}, why);
  expect_done({"stop", "-w", "2"});
  expect_done({"down", "--ids", id_of(1), "--force"});
  expect_done({"down"});
}

TEST_F(AfterTheMasterWasStopped, TheWayThatTheRefusalNamesLeadsToTheResults) {
  start_job_on(1);
  expect_done({"stop", "-w", "1", "--force"});
  expect_refused({"down"}, "ec2mpi start --ids " + id_of(1));
  expect_done({"start", "--ids", id_of(1)});
  laptop.nodes[3] = with_results();
  expect_refused(
      {"down"},
      fmt::format("the results of {0} are not in results/ here; `ec2mpi ips --renumber` makes {1} the "
                  "master again, then `ec2mpi attach {0}` brings them",
                  kJob, id_of(1)));
  laptop.nodes[3] = {.door = FakeNode::Door::refuses};
  expect_refused({"down"},
                 "was the master of " + std::string(kJob) + ", does not answer, and cannot be asked");
  EXPECT_EQ(laptop.run_cli({"ips", "--renumber"}).code, 0);
  laptop.nodes = {{1, with_results()}};
  expect_refused({"down"}, fmt::format("here; `ec2mpi attach {}` brings them", kJob));
  laptop.nodes.clear();  // nothing is left to be brought
  expect_done({"down"});
}

TEST_F(AfterTheMasterWasStopped, AMasterThatHasNoJobOfOursHoldsNothingUp) {
  start_job_on(2);
  laptop.nodes[1] = {.door = FakeNode::Door::refuses};
  expect_done({"stop", "-w", "3"});
  laptop.nodes[2] = {.door = FakeNode::Door::refuses};
  expect_refused({"stop", "-w", "2"}, "was the master of");
  expect_done({"stop", "-w", "2", "--force"});
}

TEST_F(AfterTheMasterWasStopped, StartSaysWhatItDidAndWhichInstanceHasNoNumber) {
  expect_done({"stop", "-w", "1"});
  const auto done = run({"start", "-w", "1"});
  EXPECT_EQ(done.code, 0);
  for (const auto& says :
       {"the master is gone: all nodes are counted anew, and " + id_of(2) + " is the master now",
        "node1 (" + id_of(2) + ") was running already",
        fmt::format("{0} (stopped) has no number; `ec2mpi start --ids {0}` starts it", id_of(1))})
    EXPECT_NE(done.err.find(says), std::string::npos) << "'" << says << "' is not in: " << done.err;
  expect_done({"start", "--ids", id_of(1)});
  EXPECT_EQ(states(), Words(3, "running"));
}

TEST_F(AfterTheMasterWasStopped, ANumberThatMeansAnotherInstanceByNowEndsNoneByYes) {
  for (const auto& words :
       {Words{"stop", "-w", "1"}, {"down", "-w", "1"}, {"down", "-w", "workers"}, {"up", "--replace", "2"}}) {
    laptop.account.instances[0].state = "running";
    expect_done({"start"});
    EXPECT_EQ(laptop.run_cli({"ips", "--renumber"}).code, 0);
    expect_done({"stop", "--ids", id_of(1)});
    expect_refused(words, "the numbers have changed since the last command");
  }
  expect_done({"stop", "-w", "1"});
  EXPECT_EQ(states(), (Words{"stopped", "stopped", "running"})) << "node1 was named as the new master before";
}

TEST_F(AfterTheMasterWasStopped, AnEndedInstanceOfAnEarlierClusterOfThisNameIsPassedOver) {
  laptop.account.instances[2].state = "terminated";
  expect_done({"stop", "--cluster", "train"});
  expect_done({"start", "--cluster", "train"});
  EXPECT_EQ(states(), (Words{"running", "running", "terminated"}));
  laptop.account.instances[0].state = laptop.account.instances[1].state = "terminated";
  expect_refused({"start", "--cluster", "train"}, "has the tag ec2mpi:cluster=train, or all have ended");
}

}  // namespace
}  // namespace ec2mpi::test
