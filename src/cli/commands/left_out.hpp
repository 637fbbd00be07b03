#pragma once
/// What a list holds and no command uses.

#include "ec2mpi/cluster/values/inventory.hpp"

namespace ec2mpi::cli {

/// Names on standard error each machine that does not run, with its line and state.
void tell_left_out(const Inventory& inventory);

}  // namespace ec2mpi::cli
