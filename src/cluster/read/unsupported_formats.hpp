#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/cluster/read/json_tape.hpp"

namespace ec2mpi {

/// If `text` has a known format that is not read (unsupported_formats.inc): which one, and how to get a
/// format that is read. Looks at the first lines only.
[[nodiscard]] std::optional<std::string> why_unsupported(std::string_view text);

/// The same for JSON that holds no instances: replies about network interfaces, Elastic IPs, stacks, and
/// those of other clouds.
[[nodiscard]] std::optional<std::string> why_json_unsupported(const JsonTape& tape);

/// True if `text` begins like JSON, and not like the `[group]` of an INI file, `[host]:22` or Python's print.
[[nodiscard]] bool begins_as_json(std::string_view text);

}  // namespace ec2mpi
