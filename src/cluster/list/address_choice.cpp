#include "src/cluster/list/address_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/cluster/values/inventory.hpp"
#include "ec2mpi/cluster/values/quote.hpp"

namespace ec2mpi {
namespace {

using Member = std::string Node::*;

/// A choice that leaves the kind open is answered with the public one; callers handle it before.
Member member_of(AddressChoice choice) {
  switch (choice) {
    case AddressChoice::ipv6:
      return &Node::ipv6;
    case AddressChoice::private_v4:
      return &Node::private_address;
    default:
      return &Node::public_address;
  }
}

/// As the user writes it behind --address, and in the same cases as member_of.
std::string_view name_of(AddressChoice choice) {
  switch (choice) {
    case AddressChoice::ipv6:
      return "IPv6";
    case AddressChoice::private_v4:
      return "private";
    default:
      return "public";
  }
}

/// A node for messages, with the id by which it is found in the list.
std::string title(const Node& node) {
  if (!node.instance_id.empty()) return fmt::format("{} ({})", node.label(), node.instance_id);
  return node.label();
}

bool all_have(const Inventory& inventory, Member member) {
  return std::all_of(inventory.nodes.begin(), inventory.nodes.end(),
                     [&](const Node& node) { return !(node.*member).empty(); });
}

bool any_has(const Inventory& inventory, Member member) {
  return std::any_of(inventory.nodes.begin(), inventory.nodes.end(),
                     [&](const Node& node) { return !(node.*member).empty(); });
}

std::vector<std::string> without(const Inventory& inventory, Member member) {
  std::vector<std::string> out;
  for (const Node& node : inventory.nodes) {
    if ((node.*member).empty()) out.push_back(title(node));
  }
  return out;
}

/// A node whose address one before it has too, or nullptr.
const Node* shares(const Inventory& inventory, Member member) {
  std::unordered_set<std::string_view> seen;
  seen.reserve(inventory.nodes.size());
  for (const Node& node : inventory.nodes) {
    if (!(node.*member).empty() && !seen.insert(node.*member).second) return &node;
  }
  return nullptr;
}

/// The first one in this order that the node has; "" if it has none.
std::string first_address(const Node& node, std::initializer_list<Member> order) {
  for (const Member member : order) {
    if (!(node.*member).empty()) return node.*member;
  }
  return "";
}

/// Some nodes have an address of the kind and others do not; one choice must serve all.
std::unexpected<Error> mixed(const Inventory& inventory) {
  const bool some_public = any_has(inventory, &Node::public_address);
  const Member member = some_public ? &Node::public_address : &Node::ipv6;
  return bad_list(
      inventory.source, 0,
      fmt::format("no {} address for {}, but for others; say --address private (inside the VPC) or "
                  "-J user@host (through a jump host), or delete these lines",
                  some_public ? "public" : "IPv6", some_of(without(inventory, member))));
}

/// The error if two nodes have one private address.
Result<void> private_unshared(const Inventory& inventory) {
  const Node* second = shares(inventory, &Node::private_address);
  if (second == nullptr) return {};
  return bad_list(
      inventory.source, second->line,
      fmt::format("{} is the private address of another node too (two networks?); say --address public",
                  second->private_address));
}

/// All nodes by one kind of address: between nodes of different kinds there may be no way.
Result<void> take(Inventory& inventory, AddressChoice choice) {
  const Member member = member_of(choice);
  if (!all_have(inventory, member)) {
    return bad_list(
        inventory.source, 0,
        fmt::format("no {} address for {}; say another --address (public, private, ipv6), or use a list "
                    "that has them",
                    name_of(choice), some_of(without(inventory, member))));
  }
  // In two networks, one private address can be two machines.
  if (choice == AddressChoice::private_v4) {
    if (auto unshared = private_unshared(inventory); !unshared) return unshared;
  }
  for (Node& node : inventory.nodes) node.address = node.*member;
  inventory.chosen = choice;
  return {};
}

/// For lists of bare addresses: --address cannot choose there, only agree with the list.
Result<void> take_as_given(Inventory& inventory, AddressChoice choice) {
  // These two choices name no kind of address.
  const bool any_kind = choice == AddressChoice::automatic || choice == AddressChoice::behind_jump;
  const Member member = member_of(choice);
  std::vector<std::string> others;
  for (const Node& node : inventory.nodes) {
    // A host name may stand for an address of any kind.
    const bool name = !node.public_address.empty() && !is_ipv4(node.public_address);
    if (!any_kind && !name && (node.*member).empty()) others.push_back(title(node));
  }
  if (!others.empty()) {
    return bad_list(
        inventory.source, 0,
        fmt::format("the list gives no {} address for {}; leave --address out to take what it gives",
                    name_of(choice), some_of(others)));
  }
  for (Node& node : inventory.nodes) {
    // Each node of such a list has one address, so the order decides nothing.
    node.address = first_address(node, {&Node::public_address, &Node::ipv6, &Node::private_address});
  }
  inventory.chosen = AddressChoice::automatic;
  return {};
}

}  // namespace

Result<void> choose_addresses(Inventory& inventory, AddressChoice choice) {
  if (inventory.as_given) return take_as_given(inventory, choice);
  // The jump host stands inside the network, so private addresses come first.
  if (choice == AddressChoice::behind_jump) {
    if (auto unshared = private_unshared(inventory); !unshared) return unshared;
    for (Node& node : inventory.nodes) {
      node.address = first_address(node, {&Node::private_address, &Node::ipv6, &Node::public_address});
    }
    inventory.chosen =
        all_have(inventory, &Node::private_address) ? AddressChoice::private_v4 : AddressChoice::automatic;
    return {};
  }
  if (choice != AddressChoice::automatic) return take(inventory, choice);
  // One kind for all nodes; public ones first, since they can be reached from anywhere.
  if (all_have(inventory, &Node::public_address)) return take(inventory, AddressChoice::public_v4);
  if (any_has(inventory, &Node::public_address)) return mixed(inventory);
  if (all_have(inventory, &Node::ipv6)) return take(inventory, AddressChoice::ipv6);
  if (!all_have(inventory, &Node::private_address)) return mixed(inventory);
  return take(inventory, AddressChoice::private_v4);
}

}  // namespace ec2mpi
