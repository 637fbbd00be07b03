#pragma once
/// Where the results of a command go.

namespace ec2mpi::cli {

/// From now on results go to standard error, too: standard output is for one document. This holds for the
/// whole process.
void divert_results(bool diverted);
[[nodiscard]] bool results_are_diverted();

}  // namespace ec2mpi::cli
