#include "src/cluster/read/instance_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/host_of.hpp"

namespace ec2mpi {
namespace {

constexpr std::string_view kOneLine =
    "write one instance a line, or use `aws ec2 describe-instances --output json`";

std::vector<std::size_t> ids_in(std::span<const std::string_view> row) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (is_instance_id(row[i])) out.push_back(i);
  }
  return out;
}

/// Columns, counted from the left, in which every row has an id.
std::vector<std::size_t> id_columns(const Grid& grid, std::size_t first_row) {
  std::vector<std::size_t> columns = ids_in(grid.row(first_row));
  for (std::size_t i = first_row + 1; i < grid.rows.size() && !columns.empty(); ++i) {
    const auto row = grid.row(i);
    std::erase_if(columns,
                  [&](std::size_t column) { return column >= row.size() || !is_instance_id(row[column]); });
  }
  return columns;
}

/// A header in words that run together: no id, no address, and it speaks of instance ids.
bool is_blurred_header(std::span<const std::string_view> row) {
  std::string text;
  for (const std::string_view cell : row.subspan(0, std::min<std::size_t>(row.size(), 40))) {
    if (is_numeric_address(cell) || is_instance_id(cell)) return false;
    text += squashed(cell);
  }
  return text.find("instanceid") != std::string::npos;
}

/// Where the id is in a row whose ids do not line up with the other rows: the only one, or the second of two
/// when the first is the row's Name.
std::optional<std::size_t> lone_id(std::span<const std::string_view> row) {
  const auto ids = ids_in(row);
  if (ids.size() == 1) return ids[0];
  if (ids.size() == 2 && ids[0] == 0 && ids[1] == 1) return ids[1];
  return std::nullopt;
}

/// The cells of a grid without the empty ones.
struct Stream {
  std::vector<std::string_view> cells;
  std::vector<std::size_t> row_of;  ///< row of each cell
  std::vector<std::size_t> ids;     ///< indices into cells
};

/// With `keep_names`, a cell that is empty stays if an id follows it: a Name.
Stream make_stream(const Grid& grid, std::size_t first_row, bool keep_names) {
  Stream out;
  for (std::size_t i = first_row; i < grid.rows.size(); ++i) {
    const auto row = grid.row(i);
    for (std::size_t j = 0; j < row.size(); ++j) {
      const bool is_name = keep_names && j + 1 < row.size() && is_instance_id(row[j + 1]);
      if (row[j].empty() && !is_name) continue;
      if (is_instance_id(row[j])) out.ids.push_back(out.cells.size());
      out.cells.push_back(row[j]);
      out.row_of.push_back(i);
    }
  }
  return out;
}

/// A page on which the labels of the columns stand one after the other, once or twice, and then the cells of
/// each instance; a Name that is empty is missing.
class PageReader {
 public:
  PageReader(const Grid& grid, std::string_view source)
      : grid_(grid), source_(source), stream_(make_stream(grid, 0, false)) {}

  /// True if the labels are found.
  bool find_labels() {
    const auto& cells = stream_.cells;
    if (stream_.ids.empty()) return false;
    const std::size_t end = stream_.ids.front();
    const auto is_id = [&](std::size_t i) { return field_of_column(cells[i]) == Field::instance_id; };
    std::size_t id = 0;
    while (id < end && !is_id(id)) ++id;
    if (id == end) return false;
    begin_ = id;
    while (begin_ > 0 && is_label(begin_ - 1)) --begin_;
    after_ = id;
    while (after_ < end && is_label(after_)) ++after_;
    std::size_t again = id + 1;
    while (again < after_ && !is_id(again)) ++again;
    if (again < after_) {  // the header stands there twice
      const std::size_t count = again - id;
      while (begin_ < id && cells[begin_ + count] != cells[begin_]) ++begin_;
      begin_ += count;
      id = again;
    }
    id_ = id - begin_;
    return after_ - begin_ > 1;
  }

  Result<Grid> read() {
    // A Name may be the word of a label: then it belongs to the first instance and not to the labels.
    std::size_t misfit = stream_.ids.front();
    for (const std::size_t count : {after_ - begin_, after_ - begin_ - 1}) {
      if (count > id_ && cut(count)) return std::move(out_);
      misfit = std::max(misfit, misfit_);
    }
    return bad_list(
        source_, grid_.rows[stream_.row_of[misfit]].line,
        fmt::format("{} does not fit the column names above; set the console to English, show only its "
                    "standard columns, or use `aws ec2 describe-instances --output json`",
                    in_quotes(stream_.cells[misfit])));
  }

 private:
  [[nodiscard]] bool is_label(std::size_t i) const {
    return field_of_column(stream_.cells[i]) != Field::unknown;
  }

  /// Makes one row of each instance, if all have `count` cells, or one less where the Name is empty.
  bool cut(std::size_t count) {
    out_ = Grid{};
    add_row(stream_.row_of[begin_], begin_, count, count);
    const auto named = header_name(count);
    std::size_t begin = begin_ + count;
    for (std::size_t i = 0; i < stream_.ids.size(); ++i) {
      const std::size_t left = stream_.ids[i] - begin;
      const bool nameless = named < id_ && left + 1 == id_;
      misfit_ = stream_.ids[i];
      if (begin > stream_.ids[i] || (left != id_ && !nameless)) return false;
      const std::size_t size = count - (nameless ? 1 : 0);
      const std::size_t next = i + 1 < stream_.ids.size() ? stream_.ids[i + 1] : stream_.cells.size() + 1;
      if (begin + size > stream_.cells.size() || begin + size > next) return false;
      add_row(stream_.row_of[stream_.ids[i]], begin, size, nameless ? named : count);
      begin += size;
    }
    misfit_ = begin;
    return begin == stream_.cells.size() || (labels_on_lines(count) && !holds_address(begin));
  }

  /// A page has a foot; a table, whose labels share a line, has none.
  [[nodiscard]] bool labels_on_lines(std::size_t count) const {
    return stream_.row_of[begin_] != stream_.row_of[begin_ + count - 1];
  }

  [[nodiscard]] std::size_t header_name(std::size_t count) const {
    std::size_t i = 0;
    while (i < count && field_of_column(stream_.cells[begin_ + i]) != Field::name) ++i;
    return i;
  }

  /// An empty cell is put in at `empty`, if that is less than `size`.
  void add_row(std::size_t row, std::size_t begin, std::size_t size, std::size_t empty) {
    const std::size_t first = out_.cells.size();
    for (std::size_t i = 0; i < size; ++i) {
      if (i == empty) out_.cells.emplace_back();
      out_.cells.push_back(stream_.cells[begin + i]);
    }
    out_.rows.push_back({grid_.rows[row].line, first, out_.cells.size() - first});
  }

  /// The foot of the page has none.
  [[nodiscard]] bool holds_address(std::size_t from) const {
    return from < stream_.cells.size() &&
           std::any_of(stream_.cells.begin() + static_cast<std::ptrdiff_t>(from), stream_.cells.end(),
                       is_numeric_address);
  }

  const Grid& grid_;
  std::string_view source_;
  Stream stream_;
  std::size_t begin_ = 0;   ///< of the labels in the stream
  std::size_t after_ = 0;   ///< the first cell that is no label
  std::size_t id_ = 0;      ///< which label is that of the id
  std::size_t misfit_ = 0;  ///< a cell that does not fit the labels
  Grid out_;
};

class Cutter {
 public:
  Cutter(const Grid& grid, std::string_view source) : grid_(grid), source_(source) {}

  Result<InstanceRows> cut() {
    skip_titles();
    if (first_row_ == grid_.rows.size())
      return bad_list(source_, 0, "the list has a header and no instances");
    const auto columns = id_columns(grid_, first_row_);
    if (columns.size() == 2 && columns[1] == columns[0] + 1) {
      return bad_list(source_, grid_.rows[first_row_].line,
                      "two columns hold instance ids; put the line of column names on top of the list");
    }
    auto rows = by_lines(columns);
    return rows ? std::move(*rows) : as_stream();
  }

 private:
  /// The title of a drawn table, and a header in words that run together.
  void skip_titles() {
    while (first_row_ < grid_.rows.size() && ids_in(grid_.row(first_row_)).empty()) {
      const auto row = grid_.row(first_row_);
      const bool title = grid_.separator == Separator::pipe && row.size() == 1;
      if (!title && !(grid_.separator == Separator::space && is_blurred_header(row))) return;
      ++first_row_;
    }
  }

  [[nodiscard]] bool one_cell_a_line() const {
    return std::all_of(grid_.rows.begin(), grid_.rows.end(),
                       [](const Grid::Row& row) { return row.count == 1; });
  }

  /// One row, one instance; nothing if a row does not show which of its cells is the id.
  std::optional<InstanceRows> by_lines(const std::vector<std::size_t>& columns) const {
    InstanceRows out;
    out.cells = grid_.cells;
    for (std::size_t i = first_row_; i < grid_.rows.size(); ++i) {
      const Grid::Row& row = grid_.rows[i];
      const auto id = columns.empty() ? lone_id(grid_.row(i)) : std::optional(columns.front());
      if (!id || columns.size() > 1) return std::nullopt;
      out.list.push_back({row.line, row.begin, row.begin + *id, row.begin + row.count});
    }
    return out;
  }

  int line_of(const Stream& stream, std::size_t cell) const { return grid_.rows[stream.row_of[cell]].line; }

  /// How many of the `most` cells before an id stand on its line.
  static std::size_t left_count(const Stream& stream, std::size_t id, std::size_t most) {
    std::size_t count = 0;
    while (count < most && stream.row_of[id - count - 1] == stream.row_of[id]) ++count;
    return count;
  }

  Result<InstanceRows> as_stream() {
    const Stream stream = make_stream(grid_, first_row_, true);
    if (stream.ids.empty()) return bad_list(source_, 0, "there is no instance id here");
    InstanceRows out;
    out.cells = stream.cells;
    const std::size_t leading = stream.ids.front();
    const std::size_t on_line = left_count(stream, leading, leading);
    if (leading > std::max<std::size_t>(on_line, 1)) return not_understood(stream, 0);
    const bool names_above = on_line == 0 && one_cell_a_line();
    for (const std::size_t id : stream.ids) {
      const std::size_t floor = out.list.empty() ? 0 : out.list.back().id + 1;
      const std::size_t left = left_of(stream, id, floor, names_above, std::max<std::size_t>(on_line, 1));
      if (!out.list.empty()) out.list.back().end = id - left;
      out.list.push_back({line_of(stream, id), id - left, id, stream.cells.size()});
    }
    TRY(refuse_unequal(stream, out));
    return out;
  }

  /// Cells of the Name: what stands before the id on its line, else one cell; among words, back to what ends
  /// a record.
  std::size_t left_of(const Stream& stream, std::size_t id, std::size_t floor, bool names_above,
                      std::size_t usual) const {
    const std::size_t room = id - floor;
    const bool first_on_line = id == 0 || stream.row_of[id - 1] != stream.row_of[id];
    const std::size_t usual_right = stream.cells.size() - stream.ids.back() - 1;
    if (first_on_line) return names_above && room > 0 && (floor == 0 || room != usual_right) ? 1 : 0;
    const std::size_t same_line = left_count(stream, id, room);
    if (same_line < room || floor == 0) return same_line;
    if (grid_.separator != Separator::space) return std::min(same_line, usual);
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
  Result<void> refuse_additions(const Stream& stream, const InstanceRow& row) const {
    const auto row_of_id = stream.row_of[row.id];
    for (std::size_t i = row.id + 1; i < row.end; ++i) {
      const std::string_view cell = stream.cells[i];
      const bool complete = stream.row_of[row.id + 1] == row_of_id;
      const bool other = field_of_content(cell) == Field::unknown && host_of(cell, BareWords::refused);
      if (stream.row_of[i] == row_of_id || !(complete || other || cell.starts_with('<'))) continue;
      return bad_list(source_, line_of(stream, i),
                      fmt::format("{} is not part of the instance above; {}", in_quotes(cell), kOneLine));
    }
    return {};
  }

  /// Records that span different numbers of lines, or addresses on an id's own line and below it too: then
  /// something in the list is not what it seems, and an address could be taken for another machine's.
  Result<void> refuse_unequal(const Stream& stream, const InstanceRows& rows) const {
    const auto lines_below = [&](const InstanceRow& row, std::size_t cell) {
      return stream.row_of[cell] - stream.row_of[row.id];
    };
    const std::size_t usual = lines_below(rows.list.front(), rows.list.front().end - 1);
    if (rows.list.size() == 1) TRY(refuse_additions(stream, rows.list.front()));
    for (const InstanceRow& row : rows.list) {
      bool on_line = false;
      for (std::size_t i = row.id + 1; i < row.end; ++i) {
        if (lines_below(row, i) > usual) {
          return bad_list(source_, line_of(stream, i),
                          fmt::format("{} is not part of an instance as the lines above are; {}",
                                      in_quotes(stream.cells[i]), kOneLine));
        }
        if (!is_numeric_address(stream.cells[i])) continue;
        if (on_line && lines_below(row, i) > 0) {
          return bad_list(source_, line_of(stream, i),
                          fmt::format("this line has an address but no instance id; {}", kOneLine));
        }
        on_line = on_line || lines_below(row, i) == 0;
      }
      if (lines_below(row, row.end - 1) < usual) {
        return bad_list(source_, row.line,
                        fmt::format("this instance fills {} lines of the list where the first fills {}; {}",
                                    lines_below(row, row.end - 1) + 1, usual + 1, kOneLine));
      }
    }
    return {};
  }

  std::unexpected<Error> not_understood(const Stream& stream, std::size_t cell) const {
    return bad_list(
        source_, line_of(stream, cell),
        fmt::format("{} is neither an instance nor a line of column names that is known; delete the line, "
                    "set the console to English, or use `aws ec2 describe-instances --output json`",
                    in_quotes(stream.cells[cell])));
  }

  const Grid& grid_;
  std::string_view source_;
  std::size_t first_row_ = 0;
};

}  // namespace

std::optional<Result<Grid>> rows_below_labels(const Grid& grid, std::string_view source) {
  PageReader reader(grid, source);
  if (!reader.find_labels()) return std::nullopt;
  return reader.read();
}

Result<InstanceRows> cut_at_ids(const Grid& grid, std::string_view source) {
  if (grid.rows.empty()) return bad_list(source, 0, "the list is empty");
  return Cutter(grid, source).cut();
}

}  // namespace ec2mpi
