#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/node.hpp"

namespace ec2mpi {

/// The result of a reader of one format: every entry in order, not yet checked against each other.
struct Listing {
  std::vector<Node> nodes;         ///< index and address unset
  std::vector<std::string> notes;  ///< for the user, without the source's name
  bool as_given = false;           ///< see Inventory::as_given
  bool slots_add_up = false;       ///< a host that is repeated has a slot, or its slots=N, more each time
};

/// Finds from the content which format a decoded list has, and reads it with the reader of that format.
/// Formats that are known but not read (YAML, XML, HTML, HCL, INI, ssh_config, nested tables) are refused
/// with the command that gives a readable one.
[[nodiscard]] Result<Listing> read_listing(std::string_view text, std::string_view source);

}  // namespace ec2mpi
