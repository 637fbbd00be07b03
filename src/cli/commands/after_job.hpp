#pragma once
/// `run --then stop|down`: the instances stop or end after the job.

#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/session/options.hpp"

namespace ec2mpi::cli {

enum class AfterJob { nothing, stop, down };

struct AfterJobOptions {
  AfterJob then = AfterJob::nothing;
  bool detach = false;                   ///< nobody is here then: the master stops them
  std::optional<std::string> list = {};  ///< of the job
};

/// The instances of the list, as EC2 knew them before the job.
struct InstancesOfJob {
  std::vector<std::string> ids;
  std::vector<std::string> private_addresses;  ///< of those that run
};

/// Before the job: asks EC2 whether it would be allowed. If the job is left alone, instances that would end
/// when they shut down are changed so that they stop and keep their results. Returns the exit code; sets
/// `instances` on success.
[[nodiscard]] Result<int> prepare_end(const AfterJobOptions& options, const CommonOptions& common,
                                      InstancesOfJob& instances);

/// The job runs, and will be left alone: the master stops all nodes after it.
[[nodiscard]] asio::awaitable<Result<void>> stop_after_job(CommandContext& context, std::string id,
                                                           std::vector<std::string> private_addresses);

/// After the job, when its results are here. Returns the exit code.
[[nodiscard]] Result<int> end_after_job(const AfterJobOptions& options, const CommonOptions& common,
                                        std::vector<std::string> ids);

}  // namespace ec2mpi::cli
