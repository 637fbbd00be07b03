#include "ec2mpi/cluster/columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <utility>

#include "ec2mpi/cluster/cell_kinds.hpp"
#include "ec2mpi/cluster/ec2_words.hpp"
#include "ec2mpi/cluster/quote.hpp"

namespace ec2mpi {
namespace {

using Cells = std::span<const std::string_view>;

/// What all cells of one column have in common.
struct Column {
  CellKinds kinds = kAllKinds;
  std::size_t filled = 0;

  void see(std::string_view cell) {
    if (is_blank_cell(cell)) return;
    ++filled;
    kinds &= kinds_of(cell);
  }
  [[nodiscard]] bool is(CellKinds kind) const { return filled > 0 && (kinds & kind) != 0; }
};

void see_row(std::vector<Column>& columns, Cells cells) {
  if (columns.size() < cells.size()) columns.resize(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) columns[i].see(cells[i]);
}

/// Gives each kind of column to the leftmost one of it.
class Assigner {
 public:
  std::vector<Field> assign(const std::vector<Column>& columns) {
    std::vector<Field> fields;
    for (const Column& column : columns) fields.push_back(field_of(column));
    give_name(columns, fields);
    return fields;
  }
  /// Two columns of private addresses, or one that is neither public nor private beside another one.
  [[nodiscard]] bool ambiguous() const {
    return private_columns_ > 1 || (mixed_ > 0 && public_columns_ + private_columns_ + mixed_ > 1);
  }

 private:
  Field field_of(const Column& column) {
    constexpr std::array<std::pair<CellKinds, Field>, 7> kSimple = {{{kIpv6, Field::ipv6},
                                                                     {kPublicDns, Field::public_dns},
                                                                     {kPrivateDns, Field::private_dns},
                                                                     {kType, Field::type},
                                                                     {kState, Field::state},
                                                                     {kZone, Field::zone},
                                                                     {kDate, Field::launched}}};
    for (const auto& [kind, field] : kSimple) {
      if (column.is(kind)) return (std::exchange(seen_, seen_ | kind) & kind) != 0 ? Field::unused : field;
    }
    if (column.is(kPublicV4)) return ++public_columns_ == 1 ? Field::public_v4 : Field::elastic_ip;
    if (column.is(kPrivateV4)) return ++private_columns_ == 1 ? Field::private_v4 : Field::unused;
    if (!column.is(kAnyV4)) return Field::unknown;
    ++mixed_;
    return Field::any_address;
  }

  /// The one column of free text is the Name; if there are several, none is.
  static void give_name(const std::vector<Column>& columns, std::vector<Field>& fields) {
    std::size_t found = 0;
    std::size_t place = 0;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (fields[i] != Field::unknown || columns[i].filled == 0 || columns[i].is(kConsolePhrase)) continue;
      ++found;
      place = i;
    }
    if (found == 1) fields[place] = Field::name;
  }

  CellKinds seen_ = 0;
  int public_columns_ = 0;
  int private_columns_ = 0;
  int mixed_ = 0;
};

class ColumnReader {
 public:
  ColumnReader(const Segments& segments, std::string_view source) : segments_(segments), source_(source) {}

  Result<Listing> read() {
    by_header_ = header_fits();
    if (!by_header_) {
      if (auto error = type_columns()) return std::unexpected(*error);
    }
    listing_.nodes.reserve(segments_.list.size());
    for (const Segment& segment : segments_.list) {
      Node node;
      node.line = segment.line;
      node.instance_id = segments_.cells[segment.id];
      const auto problem = by_header_ ? put_by_header(node, segment) : put_typed(node, segment);
      if (problem) return bad_list(source_, segment.line, fmt::format("{}; correct this line", *problem));
      listing_.nodes.push_back(std::move(node));
    }
    return std::move(listing_);
  }

 private:
  /// There is a header, and no record has cells that it does not name.
  bool header_fits() const {
    const std::size_t width = segments_.header.size();
    return width > 0 &&
           std::all_of(segments_.list.begin(), segments_.list.end(), [&](const Segment& segment) {
             const Cells cells(segments_.cells.data() + segment.begin, segment.end - segment.begin);
             return filled_count(cells) <= width;
           });
  }

  std::optional<std::string> put_by_header(Node& node, const Segment& segment) const {
    const std::size_t count = segment.end - segment.begin;
    for (const bool elastic : {false, true}) {  // an Elastic IP counts only where there is no other address
      for (std::size_t i = 0; i < count && i < segments_.header.size(); ++i) {
        const Field field = segments_.header[i];
        if (field == Field::instance_id || (field == Field::elastic_ip) != elastic) continue;
        if (auto problem = put_field(node, field, segments_.cells[segment.begin + i])) return problem;
      }
    }
    return std::nullopt;
  }

  static std::size_t filled_count(Cells cells) {
    while (!cells.empty() && cells.back().empty()) cells = cells.first(cells.size() - 1);
    return cells.size();
  }

  /// True if all records have as many cells right of the id, with or without the empty ones at the end.
  bool line_up() const {
    const Cells first = segments_.right(segments_.list.front());
    bool same = true;
    bool same_filled = true;
    for (const Segment& segment : segments_.list) {
      const Cells cells = segments_.right(segment);
      same = same && cells.size() == first.size();
      same_filled = same_filled && filled_count(cells) == filled_count(first);
    }
    return same || same_filled;
  }

  std::optional<Error> type_columns() {
    in_columns_ = line_up();
    if (!in_columns_) return std::nullopt;
    std::vector<Column> columns;
    for (const Segment& segment : segments_.list) see_row(columns, segments_.right(segment));
    Assigner assigner;
    fields_ = assigner.assign(columns);
    if (assigner.ambiguous()) {
      return bad_list(source_, segments_.list.front().line,
                      "several columns hold addresses and nothing says which is which; put the line of "
                      "column names "
                      "on top of the list")
          .error();
    }
    const bool empty_column =
        std::any_of(columns.begin(), columns.end(), [](const Column& c) { return c.filled == 0; });
    const bool address = std::any_of(fields_.begin(), fields_.end(), is_address_field);
    if (address) return std::nullopt;
    if (auto error = one_is_no_address(columns.size())) return error;
    if (!empty_column) type_left_columns();
    return std::nullopt;
  }

  /// The error if a column would hold addresses but for a slip in one of its cells.
  std::optional<Error> one_is_no_address(std::size_t columns) const {
    constexpr CellKinds kAddress = kAnyV4 | kIpv6 | kPublicDns | kPrivateDns;
    for (std::size_t i = 0; i < columns; ++i) {
      std::size_t addresses = 0;
      const Segment* wrong = nullptr;
      for (const Segment& segment : segments_.list) {
        const Cells cells = segments_.right(segment);
        if (i >= cells.size() || is_blank_cell(cells[i])) continue;
        if ((kinds_of(cells[i]) & kAddress) != 0)
          ++addresses;
        else if (wrong == nullptr)
          wrong = &segment;
      }
      if (wrong == nullptr || 2 * addresses < segments_.list.size()) continue;
      return bad_list(source_, wrong->line,
                      fmt::format("{} is no address, and the others in its column are; correct this line",
                                  in_quotes(segments_.right(*wrong)[i])))
          .error();
    }
    return std::nullopt;
  }

  /// `[PublicIpAddress, InstanceId]`: addresses left of the id, all different, and nowhere else to find one.
  void type_left_columns() {
    const std::size_t width = segments_.left(segments_.list.front()).size();
    std::vector<Column> columns;
    std::unordered_set<std::string_view> different;
    for (const Segment& segment : segments_.list) {
      const Cells cells = segments_.left(segment);
      if (cells.size() != width) return;
      see_row(columns, cells);
      for (const std::string_view cell : cells) {
        if (!different.insert(cell).second && (kinds_of(cell) & (kAnyV4 | kIpv6)) != 0) return;
      }
    }
    Assigner assigner;
    std::vector<Field> fields = assigner.assign(columns);
    if (assigner.ambiguous() || !std::any_of(fields.begin(), fields.end(), is_address_field)) return;
    left_fields_ = std::move(fields);
    listing_.notes.emplace_back(
        "the addresses are taken from the left of the instance ids, as there are none to "
        "the right");
  }

  std::optional<std::string> put_typed(Node& node, const Segment& segment) const {
    const Cells left = segments_.left(segment);
    const Cells right = segments_.right(segment);
    if (left_fields_.empty()) {
      node.name = joined(left);
    } else if (auto problem = put_cells(node, left_fields_, left)) {
      return problem;
    }
    return in_columns_ ? put_cells(node, fields_, right) : put_by_content(node, right);
  }

  static std::optional<std::string> put_cells(Node& node, const std::vector<Field>& fields, Cells cells) {
    for (std::size_t i = 0; i < cells.size() && i < fields.size(); ++i) {
      if (fields[i] == Field::name && !node.name.empty()) continue;
      if (auto problem = put_field(node, fields[i], cells[i])) return problem;
    }
    return std::nullopt;
  }

  static std::string joined(Cells cells) {
    std::string out;
    for (const std::string_view cell : cells) {
      if (is_blank_cell(cell)) continue;
      if (!out.empty()) out += ' ';
      out += cell;
    }
    return out;
  }

  const Segments& segments_;
  std::string_view source_;
  Listing listing_;
  bool by_header_ = false;
  bool in_columns_ = false;
  std::vector<Field> fields_;       ///< of the columns right of the id
  std::vector<Field> left_fields_;  ///< of those left of it; empty if they are the Name
};

/// The fields of a grid without ids and without header, or nothing if its rows do not line up or hold no
/// address.
std::vector<Field> fields_by_content(const Grid& grid) {
  std::vector<Column> columns;
  for (std::size_t i = 0; i < grid.rows.size(); ++i) {
    if (grid.rows[i].count != grid.rows.front().count) return {};
    see_row(columns, grid.row(i));
  }
  Assigner assigner;
  std::vector<Field> fields = assigner.assign(columns);
  if (assigner.ambiguous() || !std::any_of(fields.begin(), fields.end(), is_address_field)) return {};
  return fields;
}

}  // namespace

std::optional<std::string> put_by_content(Node& node, std::span<const std::string_view> cells) {
  for (const std::string_view cell : cells) {
    if (is_blank_cell(cell)) continue;
    const CellKinds kinds = kinds_of(cell);
    std::optional<std::string> problem;
    if ((kinds & kAnyV4) != 0) problem = put_field(node, Field::any_address, cell);
    if ((kinds & kIpv6) != 0) problem = put_field(node, Field::ipv6, cell);
    if ((kinds & kPublicDns) != 0) problem = put_field(node, Field::public_dns, cell);
    if ((kinds & kPrivateDns) != 0) problem = put_field(node, Field::private_dns, cell);
    if ((kinds & kType) != 0) problem = put_field(node, Field::type, cell);
    if ((kinds & kState) != 0) problem = put_field(node, Field::state, cell);
    if ((kinds & kZone) != 0) problem = put_field(node, Field::zone, cell);
    if ((kinds & kDate) != 0 && node.launched.empty()) node.launched = cell;
    if (problem) return problem;
  }
  return std::nullopt;
}

Result<Listing> read_rows_without_ids(const Grid& grid, std::string_view source) {
  if (grid.rows.empty()) return bad_list(source, 0, "the list is empty");
  std::vector<Field> fields = header_fields(grid.row(0));
  const std::size_t first = fields.empty() ? 0 : 1;
  if (fields.empty()) fields = fields_by_content(grid);
  if (!std::any_of(fields.begin(), fields.end(), is_address_field)) {
    return bad_list(source, grid.rows.front().line,
                    "no column here holds addresses; put the line of column names on "
                    "top of the list");
  }
  Listing out;
  if (first == 1 && fields.size() == 1) {
    out.notes.push_back(fmt::format("{} in line {} is taken as the name of the column",
                                    in_quotes(grid.row(0)[0]), grid.rows.front().line));
  }
  for (std::size_t i = first; i < grid.rows.size(); ++i) {
    Node node;
    node.line = grid.rows[i].line;
    const Cells cells = grid.row(i);
    for (std::size_t j = 0; j < cells.size(); ++j) {
      const auto problem = j < fields.size() ? put_field(node, fields[j], cells[j]) : std::nullopt;
      if (problem) return bad_list(source, node.line, fmt::format("{}; correct this line", *problem));
      if (j >= fields.size() && !is_blank_cell(cells[j])) {
        return bad_list(
            source, node.line,
            fmt::format("{} stands under no column name; correct this line", in_quotes(cells[j])));
      }
    }
    out.nodes.push_back(std::move(node));
  }
  return out;
}

Result<Listing> read_columns(const Segments& segments, std::string_view source) {
  return ColumnReader(segments, source).read();
}

}  // namespace ec2mpi
