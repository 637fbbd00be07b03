#pragma once
/// Text that may be shown to others.

#include <string>
#include <string_view>

#include "ec2mpi/cluster/values/inventory.hpp"

namespace ec2mpi::cli {

/// Replaces IP addresses, instance ids, the names that AWS gives to machines, and all that the list calls its
/// nodes. Labels such as node3 stay.
[[nodiscard]] std::string without_addresses(std::string_view text, const Inventory& inventory);

}  // namespace ec2mpi::cli
