#pragma once
/// The mpirun line of a script, as a job for ec2mpi.toml. Pure.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::cli {

struct ScriptJob {
  std::vector<std::string> command;  ///< behind mpirun's options
  std::string np;
  std::string per_node;
  std::string workdir;
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<std::pair<std::string, std::vector<std::string>>> sweep;  ///< the loops around mpirun
  std::vector<std::string> flags;     ///< of `ec2mpi run`, for which ec2mpi.toml has no setting
  std::vector<std::string> left_out;  ///< what ec2mpi sets itself, or cannot know
  bool operator==(const ScriptJob&) const = default;
};

/// Reads comments, NAME=VALUE, export, cd, echo, the ways to read nodeIPaddress, `for` over plain words, and
/// exactly one line with mpirun or mpiexec. In the words of the job, {NAME} is a parameter of its sweep.
/// Errors: usage, "line 3: ...", for everything else: only a shell can say what that does.
[[nodiscard]] Result<ScriptJob> read_mpi_script(std::string_view text);

}  // namespace ec2mpi::cli
