#pragma once
/// The JSON document of a command that prints messages only: the messages, and fields with the values that a
/// script needs.

#include <string>

#include "ec2mpi/cli/terminal/json.hpp"

namespace ec2mpi::cli {

/// The fields of the document; an object. There is one for the process, as there is one standard output.
[[nodiscard]] Json& answer_fields();

/// To be called last, and only if --json was typed. Prints a document if the command has printed none: the
/// exit code, the fields, and what stands on standard error.
void print_answer(int code);

/// For another command line in the same process.
void forget_answer();

}  // namespace ec2mpi::cli
