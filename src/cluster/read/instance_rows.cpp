#include <fmt/format.h>

#include <algorithm>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/cell_stream.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/host_of.hpp"
#include "src/cluster/read/table_readers.hpp"

namespace ec2mpi {
namespace {

std::vector<std::size_t> ids_in(Cells row) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (is_instance_id(row[i])) out.push_back(i);
  }
  return out;
}

/// Columns, counted from the left, in which every row has an id.
std::vector<std::size_t> id_columns(const Table& table, std::size_t first_row) {
  std::vector<std::size_t> columns = ids_in(table.row(first_row));
  for (std::size_t i = first_row + 1; i < table.rows.size() && !columns.empty(); ++i) {
    const auto row = table.row(i);
    std::erase_if(columns,
                  [&](std::size_t column) { return column >= row.size() || !is_instance_id(row[column]); });
  }
  return columns;
}

/// A header in words that run together: no id, no address, and it speaks of instance ids.
bool is_blurred_header(Cells row) {
  std::string text;
  for (const std::string_view cell : row.subspan(0, std::min<std::size_t>(row.size(), 40))) {
    if (is_numeric_address(cell) || is_instance_id(cell)) return false;
    text += squashed(cell);
  }
  return text.find("instanceid") != std::string::npos;
}

/// Where the id is in a row whose ids do not line up with the other rows: the only one, or the second of two
/// when the first is the row's Name.
std::optional<std::size_t> lone_id(Cells row) {
  const auto ids = ids_in(row);
  if (ids.size() == 1) return ids[0];
  if (ids.size() == 2 && ids[0] == 0 && ids[1] == 1) return ids[1];
  return std::nullopt;
}

class Cutter {
 public:
  Cutter(Table& table, std::string_view source) : table_(table), source_(source) {}

  Result<Table> cut() {
    skip_titles();
    if (first_row_ == table_.rows.size())
      return bad_list(source_, 0, "the list has a header and no instances");
    const auto columns = id_columns(table_, first_row_);
    if (columns.size() == 2 && columns[1] == columns[0] + 1) {
      return bad_list(source_, table_.rows[first_row_].line,
                      "two columns hold instance ids; put the line of column names on top of the list");
    }
    if (!find_ids(columns)) return as_stream();
    table_.rows.erase(table_.rows.begin(), table_.rows.begin() + static_cast<std::ptrdiff_t>(first_row_));
    return std::move(table_);
  }

 private:
  /// The title of a drawn table, and a header in words that run together.
  void skip_titles() {
    for (; first_row_ < table_.rows.size() && ids_in(table_.row(first_row_)).empty(); ++first_row_) {
      const Cells row = table_.row(first_row_);
      const bool title = table_.separator == Separator::pipe && row.size() == 1;
      if (!title && !(table_.separator == Separator::space && is_blurred_header(row))) return;
    }
  }

  /// One row, one instance; false if a row does not show which of its cells is the id.
  bool find_ids(const std::vector<std::size_t>& columns) {
    for (std::size_t i = first_row_; i < table_.rows.size(); ++i) {
      const auto id = columns.empty() ? lone_id(table_.row(i)) : std::optional(columns.front());
      if (!id || columns.size() > 1) return false;
      table_.rows[i].id = *id;
    }
    return true;
  }

  int line_of(const CellStream& stream, std::size_t cell) const {
    return table_.rows[stream.row_of[cell]].line;
  }

  /// How many of the `most` cells before an id stand on its line.
  static std::size_t left_count(const CellStream& stream, std::size_t id, std::size_t most) {
    std::size_t count = 0;
    while (count < most && stream.row_of[id - count - 1] == stream.row_of[id]) ++count;
    return count;
  }

  Result<Table> as_stream() {
    const CellStream stream(table_, first_row_, true);
    if (stream.ids.empty()) return bad_list(source_, 0, "there is no instance id here");
    const std::size_t leading = stream.ids.front();
    const std::size_t on_line = left_count(stream, leading, leading);
    // At most the Name stands before the first id; more is a header in words that are not known.
    if (leading > std::max<std::size_t>(on_line, 1)) return not_understood(stream, 0);
    const bool one_cell_a_line =
        std::ranges::all_of(table_.rows, [](const Table::Row& row) { return row.count == 1; });
    Table out{table_.separator, stream.cells};
    std::size_t floor = 0;
    for (const std::size_t id : stream.ids) {
      const std::size_t left =
          left_of(stream, id, floor, on_line == 0 && one_cell_a_line, std::max<std::size_t>(on_line, 1));
      if (!out.rows.empty()) out.rows.back().count = id - left - out.rows.back().begin;
      out.rows.push_back({line_of(stream, id), id - left, stream.cells.size() - id + left, left});
      floor = id + 1;
    }
    TRY(refuse_unequal(stream, out));
    // The cells are views into texts that the splitter has unescaped, so those texts move along.
    out.unescaped = std::move(table_.unescaped);
    return out;
  }

  /// Cells of the Name: what stands before the id on its line, else one cell; among words, back to what ends
  /// a record.
  std::size_t left_of(const CellStream& stream, std::size_t id, std::size_t floor, bool names_above,
                      std::size_t usual) const {
    const std::size_t room = id - floor;
    const bool first_on_line = id == 0 || stream.row_of[id - 1] != stream.row_of[id];
    const std::size_t usual_right = stream.cells.size() - stream.ids.back() - 1;
    if (first_on_line) return names_above && room > 0 && (floor == 0 || room != usual_right) ? 1 : 0;
    const std::size_t same_line = left_count(stream, id, room);
    if (same_line < room || floor == 0) return same_line;
    // The line also holds the end of the record before; the first Name gives the size.
    if (table_.separator != Separator::space) return std::min(same_line, usual);
    std::size_t count = 0;
    while (count < same_line && !ends_record(stream.cells[id - count - 1])) ++count;
    return count == same_line ? std::min<std::size_t>(same_line, 1) : std::max<std::size_t>(count, 1);
  }

  /// Cells that stand at the end of a console row and in no Name.
  static bool ends_record(std::string_view cell) {
    return looks_like_date(cell) || is_blank_cell(cell) || is_numeric_address(cell) || cell == "Linux/UNIX" ||
           cell == "false" || cell == "true" || cell == "disabled" || cell == "enabled";
  }

  /// A single instance has no other to compare it with: where its line holds cells behind the id, the lines
  /// below are no part of it, nor is a host or a tag of HTML on its own line.
  Result<void> refuse_additions(const CellStream& stream, std::size_t id) const {
    const bool complete = id + 1 < stream.cells.size() && stream.row_of[id + 1] == stream.row_of[id];
    for (std::size_t i = id + 1; i < stream.cells.size(); ++i) {
      const std::string_view cell = stream.cells[i];
      const bool other = field_of_content(cell) == Field::unknown && host_of(cell, BareWords::refused);
      if (stream.row_of[i] != stream.row_of[id] && (complete || other || cell.starts_with('<')))
        return bad(stream, i, fmt::format("{} is not part of the instance above", in_quotes(cell)));
    }
    return {};
  }

  /// Records that span different numbers of lines, or addresses on an id's own line and below it too: then
  /// something in the list is not what it seems, and an address could be taken for another machine's.
  Result<void> refuse_unequal(const CellStream& stream, const Table& table) const {
    if (table.rows.size() == 1) TRY(refuse_additions(stream, stream.ids.front()));
    std::optional<std::size_t> usual;
    for (const Table::Row& row : table.rows) {
      const std::size_t id = row.begin + row.id, end = row.begin + row.count;
      const auto lines_below = [&](std::size_t cell) { return stream.row_of[cell] - stream.row_of[id]; };
      if (!usual) usual = lines_below(end - 1);
      bool on_line = false;
      for (std::size_t i = id + 1; i < end; ++i) {
        if (lines_below(i) > *usual) {
          return bad(stream, i,
                     fmt::format("{} is not part of an instance as the lines above are",
                                 in_quotes(stream.cells[i])));
        }
        const bool address = is_numeric_address(stream.cells[i]);
        if (address && on_line && lines_below(i) > 0)
          return bad(stream, i, "this line has an address but no instance id");
        on_line = on_line || (address && lines_below(i) == 0);
      }
      if (lines_below(end - 1) < *usual) {
        return bad(stream, id,
                   fmt::format("this instance fills {} lines of the list where the first fills {}",
                               lines_below(end - 1) + 1, *usual + 1));
      }
    }
    return {};
  }

  std::unexpected<Error> bad(const CellStream& stream, std::size_t cell, std::string_view problem) const {
    return bad_list(source_, line_of(stream, cell),
                    fmt::format("{}; write one instance a line, or use `aws ec2 describe-instances --output "
                                "json`",
                                problem));
  }

  std::unexpected<Error> not_understood(const CellStream& stream, std::size_t cell) const {
    return bad_list(
        source_, line_of(stream, cell),
        fmt::format("{} is neither an instance nor a line of column names that is known; delete the line, "
                    "set the console to English, or use `aws ec2 describe-instances --output json`",
                    in_quotes(stream.cells[cell])));
  }

  Table& table_;
  std::string_view source_;
  std::size_t first_row_ = 0;
};

}  // namespace

Result<Table> cut_at_ids(Table table, std::string_view source) {
  if (table.rows.empty()) return bad_list(source, 0, "the list is empty");
  return Cutter(table, source).cut();
}

}  // namespace ec2mpi
