#pragma once

#include <string>
#include <vector>

#include "ec2mpi/cluster/values/node.hpp"

namespace ec2mpi {

/// What a reader of one form found: every entry in order, not yet checked against each other.
struct Listing {
  std::vector<Node> nodes;         ///< index and address unset
  std::vector<std::string> notes;  ///< for the user, without the source's name
  bool as_given = false;           ///< see Inventory::as_given
  bool slots_add_up = false;       ///< a host that is repeated has a slot, or its slots=N, more each time
};

}  // namespace ec2mpi
