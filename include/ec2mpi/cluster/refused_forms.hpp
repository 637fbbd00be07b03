#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ec2mpi {

/// If `text` has a known form that is not read here (HTML, XML, YAML, HCL, INI, ssh_config): what it is, and
/// the command that gives a form that is read. Looks at the first lines only.
[[nodiscard]] std::optional<std::string> why_refused(std::string_view text);

/// True if `text` begins like JSON and not like the `[group]` of an INI file.
[[nodiscard]] bool begins_as_json(std::string_view text);

}  // namespace ec2mpi
