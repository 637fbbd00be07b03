#pragma once
/// Whether the instances that `up` has started really keep the end of their life.

#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

/// Asks every node of the list; an image without cloud-init ignores the user data that start the keeper.
/// Returns the exit code; the nodes that do not keep it are named.
[[nodiscard]] asio::awaitable<int> check_life(InstanceContext& context);

}  // namespace ec2mpi::cli
