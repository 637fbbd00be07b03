// doctor by its command line.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "tests/support/laptop.hpp"
#include "tests/support/program_text.hpp"

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

FakeNode healthy(int index) {
  const auto report = fmt::format(
      "\nec2mpi-health 1\nclock 1000\nec2mpi-facts 1\nprivate_address 10.0.0.{0}\naddresses 10.0.0.{0}\n"
      "hostname ip-10-0-0-{0}\nhome /home/u\nboot_id 1\ncores 2\nthreads 2\nmpirun /usr/bin/mpirun\n"
      "mpi mpirun (Open MPI) 4.1.4\npython3 /usr/bin/python3\nmpi4py yes\nefa no\nsettings no\nec2mpi-facts "
      "end\n"
      "user u\nmpirun /usr/bin/mpirun\nsays mpirun (Open MPI) 4.1.4\nmpi4py 3.1.4\nlibrary Open MPI v4.1.4\n"
      "own_name yes 3\nhome_free 9000000\ntmp_free 9000000\nshm_free 9000000\nmemory 9000000\n"
      "memory_available 8000000\nlimit n 4096\ninterface ens5 10.0.0.{0}/24 9001\nec2mpi-health end\n",
      index);
  return {.program = [report](const std::string& command) {
    const bool asks_health = test::program_in(command).find("ec2mpi-health") != std::string::npos;
    return asks_health ? FakeNode{.out = report} : FakeNode{.end = FakeNode::End::never};
  }};
}

TEST(Doctor, ATimeLimitThatAFrozenNodeUsesUpIsBlamedOnNoOther) {
  Laptop laptop(3);
  laptop.nodes[1] = healthy(1);
  laptop.nodes[2] = healthy(2);
  laptop.nodes[3] = {.end = FakeNode::End::never};
  const auto done = laptop.run_cli({"doctor", "--timeout", "0.4", "--json"});
  EXPECT_EQ(done.code, exit_code::timed_out);
  const auto document = Json::parse(done.out, nullptr, false);
  ASSERT_TRUE(document.is_object()) << done.out << done.err;
  EXPECT_GT(document["checks"].size(), 10U);
  std::set<int> named;
  for (const auto& check : document["checks"])
    for (const auto& finding : check["findings"])
      for (const auto& node : finding["nodes"]) named.insert(node.get<int>());
  EXPECT_EQ(named, std::set<int>{3}) << done.out;
}

}  // namespace
}  // namespace ec2mpi::cli
