#pragma once
/// Fetches the files that the `pull` of a job names into results/, after the job has succeeded.

#include <string>
#include <vector>

#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/ops/job/record.hpp"

namespace ec2mpi::cli {

struct BringOptions {
  std::string folder = "results";
  const std::vector<Node>* from = nullptr;  ///< only from these nodes; the results then stay unfinished
  Json* document = nullptr;                 ///< an array: gets an object for each job with results
};

/// The end of a command that has seen the end of `jobs` and would exit with `code`: brings the results of
/// each that has succeeded and asks for some, leaves the others alone, and returns the exit code. That is 1
/// if a file is missing, after a message. Results that are here already stay unchanged. What `options`
/// point to must outlive the call.
[[nodiscard]] asio::awaitable<int> bring_results(CommandContext& context, std::vector<ops::JobRecord> jobs,
                                                 int code, BringOptions options);

}  // namespace ec2mpi::cli
