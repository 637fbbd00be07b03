// The line that a copy shows while it runs.

#include "src/cli/copy.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

TEST(TransferWords, SayHowFarHowFastAndHowLong) {
  using std::chrono::seconds;
  EXPECT_EQ(transfer_words(0, 100, "", seconds(1)), "");
  EXPECT_EQ(transfer_words(10'000'000, 40'000'000, "", seconds(2)),
            "10.0 MB of 40.0 MB · 5.0 MB/s · 6.0 s left");
  EXPECT_EQ(transfer_words(4'000'000, 4'000'000, " over the uplink", seconds(2)),
            "4.0 MB of 4.0 MB over the uplink · 2.0 MB/s");
  EXPECT_EQ(transfer_words(5'000'000, 4'000'000, "", seconds(1)), "5.0 MB of 5.0 MB · 5.0 MB/s") << "it grew";
}

}  // namespace
}  // namespace ec2mpi::cli
