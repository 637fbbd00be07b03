#include "ec2mpi/ops/process/ps.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

TEST(Processes, AreReadAsTheScriptPrintsThem) {
  const auto found = parse_processes(
      "greeting\nec2mpi-ps 1\n12 a-1 3 99.5 2048 61 6050 4096 python3 x.py \n13 a-1 - 0.0 4 1 0 4 [odd]\n"
      "usage a-1 2 6100 5000 0 16000000 77\nec2mpi-ps end\n");
  ASSERT_TRUE(found) << found.error().message;
  const auto* processes = &found->processes;
  ASSERT_EQ(processes->size(), 2U);
  EXPECT_EQ(processes->front().pid, 12);
  EXPECT_EQ(processes->front().rank, 3);
  EXPECT_EQ(processes->front().rss, 2048U * 1024);
  EXPECT_EQ(processes->front().cpu_time, 60.5);
  EXPECT_EQ(processes->front().peak, 4096U * 1024);
  EXPECT_EQ(processes->front().command, "python3 x.py");
  EXPECT_EQ(found->usage.at("a-1").sent, 77U);
  EXPECT_FALSE((*processes)[1].rank);
}

TEST(Processes, OfAHostileNodeAreRefused) {
  for (const auto* said : {"", "ec2mpi-ps 1\n", "ec2mpi-ps 1\nx\nec2mpi-ps end\n", "ec2mpi-ps end\n",
                           "ec2mpi-ps 1\n1 a - -1 2 3 4 5 c\nec2mpi-ps end\n",
                           "ec2mpi-ps 1\n99999999999 a - 1 2 3 4 5 c\nec2mpi-ps end\n",
                           "ec2mpi-ps 1\n1 a - nan 2 3 4 5 c\nec2mpi-ps end\n"})
    EXPECT_FALSE(parse_processes(said)) << said;
}

}  // namespace
}  // namespace ec2mpi::ops
