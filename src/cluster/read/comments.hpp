#pragma once

#include <optional>
#include <string_view>

#include "src/cluster/read/messages.hpp"

namespace ec2mpi {

/// Comments of a list begin with `#`. Refuses the first line that begins with the sign of another language's
/// comments (`;`, `//`, `--`, `rem`, ...), because its author may have put a machine out of use. Below a
/// header whose names a `;` divides, a `;` at the start of a line is an empty cell.
[[nodiscard]] std::optional<Refusal> find_foreign_comment(std::string_view text);

}  // namespace ec2mpi
