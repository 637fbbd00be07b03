// doctor by its command line.

#include <gtest/gtest.h>

#include "ec2mpi/base/exit_code.hpp"
#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::FakeNode;
using ::ec2mpi::test::Laptop;

TEST(Doctor, TimeLimitForEverythingShowsTheResultsSoFar) {
  Laptop laptop(2);
  laptop.nodes[2] = {.end = FakeNode::End::never};
  const auto done = laptop.run_cli({"doctor", "--timeout", "0.2", "-u", "60"});
  EXPECT_EQ(done.code, exit_code::timed_out);
  EXPECT_NE(done.err.find("time limit reached; these are the results so far"), std::string::npos) << done.err;
}

TEST(Net, WithoutAnyNodeThatAnswersSaysSo) {
  Laptop laptop(2);
  for (int index : {1, 2}) laptop.nodes[index] = {.door = test::FakeNode::Door::refuses};
  const auto done = laptop.run_cli({"net"});
  EXPECT_EQ(done.code, 1);
  EXPECT_NE(done.err.find("connection refused"), std::string::npos) << done.err;
}

}  // namespace
}  // namespace ec2mpi::cli
