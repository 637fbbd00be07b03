#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/cluster/read/json_tape.hpp"

namespace ec2mpi {

/// If `text` has a known form that is not read (HTML, YAML, HCL, INI, ssh_config, Python's print, command
/// lines, ...; the table stands in refused_forms.cpp): what it is, and how to get a form that is read. Looks
/// at the first lines only.
[[nodiscard]] std::optional<std::string> why_refused(std::string_view text);

/// The same for JSON that holds no instances: replies about network interfaces, Elastic IPs, stacks, and
/// those of other clouds.
[[nodiscard]] std::optional<std::string> why_json_refused(const JsonTape& tape);

/// True if `text` begins like JSON and not like the `[group]` of an INI file.
[[nodiscard]] bool begins_as_json(std::string_view text);

}  // namespace ec2mpi
