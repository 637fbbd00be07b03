#include "ec2mpi/cli/views/without_addresses.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

TEST(WithoutAddresses, HidesAddressesIdsAndTheNamesOfTheListOnly) {
  Inventory inventory;
  Node node;
  node.index = 1;
  node.name = "trainer";
  node.address = "head.example.com";
  inventory.nodes.push_back(node);
  const auto shown = [&](std::string_view text) { return without_addresses(text, inventory); };
  EXPECT_EQ(shown("node1: logged in to ubuntu@203.0.113.11:22"), "node1: logged in to ubuntu@(hidden):22");
  EXPECT_EQ(shown("trainer, trainers and i-0a12345678 at 2001:db8::1."),
            "(hidden), trainers and (hidden) at (hidden).");
  EXPECT_EQ(shown("ssh ip-10-0-0-11 head.example.com:22"), "ssh (hidden) (hidden):22");
  EXPECT_EQ(shown("with acme-prod.pem; wrong user? (-l ubuntu, ec2-user, admin)"),
            "with (hidden); wrong user? (-l ubuntu, ec2-user, admin)");
  EXPECT_EQ(shown("10:55:01.123 libssh 0.10.6, Open MPI 4.1.4; exit code 1"),
            "10:55:01.123 libssh 0.10.6, Open MPI 4.1.4; exit code 1");
  EXPECT_EQ(shown(""), "");
}

}  // namespace
}  // namespace ec2mpi::cli
