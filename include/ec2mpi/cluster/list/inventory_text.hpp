#pragma once

#include <string>

#include "ec2mpi/cluster/values/inventory.hpp"

namespace ec2mpi {

/// The chosen address of each node, one a line, in order: the file `nodeIPaddress`.
[[nodiscard]] std::string addresses_text(const Inventory& inventory);

/// `address slots=N` a line, as Open MPI reads it; without `slots=` where none are known.
[[nodiscard]] std::string hostfile_text(const Inventory& inventory);

}  // namespace ec2mpi
