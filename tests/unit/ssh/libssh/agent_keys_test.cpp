#include "src/ssh/libssh/agent_keys.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ssh {
namespace {

using namespace std::string_literals;

TEST(AgentKeys, AreReadFromAnAnswer) {
  const auto keys = parse_agent_answer("\x0c\0\0\0\1\0\0\0\3key\0\0\0\2me"s);
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 1U);
  EXPECT_EQ(keys->front().blob, "key");
  EXPECT_EQ(keys->front().comment, "me");
}

TEST(AgentKeys, ALengthBeyondTheAnswerIsNotBelieved) {
  for (const auto& answer : {""s, "\5"s, "\x0c\0\0"s, "\x0c\xff\xff\xff\xff"s,
                             "\x0c\0\0\0\1\xff\xff\xff\xff k"s, "\x0c\0\0\0\1\0\0\0\3key"s})
    EXPECT_FALSE(parse_agent_answer(answer));
}

}  // namespace
}  // namespace ec2mpi::ssh
