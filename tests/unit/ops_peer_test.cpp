#include "ec2mpi/ops/peer.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

const ssh::HostKey kKey{"ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAA"};
const ssh::HostKey kSecondKey{"ecdsa-sha2-nistp256", "AAAAE2VjZHNhLXNoYTItbml"};

ssh::HostKey key_number(int number) {
  return {"ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5" + std::to_string(number)};
}

Peer peer(int index, const std::string& key, const std::string& address) {
  return {.key = key,
          .index = index,
          .address = parse_ipv4(address).value(),
          .port = 22,
          .user = "ubuntu",
          .names = {"host" + std::to_string(index)},
          .host_keys = {key_number(index)}};
}

Node node_with(int index, std::string id) {
  Node node;
  node.index = index;
  node.instance_id = std::move(id);
  return node;
}

Survey survey_of(std::string hostname, const std::string& address = "10.0.0.11") {
  Survey survey;
  survey.facts.private_address = parse_ipv4(address).value();
  survey.facts.hostname = std::move(hostname);
  survey.user = "ubuntu";
  survey.port = 22;
  return survey;
}

std::vector<std::string> names_for(const std::string& hostname) {
  return make_peer(node_with(1, "i-1"), survey_of(hostname), {kKey})->names;
}

TEST(MakePeer, TakesTheShortNameAndTheLongOneOnlyBelowInternal) {
  EXPECT_EQ(names_for("ip-10-0-0-11"), std::vector<std::string>{"ip-10-0-0-11"});
  EXPECT_EQ(names_for("IP-10-0-0-11.us-east-2.compute.internal"),
            (std::vector<std::string>{"ip-10-0-0-11.us-east-2.compute.internal", "ip-10-0-0-11"}));
  EXPECT_EQ(names_for("www.example.org"), std::vector<std::string>{"www"});
}

TEST(MakePeer, NamesThatCouldBeAnothersAreNotTaken) {
  for (const auto* hostname : {"localhost", "localhost.internal", "node2", "master", "", "a b", "a\tb",
                               "10.0.0.12", "x;y", "*", "!x", "-oProxyCommand=x", "x,y", "\xc3\xa4"})
    EXPECT_TRUE(names_for(hostname).empty()) << hostname;
}

TEST(MakePeer, AddressesThatNobodyReachesAreRefused) {
  for (const auto* address : {"127.0.0.1", "0.0.0.0", "224.0.0.1"})
    EXPECT_FALSE(make_peer(node_with(1, "i-1"), survey_of("a", address), {kKey})) << address;
}

TEST(MakePeer, TheVerifiedKeysComeFirstAndOthersOnlyIfTheyLookLikeKeys) {
  auto survey = survey_of("a");
  survey.host_keys = {
      kKey, kSecondKey, {"ssh-rsa", "AAAA *"}, {"Bad Type", "AAAAAAAAAAAAAAAA"}, {"@cert-authority", "*"}};
  const auto made = make_peer(node_with(1, "i-1"), survey, {kKey});
  EXPECT_EQ(made->host_keys, (std::vector<ssh::HostKey>{kKey, kSecondKey}));
  for (int i = 0; i < 100; ++i) survey.host_keys.push_back(key_number(i));
  EXPECT_LE(make_peer(node_with(1, "i-1"), survey, {kKey})->host_keys.size(), 12U);
}

TEST(PeersText, IsReadAgainAndSkipsWhatIsDamaged) {
  std::vector<Peer> peers = {peer(0, "i-1", "10.0.0.11"), peer(0, "i-2", "10.0.0.12")};
  peers[1].port = 2222;
  const auto text = peers_text(peers);
  EXPECT_EQ(parse_peers(text), peers);
  EXPECT_EQ(parse_peers("nonsense\n" + text +
                        "i-3\t10.0.0.13\t22\tubuntu\tnode1\tssh-ed25519 AAAAAAAAAAAAAAAA\n" + text),
            peers);
  EXPECT_TRUE(parse_peers("").empty());
}

using IndicesByPeer = std::map<std::string, int>;

TEST(Membership, WhoDoesNotAnswerStaysAsRemembered) {
  const auto away = peer(0, "i-2", "10.0.0.12");
  const auto settled = settle_membership({peer(1, "i-1", "10.0.0.11")}, {away}, {{"i-1", 1}, {"i-2", 2}});
  ASSERT_EQ(settled.peers.size(), 2U);
  EXPECT_EQ(settled.peers[1].key, "i-2");
  EXPECT_EQ(settled.peers[1].index, 2);
  EXPECT_TRUE(settled.left.empty());
}

TEST(Membership, WhoIsNotInTheListHasLeftAndWhoIsStoppedHasNot) {
  const auto settled =
      settle_membership({peer(1, "i-1", "10.0.0.11")},
                        {peer(0, "i-2", "10.0.0.12"), peer(0, "i-3", "10.0.0.13")}, {{"i-1", 1}, {"i-3", 0}});
  ASSERT_EQ(settled.left.size(), 1U);
  EXPECT_EQ(settled.left[0].key, "i-2");
  ASSERT_EQ(settled.peers.size(), 2U);
  EXPECT_EQ(settled.peers[1].key, "i-3");
}

TEST(Membership, WithoutIdsAMachineIsKnownAgainByAddressAndKey) {
  auto back = peer(1, "203.0.113.99", "10.0.0.11");
  auto old = peer(1, "203.0.113.1", "10.0.0.11");
  EXPECT_TRUE(settle_membership({back}, {old}, {{"203.0.113.99", 1}}).left.empty());
  old.host_keys = {key_number(77)};
  EXPECT_EQ(settle_membership({back}, {old}, {{"203.0.113.99", 1}}).left.size(), 1U);
}

TEST(Membership, AnAddressBelongsToWhoHadItFirst) {
  const IndicesByPeer indices = {{"i-1", 1}, {"i-2", 2}, {"i-3", 3}};
  const auto thief = peer(1, "i-1", "10.0.0.13");
  const auto owner = peer(3, "i-3", "10.0.0.13");
  for (const auto& present : {std::vector<Peer>{thief, owner}, std::vector<Peer>{thief}}) {
    const auto settled = settle_membership(present, {owner}, indices);
    ASSERT_EQ(settled.peers.size(), 1U);
    EXPECT_EQ(settled.peers[0].key, "i-3");
    EXPECT_TRUE(settled.refused.contains(1));
  }
}

TEST(Membership, ANameThatTwoClaimIsNobodys) {
  auto one = peer(1, "i-1", "10.0.0.11");
  auto two = peer(2, "i-2", "10.0.0.12");
  two.names = {"host1", "host2"};
  const auto settled = settle_membership({one, two}, {}, {{"i-1", 1}, {"i-2", 2}});
  EXPECT_TRUE(settled.peers[0].names.empty());
  EXPECT_EQ(settled.peers[1].names, std::vector<std::string>{"host2"});
}

}  // namespace
}  // namespace ec2mpi::ops
