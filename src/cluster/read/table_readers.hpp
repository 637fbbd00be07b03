#pragma once

#include <optional>
#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/read/listing.hpp"
#include "src/cluster/read/table.hpp"

namespace ec2mpi {

/// The rows of a page on which labels and cells stand one after the other, as the console's page is copied:
/// the labels as the first row, then one row for each instance. The text above the labels is left out; they
/// may stand there twice, and a Name may be missing. Nothing if there are no such labels; an error if the
/// cells do not fit them.
[[nodiscard]] std::optional<Result<Table>> rows_below_labels(const Table& table, std::string_view source);

/// Cuts a table that holds instance ids into one row an instance. One line for each instance if each line has
/// an id in its id column; otherwise instances that run over several lines, or follow each other on one, all
/// in the same way: the cell before an id is that instance's Name. Errors: lines that belong to no instance,
/// instances of unequal shape, two columns that could both be the id.
[[nodiscard]] Result<Table> cut_at_ids(Table table, std::string_view source);

/// The first row of labels, if neither an id nor an address stands before it.
[[nodiscard]] std::optional<std::size_t> find_header(const Table& table);

/// True if most rows below the header have no more cells than it, and their ids under its id.
[[nodiscard]] bool fits_header(const Table& table, std::size_t header);

/// Reads the rows below a header, each of them one machine. Rows that do not fit the header are errors.
[[nodiscard]] Result<Listing> read_by_header(const Table& table, std::size_t header, std::string_view source);

/// Reads what cut_at_ids() made, by content. A column is what all its cells are (so a Name that looks like an
/// address does no harm); where cells do not line up in columns, each is taken by itself, and two different
/// addresses of one kind are an error. Cells left of the id are the Name. They are addresses only if no
/// column to the right can be one.
[[nodiscard]] Result<Listing> read_instances(const Table& table, std::string_view source);

/// Reads rows without instance ids: below a header, or in columns that their content shows. Each row is a
/// node.
[[nodiscard]] Result<Listing> read_rows_without_ids(const Table& table, std::string_view source);

}  // namespace ec2mpi
