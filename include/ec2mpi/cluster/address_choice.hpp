#pragma once

#include <string_view>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi {

struct Inventory;

/// Which of a node's addresses to connect to.
enum class AddressChoice {
  automatic,    ///< the one kind that all nodes have: public, else IPv6, else private; a mixture is an error
  public_v4,    ///< public IPv4 (or a host name as given) of every node
  ipv6,         ///< IPv6 of every node
  private_v4,   ///< private IPv4 of every node
  behind_jump,  ///< what a jump host in the VPC reaches: private where there is one, else what there is
};

/// Sets `Node::address` of all nodes and `Inventory::chosen`; may be called again with another choice.
/// In a list that gives one address for each node (`Inventory::as_given`) that address is taken; a choice
/// that contradicts it is an error, but a host name satisfies any. Errors (ErrorKind::inventory) name the
/// nodes and the flags that help; `inventory` is then unchanged.
[[nodiscard]] Result<void> choose_addresses(Inventory& inventory, AddressChoice choice);

}  // namespace ec2mpi
