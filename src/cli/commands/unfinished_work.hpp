#pragma once
/// Jobs and results that a change of instances would end or lose.

#include <string>
#include <vector>

#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

/// The change that is asked for.
enum class Ending {
  stop,  ///< jobs end; results stay on the disks
  down,  ///< jobs end, and results that are not here are lost
};

/// Asks the master, and each other instance of the list that was the master when a job was started from this
/// folder. Such an instance that does not answer is an error, because nobody can know then what it holds.
/// Errors: usage, with the commands that wait for the jobs and bring the results.
[[nodiscard]] asio::awaitable<Result<void>> refuse_unfinished(InstanceContext& context,
                                                              std::vector<cloud::Instance> targets,
                                                              Ending ending);

/// The jobs on the master that are not over, as "spread-1 is running"; or why they are not known.
[[nodiscard]] asio::awaitable<std::vector<std::string>> jobs_at_work(InstanceContext& context);

}  // namespace ec2mpi::cli
