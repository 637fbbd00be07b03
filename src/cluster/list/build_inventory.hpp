#pragma once

#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/read/listing.hpp"
#include "ec2mpi/cluster/values/inventory.hpp"

namespace ec2mpi {

/// Makes an inventory of the listed entries: repeated entries collapse with a note, contradictions are errors
/// (one instance with two addresses, one address on two instances), instances that do not run move to
/// `skipped`, the others are numbered in order. Addresses are not chosen yet. `is_own_table`: commands on
/// instances keep the list, so its errors name them.
[[nodiscard]] Result<Inventory> build_inventory(Listing listing, std::string_view source,
                                                bool addresses_required, bool is_own_table);

}  // namespace ec2mpi
