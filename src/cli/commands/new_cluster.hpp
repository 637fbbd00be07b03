#pragma once
/// Starts the instances of a new cluster, and ends them again if that fails.

#include <string>

#include "src/cli/commands/launch.hpp"

namespace ec2mpi::cli {

[[nodiscard]] cloud::Tags cluster_tags(const std::string& cluster);

/// Makes the security group, and gives its id. Only one group can have its name, so only one of two commands
/// for clusters of the same name continues. After an error there is nothing to remove.
[[nodiscard]] asio::awaitable<cloud::Answer<std::string>> claim_cluster(InstanceContext& context,
                                                                        const LaunchPlan& plan);

/// Starts the instances, waits for them, remembers the host keys that they print on their consoles, and
/// writes the list and the private key. `launched` is complete also after an error.
[[nodiscard]] asio::awaitable<cloud::Answer<void>> start_cluster(InstanceContext& context, LaunchPlan plan,
                                                                 Launched& launched);

/// Ends and removes everything that claim_cluster and start_cluster have made, also after a Ctrl-C. False if
/// something remains; then it is named.
[[nodiscard]] asio::awaitable<bool> undo_start(InstanceContext& context, const LaunchPlan& plan,
                                               const Launched& launched);

}  // namespace ec2mpi::cli
