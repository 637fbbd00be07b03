#include "ec2mpi/ops/setup/setup_state.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

const std::string kFacts =
    "ec2mpi-facts 1\nprivate_address 10.0.0.11\naddresses 10.0.0.11\nhostname a\nhome /home/ubuntu\nboot_id "
    "x\n"
    "cores 1\nthreads 2\nmpirun \npython3 /usr/bin/python3\nmpi4py no\nefa no\nsettings no\nec2mpi-facts "
    "end\n";
const std::string kState =
    "ec2mpi-setup-state 1\nuser ubuntu\nport 22\nroot sudo\nhost_key ssh-ed25519 AAAA\nheaders no\npackages "
    "apt\n"
    "state key absent\nstate hosts 123 45\n";
const std::string kEnd = "ec2mpi-setup-state end\n";

TEST(ParseSetupState, TakesWhatTheScriptPrints) {
  const auto state = parse_setup_state("a greeting\n" + kFacts + kState + kEnd);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->user, "ubuntu");
  EXPECT_EQ(state->port, 22);
  EXPECT_EQ(state->root, RootAccess::sudo);
  EXPECT_EQ(state->package_manager, "apt");
  EXPECT_EQ(state->host_keys, (std::vector<ssh::HostKey>{{"ssh-ed25519", "AAAA"}}));
  EXPECT_EQ(state->states, (std::map<std::string, std::string>{{"key", "absent"}, {"hosts", "123 45"}}));
}

TEST(ParseSetupState, HoldsWhatAPythonSaysThatDoesNotRun) {
  const auto state = parse_setup_state(kFacts + kState + "python_said Fatal Python error: \x1b[1m\n" + kEnd);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->python_said, "Fatal Python error: \\x1b[1m");
}

TEST(ParseSetupState, RefusesWhatItDoesNotExpect) {
  EXPECT_FALSE(parse_setup_state(kFacts));
  EXPECT_FALSE(parse_setup_state(kFacts + kState));
  EXPECT_FALSE(parse_setup_state(kState + kEnd));
  EXPECT_FALSE(parse_setup_state(kFacts + "ec2mpi-setup-state 1\nuser ubuntu\n" + kEnd));
  for (const auto* line :
       {"user a b", "user x\x01", "user -oProxyCommand", "port 0", "port 70000", "port x", "root maybe",
        "packages zypper", "what is this", "state key absent", "state a 1 2 3", ""})
    EXPECT_FALSE(parse_setup_state(kFacts + kState + line + "\n" + kEnd)) << line;
}

TEST(ParseSetupState, ANodeCannotFillTheMemoryWithKeys) {
  std::string keys;
  for (int i = 0; i < 100; ++i) keys += "host_key ssh-ed25519 AAAA" + std::to_string(i) + "\n";
  EXPECT_FALSE(parse_setup_state(kFacts + kState + keys + kEnd));
}

}  // namespace
}  // namespace ec2mpi::ops
