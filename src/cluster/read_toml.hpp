#pragma once
/// A text of TOML as a table, by toml++.

#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "src/cluster/toml.hpp"

namespace ec2mpi {

/// `source` stands in messages. Errors: usage, "SOURCE:LINE: the fault"; no text makes toml++ crash or throw.
[[nodiscard]] Result<toml::table> read_toml(std::string_view text, std::string_view source);

}  // namespace ec2mpi
