#pragma once
/// The settings of a job in a line of mpirun. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "src/cli/commands/script_job.hpp"
#include "src/cli/commands/script_words.hpp"

namespace ec2mpi::cli {

/// "mpirun", "/usr/bin/mpiexec"
[[nodiscard]] bool is_starter(std::string_view word);

/// Sets a variable of the job's ranks, from NAME=VALUE. The last value of a name counts, as in a shell.
void set_for_ranks(ScriptJob& job, const std::string& assignment);

/// Adds the options and the program to `job`. `words` are those of a line that begins with a starter.
/// Errors: usage, for an option that is not known here and for a number of ranks that only mpirun knows;
/// `job` is then of no use.
[[nodiscard]] Result<void> read_mpirun_line(const std::vector<std::string>& words,
                                            const ScriptVariables& variables, ScriptJob& job);

}  // namespace ec2mpi::cli
