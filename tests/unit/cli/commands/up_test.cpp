#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "ec2mpi/cli/terminal/json.hpp"
#include "tests/support/fake_ec2.hpp"
#include "tests/support/laptop.hpp"

namespace ec2mpi::test {
namespace {

constexpr std::size_t kAllCalls = 1000;  ///< more than any command makes

struct Tried {
  CliResult result;
  FakeAccount account;
  bool key_is_here = false;
};

/// `up 2` in an empty folder, with an account whose calls from `first` to `last` fail.
Tried try_up(std::size_t first, std::size_t last, CallFailure failure) {
  Laptop laptop(0);
  std::filesystem::remove(laptop.folder() / Laptop::kList);
  std::filesystem::remove(laptop.folder() / Laptop::kKey);
  laptop.nodes[1].door = laptop.nodes[2].door = FakeNode::Door::refuses;
  laptop.account = {.first_failing = first, .last_failing = last, .failure = failure};
  Tried tried;
  tried.result =
      laptop.run_cli({"up", "2", "--type", "c5n.large", "--from", "203.0.113.7", "--yes", "--retries", "0"},
                     {.variables = {{"AWS_REGION", "us-east-2"}}});
  tried.account = laptop.account;
  for (const auto& name : laptop.files()) tried.key_is_here = tried.key_is_here || name.ends_with(".pem");
  return tried;
}

/// Nothing is left, or the command that removes the rest stands there; and no exit code promises too much.
void expect_honest_end(const Tried& tried, const std::string& where) {
  const auto& [result, account, key_is_here] = tried;
  const bool named = result.err.find("ec2mpi down --cluster cluster --region us-east-2") != std::string::npos;
  EXPECT_TRUE(account.is_empty() || named) << where << "\n" << result.err;
  EXPECT_TRUE(!key_is_here || named) << where << "\n" << result.err;
  EXPECT_NE(result.code, 0) << where;
  if (!account.is_empty()) {
    EXPECT_NE(result.code, 2) << where << "\n" << result.err;
  }
}

/// Calls the check with each step of `up` as the first that fails.
void at_each_step(CallFailure failure, bool all_later_fail) {
  const auto steps = try_up(0, 0, failure).account.names;
  ASSERT_GE(steps.size(), 10U);
  for (std::size_t step = 1; step <= steps.size(); ++step) {
    const auto where = fmt::format("call {}: {}", step, steps[step - 1]);
    const auto tried = try_up(step, all_later_fail ? kAllCalls : step, failure);
    if (failure == CallFailure::thrown) {
      EXPECT_EQ(tried.result.code, 70) << where << "\n" << tried.result.err;
    }
    // A single lost answer need not end the command, which may find what the call has made.
    if (tried.result.err.find("`ec2mpi down` ends them") != std::string::npos) continue;
    expect_honest_end(tried, where);
  }
}

TEST(Up, ADryRunShowsADiskWithoutAKindAndNothingBehindIt) {
  Laptop laptop(0);
  std::filesystem::remove(laptop.folder() / Laptop::kList);
  std::filesystem::remove(laptop.folder() / Laptop::kKey);
  const auto done = laptop.run_cli(
      {"up", "2", "--type", "c5n.large", "--from", "203.0.113.7", "--dry-run", "--disk", "500G"},
      {.variables = {{"AWS_REGION", "us-east-2"}}});
  const auto text = done.out + done.err;
  EXPECT_NE(text.find("disk 500 GiB"), std::string::npos) << text;
  EXPECT_EQ(text.find(" \n"), std::string::npos) << text;
}

TEST(Up, WhatIsLeftAfterARefusalAtAnyStepIsNothingOrNamed) {
  at_each_step(CallFailure::refused, false);
}

TEST(Up, WhatIsLeftAfterALostAnswerAtAnyStepIsNothingOrNamed) {
  at_each_step(CallFailure::lost, false);
}

TEST(Up, WhatIsLeftAfterABugAtAnyStepIsNothingOrNamed) {
  at_each_step(CallFailure::thrown, false);
}

TEST(Up, WhatIsLeftWhenEc2IsNeverReachedAgainIsNamed) {
  at_each_step(CallFailure::refused, true);
  at_each_step(CallFailure::lost, true);
}

TEST(Up, WhatIsLeftWhenTheRemovalHasABugTooIsNamed) {
  at_each_step(CallFailure::thrown, true);
}

cloud::Instance member_of_list(int number) {
  cloud::Instance member;
  member.id = fmt::format("i-0{}aaaaaaaaaaaaaaa", number);
  member.state = "running";
  member.type = "c5n.large";
  member.zone = "us-east-2a";
  member.public_address = fmt::format("203.0.113.{}", 10 + number);
  member.private_address = fmt::format("10.0.0.{}", 10 + number);
  return member;
}

/// `up --add 1` to a cluster of one, with an account whose calls from `first` to `last` fail.
Tried try_add(std::size_t first, std::size_t last, CallFailure failure) {
  Laptop laptop;
  laptop.nodes[1].door = laptop.nodes[2].door = FakeNode::Door::refuses;
  laptop.account = {.first_failing = first, .last_failing = last, .failure = failure};
  laptop.account.instances.push_back(member_of_list(1));
  Tried tried;
  tried.result = laptop.run_cli({"up", "--add", "1", "--yes", "--retries", "0"},
                                {.variables = {{"AWS_REGION", "us-east-2"}}});
  tried.account = laptop.account;
  return tried;
}

/// The newcomers have ended, or the words say how they are found; the member runs in any case.
void expect_the_old_cluster(const Tried& tried, const std::string& where) {
  const auto& err = tried.result.err;
  EXPECT_EQ(tried.account.instances.front().state, "running") << where << "\n" << err;
  for (std::size_t i = 1; i < tried.account.instances.size(); ++i) {
    const auto& one = tried.account.instances[i];
    const bool named = err.find("ec2mpi down --ids " + one.id) != std::string::npos ||
                       err.find("ec2mpi status --all-regions") != std::string::npos ||
                       err.find("`ec2mpi down` ends them") != std::string::npos;
    EXPECT_TRUE(one.is_gone() || named) << where << "\n" << err;
  }
}

TEST(Up, NewcomersAreEndedOrNamedAfterAFailureAtAnyStep) {
  for (const auto failure : {CallFailure::refused, CallFailure::lost, CallFailure::thrown}) {
    const auto steps = try_add(0, 0, failure).account.names;
    ASSERT_GE(steps.size(), 8U);
    for (std::size_t step = 1; step <= steps.size(); ++step) {
      const auto where = fmt::format("call {}: {}", step, steps[step - 1]);
      expect_the_old_cluster(try_add(step, step, failure), where);
      expect_the_old_cluster(try_add(step, kAllCalls, failure), where + " and all later ones");
    }
  }
}

/// `up --replace` of node2 in a cluster of two. `list` is the list after it.
Tried try_replace(std::size_t first, std::size_t last, CallFailure failure, std::string& list) {
  Laptop laptop(2);
  laptop.nodes[1].door = laptop.nodes[2].door = FakeNode::Door::refuses;
  laptop.account = {.first_failing = first, .last_failing = last, .failure = failure};
  laptop.account.instances = {member_of_list(1), member_of_list(2)};
  Tried tried;
  tried.result =
      laptop.run_cli({"up", "--replace", member_of_list(2).id, "--yes", "--force", "--retries", "0"},
                     {.variables = {{"AWS_REGION", "us-east-2"}}});
  tried.account = laptop.account;
  list = laptop.read(Laptop::kList);
  return tried;
}

TEST(Up, AfterAFailureOfReplaceAtAnyStepEachLiveInstanceIsInTheListOrNamed) {
  std::string list;
  for (const auto failure : {CallFailure::refused, CallFailure::lost, CallFailure::thrown}) {
    const auto steps = try_replace(0, 0, failure, list).account.names;
    ASSERT_GE(std::ranges::count(steps, "TerminateInstances"), 2) << "a dry run first";
    for (std::size_t step = 1; step <= 2 * steps.size(); ++step) {
      const bool alone = step <= steps.size();
      const auto begin = alone ? step : step - steps.size();
      const auto tried = try_replace(begin, alone ? step : kAllCalls, failure, list);
      const auto& err = tried.result.err;
      for (const auto& one : tried.account.instances) {
        const bool named = err.find("ec2mpi down --ids " + one.id) != std::string::npos ||
                           err.find("ec2mpi status --all-regions") != std::string::npos;
        EXPECT_TRUE(one.is_gone() || named || list.find(one.id) != std::string::npos)
            << "call " << begin << ": " << steps[begin - 1] << (alone ? "" : " and all later ones") << "\n"
            << err << list;
      }
    }
  }
}

TEST(Instances, JsonOfAChangeHasTheirLastStates) {
  for (const char* verb : {"stop", "start", "down"}) {
    Laptop laptop(2);
    laptop.account.instances = {member_of_list(1), member_of_list(2)};
    std::vector<std::string> words = {verb, "--json", "--yes", "--ids", member_of_list(2).id};
    if (verb != std::string("start")) words.emplace_back("--force");
    const auto done = laptop.run_cli(words, {.variables = {{"AWS_REGION", "us-east-2"}}});
    const auto document = cli::Json::parse(done.out, nullptr, false);
    ASSERT_TRUE(document.is_object()) << verb << done.out << done.err;
    EXPECT_EQ(document["region"], "us-east-2");
    ASSERT_EQ(document["instances"].size(), 1U) << verb << document.dump();
    EXPECT_EQ(document["instances"][0]["node"], "node2");
    EXPECT_EQ(document["instances"][0]["state"], laptop.account.instances[1].state) << verb;
    EXPECT_FALSE(document["messages"].empty());
  }
}

TEST(Up, AReplacementThatMayNotEndTheOldInstanceStartsNothing) {
  std::string list;
  const auto steps = try_replace(0, 0, CallFailure::refused, list).account.names;
  const auto dry_run = std::ranges::find(steps, "TerminateInstances") - steps.begin() + 1;
  const auto tried = try_replace(static_cast<std::size_t>(dry_run), static_cast<std::size_t>(dry_run),
                                 CallFailure::refused, list);
  EXPECT_EQ(tried.result.code, 2) << tried.result.err;
  EXPECT_EQ(tried.account.instances.size(), 2U);
}

}  // namespace
}  // namespace ec2mpi::test
