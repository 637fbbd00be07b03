#include "ec2mpi/ops/setup/trust_text.hpp"

#include <gtest/gtest.h>

#include "ec2mpi/base/checksum.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {
namespace {

const ssh::KeyPair kPair{"PRIVATE\n", "ssh-ed25519 PUBLIC"};

std::vector<ClusterMember> two_members() {
  return {{.key = "i-1",
           .index = 1,
           .address = parse_ipv4("10.0.0.11").value(),
           .port = 22,
           .user = "ubuntu",
           .names = {"alpha"},
           .host_keys = {{"ssh-ed25519", "KEY1"}}},
          {.key = "i-2",
           .index = 2,
           .address = parse_ipv4("10.0.0.12").value(),
           .port = 2222,
           .user = "ec2-user",
           .names = {},
           .host_keys = {{"ssh-ed25519", "KEY2"}, {"ssh-rsa", "KEY3"}}}};
}

std::string text_of(const std::string& name, const std::vector<ClusterMember>& members = two_members()) {
  for (const auto& text : trust_texts(members, kPair)) {
    if (text.name == name) return text.text;
  }
  return "(none)";
}

const std::string kNotice = "# Written by ec2mpi setup; ec2mpi setup --undo takes it away.\n";

TEST(TrustTexts, AreWhatSshReads) {
  EXPECT_EQ(text_of("known_hosts"),
            "10.0.0.11,alpha,node1,master ssh-ed25519 KEY1\n"
            "[10.0.0.12]:2222,[node2]:2222 ssh-ed25519 KEY2\n"
            "[10.0.0.12]:2222,[node2]:2222 ssh-rsa KEY3\n");
  EXPECT_EQ(text_of("authorized"), kNotice + "from=\"10.0.0.11,10.0.0.12\" ssh-ed25519 PUBLIC ec2mpi\n");
  EXPECT_EQ(text_of("hosts"), kNotice + "10.0.0.11 alpha node1 master\n10.0.0.12 node2\n");
  EXPECT_EQ(text_of("key"), "PRIVATE\n");
  EXPECT_NE(
      text_of("config").find("\nHost 10.0.0.12 node2\n  HostName 10.0.0.12\n  User ec2-user\n  Port 2222\n"),
      std::string::npos);
}

/// ssh takes the first value of each setting, and our text stands in front of the user's.
TEST(TrustTexts, SettingsOfTheUserForAllHostsDoNotChangeTheWayBetweenTheNodes) {
  const auto text = text_of("config");
  EXPECT_NE(text.find("  HostName 10.0.0.11\n  User ubuntu\n  Port 22\n"), std::string::npos);
  EXPECT_NE(text.find("\nHost 10.0.0.11 alpha node1 master 10.0.0.12 node2\n  ProxyCommand none\n"),
            std::string::npos);
}

TEST(TrustTexts, LinesStayShortWithManyNodes) {
  std::vector<ClusterMember> members(1000, two_members()[0]);
  for (std::uint32_t i = 0; i < members.size(); ++i) members[i].address.value += i;
  const auto text = text_of("authorized", members);
  std::size_t longest = 0;
  std::size_t begin = 0;
  for (auto end = text.find('\n'); end != std::string::npos; begin = end + 1, end = text.find('\n', begin))
    longest = std::max(longest, end - begin);
  EXPECT_LT(longest, 8000U);
  EXPECT_NE(text.find(members.back().address.text() + "\""), std::string::npos);
  const auto config = text_of("config", members);
  for (const auto line : split(config, '\n')) EXPECT_LT(line.size(), 1000U);
  EXPECT_NE(config.find(" " + members.back().address.text() + " alpha node1 master\n  ProxyCommand none\n"),
            std::string::npos);
}

TEST(MissingTexts, AreThoseWhoseChecksumDiffers) {
  const auto wanted = trust_texts(two_members(), kPair);
  std::map<std::string, std::string> states;
  for (const auto& text : wanted) states[text.name] = posix_cksum(text.text);
  EXPECT_TRUE(missing_texts(wanted, states)->empty());
  states["key"] = kAbsent;
  states["hosts"] = "1 2";
  states.erase("config");
  const auto missing = missing_texts(wanted, states);
  std::vector<std::string> names;
  for (const auto& text : *missing) names.push_back(text.name);
  EXPECT_EQ(names, (std::vector<std::string>{"config", "key", "hosts"}));
  states["include"] = kBroken;
  EXPECT_FALSE(missing_texts(wanted, states));
}

TEST(TrustTexts, AMachineHasTheLabelsOfAllItsEntries) {
  auto members = two_members();
  members[0].same_machine = {3};
  EXPECT_NE(text_of("hosts", members).find("10.0.0.11 alpha node1 master node3\n"), std::string::npos);
}

TEST(LoosePaths, AreThoseThatTheNodeNames) {
  EXPECT_TRUE(loose_paths({}).empty());
  EXPECT_TRUE(loose_paths({{"modes", "ok"}}).empty());
  EXPECT_EQ(loose_paths({{"modes", "home,config,"}}), (std::vector<std::string>{"~", "~/.ssh/config"}));
}

TEST(ForeignPaths, AreThoseOfOtherUsers) {
  EXPECT_TRUE(foreign_paths({}).empty());
  EXPECT_TRUE(foreign_paths({{"owners", "ok"}}).empty());
  const auto paths = foreign_paths({{"owners", "ssh=root,config=bob,ours=root:/srv/keys,"}});
  ASSERT_EQ(paths.size(), 3U);
  EXPECT_EQ(paths[0].path + " " + paths[0].owner + paths[0].target, "~/.ssh root");
  EXPECT_EQ(paths[1].path + " " + paths[1].owner + paths[1].target, "~/.ssh/config bob");
  EXPECT_EQ(paths[2].path + " " + paths[2].owner + " " + paths[2].target, "~/.ssh/ec2mpi root /srv/keys");
}

TEST(SshdRefusal, NamesModesCommandsAndRoot) {
  EXPECT_NE(sshd_refusal("strictmodes yes\nunsafe /srv/keys\n", "ubuntu", "/home/ubuntu").find("/srv/keys"),
            std::string::npos);
  EXPECT_EQ(sshd_refusal("strictmodes no\nunsafe /srv/keys\n", "ubuntu", "/home/ubuntu"), "");
  EXPECT_EQ(sshd_refusal("forcecommand none\n", "ubuntu", "/home/ubuntu"), "");
  EXPECT_NE(sshd_refusal("forcecommand internal-sftp\n", "ubuntu", "/home/ubuntu").find("internal-sftp"),
            std::string::npos);
  EXPECT_NE(sshd_refusal("permitrootlogin no\n", "root", "/root").find("PermitRootLogin"), std::string::npos);
  EXPECT_EQ(sshd_refusal("permitrootlogin no\n", "ubuntu", "/home/ubuntu"), "");
}

TEST(SshdRefusal, NamesTheSettingThatRefuses) {
  const auto reason = [](const std::string& settings) {
    return sshd_refusal(settings, "ubuntu", "/home/ubuntu");
  };
  const std::string usual =
      "pubkeyauthentication yes\nauthorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\n"
      "pubkeyacceptedalgorithms "
      "ssh-ed25519-cert-v01@openssh.com,ssh-ed25519,rsa-sha2-512\nauthenticationmethods any\n";
  EXPECT_EQ(reason(usual), "");
  EXPECT_EQ(reason(""), "");
  EXPECT_EQ(reason("authorizedkeysfile %h/.ssh/authorized_keys\n"), "");
  EXPECT_NE(reason("authorizedkeysfile /etc/ssh/keys/%u\n").find("/etc/ssh/keys/%u"), std::string::npos);
  EXPECT_NE(reason("pubkeyauthentication no\n").find("PubkeyAuthentication"), std::string::npos);
  EXPECT_NE(reason("pubkeyacceptedalgorithms rsa-sha2-512\n").find("ssh-ed25519"), std::string::npos);
  EXPECT_NE(reason(usual + "allowusers ubuntu@198.18.*\n").find("AllowUsers ubuntu@198.18.*"),
            std::string::npos);
}

TEST(Sectioned, MarksEveryLineSoThatNoneCanEndIt) {
  const std::vector<TrustText> texts = {{"a", "", TrustText::Place::file, false, "=end 0\n\nx\n"},
                                        {"b", "", TrustText::Place::file, false, "y\n"}};
  EXPECT_EQ(sectioned(texts), "=text a\n|=end 0\n|\n|x\n=text b\n|y\n=end 12\n");
}

}  // namespace
}  // namespace ec2mpi::ops
