#include "ec2mpi/base/pattern.hpp"

#include <gtest/gtest.h>

namespace ec2mpi {
namespace {

TEST(Pattern, NeedsOnlyTheBeginningOfAText) {
  EXPECT_TRUE(begins_as("\nhost a", "\nhost"));
  EXPECT_FALSE(begins_as("\nhost", "\nhosts"));
}

TEST(Pattern, EachMarkTakesWhatItStandsFor) {
  EXPECT_TRUE(begins_as("web-1.a=", "%="));
  EXPECT_FALSE(begins_as("1web=", "%="));
  EXPECT_TRUE(begins_as("node[1-3,5]", "%[#]"));
  EXPECT_FALSE(begins_as("node[a]", "%[#]"));
  EXPECT_TRUE(begins_as("a = 1", "a~=~1"));
  EXPECT_TRUE(begins_as("a=1", "a~=~1"));
  EXPECT_FALSE(begins_as("a=1", "a =1"));
  EXPECT_TRUE(begins_as("host A*b\n", "host &$"));
  EXPECT_FALSE(begins_as("host a b", "host &$"));
}

TEST(Pattern, AStarTriesEachPlaceOfTheNextWord) {
  EXPECT_TRUE(begins_as("\nhost a\nhost b\nuser x", "*\nhost &*\nuser "));
  EXPECT_TRUE(begins_as("a[x] b[1]", "*[#]"));
  EXPECT_FALSE(begins_as("a[x] b[y]", "*[#]"));
}

}  // namespace
}  // namespace ec2mpi
