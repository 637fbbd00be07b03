#pragma once
/// The options of up about the new instances, and the plan that is made from them.

#include <optional>
#include <string>
#include <vector>

#include "src/cli/commands/launch.hpp"

namespace ec2mpi::cli {

struct LaunchOptions {
  std::vector<std::string> types = {};
  std::optional<std::string> image = {};
  std::string os = {};                   ///< "ubuntu", "debian"; empty: "ubuntu"
  std::optional<std::string> spot = {};  ///< "workers", "all"
  std::optional<std::string> max_price = {};
  std::optional<std::string> disk = {};       ///< "100G", "100G,gp3"
  std::optional<std::string> user_data = {};  ///< a file
  std::optional<std::string> subnet = {};
  std::optional<std::string> vpc = {};
  std::optional<std::string> reservation = {};
  int threads_per_core = 0;
  bool efa = false;
};

void add_launch_options(CLI::App& command, LaunchOptions& options);

/// "100G" or "100G,gp3". Errors: usage.
[[nodiscard]] Result<cloud::RootDisk> parse_disk(const std::string& text);

/// The named types, else the other one.
[[nodiscard]] std::vector<std::string> type_names(const LaunchOptions& options, const std::string& otherwise);

/// Everything of the plan that needs no answer of EC2. Errors: usage, local_io.
[[nodiscard]] Result<LaunchPlan> begin_plan(const LaunchOptions& options);

/// The defaults of the plan, where the options name nothing.
struct LaunchDefaults {
  std::string type = {};
  std::string image = {};  ///< its id; empty: the publisher's newest one
};

/// Asks EC2 for types, images and places. Errors: usage, if they do not go together.
[[nodiscard]] asio::awaitable<cloud::Answer<void>> complete_plan(InstanceContext& context,
                                                                 const LaunchOptions& options,
                                                                 LaunchDefaults defaults, LaunchPlan& plan);

/// The lines about types, prices, quotas and shape, below a line that the caller has printed.
[[nodiscard]] asio::awaitable<void> show_plan(InstanceContext& context, const LaunchPlan& plan);

}  // namespace ec2mpi::cli
