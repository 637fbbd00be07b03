#include "ec2mpi/cloud/instance_list.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>

#include "ec2mpi/cluster/list/read_inventory.hpp"

namespace ec2mpi::cloud {
namespace {

Instance instance(const std::string& id, const std::string& state, const std::string& address) {
  Instance one;
  one.id = id;
  one.state = state;
  one.type = "c5n.large";
  one.zone = "us-east-2a";
  one.public_address = address;
  one.private_address = "10.0.0.5";
  one.launched = "2026-11-22T18:00:08.000Z";
  return one;
}

TEST(InstanceList, WrittenListIsReadAgainWithStatesAndAddresses) {
  auto second = instance("i-0123456789abcdef1", "stopped", "");
  second.private_address = "10.0.0.6";
  const auto text =
      list_text({instance("i-0123456789abcdef0", "running", "203.0.113.5"), second}, {"", "a\tb"}, true);
  const auto inventory = parse_inventory(text, "list");
  ASSERT_TRUE(inventory) << inventory.error().message;
  ASSERT_EQ(inventory->nodes.size(), 1U);
  EXPECT_EQ(inventory->nodes[0].address, "203.0.113.5");
  EXPECT_EQ(inventory->nodes[0].private_address, "10.0.0.5");
  ASSERT_EQ(inventory->skipped.size(), 1U);
  EXPECT_EQ(inventory->skipped[0].instance_id, "i-0123456789abcdef1");
  EXPECT_EQ(inventory->skipped[0].state, "stopped");
}

TEST(InstanceList, LoginUserOfAnImageStandsInTheList) {
  auto debian = instance("i-0123456789abcdef0", "running", "203.0.113.5");
  debian.tags[kUserTag] = "admin";
  const auto inventory = parse_inventory(list_text({debian}, {}, true), "list");
  ASSERT_TRUE(inventory) << inventory.error().message;
  EXPECT_EQ(inventory->nodes[0].user, "admin");
}

TEST(InstanceList, ListInWhichNothingRunsIsReadWhereAddressesAreNotRequired) {
  const auto text = list_text({instance("i-0123456789abcdef0", "stopped", "")}, {}, true);
  EXPECT_FALSE(parse_inventory(text, "list"));
  const auto inventory =
      parse_inventory(text, "list", {.choose_addresses = false, .addresses_required = false});
  ASSERT_TRUE(inventory) << inventory.error().message;
  EXPECT_EQ(inventory->skipped.size(), 1U);
}

TEST(HostKeysOfConsole, FirstCompleteBlockCounts) {
  const std::string key = "AAAAC3NzaC1lZDI1NTE5AAAAIJkxXl69KD7nb7F4TPm2pG8c2rFWhNHFKcanJugoHcuq";
  const std::string other = "AAAAC3NzaC1lZDI1NTE5AAAAIJkxXl69KD7nb7F4TPm2pG8c2rFWhNHFKcanJugoHcuX";
  const std::string begin = "boot\r\n-----BEGIN SSH HOST KEY KEYS-----\r\nssh-ed25519 ";
  const std::string end = " root@ip-10-0-0-1\r\n-----END SSH HOST KEY KEYS-----\r\n";
  const auto keys = host_keys_in(begin + key + end + begin + other + end);
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].first, "ssh-ed25519");
  EXPECT_EQ(keys[0].second, key);
}

TEST(HostKeysOfConsole, BlockThatIsCutOrOddGivesNoKey) {
  EXPECT_TRUE(host_keys_in("").empty());
  EXPECT_TRUE(
      host_keys_in("-----BEGIN SSH HOST KEY KEYS-----\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI").empty());
  EXPECT_TRUE(
      host_keys_in("-----BEGIN SSH HOST KEY KEYS-----\n@revoked x\nssh-ed25519 not*base64!and!long!enough\n"
                   "-----END SSH HOST KEY KEYS-----")
          .empty());
}

TEST(IamPolicy, IsJsonWithEveryActionOnce) {
  const auto policy = nlohmann::json::parse(iam_policy());
  std::vector<std::string> actions;
  for (const auto& statement : policy["Statement"])
    for (const auto& action : statement["Action"]) actions.push_back(action);
  EXPECT_EQ(std::set(actions.begin(), actions.end()).size(), actions.size());
  for (const auto* needed : {"ec2:RunInstances", "ec2:TerminateInstances", "ec2:DeleteSecurityGroup"})
    EXPECT_NE(std::find(actions.begin(), actions.end(), needed), actions.end()) << needed;
}

}  // namespace
}  // namespace ec2mpi::cloud
