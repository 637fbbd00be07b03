#include "src/cluster/read/columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/read/list_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/host_of.hpp"

namespace ec2mpi {
namespace {

using Cells = std::span<const std::string_view>;

bool is_console_phrase(std::string_view cell) {
  constexpr std::array<std::string_view, 14> kPhrases = {
      "Initializing", "No alarms", "View alarms +", "Loading...", "disabled", "enabled",  "Linux/UNIX",
      "Windows",      "true",      "false",         "Required",   "required", "Optional", "optional"};
  return cell.ends_with(" checks passed") || cell.ends_with(" checks failed") || cell.ends_with("in alarm") ||
         std::find(kPhrases.begin(), kPhrases.end(), cell) != kPhrases.end();
}

CellKinds kinds_with_dots(std::string_view cell) {
  if (looks_like_ipv4(cell)) {
    if (!is_ipv4(cell)) return kAnyV4;
    return kAnyV4 | (is_private_ipv4(cell) ? kPrivateV4 : kPublicV4);
  }
  if (is_instance_type(cell)) return kType;
  if (address_in_public_dns(cell)) return kPublicDns;
  return address_in_private_dns(cell) ? kPrivateDns : 0;
}

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

std::size_t filled_count(Cells cells) {
  while (!cells.empty() && cells.back().empty()) cells = cells.first(cells.size() - 1);
  return cells.size();
}

std::unexpected<Error> bad_row(std::string_view source, int line, std::string_view problem) {
  return bad_list(source, line, fmt::format("{}; correct this line", problem));
}

/// Stores each cell in its field, those that are a second choice last.
std::optional<std::string> put_cells(Node& node, std::span<const Field> fields, Cells cells) {
  for (const bool second : {false, true}) {
    for (std::size_t i = 0; i < cells.size() && i < fields.size(); ++i) {
      if (is_second_choice(fields[i]) != second) continue;
      if (fields[i] == Field::name && !node.name.empty()) continue;
      if (auto problem = put_field(node, fields[i], cells[i])) return problem;
    }
  }
  return std::nullopt;
}

/// A table whose header tells what its columns are; one row, one machine.
class HeaderReader {
 public:
  HeaderReader(const Grid& grid, std::size_t header, std::string_view source)
      : grid_(grid), header_(header), source_(source), fields_(header_fields(grid.row(header))) {}

  Result<Listing> read() {
    settle_fields();
    Listing out;
    out.nodes.reserve(grid_.rows.size());
    for (std::size_t i = header_ + 1; i < grid_.rows.size(); ++i) {
      if (is_header_again(grid_.row(i))) continue;
      Node node;
      node.line = grid_.rows[i].line;
      if (const auto problem = put_row(node, grid_.row(i))) return bad_row(source_, node.line, *problem);
      out.nodes.push_back(std::move(node));
    }
    return out;
  }

 private:
  [[nodiscard]] bool is_header_again(Cells row) const { return std::ranges::equal(row, grid_.row(header_)); }

  /// A column of ids that are none of EC2's is not used; one of states is found under any name.
  void settle_fields() {
    std::vector<std::size_t> ids(fields_.size()), states(fields_.size()), filled(fields_.size());
    for (std::size_t i = header_ + 1; i < grid_.rows.size(); ++i) {
      const Cells row = grid_.row(i);
      for (std::size_t j = 0; j < row.size() && j < fields_.size(); ++j) {
        if (fields_[j] == Field::instance_id && looks_like_instance_id(row[j])) ++ids[j];
        if (fields_[j] != Field::unknown || is_blank_cell(row[j])) continue;
        ++filled[j];
        if ((kinds_of(row[j]) & kState) != 0) ++states[j];
      }
    }
    for (std::size_t j = 0; j < fields_.size(); ++j) {
      if (fields_[j] == Field::instance_id && ids[j] == 0) fields_[j] = Field::unused;
      if (states[j] > 0 && 2 * states[j] >= filled[j]) fields_[j] = Field::state;
    }
    has_ids_ = std::find(fields_.begin(), fields_.end(), Field::instance_id) != fields_.end();
  }

  std::optional<std::string> put_row(Node& node, Cells cells) const {
    for (std::size_t i = fields_.size(); i < cells.size(); ++i) {
      if (!is_blank_cell(cells[i])) return in_quotes(cells[i]) + " stands under no column name";
    }
    auto problem = put_cells(node, fields_, cells);
    if (!problem && has_ids_ && node.instance_id.empty()) problem = "there is no instance id in this row";
    return problem;
  }

  const Grid& grid_;
  std::size_t header_;
  std::string_view source_;
  std::vector<Field> fields_;
  bool has_ids_ = false;
};

class ColumnReader {
 public:
  ColumnReader(const Segments& segments, std::string_view source) : segments_(segments), source_(source) {}

  Result<Listing> read() {
    if (auto error = type_columns()) return std::unexpected(*error);
    listing_.nodes.reserve(segments_.list.size());
    for (const Segment& segment : segments_.list) {
      Node node;
      node.line = segment.line;
      node.instance_id = segments_.cells[segment.id];
      if (const auto problem = put_typed(node, segment)) return bad_row(source_, segment.line, *problem);
      listing_.nodes.push_back(std::move(node));
    }
    return std::move(listing_);
  }

 private:
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
    if (auto error = one_is_no_state(fields_)) return error;
    if (auto error = foreign_state()) return error;
    if (address) return std::nullopt;
    if (auto error = one_is_no_address(columns.size())) return error;
    if (!empty_column) type_left_columns();
    return std::nullopt;
  }

  /// The error if a column would hold addresses but for a slip in one of its cells.
  std::optional<Error> one_is_no_address(std::size_t columns) const {
    constexpr CellKinds kAddress = kAnyV4 | kIpv6 | kPublicDns | kPrivateDns;
    for (std::size_t i = 0; i < columns; ++i) {
      const auto wrong = odd_one(i, kAddress, segments_.list.size());
      if (!wrong) continue;
      return bad_list(source_, wrong->second,
                      fmt::format("{} is no address, and the others in its column are; correct this line",
                                  in_quotes(wrong->first)))
          .error();
    }
    return std::nullopt;
  }

  /// The error if a column would hold states but for words that are not known: one of them could mean
  /// "stopped".
  std::optional<Error> one_is_no_state(const std::vector<Field>& fields) const {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (fields[i] != Field::unknown && fields[i] != Field::name) continue;
      const auto wrong = odd_one(i, kState, 1);
      if (!wrong) continue;
      return bad_list(source_, wrong->second,
                      fmt::format(
                          "{} is no state that is known, and others in its column are states; correct this "
                          "line, or put the line of column names on top",
                          in_quotes(wrong->first)))
          .error();
    }
    return std::nullopt;
  }

  /// The error if no column holds states and one holds words that may be states in a language that is not
  /// known.
  std::optional<Error> foreign_state() const {
    if (std::find(fields_.begin(), fields_.end(), Field::state) != fields_.end()) return std::nullopt;
    const Segment& first = segments_.list.front();
    for (const std::string_view cell : segments_.right(first)) {
      const bool foreign = std::any_of(cell.begin(), cell.end(), [](char c) { return (c & 0x80) != 0; });
      if (!foreign || is_blank_cell(cell)) continue;
      return bad_list(
                 source_, first.line,
                 fmt::format(
                     "{} may be a state in a language that is not known here; set the console to English, "
                     "or use `aws ec2 describe-instances --output json`",
                     in_quotes(cell)))
          .error();
    }
    return std::nullopt;
  }

  /// The first cell of a column right of the ids that is not of the kinds, with its line, if at least half as
  /// many as `rows` are.
  std::optional<std::pair<std::string_view, int>> odd_one(std::size_t column, CellKinds kinds,
                                                          std::size_t rows) const {
    std::size_t fitting = 0;
    std::optional<std::pair<std::string_view, int>> wrong;
    for (const Segment& segment : segments_.list) {
      const Cells cells = segments_.right(segment);
      if (column >= cells.size() || is_blank_cell(cells[column])) continue;
      if ((kinds_of(cells[column]) & kinds) != 0) {
        ++fitting;
      } else if (!wrong) {
        wrong = {cells[column], segment.line};
      }
    }
    return fitting > 0 && 2 * fitting >= rows ? wrong : std::nullopt;
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

CellKinds kinds_of(std::string_view cell) {
  if (looks_like_date(cell)) return kDate;
  if (is_console_phrase(cell)) return kConsolePhrase;
  if (const auto state = state_word(cell); state && !state->only_under_label) return kState;
  const std::string_view first = trim(cell.substr(0, cell.find(',')));
  if (first.find(':') != std::string_view::npos) {
    return canonical_ipv6(first.substr(0, first.find('/'))) ? kIpv6 : 0;
  }
  if (first.find('.') != std::string_view::npos) return kinds_with_dots(first);
  return is_availability_zone(cell) ? kZone : 0;
}

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

std::vector<Field> header_fields(std::span<const std::string_view> row) {
  std::vector<Field> fields;
  std::size_t known = 0;
  bool names_key = false;
  for (const std::string_view cell : row) {
    if (is_instance_id(cell) || (kinds_of(cell) & (kAnyV4 | kIpv6 | kDate)) != 0) return {};
    const Field field = field_of_column(cell);
    if (field != Field::unknown) ++known;
    names_key = names_key || field == Field::instance_id || is_address_field(field);
    fields.push_back(field);
  }
  if (!names_key || known * 2 < row.size()) return {};
  return fields;
}

std::optional<std::size_t> find_header(const Grid& grid) {
  for (std::size_t i = 0; i + 1 < grid.rows.size(); ++i) {
    const auto row = grid.row(i);
    if (row.size() > 1 && !header_fields(row).empty()) return i;
    if (std::any_of(row.begin(), row.end(), [](std::string_view cell) {
          return is_instance_id(cell) || (kinds_of(cell) & (kAnyV4 | kIpv6)) != 0;
        })) {
      break;
    }
  }
  return std::nullopt;
}

bool fits_header(const Grid& grid, std::size_t header) {
  const auto fields = header_fields(grid.row(header));
  const auto id =
      static_cast<std::size_t>(std::find(fields.begin(), fields.end(), Field::instance_id) - fields.begin());
  std::size_t fitting = 0;
  for (std::size_t i = header + 1; i < grid.rows.size(); ++i) {
    const auto row = grid.row(i);
    const bool has_id = id < row.size() && looks_like_instance_id(row[id]);
    const bool ids = std::any_of(row.begin(), row.end(), is_instance_id);
    if (filled_count(row) <= fields.size() && filled_count(row) > 1 && (has_id || !ids)) ++fitting;
  }
  return 2 * fitting > grid.rows.size() - header - 1;
}

Result<Listing> read_by_header(const Grid& grid, std::size_t header, std::string_view source) {
  return HeaderReader(grid, header, source).read();
}

Result<Listing> read_rows_without_ids(const Grid& grid, std::string_view source) {
  if (grid.rows.empty()) return bad_list(source, 0, "the list is empty");
  if (const auto header = find_header(grid)) return read_by_header(grid, *header, source);
  const std::vector<Field> fields = fields_by_content(grid);
  if (fields.size() < 2) {
    return bad_list(source, grid.rows.front().line,
                    "no column here holds addresses; put the line of column names on top of the list");
  }
  Listing out;
  for (std::size_t i = 0; i < grid.rows.size(); ++i) {
    Node node;
    node.line = grid.rows[i].line;
    if (const auto problem = put_cells(node, fields, grid.row(i)))
      return bad_row(source, node.line, *problem);
    out.nodes.push_back(std::move(node));
  }
  return out;
}

Result<Listing> read_columns(const Segments& segments, std::string_view source) {
  return ColumnReader(segments, source).read();
}

}  // namespace ec2mpi
