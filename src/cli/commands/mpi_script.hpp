#pragma once
/// The mpirun line of a script, as a job for ec2mpi.toml. Pure.

#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "src/cli/commands/script_job.hpp"

namespace ec2mpi::cli {

/// Reads comments, NAME=VALUE, export, cd, echo, the ways to read nodeIPaddress, `for` over plain words, and
/// exactly one line with mpirun or mpiexec. In the words of the job, {NAME} is a parameter of its sweep.
/// Errors: usage, "line 3: ...", for everything else: only a shell can say what that does.
[[nodiscard]] Result<ScriptJob> read_mpi_script(std::string_view text);

}  // namespace ec2mpi::cli
