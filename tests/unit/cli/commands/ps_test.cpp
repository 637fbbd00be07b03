#include <gtest/gtest.h>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::FakeNode;
using ::ec2mpi::test::Laptop;

TEST(PsCommand, CommandsAreCutInTheTableAndWholeInTheJson) {
  Laptop laptop;
  const std::string program(9000, 'x');
  laptop.nodes[1] = {.program = [&](const std::string&) {
    return FakeNode{
        .out =
            "ec2mpi-ps 1\n"
            "1 a-1 - 0.0 4 1 0 4 ssh -o Ciphers=a,b -x -o LogLevel=ERROR 10.0.0.2 " +
            program +
            "\n"
            "2 a-1 - 0.0 4 1 0 4 /bin/sh /home/u/.ec2mpi/jobs/a-1/rsh -o BatchMode=yes 10.0.0.3   " +
            program +
            "\n"
            "3 a-1 0 0.0 4 1 0 4 python3 train.py --lr 0.1\n"
            "4 a-1 1 0.0 4 1 0 4 ./ring " +
            program + "\nec2mpi-ps end\n"};
  }};
  const auto table = laptop.run_cli({"ps"});
  for (const auto* row : {"  ssh 10.0.0.2 …\n", "  /home/u/.ec2mpi/jobs/a-1/rsh 10.0.0.3 …\n",
                          "  python3 train.py --lr 0.1\n", "  ./ring xxx"})
    EXPECT_NE(table.out.find(row), std::string::npos) << table.out << table.err;
  EXPECT_LT(table.out.size(), 1200U) << table.out;
  const auto json = laptop.run_cli({"ps", "--json"});
  EXPECT_NE(json.out.find("10.0.0.2 " + program), std::string::npos) << json.err;
}

}  // namespace
}  // namespace ec2mpi::cli
