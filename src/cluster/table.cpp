#include "ec2mpi/cluster/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "ec2mpi/cluster/columns.hpp"
#include "ec2mpi/cluster/grid.hpp"
#include "ec2mpi/cluster/lines.hpp"
#include "ec2mpi/cluster/quote.hpp"
#include "ec2mpi/cluster/segments.hpp"

namespace ec2mpi {
namespace {

constexpr std::array<Separator, 5> kSeparators = {Separator::tab, Separator::pipe, Separator::comma,
                                                  Separator::semicolon, Separator::wide};

/// The first lines that are neither blank nor comment, enough to see a header.
std::string_view beginning(std::string_view text) {
  return text.substr(0, std::min(text.size(), std::size_t{4096}));
}

/// The separator with which the first row is a row of labels with an address among them.
std::optional<Separator> separator_of_header(std::string_view text) {
  std::string_view start = beginning(text);
  if (start.size() < text.size()) start = start.substr(0, start.rfind('\n'));
  for (const Separator separator : kSeparators) {
    const auto grid = split_grid(start, separator, "");
    if (!grid) continue;
    std::size_t first = 0;
    while (separator == Separator::pipe && first < grid->rows.size() && grid->rows[first].count == 1) ++first;
    if (first + 1 >= grid->rows.size()) continue;
    const auto fields = header_fields(grid->row(first));
    if (std::any_of(fields.begin(), fields.end(), is_address_field)) return separator;
  }
  return std::nullopt;
}

}  // namespace

Result<Listing> read_table(std::string_view text, std::string_view source) {
  const auto grid = split_by_ids(text, source);
  if (!grid) return std::unexpected(grid.error());
  const auto segments = cut_at_ids(*grid, source);
  if (!segments) return std::unexpected(segments.error());
  auto listing = read_columns(*segments, source);
  if (listing && !grid->commented_ids.empty()) {
    listing->notes.push_back(fmt::format("commented out: {}", lines_text(grid->commented_ids)));
  }
  return listing;
}

bool has_header(std::string_view text) {
  return separator_of_header(text).has_value();
}

Result<Listing> read_table_without_ids(std::string_view text, std::string_view source) {
  const auto named = separator_of_header(text);
  const Separator separator = named                                       ? *named
                              : text.find('\t') != std::string_view::npos ? Separator::tab
                              : text.find(',') != std::string_view::npos  ? Separator::comma
                                                                          : Separator::wide;
  auto grid = split_grid(text, separator, source);
  if (!grid) return std::unexpected(grid.error());
  while (separator == Separator::pipe && !grid->rows.empty() && grid->rows.front().count == 1) {
    grid->rows.erase(grid->rows.begin());
  }
  return read_rows_without_ids(*grid, source);
}

}  // namespace ec2mpi
