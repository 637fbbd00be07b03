#include "ec2mpi/cli/session/usage.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

TEST(Nearest, FindsASlipOfTheFingers) {
  const std::vector<std::string> known = {"exec", "exec-all", "push", "pull", "ps"};
  EXPECT_EQ(nearest("exek", known), "exec");
  EXPECT_EQ(nearest("execall", known), "exec-all");
  EXPECT_EQ(nearest("pusch", known), "push");
  EXPECT_EQ(nearest("p", known), "ps");
}

TEST(Nearest, TwoSwappedLettersAreOneSlip) {
  const std::vector<std::string> known = {"top", "ps", "net", "run", "exec"};
  EXPECT_EQ(nearest("rnu", known), "run");
  EXPECT_EQ(nearest("urn", known), "run");
  EXPECT_EQ(nearest("xece", known), "exec");
  EXPECT_EQ(nearest("nru", known), "");  // all three letters are moved
}

TEST(Nearest, DoesNotGuess) {
  EXPECT_EQ(nearest("login", {"exec", "push"}), "");
  EXPECT_EQ(nearest("ab", {"xy"}), "");
  EXPECT_EQ(nearest("exec", {}), "");
  EXPECT_EQ(nearest(std::string(1'000'000, 'a'), {"exec"}), "");
}

}  // namespace
}  // namespace ec2mpi::cli
