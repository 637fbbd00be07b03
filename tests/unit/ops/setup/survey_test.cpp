#include "ec2mpi/ops/setup/survey.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

const std::string kFacts =
    "ec2mpi-facts 1\nprivate_address 10.0.0.11\naddresses 10.0.0.11\nhostname a\nhome /home/ubuntu\nboot_id "
    "x\n"
    "cores 1\nthreads 2\nmpirun \npython3 /usr/bin/python3\nmpi4py no\nefa no\nec2mpi-facts end\n";
const std::string kSurvey =
    "ec2mpi-survey 1\nuser ubuntu\nport 22\nroot sudo\nhost_key ssh-ed25519 AAAA\nheaders no\npackages apt\n"
    "state key absent\nstate hosts 123 45\n";
const std::string kEnd = "ec2mpi-survey end\n";

TEST(ParseSurvey, TakesWhatTheScriptPrints) {
  const auto survey = parse_survey("a greeting\n" + kFacts + kSurvey + kEnd);
  ASSERT_TRUE(survey) << survey.error().message;
  EXPECT_EQ(survey->user, "ubuntu");
  EXPECT_EQ(survey->port, 22);
  EXPECT_EQ(survey->root, RootAccess::sudo);
  EXPECT_EQ(survey->package_manager, "apt");
  EXPECT_EQ(survey->host_keys, (std::vector<ssh::HostKey>{{"ssh-ed25519", "AAAA"}}));
  EXPECT_EQ(survey->states, (std::map<std::string, std::string>{{"key", "absent"}, {"hosts", "123 45"}}));
}

TEST(ParseSurvey, RefusesWhatItDoesNotExpect) {
  EXPECT_FALSE(parse_survey(kFacts));
  EXPECT_FALSE(parse_survey(kFacts + kSurvey));
  EXPECT_FALSE(parse_survey(kSurvey + kEnd));
  EXPECT_FALSE(parse_survey(kFacts + "ec2mpi-survey 1\nuser ubuntu\n" + kEnd));
  for (const auto* line :
       {"user a b", "user x\x01", "user -oProxyCommand", "port 0", "port 70000", "port x", "root maybe",
        "packages zypper", "what is this", "state key absent", "state a 1 2 3", ""})
    EXPECT_FALSE(parse_survey(kFacts + kSurvey + line + "\n" + kEnd)) << line;
}

TEST(ParseSurvey, ANodeCannotFillTheMemoryWithKeys) {
  std::string keys;
  for (int i = 0; i < 100; ++i) keys += "host_key ssh-ed25519 AAAA" + std::to_string(i) + "\n";
  EXPECT_FALSE(parse_survey(kFacts + kSurvey + keys + kEnd));
}

}  // namespace
}  // namespace ec2mpi::ops
