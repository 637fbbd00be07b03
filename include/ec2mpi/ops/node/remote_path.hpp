#pragma once
/// Paths on a node, as they are typed.

#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ops {

/// Absolute, or beginning with "./": a path that is relative, or begins with "~/", lies in the login folder,
/// where commands begin. Can't be taken for an option. Errors: usage for an empty path, one with NUL, and
/// "~someone".
[[nodiscard]] Result<std::string> remote_path(std::string_view typed);

}  // namespace ec2mpi::ops
