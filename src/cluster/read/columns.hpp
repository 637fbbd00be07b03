#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/read/listing.hpp"
#include "src/cluster/read/column_names.hpp"
#include "src/cluster/read/instance_rows.hpp"

namespace ec2mpi {

/// The fields of a row of labels, or nothing if the row is not one. Such a row names the id or an address and
/// has no ids or addresses itself.
[[nodiscard]] std::vector<Field> header_fields(std::span<const std::string_view> row);

/// The first row of labels, if neither an id nor an address stands before it.
[[nodiscard]] std::optional<std::size_t> find_header(const Grid& grid);

/// True if most rows below the header have no more cells than it, and their ids under its id.
[[nodiscard]] bool fits_header(const Grid& grid, std::size_t header);

/// Reads the rows below a header, each of them one machine. Rows that do not fit the header are errors.
[[nodiscard]] Result<Listing> read_by_header(const Grid& grid, std::size_t header, std::string_view source);

/// Reads the cells of each instance of a table without header. A column is what all its cells are (so a Name
/// that looks like an address does no harm); where cells do not line up in columns, each is taken by itself,
/// and two different addresses of one kind are an error. Cells left of the id are the Name. They are
/// addresses only if no column to the right can be one.
[[nodiscard]] Result<Listing> read_columns(const InstanceRows& rows, std::string_view source);

/// Reads rows without instance ids: below a header, or in columns that their content shows. Each row is a
/// node.
[[nodiscard]] Result<Listing> read_rows_without_ids(const Grid& grid, std::string_view source);

}  // namespace ec2mpi
