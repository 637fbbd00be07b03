#include "ec2mpi/base/file_time.hpp"

#include <gtest/gtest.h>

namespace ec2mpi {
namespace {

TEST(ParseFileTime, TakesAFractionAndTimesBefore1970) {
  for (const auto fraction : {Fraction::of_number, Fraction::after_second}) {
    const auto time = parse_file_time("1600000000.1234567890", fraction);
    ASSERT_TRUE(time);
    EXPECT_EQ(time->seconds, 1'600'000'000);
    EXPECT_EQ(time->nanoseconds, 123'456'789U);
    EXPECT_EQ(parse_file_time("1.5", fraction)->nanoseconds, 500'000'000U);
    EXPECT_EQ(parse_file_time("-3", fraction)->seconds, -3);
    EXPECT_FALSE(parse_file_time("-3", fraction)->nanoseconds);
    EXPECT_EQ(parse_file_time("-3.0", fraction)->seconds, -3);
    for (const auto* wrong : {"", ".5", "x", "1.x", "--1", "9223372036854775807", "99999999999999999999"})
      EXPECT_FALSE(parse_file_time(wrong, fraction)) << wrong;
  }
}

TEST(ParseFileTime, ANegativeFractionCountsAsItsWriterMeansIt) {
  // One time as GNU tar and as find -printf %T@ print it, after touch -d @-1.25.
  const auto of_tar = parse_file_time("-1.25", Fraction::of_number);
  const auto of_find = parse_file_time("-2.7500000000", Fraction::after_second);
  ASSERT_TRUE(of_tar && of_find);
  EXPECT_EQ(of_tar->seconds, -2);
  EXPECT_EQ(of_tar->nanoseconds, 750'000'000U);
  EXPECT_EQ(of_find->seconds, -2);
  EXPECT_EQ(of_find->nanoseconds, 750'000'000U);
}

}  // namespace
}  // namespace ec2mpi
