#include "ec2mpi/ops/setup/member.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

const ssh::HostKey kKey{"ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAA"};
const ssh::HostKey kSecondKey{"ecdsa-sha2-nistp256", "AAAAE2VjZHNhLXNoYTItbml"};

ssh::HostKey key_number(int number) {
  return {"ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5" + std::to_string(number)};
}

ClusterMember member(int index, const std::string& key, const std::string& address) {
  return {.key = key,
          .index = index,
          .address = parse_ipv4(address).value(),
          .port = 22,
          .user = "ubuntu",
          .names = {"i-0000000" + std::to_string(index)},
          .host_keys = {key_number(index)}};
}

Node node_with(int index, std::string id) {
  Node node;
  node.index = index;
  node.instance_id = std::move(id);
  return node;
}

SetupState state_of(std::string hostname, const std::string& address = "10.0.0.11") {
  SetupState state;
  state.facts.private_address = parse_ipv4(address).value();
  state.facts.hostname = std::move(hostname);
  state.user = "ubuntu";
  state.port = 22;
  return state;
}

std::vector<std::string> names_for(const std::string& hostname,
                                   const std::string& id = "i-0123456789abcdef0") {
  return make_member(node_with(1, id), state_of(hostname), {kKey})->names;
}

TEST(MakeMember, TakesTheNamesThatEc2Gives) {
  EXPECT_EQ(names_for("ip-10-0-0-11"), std::vector<std::string>{"ip-10-0-0-11"});
  EXPECT_EQ(names_for("IP-10-0-0-11.us-east-2.compute.internal"),
            (std::vector<std::string>{"ip-10-0-0-11.us-east-2.compute.internal", "ip-10-0-0-11"}));
  EXPECT_EQ(names_for("ip-10-0-0-11.ec2.internal"),
            (std::vector<std::string>{"ip-10-0-0-11.ec2.internal", "ip-10-0-0-11"}));
  EXPECT_EQ(names_for("i-0123456789abcdef0.us-east-2.compute.internal").size(), 2U);
  EXPECT_EQ(names_for("i-0aaaaaaaaaaaaaaa1", ""), std::vector<std::string>{"i-0aaaaaaaaaaaaaaa1"});
}

TEST(MakeMember, NamesThatCouldBeAnothersAreNotTaken) {
  for (const auto* hostname : {"localhost",
                               "localhost.internal",
                               "node2",
                               "master",
                               "",
                               "a b",
                               "a\tb",
                               "10.0.0.12",
                               "x;y",
                               "*",
                               "!x",
                               "-oProxyCommand=x",
                               "x,y",
                               "\xc3\xa4",
                               "vault",
                               "vault.corp.internal",
                               "www.example.org",
                               "ip-10-0-0-12",
                               "ip-10-0-0-11.corp.internal",
                               "ip-10-0-0-11.a.b.compute.internal",
                               "ip-10-0-0-11.compute.internal",
                               "ip-10-0-0-11.ec2.internal.example.org",
                               "i-0aaaaaaaaaaaaaaa1",
                               "i-vault"}) {
    const auto made = make_member(node_with(1, "i-0123456789abcdef0"), state_of(hostname), {kKey});
    EXPECT_TRUE(made->names.empty()) << hostname;
    EXPECT_EQ(made->unused_name.empty(), std::string(hostname).empty()) << hostname;
  }
}

TEST(MakeMember, AddressesOutsideOfPrivateNetworksAreRefused) {
  for (const auto* address :
       {"127.0.0.1", "0.0.0.0", "224.0.0.1", "198.51.100.7", "172.32.0.1", "169.254.1.1", "100.128.0.1"})
    EXPECT_FALSE(make_member(node_with(1, "i-1"), state_of("a", address), {kKey})) << address;
  for (const auto* address : {"10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1"})
    EXPECT_TRUE(make_member(node_with(1, "i-1"), state_of("a", address), {kKey})) << address;
}

TEST(MakeMember, TheAddressIsTheListsWhereTheListHasOne) {
  const auto with_listed = [](const std::string& listed, const std::string& told) {
    auto node = node_with(1, "i-1");
    node.private_address = listed;
    return make_member(node, state_of("a", told), {kKey}).has_value();
  };
  EXPECT_TRUE(with_listed("10.0.0.11", "10.0.0.11"));
  EXPECT_FALSE(with_listed("10.0.0.12", "10.0.0.11"));
  EXPECT_TRUE(with_listed("198.51.100.7", "198.51.100.7")) << "a VPC may have such addresses";
  EXPECT_TRUE(with_listed("127.0.0.1", "10.0.0.11")) << "the laptop's end of a tunnel";
}

TEST(MakeMember, TheVerifiedKeysComeFirstAndOthersOnlyIfTheyLookLikeKeys) {
  auto state = state_of("a");
  state.host_keys = {
      kKey, kSecondKey, {"ssh-rsa", "AAAA *"}, {"Bad Type", "AAAAAAAAAAAAAAAA"}, {"@cert-authority", "*"}};
  const auto made = make_member(node_with(1, "i-1"), state, {kKey});
  EXPECT_EQ(made->host_keys, (std::vector<ssh::HostKey>{kKey, kSecondKey}));
  for (int i = 0; i < 100; ++i) state.host_keys.push_back(key_number(i));
  EXPECT_LE(make_member(node_with(1, "i-1"), state, {kKey})->host_keys.size(), 12U);
}

TEST(MembersText, IsReadAgainAndSkipsWhatIsDamaged) {
  std::vector<ClusterMember> members = {member(0, "i-1", "10.0.0.11"), member(0, "i-2", "10.0.0.12")};
  members[1].port = 2222;
  const auto text = members_text(members);
  EXPECT_EQ(parse_members(text), members);
  EXPECT_EQ(parse_members("nonsense\n" + text +
                          "i-3\t127.0.0.1\t22\tubuntu\t\tssh-ed25519 AAAAAAAAAAAAAAAA\n" + text),
            members);
  const auto vault =
      parse_members("i-3\t10.0.0.13\t22\tubuntu\tvault ip-10-0-0-13\tssh-ed25519 AAAAAAAAAAAAAAAA\n");
  ASSERT_EQ(vault.size(), 1U);
  EXPECT_EQ(vault[0].names, std::vector<std::string>{"ip-10-0-0-13"});
  EXPECT_TRUE(parse_members("").empty());
}

TEST(Membership, WhoDoesNotAnswerStaysAsRemembered) {
  const auto away = member(0, "i-2", "10.0.0.12");
  const auto resolved =
      resolve_members({{member(1, "i-1", "10.0.0.11")}}, {away}, {{"i-1", {1}}, {"i-2", {2}}});
  ASSERT_EQ(resolved.members.size(), 2U);
  EXPECT_EQ(resolved.members[1].key, "i-2");
  EXPECT_EQ(resolved.members[1].index, 2);
  EXPECT_TRUE(resolved.left.empty());
}

TEST(Membership, WhoIsNotInTheListHasLeftAndWhoIsStoppedHasNot) {
  const auto resolved = resolve_members({{member(1, "i-1", "10.0.0.11")}},
                                        {member(0, "i-2", "10.0.0.12"), member(0, "i-3", "10.0.0.13")},
                                        {{"i-1", {1}}, {"i-3", {0}}});
  ASSERT_EQ(resolved.left.size(), 1U);
  EXPECT_EQ(resolved.left[0].key, "i-2");
  ASSERT_EQ(resolved.members.size(), 2U);
  EXPECT_EQ(resolved.members[1].key, "i-3");
}

TEST(Membership, ANodeThatIsRefusedNowIsNotTakenFromMemory) {
  const auto old = member(2, "i-2", "10.0.0.12");
  const auto resolved =
      resolve_members({{member(1, "i-1", "10.0.0.11")}, {"i-2"}}, {old}, {{"i-1", {1}}, {"i-2", {2}}});
  ASSERT_EQ(resolved.members.size(), 1U);
  ASSERT_EQ(resolved.left.size(), 1U) << "it has the key, so the others need a new one";
  EXPECT_EQ(resolved.left[0].key, "i-2");
}

TEST(Membership, ARememberedAddressMustFitTheListAsAnAnswerMust) {
  const auto present = member(1, "i-1", "10.0.0.11");
  const auto away = [&present](const std::string& address, const std::string& listed) {
    return resolve_members({{present}}, {member(2, "i-2", address)}, {{"i-1", {1}}, {"i-2", {0, listed}}});
  };
  EXPECT_EQ(away("10.0.0.12", "").members.size(), 2U);
  EXPECT_EQ(away("10.0.0.12", "10.0.0.12").members.size(), 2U);
  EXPECT_EQ(away("198.51.100.7", "198.51.100.7").members.size(), 2U);
  for (const auto& [address, listed] : {std::pair("198.51.100.7", ""), std::pair("10.0.0.12", "10.0.0.99")}) {
    EXPECT_EQ(away(address, listed).members.size(), 1U) << address;
    EXPECT_EQ(away(address, listed).left.size(), 1U) << address;
  }
}

TEST(Membership, ANodeThatTakesAnothersAddressLosesItsOwnPlaceToo) {
  const auto owner = member(3, "i-3", "10.0.0.13");
  const auto resolved = resolve_members({{member(1, "i-1", "10.0.0.13"), owner}},
                                        {member(1, "i-1", "10.0.0.11"), owner}, {{"i-1", {1}}, {"i-3", {3}}});
  ASSERT_EQ(resolved.members.size(), 1U);
  ASSERT_EQ(resolved.left.size(), 1U);
  EXPECT_EQ(resolved.left[0].key, "i-1");
}

TEST(Membership, WithoutIdsAMachineIsKnownAgainByAddressAndKey) {
  auto back = member(1, "203.0.113.99", "10.0.0.11");
  auto old = member(1, "203.0.113.1", "10.0.0.11");
  EXPECT_TRUE(resolve_members({{back}}, {old}, {{"203.0.113.99", {1}}}).left.empty());
  old.host_keys = {key_number(77)};
  EXPECT_EQ(resolve_members({{back}}, {old}, {{"203.0.113.99", {1}}}).left.size(), 1U);
}

TEST(Membership, AnAddressBelongsToWhoHadItFirst) {
  const ListedNodes indices = {{"i-1", {1}}, {"i-2", {2}}, {"i-3", {3}}};
  const auto thief = member(1, "i-1", "10.0.0.13");
  const auto owner = member(3, "i-3", "10.0.0.13");
  for (const auto& present : {std::vector<ClusterMember>{thief, owner}, std::vector<ClusterMember>{thief}}) {
    const auto resolved = resolve_members({present}, {owner}, indices);
    ASSERT_EQ(resolved.members.size(), 1U);
    EXPECT_EQ(resolved.members[0].key, "i-3");
    EXPECT_TRUE(resolved.refused.contains(1));
  }
}

TEST(Membership, OneMachineUnderTwoNamesIsOneMember) {
  auto one = member(1, "a", "10.0.0.11");
  auto two = member(2, "b", "10.0.0.11");
  one.boot_id = two.boot_id = "boot";
  one.verified = two.verified = {kKey};
  const ListedNodes indices = {{"a", {1}}, {"b", {2}}};
  const auto resolved = resolve_members({{one, two}}, {}, indices);
  ASSERT_EQ(resolved.members.size(), 1U);
  EXPECT_EQ(resolved.members[0].same_machine, std::vector<int>{2});
  EXPECT_TRUE(resolved.refused.empty());
  two.verified = {kSecondKey};
  EXPECT_TRUE(resolve_members({{one, two}}, {}, indices).refused.contains(2))
      << "the boot id alone proves nothing";
}

TEST(Membership, ANameThatTwoClaimIsNobodys) {
  auto one = member(1, "i-1", "10.0.0.11");
  auto two = member(2, "i-2", "10.0.0.12");
  two.names = {"i-00000001", "i-00000002"};
  const auto resolved = resolve_members({{one, two}}, {}, {{"i-1", {1}}, {"i-2", {2}}});
  EXPECT_TRUE(resolved.members[0].names.empty());
  EXPECT_EQ(resolved.members[1].names, std::vector<std::string>{"i-00000002"});
}

}  // namespace
}  // namespace ec2mpi::ops
