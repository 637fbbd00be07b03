// What a push makes of the words of a node's script.

#include "src/ops/push/talk.hpp"

#include <gtest/gtest.h>

#include "tests/support/laptop.hpp"

namespace ec2mpi::ops {
namespace {

using namespace std::string_literals;
using ::ec2mpi::test::FakeNode;
using ::ec2mpi::test::Laptop;

const std::string kEmptySurvey = std::string(kSurveyBegin) + "into\0001\0stage\0./s\0end\0"s;

/// What the user reads if a node answers so, and never ends.
std::string said_of(std::string answer) {
  Laptop laptop;
  laptop.nodes[1] = {.out = std::move(answer), .end = FakeNode::End::never};
  const auto done = laptop.run_cli({"push", "-q", std::string(Laptop::kList), "./"});
  EXPECT_EQ(done.code, 1);
  return done.err;
}

TEST(PushTalk, ANodeCannotFillTheMemoryWithAWordThatHasNoEnd) {
  EXPECT_NE(said_of(kEmptySurvey + std::string(1 << 20, 'x')).find("the node prints what no push prints"),
            std::string::npos);
}

TEST(PushTalk, ANodeCannotFillTheMemoryWithLongWords) {
  EXPECT_NE(
      said_of(kEmptySurvey + std::string(1 << 20, 'x') + "\0"s).find("the node prints what no push prints"),
      std::string::npos);
}

TEST(PushTalk, AComplaintBehindMuchTextOnStandardErrorIsTheReason) {
  Laptop laptop;
  laptop.nodes[1] = {.out = kEmptySurvey,
                     .err = std::string(100'000, 'x') + "\nec2mpi: mkdir: cannot create directory 'p'\n",
                     .status = {1, ""}};
  const auto done = laptop.run_cli({"push", "-q", std::string(Laptop::kList), "./"});
  EXPECT_NE(done.err.find(": cannot create directory 'p'\n"), std::string::npos) << done.err;
}

TEST(PushTalk, ALoginThatGreetsWithoutAnEndFailsThePush) {
  EXPECT_NE(said_of(std::string(3 << 20, 'x')).find("the node prints much in front of its list"),
            std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::ops
