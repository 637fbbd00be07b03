#include "ec2mpi/base/checksum.hpp"

#include <gtest/gtest.h>

namespace ec2mpi {
namespace {

// The expected values are those of cksum(1).
TEST(PosixCksum, IsWhatTheProgramPrints) {
  EXPECT_EQ(posix_cksum(""), "4294967295 0");
  EXPECT_EQ(posix_cksum("hello\n"), "3015617425 6");
  EXPECT_EQ(posix_cksum(std::string(300, 'a')), "1664553091 300");
  EXPECT_EQ(posix_cksum(std::string_view("\xff\0\x80", 3)), "4283474373 3");
}

}  // namespace
}  // namespace ec2mpi
