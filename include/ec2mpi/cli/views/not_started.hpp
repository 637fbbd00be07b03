#pragma once
/// What is said of a job or a series of which nothing was started.

#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/cli/terminal/console.hpp"
#include "ec2mpi/ops/job/run.hpp"

namespace ec2mpi::cli {

/// Because these nodes cannot take part; names the flag that leaves them out.
[[nodiscard]] std::string not_started_text(const std::vector<ops::NodeTrouble>& unfit);

/// Prints why: of the nodes that cannot take part one line for each reason, else the refusal.
void tell_not_started(Console& console, const std::vector<ops::NodeTrouble>& unfit,
                      const std::optional<Error>& refused);

}  // namespace ec2mpi::cli
