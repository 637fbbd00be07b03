#pragma once
/// Paths that a node sends, as text: whether they stay below the folder that is written into; and the names
/// that only a pull uses there. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ops {

/// The names of a relative path, without "."; none for the folder itself. Errors: protocol, for a path that
/// is absolute, holds ".." or a NUL byte.
[[nodiscard]] Result<std::vector<std::string>> names_below(std::string_view path);

/// A link at `path` with this target stays below the tree's folder. ".." may only stand at the target's
/// beginning: a name before it could be a link that leads elsewhere.
[[nodiscard]] bool link_stays_inside(std::string_view path, std::string_view target);

/// What the hidden names of half-written files begin with.
inline constexpr std::string_view kPullTemporary = ".ec2mpi-pull.";

/// Such a name that depends on the text; two texts may well have the same.
[[nodiscard]] std::string pull_temporary(std::string_view kind, std::string_view text);

}  // namespace ec2mpi::ops
