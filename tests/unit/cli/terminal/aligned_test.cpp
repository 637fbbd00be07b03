#include "ec2mpi/cli/terminal/aligned.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

TEST(Aligned, ColumnsStandBelowEachOtherAndAnEmptyCellIsADash) {
  EXPECT_EQ(aligned({{"A", "LONG", "C"}, {"12345", "", "x"}}), "A      LONG  C\n12345  -     x\n");
}

}  // namespace
}  // namespace ec2mpi::cli
