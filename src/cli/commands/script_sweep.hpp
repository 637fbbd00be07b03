#pragma once
/// Scripts whose names and contents differ in numbers only, as one job with a sweep. Pure.

#include <string>
#include <vector>

#include "src/cli/commands/script_job.hpp"

namespace ec2mpi::cli {

/// A script run_NAME.sh and its job.
struct NamedJob {
  std::string name;
  ScriptJob job;
};

struct SweptScripts {
  std::string name;     ///< of the job: "spread"
  std::string pattern;  ///< of the names: "spread_*agents"
  ScriptJob job;        ///< its sweep has the numbers, and {agents} stands where they were
  std::vector<std::string> scripts;
};

struct ScriptSweeps {
  std::vector<SweptScripts> found;
  std::vector<std::string> apart;  ///< patterns of scripts that differ in more than their numbers
};

/// Scripts become a sweep if there is one for each combination of their numbers. `names` are those of all
/// scripts, which no sweep may take.
[[nodiscard]] ScriptSweeps find_sweeps(const std::vector<NamedJob>& jobs,
                                       const std::vector<std::string>& names);

}  // namespace ec2mpi::cli
