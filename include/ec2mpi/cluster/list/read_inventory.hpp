#pragma once

#include <filesystem>
#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/inventory.hpp"

namespace ec2mpi {

struct ReadOptions {
  AddressChoice address = AddressChoice::automatic;
  bool choose_addresses = true;    ///< false: leave `Node::address` empty for a later choose_addresses()
  bool addresses_required = true;  ///< false: accept instances without any address (bare ids), and lists in
                                   ///< which no instance runs: then there are no nodes; implies no choice
};

/// Reads a list in any of the formats that docs/lists.md describes. The content decides which format it is,
/// never the name. `source_name` stands in messages only. Reads `bytes` in linear time. Errors:
/// ErrorKind::inventory, `FILE:LINE: the fault; the next step`, free of control characters.
[[nodiscard]] Result<Inventory> parse_inventory(std::string_view bytes, std::string_view source_name,
                                                const ReadOptions& options = {});

/// Reads the file and parses it. Also ErrorKind::local_io if the file cannot be read.
[[nodiscard]] Result<Inventory> load_inventory(const std::filesystem::path& path,
                                               const ReadOptions& options = {});

}  // namespace ec2mpi
