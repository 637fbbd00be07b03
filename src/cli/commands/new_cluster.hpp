#pragma once
/// Starts the instances of a new cluster, and ends them again if that fails.

#include <filesystem>
#include <string>
#include <vector>

#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

/// A type of instance that the user accepts, and the image for it.
struct LaunchChoice {
  cloud::InstanceType type;
  cloud::Image image;
};

struct LaunchPlan {
  std::string cluster;  ///< its name
  std::size_t count = 0;
  std::vector<LaunchChoice> choices;  ///< the preferred one first
  std::string network;                ///< that may log in by ssh: "203.0.113.7/32"
  std::filesystem::path list;         ///< will be written
};

/// The request for one choice, without the things that the cluster does not have yet.
[[nodiscard]] cloud::LaunchRequest launch_request(const LaunchPlan& plan, const LaunchChoice& choice);

/// Makes the security group, and gives its id. Its name exists once, so only one of two commands for a
/// cluster of the same name gets further. After an error there is nothing to remove.
[[nodiscard]] asio::awaitable<cloud::Answer<std::string>> claim_cluster(InstanceContext& context,
                                                                        const LaunchPlan& plan);

/// Starts the instances, waits for them, remembers the host keys that they print on their consoles, and
/// writes the list and the private key.
[[nodiscard]] asio::awaitable<cloud::Answer<void>> start_cluster(InstanceContext& context,
                                                                 const LaunchPlan& plan, std::string group);

/// Ends and removes everything that claim_cluster and start_cluster have made, also after a Ctrl-C. False if
/// something remains; then it is named.
[[nodiscard]] asio::awaitable<bool> undo_start(InstanceContext& context, const LaunchPlan& plan,
                                               std::string group);

}  // namespace ec2mpi::cli
