#pragma once
/// `ec2mpi run` with parameters: a series of jobs, one for each combination of their values.

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/ops/series/series.hpp"
#include "src/cli/commands/job_flags.hpp"

namespace CLI {
class App;
}

namespace ec2mpi::cli {

struct SeriesOptions {
  std::vector<std::string> set;      ///< NAME=VALUES
  std::optional<std::string> scale;  ///< np=VALUES
  std::optional<std::string> svg;
  int most = 0;
  bool dry_run = false;
  bool resume = false;
  bool keep_going = false;
  bool json = false;
  bool csv = false;

  /// Any of these flags makes it a series, and so does a sweep in ec2mpi.toml.
  [[nodiscard]] bool asked_for() const { return !set.empty() || scale || svg || most > 0 || resume || csv; }
};

void add_series_options(CLI::App& command, SeriesOptions& options);

struct SeriesRequest {
  std::string name;  ///< of the job
  JobSpec job;       ///< what stood behind -- is part of its command
  const JobFlags& flags;
  const SeriesOptions& options;
  const ConnectOptions& connect;
  bool push = true;
  bool allow_outside = false;  ///< see plan_job_push
  bool detach = false;
};

[[nodiscard]] Result<int> run_series(const SeriesRequest& request, Cluster& cluster,
                                     const CommonOptions& common);

enum class FollowVerb { attach, logs, wait, cancel };

/// The same verb for a series as for a job, but not `logs`. `document`: gets the results, which are printed
/// without it; it must outlive the call.
[[nodiscard]] asio::awaitable<int> follow_series(CommandContext& context, std::string name, FollowVerb verb,
                                                 Json* document);

/// The newest series of that name; an exit code if it cannot be had, which has been reported.
[[nodiscard]] asio::awaitable<std::expected<ops::SeriesEnd, int>> look_up_series(CommandContext& context,
                                                                                 std::string name);

}  // namespace ec2mpi::cli
