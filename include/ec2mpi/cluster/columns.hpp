#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/listing.hpp"
#include "ec2mpi/cluster/segments.hpp"

namespace ec2mpi {

/// Reads the cells of each instance. A header decides what they mean. Without one, a column is what all its
/// cells are (so a Name that looks like an address does no harm); where cells do not line up in columns, each
/// is taken for itself, and two different addresses of one kind are an error. Cells left of the id are the
/// Name. They are addresses only if no column to the right can be one.
[[nodiscard]] Result<Listing> read_columns(const Segments& segments, std::string_view source);

/// The same for rows without instance ids: a first row of labels, or columns told by their content. Each row
/// is a node.
[[nodiscard]] Result<Listing> read_rows_without_ids(const Grid& grid, std::string_view source);

/// Takes each cell for itself: addresses, DNS names, type, state, zone, launch time, wherever they stand.
/// Returns what is wrong, such as two different addresses of one kind.
[[nodiscard]] std::optional<std::string> put_by_content(Node& node, std::span<const std::string_view> cells);

}  // namespace ec2mpi
