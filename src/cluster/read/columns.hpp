#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/read/listing.hpp"
#include "src/cluster/read/segments.hpp"

namespace ec2mpi {

/// What a cell can be, as a set of bits.
using CellKinds = unsigned;

constexpr CellKinds kPublicV4 = 1U << 0U;
constexpr CellKinds kPrivateV4 = 1U << 1U;
constexpr CellKinds kAnyV4 = 1U << 2U;  ///< four numbers, right or wrong
constexpr CellKinds kIpv6 = 1U << 3U;
constexpr CellKinds kPublicDns = 1U << 4U;
constexpr CellKinds kPrivateDns = 1U << 5U;
constexpr CellKinds kType = 1U << 6U;
constexpr CellKinds kState = 1U << 7U;
constexpr CellKinds kZone = 1U << 8U;
constexpr CellKinds kDate = 1U << 9U;
constexpr CellKinds kConsolePhrase = 1U << 10U;  ///< "2/2 checks passed", "disabled": never a Name
constexpr CellKinds kAllKinds = (1U << 11U) - 1;

/// The kinds of one cell that is not blank; of "a, b" those of the first.
[[nodiscard]] CellKinds kinds_of(std::string_view cell);

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
/// that looks like an address does no harm); where cells do not line up in columns, each is taken for itself,
/// and two different addresses of one kind are an error. Cells left of the id are the Name. They are
/// addresses only if no column to the right can be one.
[[nodiscard]] Result<Listing> read_columns(const Segments& segments, std::string_view source);

/// Reads rows without instance ids: below a header, or columns told by their content. Each row is a node.
[[nodiscard]] Result<Listing> read_rows_without_ids(const Grid& grid, std::string_view source);

/// Takes each cell for itself: addresses, DNS names, type, state, zone, launch time, wherever they stand.
/// Returns what is wrong, such as two different addresses of one kind.
[[nodiscard]] std::optional<std::string> put_by_content(Node& node, std::span<const std::string_view> cells);

}  // namespace ec2mpi
