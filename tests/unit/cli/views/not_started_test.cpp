#include "ec2mpi/cli/views/not_started.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

ops::NodeTrouble trouble(int index) {
  Node node;
  node.index = index;
  return {node, {}};
}

TEST(NotStarted, TheAdviceLeavesOutTheNodesButNeverTheMaster) {
  EXPECT_EQ(not_started_text({trouble(3)}),
            "nothing was started; to continue without node3, add --exclude 3");
  EXPECT_EQ(not_started_text({trouble(2), trouble(3)}),
            "nothing was started; to continue without node[2-3], add --exclude 2-3");
  EXPECT_EQ(not_started_text({trouble(1), trouble(3)}), "nothing was started: jobs start on node1");
}

}  // namespace
}  // namespace ec2mpi::cli
