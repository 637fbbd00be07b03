#include "src/cluster/list/address_choice.hpp"

#include <gtest/gtest.h>

#include "ec2mpi/cluster/list/inventory_text.hpp"
#include "ec2mpi/cluster/list/read_inventory.hpp"

namespace ec2mpi {
namespace {

Inventory read(std::string_view text, const ReadOptions& options = {}) {
  return parse_inventory(text, "list", options).value();
}

std::string error_of(std::string_view text, const ReadOptions& options) {
  const auto inventory = parse_inventory(text, "list", options);
  return inventory ? "" : inventory.error().message;
}

constexpr std::string_view kMixed =
    "a\ti-0a1b2c3d4e5f60718\trunning\t3.22.115.209\t172.31.16.10\n"
    "b\ti-0b2c3d4e5f6071829\trunning\tNone\t172.31.16.11\n";

TEST(AddressChoice, RefusesAMixtureAndNamesNodesAndFlags) {
  const std::string message = error_of(kMixed, {});
  for (const std::string_view part : {"node2", "i-0b2c3d4e5f6071829", "--address private", "-J"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST(AddressChoice, TakesPrivateWhenToldTo) {
  const Inventory inventory = read(kMixed, {.address = AddressChoice::private_v4});
  EXPECT_EQ(inventory.nodes.at(0).address, "172.31.16.10");
  EXPECT_EQ(inventory.chosen, AddressChoice::private_v4);
}

TEST(AddressChoice, RefusesPublicWhenANodeHasNone) {
  EXPECT_NE(error_of(kMixed, {.address = AddressChoice::public_v4}).find("node2"), std::string::npos);
}

TEST(AddressChoice, PrefersPrivateBehindAJumpHost) {
  EXPECT_EQ(read(kMixed, {.address = AddressChoice::behind_jump}).nodes.at(0).address, "172.31.16.10");
}

TEST(AddressChoice, KeepsPublicBehindAJumpHostIfThereIsNothingElse) {
  EXPECT_EQ(read("a\ti-0a1b2c3d4e5f60718\t3.22.115.209\n", {.address = AddressChoice::behind_jump})
                .nodes.at(0)
                .address,
            "3.22.115.209");
}

TEST(AddressChoice, LeavesAMixtureThatTheUserWroteAsItIs) {
  const Inventory inventory = read("3.22.115.209\n172.31.16.11\nnode3.local\n");
  EXPECT_EQ(addresses_text(inventory), "3.22.115.209\n172.31.16.11\nnode3.local\n");
}

TEST(AddressChoice, RefusesAnotherKindThanThePlainListGives) {
  EXPECT_NE(error_of("3.22.115.209\n", {.address = AddressChoice::private_v4}), "");
}

TEST(AddressChoice, AcceptsHostNamesAsAnyKind) {
  EXPECT_EQ(read("node1\n", {.address = AddressChoice::private_v4}).nodes.at(0).address, "node1");
}

TEST(AddressChoice, RefusesPrivateAddressesThatTwoNetworksShare) {
  constexpr std::string_view kList =
      "a\ti-0a1b2c3d4e5f60718\t3.22.115.209\t172.31.16.10\nb\ti-0b2c3d4e5f6071829\t3.22.115.210\t172.31.16."
      "10\n";
  EXPECT_EQ(read(kList).nodes.size(), 2U);
  EXPECT_NE(error_of(kList, {.address = AddressChoice::private_v4}).find("list:2: 172.31.16.10"),
            std::string::npos);
  EXPECT_NE(error_of(kList, {.address = AddressChoice::behind_jump}), "");
}

TEST(AddressChoice, CanBeMadeAgain) {
  Inventory inventory = read("a\ti-0a1b2c3d4e5f60718\t3.22.115.209\t172.31.16.10\n");
  EXPECT_EQ(inventory.nodes.at(0).address, "3.22.115.209");
  ASSERT_TRUE(choose_addresses(inventory, AddressChoice::private_v4));
  EXPECT_EQ(inventory.nodes.at(0).address, "172.31.16.10");
}

}  // namespace
}  // namespace ec2mpi
