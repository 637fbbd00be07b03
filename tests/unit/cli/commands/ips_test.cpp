#include <gtest/gtest.h>
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

}  // namespace
}  // namespace ec2mpi::cli
