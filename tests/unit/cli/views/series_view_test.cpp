#include "ec2mpi/cli/views/series_view.hpp"

#include <gtest/gtest.h>

#include "tests/support/laptop.hpp"
#include "tests/support/program_text.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::FakeNode;
using ::ec2mpi::test::Laptop;

TEST(SeriesView, AJobThatDidNotBeginHasAReasonInsteadOfATime) {
  Laptop laptop;
  laptop.nodes[1].program = [](const std::string& command) {
    FakeNode node;
    const auto program = test::program_in(command);
    if (program.find("takes_series=yes") != std::string::npos)
      node.status.code = 3;
    else if (program.find("exec sh -s") != std::string::npos)
      node.out =
          "now 9.0\njob a-n1\nseries a\nstate ended 1\nset n=1\non node1\nwhy no room\n"
          "job a-n2\nseries a\nstate ended 1\nset n=2\non node1\nclock 1.0 4.0\nec2mpi-report end\n";
    return node;
  };
  const auto done = laptop.run_cli({"attach", "a"});
  EXPECT_EQ(done.code, 1);
  EXPECT_NE(
      done.err.find("a-n1: exit 1: the disk of the master is too full to start a job; ec2mpi exec -w 1 "),
      std::string::npos)
      << done.err;
  EXPECT_NE(done.err.find("a-n2: exit 1 after 3.0 s; ec2mpi logs a-n2\n"), std::string::npos) << done.err;
}

}  // namespace
}  // namespace ec2mpi::cli
