#include "src/ops/setup/trust_files.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

TrustLogin failed(const std::string& said) {
  return {.said = said, .states = {}};
}

TEST(TrustLogin, TheSshdThatWasReachedIsToldFromTheWayToIt) {
  EXPECT_TRUE(failed("u@10.0.0.2: Permission denied (publickey).").is_sshds_choice());
  EXPECT_TRUE(failed("its sshd does not run the command").is_sshds_choice());
  EXPECT_FALSE(failed("connect to host 10.0.0.2 port 22: Connection refused").is_sshds_choice());
}

TEST(TrustLogin, TheNextStepIsOnTheNodeThatKeptItOut) {
  const auto step = [](const std::string& said) { return failed(said).next_step(1, 2); };
  EXPECT_NE(step("connect to host 10.0.0.2 port 22: Connection refused").find("firewall on node2"),
            std::string::npos);
  EXPECT_NE(step("kex_exchange_identification: Connection closed").find("sshd of node2"), std::string::npos);
  EXPECT_NE(step("Cannot execute command-line and remote command.").find("ssh on node1"), std::string::npos);
  EXPECT_NE(
      step("bind 1.2.3.4: Cannot assign requested address ssh: connect to host 10.0.0.2 port 22: failure")
          .find("BindAddress and BindInterface in the configuration of ssh on node1"),
      std::string::npos);
  EXPECT_NE(
      step("Unable to negotiate with 10.0.0.2 port 22: no matching cipher found.").find("sshd on node2"),
      std::string::npos);
  EXPECT_EQ(step("Connection closed by 10.0.0.2 port 22"), "");
  EXPECT_EQ(step("something else"), "");
}

}  // namespace
}  // namespace ec2mpi::ops
