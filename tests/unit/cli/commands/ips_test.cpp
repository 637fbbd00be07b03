#include <gtest/gtest.h>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

TEST(Ips, AsJsonNamesAddressesAndInstancesThatAreLeftOut) {
  test::Laptop laptop(2);
  laptop.write("list.csv",
               "Name,Instance ID,Instance state,Public IPv4 address\n"
               "a,i-0aaaaaaaaaaaaaaaa,running,203.0.113.11\n"
               "b,i-0bbbbbbbbbbbbbbbb,stopped,\n");
  const auto done = laptop.run_cli({"ips", "--json", "list.csv"});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(nlohmann::json::parse(done.out),
            nlohmann::json::parse(R"({"schema": 1, "addresses": ["203.0.113.11"],
                                      "left_out": [{"id": "i-0bbbbbbbbbbbbbbbb", "name": "b", "state": "stopped"}]})"));
  EXPECT_EQ(laptop.read("nodeIPaddress"), "203.0.113.11\n");
}

TEST(Ips, RefusesAFileBesideTheOptionForTheSame) {
  test::Laptop laptop(2);
  laptop.write("a", "203.0.113.11\n");
  laptop.write("b", "203.0.113.12\n");
  const auto done = laptop.run_cli({"ips", "--list", "a", "b"});
  EXPECT_EQ(done.code, 2);
  EXPECT_EQ(done.out, "");
  EXPECT_EQ(done.err, "ec2mpi: ips reads one list: leave out b or --list a\n");
}

TEST(Ips, AFileWinsOverTheListOfTheEnvironment) {
  test::Laptop laptop(2);
  laptop.write("a", "203.0.113.11\n");
  laptop.write("b", "203.0.113.12\n");
  ::setenv("EC2MPI_LIST", "a", 1);
  const auto done = laptop.run_cli({"ips", "b"});
  ::unsetenv("EC2MPI_LIST");
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "203.0.113.12\n");
}

}  // namespace
}  // namespace ec2mpi::cli
