#pragma once
/// User data of several parts.

#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::cloud {

/// Our script and the user's own user data as one: cloud-init runs ours first, so that a script of the user
/// that hangs cannot hold it up. Errors: usage, if cloud-init would not recognise the user's part, or if both
/// are too large for EC2.
[[nodiscard]] Result<std::string> join_user_data(const std::string& ours, std::string_view theirs);

}  // namespace ec2mpi::cloud
