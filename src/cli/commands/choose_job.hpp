#pragma once
/// From the words of `ec2mpi run` to the job that they mean.

#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/config.hpp"

namespace ec2mpi::cli {

struct JobWords {
  std::vector<std::string> name;                          ///< one word, if they are right
  std::optional<std::vector<std::string>> behind_dashes;  ///< nothing without a --
};

/// NAME of run_NAME.sh, ./run_NAME.sh and NAME.sh, where that script or its job is meant.
[[nodiscard]] std::string job_name(const std::string& word, const Config& config);

/// The job as ec2mpi.toml or the script says, before any flag and without the words behind --. Looks into the
/// working folder for the script. Errors: usage, with the command that may be meant.
[[nodiscard]] Result<JobSpec> choose_job(const JobWords& job_words, const Config& config);

}  // namespace ec2mpi::cli
