#include <gtest/gtest.h>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::Laptop;

TEST(JobFlags, WordsThatOpenMpiDoesNotKnowAreRefusedBeforeAnyConnection) {
  Laptop laptop;
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--map-by", "nodes"}, {"--map-by", "ppr:3"}, {"--rank-by", "foo"}}) {
    const auto said = laptop.refused({"run", words[0], words[1], "--", "./hello"});
    EXPECT_NE(said.find(words[0] + " " + words[1] + ": Open MPI "), std::string::npos) << said;
  }
}

}  // namespace
}  // namespace ec2mpi::cli
