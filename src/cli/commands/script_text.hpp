#pragma once
/// Scripts that were written on another system.

#include <string>

namespace ec2mpi::cli {

/// Without the byte order mark of some editors, which would hide the line #!.
[[nodiscard]] std::string without_mark(std::string text);

/// Without the mark, and without carriage returns at the ends of lines if the first line has one.
[[nodiscard]] std::string unix_script(std::string text);

}  // namespace ec2mpi::cli
