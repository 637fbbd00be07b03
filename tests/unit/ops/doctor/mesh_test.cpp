#include "ec2mpi/ops/doctor/mesh.hpp"

#include <gtest/gtest.h>
#include <set>

namespace ec2mpi::ops {
namespace {

TEST(Mesh, UpTo64NodesEveryPairIsTried) {
  for (const std::size_t count : {1U, 2U, 3U, 64U}) {
    for (std::size_t own = 0; own < count; ++own) {
      const auto targets = tcp_targets_of(own, count);
      const std::set<std::size_t> distinct(targets.begin(), targets.end());
      EXPECT_EQ(distinct.size(), count - 1);
      EXPECT_FALSE(distinct.contains(own));
      EXPECT_EQ(login_targets_of(own, count), targets);
    }
  }
}

TEST(Mesh, BeyondThatEveryNodeIsReachedByAFewOthers) {
  constexpr std::size_t kCount = 1000;
  std::set<std::size_t> logged_in;
  std::size_t most = 0;
  for (std::size_t own = 0; own < kCount; ++own) {
    const auto targets = tcp_targets_of(own, kCount);
    most = std::max(most, targets.size());
    EXPECT_EQ(std::set<std::size_t>(targets.begin(), targets.end()).size(), targets.size());
    for (const auto target : login_targets_of(own, kCount)) EXPECT_TRUE(logged_in.insert(target).second);
  }
  EXPECT_LE(most, 10U);
  EXPECT_EQ(logged_in.size(), kCount);
}

TEST(Mesh, TcpAnswersAreRead) {
  EXPECT_EQ(parse_port("\nport 40123\n").value_or(0), 40123);
  EXPECT_EQ(parse_port("Welcome!\n\nport 40123\n").value_or(0), 40123);
  for (const auto* bad : {"", "port\n", "port 0\n", "port 70000\n", "port -1\n", "sorry\n"})
    EXPECT_FALSE(parse_port(bad)) << bad;
  const auto answers = parse_tcp("\nport 1\ntcp 2 ok\ntcp 3 no answer\ndone\n");
  ASSERT_TRUE(answers);
  EXPECT_EQ(*answers, (Attempts{{2, {true, {}}}, {3, {false, "no answer"}}}));
  EXPECT_FALSE(parse_tcp("tcp 2 ok\n"));
  EXPECT_FALSE(parse_tcp("tcp two ok\ndone\n"));
  EXPECT_FALSE(parse_tcp("tcp\ndone\n").value_or(Attempts{{1, {}}}).contains(1));
}

const std::vector<MeshTarget> kPeers = {{2, "10.0.0.12", "b", 0}, {3, "10.0.0.13", "c", 0}};

TEST(Mesh, LoginAnswersAreRead) {
  const auto answers = parse_logins(
      "\nname 2 10.0.0.12\nname 3 10.0.0.99\nalias 2 node2 10.0.0.98\nlogin 2 0 ec2mpi-here\n"
      "login 3 255 ubuntu@10.0.0.13: Permission denied (publickey).\nec2mpi-logins end\n",
      kPeers);
  ASSERT_TRUE(answers);
  EXPECT_TRUE(answers->complete);
  EXPECT_TRUE(answers->names.at(2).ok);
  EXPECT_EQ(answers->names.at(3).said, "c is taken for 10.0.0.99");
  EXPECT_EQ(answers->taken, std::set<std::string>{"node2 is taken for 10.0.0.98"});
  EXPECT_TRUE(answers->logins.at(2).ok);
  EXPECT_FALSE(answers->logins.at(3).ok);
  EXPECT_NE(answers->logins.at(3).said.find("Permission denied"), std::string::npos);
}

TEST(Mesh, ADaemonThatIsMissingIsReported) {
  EXPECT_TRUE(parse_logins("\nno daemon\nlogin 2 0 ec2mpi-here\n", kPeers)->no_daemon);
  EXPECT_FALSE(parse_logins("login 2 0 ec2mpi-here\n", kPeers)->no_daemon);
}

TEST(Mesh, AnswersThatAreCutOffHoldAsFarAsTheyGo) {
  const auto answers = parse_logins("login 2 0 ec2mpi-here\n", kPeers);
  ASSERT_TRUE(answers);
  EXPECT_FALSE(answers->complete);
  EXPECT_EQ(answers->logins.size(), 1U);
}

TEST(Mesh, AnswersAboutNodesThatNobodyAskedForAreRefused) {
  EXPECT_FALSE(parse_logins("login 9 0 ec2mpi-here\nec2mpi-logins end\n", kPeers));
}

TEST(Mesh, AShellThatExitsIsNoLogin) {
  const auto answers = parse_logins("login 2 0 \nec2mpi-logins end\n", kPeers);
  ASSERT_TRUE(answers);
  EXPECT_FALSE(answers->logins.at(2).ok);
  EXPECT_NE(answers->logins.at(2).said.find(".bashrc"), std::string::npos);
}

TEST(Mesh, HostnamesThatAreNoneDoNotReachAShell) {
  const auto command = login_command(
      {{2, "10.0.0.12", "$(reboot)", 0}, {3, "10.0.0.13", "-v", 0}, {4, "10.0.0.14", "ok-1", 0}}, {});
  EXPECT_EQ(command.find("reboot"), std::string::npos);
  EXPECT_NE(command.find(" 3=10.0.0.13= "), std::string::npos);
  EXPECT_NE(command.find(" 4=10.0.0.14=ok-1"), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::ops
