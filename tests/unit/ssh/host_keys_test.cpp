#include "ec2mpi/ssh/host_keys.hpp"

#include <gtest/gtest.h>
#include <cstdlib>

#include "ec2mpi/base/file.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ssh {
namespace {

const HostKey kFirst{"ssh-ed25519", "AAAAfirst"};
const HostKey kOther{"ssh-ed25519", "AAAAother"};

Node node_with(std::string id, std::string address, std::uint16_t port = 0) {
  Node node;
  node.instance_id = std::move(id);
  node.address = std::move(address);
  node.port = port;
  return node;
}

const Node kNode = node_with("i-0123456789abcdef0", "203.0.113.1");

class HostKeysFile : public testing::Test {
 protected:
  HostKeys load(UnknownHostKey unknown = UnknownHostKey::remember) const {
    auto keys = HostKeys::load(file, unknown);
    EXPECT_TRUE(keys.has_value()) << (keys ? "" : keys.error().message);
    return std::move(*keys);
  }
  [[nodiscard]] std::string content() const { return read_file(file).value_or("(no file)"); }

  test::ScratchFolder folder;
  std::filesystem::path file = folder.path() / ".ec2mpi" / "known_hosts";
};

TEST_F(HostKeysFile, RemembersAFirstSightAtOnce) {
  auto keys = load();
  EXPECT_TRUE(keys.verify(kNode, kFirst));
  EXPECT_EQ(content(), "i-0123456789abcdef0 ssh-ed25519 AAAAfirst\n");
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0600));
  EXPECT_EQ(std::filesystem::status(file.parent_path()).permissions(), std::filesystem::perms(0700));
}

TEST_F(HostKeysFile, KnowsItAgainInThisRunAndTheNextWithoutWriting) {
  auto keys = load();
  EXPECT_TRUE(keys.verify(kNode, kFirst));
  EXPECT_TRUE(keys.verify(kNode, kFirst));
  EXPECT_TRUE(load().verify(kNode, kFirst));
  EXPECT_EQ(content(), "i-0123456789abcdef0 ssh-ed25519 AAAAfirst\n");
}

TEST_F(HostKeysFile, NeverAcceptsAChangedKeyAndNamesTheCommandThatRemovesTheOldOne) {
  EXPECT_TRUE(load().verify(kNode, kFirst));
  for (const auto unknown : {UnknownHostKey::remember, UnknownHostKey::refuse}) {
    const auto verdict = load(unknown).verify(kNode, kOther);
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().kind, ErrorKind::host_key);
    EXPECT_NE(verdict.error().message.find("sed -i '/^i-0123456789abcdef0 /d' " + file.string()),
              std::string::npos);
  }
  EXPECT_EQ(content(), "i-0123456789abcdef0 ssh-ed25519 AAAAfirst\n");
}

TEST_F(HostKeysFile, TheNamedCommandRemovesThatHostOnly) {
  auto by_address = node_with("", "203.0.113.9");
  auto by_port = node_with("", "2001:db8::1");
  by_port.port = 2222;
  for (const auto& node : {by_address, by_port}) {
    std::filesystem::remove(file);
    EXPECT_TRUE(load().verify(node, kFirst));
    EXPECT_TRUE(load().verify(node_with("", "203a0b113c9"), kFirst));
    EXPECT_TRUE(load().verify(node_with("", "203.0.113.99"), kFirst));
    const auto message = load().verify(node, kOther).error().message;
    const auto command = message.substr(message.find("sed "));
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    EXPECT_EQ(content(), "203a0b113c9 ssh-ed25519 AAAAfirst\n203.0.113.99 ssh-ed25519 AAAAfirst\n");
  }
}

TEST_F(HostKeysFile, WhereTheCommandWouldNotFindTheLineItsNumberIsNamed) {
  std::filesystem::create_directory(file.parent_path());
  for (const std::string begin : {"I-0123456789abcdef0 ", " i-0123456789abcdef0 ", "i-0123456789abcdef0\t",
                                  "i-0123456789abcdef0,other "}) {
    ASSERT_TRUE(write_file_atomically(
        file, "203.0.113.9 ssh-ed25519 AAAAfirst\n" + begin + "ssh-ed25519 AAAAfirst\n", 0600));
    const auto verdict = load().verify(kNode, kOther);
    ASSERT_FALSE(verdict);
    EXPECT_NE(verdict.error().message.find("remove it from " + file.string() + ", line 2"), std::string::npos)
        << verdict.error().message;
  }
  ASSERT_TRUE(write_file_atomically(file, "\xEF\xBB\xBFi-0123456789abcdef0 ssh-ed25519 AAAAfirst\n", 0600));
  const auto verdict = load().verify(kNode, kOther);
  ASSERT_FALSE(verdict);
  EXPECT_NE(verdict.error().message.find(", line 1"), std::string::npos) << verdict.error().message;
}

TEST_F(HostKeysFile, AKeyOfAnotherTypeIsAChangedKeyToo) {
  EXPECT_TRUE(load().verify(kNode, kFirst));
  EXPECT_FALSE(load().verify(kNode, {"ssh-rsa", "AAAAfirst"}));
}

TEST_F(HostKeysFile, RefusesAnUnknownKeyIfAsked) {
  const auto verdict = load(UnknownHostKey::refuse).verify(kNode, kFirst);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().kind, ErrorKind::host_key);
  EXPECT_EQ(content(), "(no file)");
}

TEST_F(HostKeysFile, TakesAnyOfSeveralKeysOfANode) {
  std::filesystem::create_directory(file.parent_path());
  ASSERT_TRUE(write_file_atomically(file,
                                    "# a comment\n\ni-0123456789abcdef0 ssh-rsa AAAArsa and a comment\n"
                                    "i-0123456789abcdef0 ssh-ed25519 AAAAfirst\n",
                                    0600));
  EXPECT_TRUE(load().verify(kNode, kFirst));
  EXPECT_TRUE(load().verify(kNode, {"ssh-rsa", "AAAArsa"}));
  EXPECT_FALSE(load().verify(kNode, kOther));
  EXPECT_EQ(load().known_types(kNode), (std::vector<std::string>{"ssh-rsa", "ssh-ed25519"}));
}

TEST_F(HostKeysFile, ABrokenLineIsAnErrorWithItsNumber) {
  std::filesystem::create_directory(file.parent_path());
  ASSERT_TRUE(write_file_atomically(file, "# fine\n\nonly two\n", 0600));
  const auto keys = HostKeys::load(file, UnknownHostKey::remember);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().kind, ErrorKind::usage);
  EXPECT_NE(keys.error().message.find("known_hosts:3: "), std::string::npos);
}

TEST_F(HostKeysFile, ReadsTheNamesOfALineAsOpenSshDoes) {
  std::filesystem::create_directory(file.parent_path());
  for (const std::string names : {"I-0123456789ABCDEF0", "i-0123456789abcdef0,203.0.113.1", "*", "a,i-0?23*",
                                  "|1|AAECAwQFBgcICQoLDA0ODxAREhM=|K33/B2TKTCSLA2XUxCH8oIbL0/Y="}) {
    ASSERT_TRUE(write_file_atomically(file, names + " ssh-ed25519 AAAAfirst\n", 0600));
    EXPECT_TRUE(load(UnknownHostKey::refuse).verify(kNode, kFirst)) << names;
    EXPECT_FALSE(load().verify(kNode, kOther)) << names;
  }
  for (const std::string names : {"i-0123456789abcdef", "*,!i-0*", "203.0.113.1", "i-0123456789abcdef0?"}) {
    ASSERT_TRUE(write_file_atomically(file, names + " ssh-ed25519 AAAAfirst\n", 0600));
    EXPECT_FALSE(load(UnknownHostKey::refuse).verify(kNode, kFirst)) << names;
  }
}

TEST_F(HostKeysFile, ANameWithBytesThatNoNameHasIsAnError) {
  std::filesystem::create_directory(file.parent_path());
  using namespace std::string_literals;
  for (const auto& front : {"\0\0\0"s, "\x01"s, "\xef\xbb\xbf"s}) {
    ASSERT_TRUE(
        write_file_atomically(file, "\n" + front + "i-0123456789abcdef0 ssh-ed25519 AAAAfirst\n", 0600));
    EXPECT_FALSE(HostKeys::load(file, UnknownHostKey::remember));
  }
}

/// A host that the line does not seem to name would be an unknown one, and its wrong key would be taken.
TEST_F(HostKeysFile, AnEditorsMarkInFrontOfTheFirstNameIsNoPartOfIt) {
  std::filesystem::create_directory(file.parent_path());
  ASSERT_TRUE(write_file_atomically(file, "\xef\xbb\xbfi-0123456789abcdef0 ssh-ed25519 AAAAfirst\r\n", 0600));
  EXPECT_TRUE(load(UnknownHostKey::refuse).verify(kNode, kFirst));
  EXPECT_FALSE(load().verify(kNode, kOther));
}

TEST_F(HostKeysFile, ARevokedKeyIsRefusedUnderEachNameOfTheNode) {
  std::filesystem::create_directory(file.parent_path());
  for (const std::string names : {"*", "203.0.113.1", "[203.0.113.1]:22", "I-0123456789ABCDEF0"}) {
    ASSERT_TRUE(write_file_atomically(
        file, "i-0123456789abcdef0 ssh-ed25519 AAAAfirst\n@revoked " + names + " ssh-ed25519 AAAAfirst\n",
        0600));
    const auto verdict = load().verify(kNode, kFirst);
    ASSERT_FALSE(verdict) << names;
    EXPECT_NE(verdict.error().message.find("known_hosts:2"), std::string::npos) << verdict.error().message;
  }
}

TEST_F(HostKeysFile, LinesThatAnotherProgramHasAppendedCount) {
  auto early = load();
  auto late = load();
  EXPECT_TRUE(early.verify(kNode, kFirst));
  EXPECT_FALSE(late.verify(kNode, kOther)) << "the other one has met another key";
  EXPECT_TRUE(late.verify(kNode, kFirst));
  EXPECT_EQ(content(), "i-0123456789abcdef0 ssh-ed25519 AAAAfirst\n");
}

TEST_F(HostKeysFile, ALineIsAppendedBehindOneWithoutItsLineFeed) {
  std::filesystem::create_directory(file.parent_path());
  ASSERT_TRUE(write_file_atomically(file, "203.0.113.9 ssh-rsa AAAArsa", 0600));
  EXPECT_TRUE(load().verify(kNode, kFirst));
  EXPECT_EQ(content(), "203.0.113.9 ssh-rsa AAAArsa\ni-0123456789abcdef0 ssh-ed25519 AAAAfirst\n");
}

TEST_F(HostKeysFile, TheIdCountsNotTheAddress) {
  EXPECT_TRUE(load().verify(kNode, kFirst));
  EXPECT_TRUE(load().verify(node_with(kNode.instance_id, "203.0.113.99"), kFirst))
      << "a new address is no alarm";
  EXPECT_TRUE(load().verify(node_with("i-0ffffffffffffffff", kNode.address), kOther))
      << "a reused one is no trust";
}

TEST(HostKeyName, IsTheIdElseTheAddressAsOpenSshWritesIt) {
  EXPECT_EQ(host_key_name(kNode), "i-0123456789abcdef0");
  EXPECT_EQ(host_key_name(node_with("", "203.0.113.1")), "203.0.113.1");
  EXPECT_EQ(host_key_name(node_with("", "203.0.113.1", 22)), "203.0.113.1");
  EXPECT_EQ(host_key_name(node_with("", "2001:db8::1", 2222)), "[2001:db8::1]:2222");
}

}  // namespace
}  // namespace ec2mpi::ssh
