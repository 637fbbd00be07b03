#pragma once
/// The document of a command that has none of its own. Such a command answers by messages, and adds what a
/// script needs as fields.

#include <string>

#include "ec2mpi/cli/terminal/json.hpp"

namespace ec2mpi::cli {

/// The fields of the document; an object. Of the process, as the descriptors are.
[[nodiscard]] Json& answer_fields();

/// To be called last, and only if --json was typed. Prints a document if the command has printed none: the
/// exit code, the fields, and what stands on standard error.
void print_answer(int code);

/// For another command line in the same process.
void forget_answer();

}  // namespace ec2mpi::cli
