#pragma once
/// Homes and machines that several nodes have in common. Pure.

#include <map>
#include <string>

#include "ec2mpi/ops/setup/setup_state.hpp"

namespace ec2mpi::ops {

using SetupStates = std::map<int, SetupState>;  ///< by index

/// The node that writes for a node, as far as the answers show: the first node on the same machine or with
/// the same home, maybe the node itself. Only the order and the messages depend on it: each node looks itself
/// whether all is there.
[[nodiscard]] int writer_for(int index, const SetupStates& states);

/// "shares node1's home", or "is the same machine as node1".
[[nodiscard]] std::string sharing_text(int writer, int index, const SetupStates& states);

}  // namespace ec2mpi::ops
