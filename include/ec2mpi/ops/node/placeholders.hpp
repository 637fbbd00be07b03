#pragma once
/// Names that depend on the node, and names that a source has in its target.

#include <string>
#include <string_view>

#include "ec2mpi/cluster/values/node.hpp"

namespace ec2mpi::ops {

/// "master" for node 1, else "worker".
[[nodiscard]] std::string_view role_name(const Node& node);

/// Replaces {index}, {node}, {address} and {role}; other braces stay.
[[nodiscard]] std::string fill_placeholders(std::string_view text, const Node& node);

/// The end of an error about a name that nobody typed: what was typed, and that a placeholder was filled in.
/// Empty if it had none.
[[nodiscard]] std::string filled_in_note(std::string_view typed, std::string_view filled);

/// The name a path has in the folder it is copied into; empty for ".", ".." and "/", as with scp and cp.
[[nodiscard]] std::string name_in_target(std::string_view path);

}  // namespace ec2mpi::ops
