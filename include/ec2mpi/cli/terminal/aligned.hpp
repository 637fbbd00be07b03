#pragma once

#include <string>
#include <vector>

namespace ec2mpi::cli {

/// Rows of a table as lines with the columns one below the other; an empty cell shows as a dash. All rows
/// have as many cells as the first.
[[nodiscard]] std::string aligned(std::vector<std::vector<std::string>> rows);

}  // namespace ec2mpi::cli
