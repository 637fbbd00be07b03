#pragma once

#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/listing.hpp"

namespace ec2mpi {

/// Reads console pastes of every generation, CSV and flat text tables: text that holds instance ids.
[[nodiscard]] Result<Listing> read_table(std::string_view text, std::string_view source);

/// Reads a table without instance ids (tabs, bars, commas, semicolons or two spaces between cells): its first
/// line names the columns, or their content does.
[[nodiscard]] Result<Listing> read_table_without_ids(std::string_view text, std::string_view source);

/// True if the first line names columns, an address among them.
[[nodiscard]] bool has_header(std::string_view text);

}  // namespace ec2mpi
