#pragma once

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/inventory.hpp"

namespace ec2mpi {

/// Sets `Node::address` of all nodes and `Inventory::chosen`; may be called again with another choice.
/// In a list that gives one address for each node (`Inventory::as_given`) that address is taken; a choice
/// that contradicts it is an error, but a host name satisfies any. Errors (ErrorKind::inventory) name the
/// nodes and the flags that help; `inventory` is then unchanged.
[[nodiscard]] Result<void> choose_addresses(Inventory& inventory, AddressChoice choice);

}  // namespace ec2mpi
