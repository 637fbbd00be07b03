#include "src/ssh/libssh/ssh_config.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <fstream>

#include "src/ssh/libssh/user_config.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ssh {
namespace {

class SshConfigTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder / name.c_str()) << text;
    ::chmod((folder / name.c_str()).c_str(), 0600);
  }
  Result<HostSettings> settings(const std::string& text, const std::string& host = "10.0.0.1",
                                std::optional<std::string> user = {}) {
    write("config", text);
    auto config = SshConfig::load(folder / "config");
    if (!config) return std::unexpected(config.error());
    return host_settings(*config, {host, std::move(user)});
  }
  std::string refusal(const std::string& text) {
    const auto found = settings(text);
    return found ? "" : found.error().message;
  }

  test::ScratchFolder folder;
};

TEST_F(SshConfigTest, TheFirstValueStandsAndAllIdentityFilesAreKept) {
  const auto found = settings(
      "User first\nHost 10.*\n  User second\n  Port = 2222\n  IdentityFile \"/a b\"\n"
      "Host * !10.0.0.1\n  Port 1\n  IdentityFile /never\nHost *\n  IdentityFile /c\n  IdentityFile /c\r\n");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->user, "first");
  EXPECT_EQ(found->port, 2222);
  EXPECT_EQ(found->identity_files, (std::vector<std::filesystem::path>{"/a b", "/c"}));
}

TEST_F(SshConfigTest, AnIncludedFileHoldsWhereItsIncludeStands) {
  write("one", "User inside\nHost 10.0.0.2\n  Port 2\n");
  const auto include = "Include " + (folder / "on*").string() + "\n";
  EXPECT_EQ(settings("Host 10.0.0.1\n" + include + "  Port 7\n")->user, "inside");
  EXPECT_EQ(settings("Host 10.0.0.1\n" + include + "  Port 7\n")->port, 7);
  EXPECT_EQ(settings("Host 10.0.0.1\n" + include, "10.0.0.2")->port, std::nullopt);
  EXPECT_EQ(settings(include, "10.0.0.2")->port, 2);
}

TEST_F(SshConfigTest, FilesThatIncludeEachOtherAreAnErrorWithTheirPlace) {
  EXPECT_NE(refusal("Include " + (folder / "config").string() + "\n").find("config:1: "), std::string::npos);
}

TEST_F(SshConfigTest, MatchLooksAtHostUserAndCommands) {
  EXPECT_EQ(settings("HostName 10.9.9.9\nMatch host 10.9.*\n  Port 2\n")->port, 2);
  EXPECT_EQ(settings("HostName 10.9.9.9\nMatch originalhost 10.9.*\n  Port 2\n")->port, std::nullopt);
  EXPECT_EQ(settings("Match user root !host 10.0.0.2\n  Port 2\n", "10.0.0.1", "root")->port, 2);
  EXPECT_EQ(settings("Match user root !host 10.0.0.2\n  Port 2\n", "10.0.0.2", "root")->port, std::nullopt);
  EXPECT_EQ(settings("Match exec \"test %h = 10.0.0.1\"\n  Port 2\n")->port, 2);
  EXPECT_EQ(settings("Match exec false\n  Port 2\n")->port, std::nullopt);
  EXPECT_EQ(settings("Match final\n  Port 2\nMatch all\n  Port 3\n")->port, 3);
  EXPECT_EQ(settings("Match final all\n  Port 2\n")->port, 2);
  EXPECT_NE(refusal("Match localnetwork 10.0.0.0/8\n  Port 2\n").find("config:1: Match localnetwork"),
            std::string::npos);
}

TEST_F(SshConfigTest, AJumpHostIsFollowedAndEveryOtherWayRefusedWithItsLine) {
  const auto jump = settings("ProxyJump me@[2001:db8::1]:2222\nProxyCommand nc %h %p\n");
  ASSERT_TRUE(jump) << jump.error().message;
  EXPECT_EQ(jump->jump->address, "2001:db8::1");
  EXPECT_EQ(jump->jump->port, 2222);
  EXPECT_EQ(jump->jump->user, "me");
  EXPECT_EQ(settings("ProxyJump none\nHost *\nProxyJump b\n")->jump, std::nullopt);
  EXPECT_FALSE(settings("ProxyCommand ssh -W %h:%p bastion # not a comment\n"));
}

TEST_F(SshConfigTest, MatchTakesItsArgumentBehindAnEqualsSign) {
  EXPECT_EQ(settings("Match host=10.0.0.1\n  Port 2\n")->port, 2);
  EXPECT_EQ(settings("Match !host=10.0.0.1\n  Port 2\n")->port, std::nullopt);
  EXPECT_EQ(settings("Match user=ubuntu host=10.*,web\n  Port 2\n")->port, 2);
  EXPECT_EQ(settings("Tag fast\nMatch tagged fast\n  Port 2\n")->port, 2);
  EXPECT_EQ(settings("Match canonical\n  Port 2\n")->port, std::nullopt);
  EXPECT_EQ(settings("Match canonical\n  Port 2\nMatch final\n  Compression no\n")->port, 2);
}

TEST_F(SshConfigTest, ACommandOfMatchThatDoesNotEndIsRefusedWithItsLine) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_NE(refusal("Match exec \"sleep 1000\"\n  Port 2\n").find("config:1: "), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(60));
}

TEST_F(SshConfigTest, AnIncludeOfAFolderADanglingLinkOrNothingIsNoError) {
  std::filesystem::create_directory(folder / "sub");
  std::filesystem::create_symlink(folder / "gone", folder / "link");
  for (const auto* name : {"sub", "link", "gone", "*.none", "[ls]*"}) {
    const auto found = settings("Include " + (folder / name).string() + "\nPort 7\n");
    ASSERT_TRUE(found) << name << found.error().message;
    EXPECT_EQ(found->port, 7) << name;
  }
  std::filesystem::create_directory(folder / ".ssh");
  write(".ssh/part", "User of_home\n");
  const char* home = std::getenv("HOME");
  const std::string before = home == nullptr ? "" : home;
  ::setenv("HOME", folder.path().c_str(), 1);
  EXPECT_EQ(settings("Include part\n")->user, "of_home") << "a relative path begins in ~/.ssh";
  ::setenv("HOME", before.c_str(), 1);
}

TEST_F(SshConfigTest, TheConfigurationOfTheMachineAddsValues) {
  write("user", "Host 10.0.0.1\n  Port 1\nHost other\n");
  write("system", "Port 2\nUser admin\nCiphers aes128-ctr\n");
  auto config = SshConfig::load(folder / "user", folder / "system");
  ASSERT_TRUE(config);
  const auto found = host_settings(*config, {"10.0.0.1"});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->port, 1);
  EXPECT_EQ(found->user, "admin") << "no Host line of the user's file holds there";
  EXPECT_TRUE(found->unused.empty());
  EXPECT_EQ(found->unused_of_system.size(), 1U);
  EXPECT_TRUE(SshConfig::load("", folder / "absent"));
}

TEST_F(SshConfigTest, TokensAndVariablesAreReplacedWhereSshReplacesThem) {
  ::setenv("EC2MPI_TEST_KEYS", "/keys", 1);
  const auto found = settings(
      "HostName %h.org\nUser me\nPort 2222\nHostKeyAlias alias\nProxyJump %r@gate-%n-%h\n"
      "IdentityFile ${EC2MPI_TEST_KEYS}/%n-%h-%r-%p-%k%%-$x\nIdentityAgent ${EC2MPI_TEST_KEYS}/%n\n",
      "web");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->identity_files.front(), "/keys/web-web.org-me-2222-alias%-$x");
  EXPECT_EQ(found->agent, "/keys/web");
  EXPECT_EQ(found->jump->address, "gate-web-web.org");
  EXPECT_EQ(found->jump->user, "me");
  EXPECT_EQ(settings("IdentityAgent $EC2MPI_TEST_KEYS\n")->agent, "/keys");
  EXPECT_EQ(settings("IdentityAgent $EC2MPI_TEST_ABSENT\n")->agent, "");
  EXPECT_EQ(settings("IdentityAgent SSH_AUTH_SOCK\n")->agent, std::nullopt);
  const auto hash = settings("IdentityFile /%C\n")->identity_files.front().string();
  EXPECT_EQ(hash.size(), 41U);
  EXPECT_EQ(hash.find_first_not_of("0123456789abcdef", 1), std::string::npos);
  for (const auto* token : {"%u", "%l", "%L", "%d", "%i"})
    EXPECT_EQ(
        settings(std::string("IdentityFile /x") + token + "\n")->identity_files.front().string().find('%'),
        std::string::npos);
  EXPECT_EQ(settings("IdentityFile /x%jy\n")->identity_files.front(), "/xy");
  EXPECT_NE(refusal("IdentityFile ${EC2MPI_TEST_ABSENT}/k\n").find("EC2MPI_TEST_ABSENT is not set"),
            std::string::npos);
}

TEST_F(SshConfigTest, AFlagReplacesTheWayOfTheConfiguration) {
  for (const auto* way : {"ProxyJump a,b", "ProxyCommand nc %h %p"}) {
    write("config", std::string("\n") + way + "\n");
    auto config = SshConfig::load(folder / "config");
    ASSERT_TRUE(config);
    EXPECT_FALSE(host_settings(*config, {"10.0.0.1"}));
    const auto replaced = host_settings(*config, {"10.0.0.1"}, {.all = true});
    ASSERT_TRUE(replaced);
    EXPECT_EQ(replaced->jump, std::nullopt);
    EXPECT_TRUE(host_settings(*config, {"bastion"}, {.places = {replaced->way_place}}));
    EXPECT_FALSE(host_settings(*config, {"bastion"}, {.places = {"elsewhere:1"}}));
  }
}

TEST_F(SshConfigTest, ASettingThatEc2mpiCannotFollowIsRefusedWithItsLine) {
  for (const auto* line :
       {"ProxyCommand nc %h %p", "ProxyJump a,b", "BindAddress 10.0.0.9", "CertificateFile c",
        "PKCS11Provider p.so", "PubkeyAuthentication no",
        "PreferredAuthentications password,keyboard-interactive", "RemoteCommand top", "Port 0", "Port many",
        "IdentityFile %q", "User $(id)", "IdentityFile \"open", "User", "{ x"})
    EXPECT_NE(refusal(std::string("\n") + line + "\n").find("config:2: "), std::string::npos) << line;
}

TEST_F(SshConfigTest, AnUnusedSettingIsReportedUnlessItMakesNoDifference) {
  const auto found =
      settings("ServerAliveInterval 60\nUserKnownHostsFile /dev/null\nForwardAgent yes\nNoSuchKeyword x\n");
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->unused.size(), 2U);
  EXPECT_TRUE(found->unused[0].starts_with("nosuchkeyword (") && found->unused[0].ends_with("config:4)"));
  EXPECT_TRUE(found->unused[1].starts_with("userknownhostsfile ("));
}

TEST_F(SshConfigTest, AKeywordThatIgnoreUnknownMatchesIsNotReported) {
  const auto found = settings("IgnoreUnknown NoSuch*,Other\nNoSuchKeyword x\nother y\nThird z\n");
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->unused.size(), 1U);
  EXPECT_TRUE(found->unused[0].starts_with("third ("));
}

TEST_F(SshConfigTest, AVariableThatIsNotSentIsReportedAndTheLocaleOfDebiansLinesIsNot) {
  const auto usual = settings("SendEnv LANG LC_*\nConnectionAttempts 1\nCompression no\n");
  ASSERT_TRUE(usual) << usual.error().message;
  EXPECT_TRUE(usual->unused.empty());
  const auto found = settings("SendEnv LANG LC_*\nSendEnv MYVAR\nConnectionAttempts 5\nCompression yes\n");
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->unused.size(), 3U);
  EXPECT_TRUE(found->unused[2].starts_with("sendenv (")) << found->unused[2];
}

TEST_F(SshConfigTest, SettingsOfTrustAndOfKeysAreHonoured) {
  const auto found = settings(
      "StrictHostKeyChecking yes\nHostKeyAlias cluster\nIdentitiesOnly yes\nIdentityAgent none\nHostName "
      "%h.org\n",
      "node");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->strict && found->identities_only && found->unused.empty());
  EXPECT_EQ(found->key_alias, "cluster");
  EXPECT_EQ(found->agent, "");
  EXPECT_EQ(found->host_name, "node.org");
}

TEST_F(SshConfigTest, ASlipInASettingOfTrustIsRefused) {
  EXPECT_TRUE(settings("StrictHostKeyChecking YES\n")->strict);
  EXPECT_FALSE(settings("StrictHostKeyChecking accept-new\n")->strict);
  EXPECT_NE(refusal("StrictHostKeyChecking yess\n").find("config:1: "), std::string::npos);
  EXPECT_NE(refusal("IdentitiesOnly ask\n").find("config:1: "), std::string::npos);
}

TEST_F(SshConfigTest, AFileThatOthersCanChangeIsRefusedWithTheCommandThatHelps) {
  write("config", "User root\n");
  ::chmod((folder / "config").c_str(), 0602);
  const auto config = SshConfig::load(folder / "config");
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message.find("chmod go-w"), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::ssh
