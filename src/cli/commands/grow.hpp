#pragma once
/// Adds instances to a list, or replaces some of its instances.

#include <string>
#include <vector>

#include "src/cli/commands/launch_plan.hpp"

namespace ec2mpi::cli {

struct GrowOptions {
  std::size_t add = 0;           ///< 0: replaces instances instead
  bool replaces_failed = false;  ///< those that EC2 calls ended or failing, and not the chosen ones
  LaunchOptions launch = {};
  Agreement agreement = {};
  bool force = false;  ///< also if jobs or results would be lost
};

/// The new instances are like the last worker that runs: same image, key, groups and place. Host keys are
/// remembered and the list is written before it returns. Returns the exit code.
[[nodiscard]] asio::awaitable<int> grow_cluster(InstanceContext& context, GrowOptions options);

}  // namespace ec2mpi::cli
