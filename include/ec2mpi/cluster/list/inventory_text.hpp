#pragma once

#include <string>

#include "ec2mpi/cluster/values/inventory.hpp"

namespace ec2mpi {

/// The chosen address of each node, one a line, in order: the file `nodeIPaddress`.
[[nodiscard]] std::string addresses_text(const Inventory& inventory);

/// `address slots=N` a line, as Open MPI reads it; without `slots=` where none are known.
[[nodiscard]] std::string hostfile_text(const Inventory& inventory);

/// Name, instance id, type, address and launch time between tabs, a dash for an empty Name: the columns of
/// the 2021 console. For nodes that have an instance id.
[[nodiscard]] std::string console_text(const Inventory& inventory);

}  // namespace ec2mpi
