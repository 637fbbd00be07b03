#include "ec2mpi/cluster/values/lookalike.hpp"

#include <gtest/gtest.h>

namespace ec2mpi {
namespace {

TEST(Lookalike, SignsOfFullWidthAndOfWordProcessorsHaveAPlainOne) {
  EXPECT_EQ(with_plain_signs("\uff01\uff10\uff21\uff3f\uff40\uff5a\uff5e"), "!0A_`z~");
  EXPECT_EQ(with_plain_signs("a\u2014b\u2013\uff0d\u2212"), "a-b---");
  EXPECT_EQ(with_plain_signs("\u201ca\u201d\u3001\u2018b\u2019\u3002\u3000"), "\"a\",'b'. ");
}

TEST(Lookalike, OtherTextStaysAsItIs) {
  for (const std::string text : {"", "plain -x '1,3' \"a\"", "\u7a0b\u5e8f", "\u00e9\u00fc", "\uff5f\uff61",
                                 "\xef\xbc", "\xef\xbc\xff", "\xef"}) {
    EXPECT_EQ(with_plain_signs(text), text);
    EXPECT_EQ(describe_lookalike(text), "");
  }
}

TEST(Lookalike, TheFirstOneIsNamed) {
  EXPECT_EQ(describe_lookalike("1\uff0c2\u20133"), "'\uff0c' only looks like ','");
}

}  // namespace
}  // namespace ec2mpi
