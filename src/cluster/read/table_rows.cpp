#include <algorithm>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/readers.hpp"

namespace ec2mpi {
namespace {

/// The cells of a table one after the other, without the empty ones.
struct CellStream {
  const Table& table;
  std::vector<std::string_view> cells;
  std::vector<std::size_t> row_of;  ///< row of each cell
  std::vector<std::size_t> ids;     ///< which cells are instance ids

  /// With `keep_names`, an empty cell stays if an id follows it: a Name.
  CellStream(const Table& whole, bool keep_names) : table(whole) {
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
      const Cells row = table.row(i);
      for (std::size_t j = 0; j < row.size(); ++j) {
        const bool is_name = keep_names && j + 1 < row.size() && is_instance_id(row[j + 1]);
        if (row[j].empty() && !is_name) continue;
        if (is_instance_id(row[j])) ids.push_back(cells.size());
        cells.push_back(row[j]);
        row_of.push_back(i);
      }
    }
  }
  [[nodiscard]] int line_of(std::size_t cell) const { return table.rows[row_of[cell]].line; }
  /// How many of the `most` cells before a cell stand on its line.
  [[nodiscard]] std::size_t left_of(std::size_t cell, std::size_t most) const {
    std::size_t count = 0;
    while (count < most && row_of[cell - count - 1] == row_of[cell]) ++count;
    return count;
  }
};

std::vector<std::size_t> ids_in(Cells row) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (is_instance_id(row[i])) out.push_back(i);
  }
  return out;
}

/// Columns, counted from the left, in which every row has an id.
std::vector<std::size_t> id_columns(const Table& table) {
  std::vector<std::size_t> columns = ids_in(table.row(0));
  for (std::size_t i = 1; i < table.rows.size() && !columns.empty(); ++i) {
    const Cells row = table.row(i);
    std::erase_if(columns, [&](auto column) { return column >= row.size() || !is_instance_id(row[column]); });
  }
  return columns;
}

/// A header in words that run together: no id, no address, and it speaks of instance ids.
bool is_blurred_header(Cells row) {
  std::string text;
  for (const std::string_view cell : row.first(std::min<std::size_t>(row.size(), 40))) {
    if (is_numeric_address(cell) || is_instance_id(cell)) return false;
    text += squashed(cell);
  }
  return text.contains("instanceid");
}

/// Where the id is in a row whose ids do not line up with the other rows: the only one, or the second of two
/// when the first is the row's Name.
std::optional<std::size_t> lone_id(Cells row) {
  const auto ids = ids_in(row);
  if (ids.size() == 1) return ids[0];
  return ids.size() == 2 && ids[1] == 1 ? std::optional(ids[1]) : std::nullopt;
}

/// Cells that stand at the end of a console row and in no Name.
bool ends_record(std::string_view cell) {
  return looks_like_date(cell) || is_blank_cell(cell) || is_numeric_address(cell) || cell == "Linux/UNIX" ||
         cell == "false" || cell == "true" || cell == "disabled" || cell == "enabled";
}

/// Leaves out the title of a drawn table, and a header in words that run together.
void drop_titles(Table& table) {
  std::size_t first = 0;
  for (; first < table.rows.size() && ids_in(table.row(first)).empty(); ++first) {
    const bool title = table.separator == Separator::pipe && table.rows[first].count == 1;
    if (!title && !(table.separator == Separator::space && is_blurred_header(table.row(first)))) break;
  }
  table.rows.erase(table.rows.begin(), table.rows.begin() + static_cast<std::ptrdiff_t>(first));
}

/// One row, one instance; false if a row does not show which of its cells is the id.
bool find_ids(Table& table, const std::vector<std::size_t>& columns) {
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const auto id = columns.empty() ? lone_id(table.row(i)) : std::optional(columns.front());
    if (!id || columns.size() > 1) return false;
    table.rows[i].id = *id;
  }
  return true;
}

/// Makes one row of each instance where these run over several lines, or share one.
class StreamCutter {
 public:
  explicit StreamCutter(const Table& table) : stream_(table, true), separator_(table.separator) {
    one_cell_a_line_ = std::ranges::all_of(table.rows, [](const auto& row) { return row.count == 1; });
  }

  Read<Table> cut() {
    if (stream_.ids.empty()) return refuse(0, kNoIds);
    const std::size_t leading = stream_.ids.front();
    const std::size_t on_line = stream_.left_of(leading, leading);
    usual_ = std::max<std::size_t>(on_line, 1);
    names_above_ = on_line == 0 && one_cell_a_line_;
    // At most the Name stands before the first id; more is a header in words that are not known.
    if (leading > usual_) return refuse(stream_.line_of(0), kNoHeader, in_quotes(stream_.cells[0]));
    Table out{separator_, stream_.cells};
    std::size_t floor = 0;
    for (const std::size_t id : stream_.ids) {
      const std::size_t left = name_size(id, floor);
      if (!out.rows.empty()) out.rows.back().count = id - left - out.rows.back().begin;
      out.rows.push_back({stream_.line_of(id), id - left, stream_.cells.size() - id + left, left});
      floor = id + 1;
    }
    TRY(refuse_unequal(out));
    return out;
  }

 private:
  /// Cells of the Name: what stands before the id on its line, else one cell; among words, back to what ends
  /// a record.
  [[nodiscard]] std::size_t name_size(std::size_t id, std::size_t floor) const {
    const std::size_t room = id - floor, on_line = stream_.left_of(id, room);
    const std::size_t usual_right = stream_.cells.size() - stream_.ids.back() - 1;
    if (on_line == 0) return names_above_ && room > 0 && (floor == 0 || room != usual_right) ? 1 : 0;
    if (on_line < room || floor == 0) return on_line;
    // The line also holds the end of the record before; the first Name gives the size.
    if (separator_ != Separator::space) return std::min(on_line, usual_);
    std::size_t count = 0;
    while (count < on_line && !ends_record(stream_.cells[id - count - 1])) ++count;
    return count == on_line ? 1 : std::max<std::size_t>(count, 1);
  }

  /// A single instance has no other to compare it with: where its line holds cells behind the id, the lines
  /// below are no part of it, nor is a host or a tag of HTML on its own line.
  [[nodiscard]] Read<void> refuse_additions(std::size_t id) const {
    const bool complete = id + 1 < stream_.cells.size() && stream_.row_of[id + 1] == stream_.row_of[id];
    for (std::size_t i = id + 1; i < stream_.cells.size(); ++i) {
      const std::string_view cell = stream_.cells[i];
      const bool other = field_of_content(cell) == Field::unknown && host_of(cell, BareWords::refused);
      if (stream_.row_of[i] != stream_.row_of[id] && (complete || other || cell.starts_with('<')))
        return bad(i, fmt::format(kNotPartAbove, in_quotes(cell)));
    }
    return {};
  }

  /// Records that span different numbers of lines, or addresses on an id's own line and below it too: then
  /// something in the list is not what it seems, and an address could be taken for another machine's.
  [[nodiscard]] Read<void> refuse_unequal(const Table& table) const {
    if (table.rows.size() == 1) TRY(refuse_additions(stream_.ids.front()));
    std::optional<std::size_t> usual;
    for (const Table::Row& row : table.rows) {
      const std::size_t id = row.begin + row.id, end = row.begin + row.count;
      const auto lines_below = [&](std::size_t cell) { return stream_.row_of[cell] - stream_.row_of[id]; };
      if (!usual) usual = lines_below(end - 1);
      bool address_beside_id = false;
      for (std::size_t i = id + 1; i < end; ++i) {
        if (lines_below(i) > *usual) return bad(i, fmt::format(kNotPart, in_quotes(stream_.cells[i])));
        const bool address = is_numeric_address(stream_.cells[i]);
        if (address && address_beside_id && lines_below(i) > 0) return bad(i, kAddressWithoutId);
        address_beside_id = address_beside_id || (address && lines_below(i) == 0);
      }
      const std::size_t below = lines_below(end - 1);
      if (below < *usual) return bad(id, fmt::format(kOtherLength, below + 1, *usual + 1));
    }
    return {};
  }

  [[nodiscard]] std::unexpected<Refusal> bad(std::size_t cell, std::string_view problem) const {
    return refuse(stream_.line_of(cell), kOneInstanceALine, problem);
  }
  CellStream stream_;
  Separator separator_;
  bool one_cell_a_line_ = false;
  bool names_above_ = false;  ///< the Name stands alone on the line above the id
  std::size_t usual_ = 1;     ///< most cells of a Name
};

/// Reads a page on which labels and cells stand one after the other.
class PageReader {
 public:
  explicit PageReader(const Table& table) : stream_(table, false) {}

  /// True if the labels are found: known names of columns around that of the id, before the first id.
  bool find_labels() {
    const std::size_t end = stream_.ids.empty() ? 0 : stream_.ids.front();
    std::size_t id = next_label(Field::instance_id, 0, end);
    if (id == end) return false;
    begin_ = id;
    while (begin_ > 0 && field_at(begin_ - 1) != Field::unknown) --begin_;
    after_ = next_label(Field::unknown, id, end);
    if (const auto again = next_label(Field::instance_id, id + 1, after_); again < after_) {
      // The header stands twice.
      const std::size_t count = again - id;
      while (begin_ < id && stream_.cells[begin_ + count] != stream_.cells[begin_]) ++begin_;
      begin_ += count;
      id = again;
    }
    id_ = id - begin_;
    return after_ - begin_ > 1;
  }

  Read<Table> read() {
    // A Name may be the word of a label: then it belongs to the first instance and not to the labels.
    std::size_t misfit = stream_.ids.front();
    for (const std::size_t count : {after_ - begin_, after_ - begin_ - 1}) {
      if (count > id_ && cut(count)) return std::move(out_);
      misfit = std::max(misfit, misfit_);
    }
    return refuse(stream_.line_of(misfit), kNotBelowLabels, in_quotes(stream_.cells[misfit]));
  }

 private:
  [[nodiscard]] Field field_at(std::size_t i) const { return field_of_column(stream_.cells[i]); }

  [[nodiscard]] std::size_t next_label(Field field, std::size_t i, std::size_t end) const {
    while (i < end && field_at(i) != field) ++i;
    return i;
  }

  /// Makes one row of each instance, if all have `count` cells, or one less where the Name is empty.
  bool cut(std::size_t count) {
    out_ = Table{};
    add_row(begin_, begin_, count, count);
    const std::size_t name = next_label(Field::name, begin_, begin_ + count) - begin_;
    std::size_t begin = begin_ + count;
    for (std::size_t i = 0; i < stream_.ids.size(); ++i) {
      misfit_ = stream_.ids[i];
      const std::size_t left = misfit_ - begin;
      // An instance without a Name leaves no line for it, so its id comes one cell early.
      const bool nameless = name < id_ && left + 1 == id_;
      // First: where the id stands before the row's beginning, `left` has wrapped around.
      if (begin > misfit_ || (left != id_ && !nameless)) return false;
      const std::size_t size = count - (nameless ? 1 : 0);
      if (begin + size > (i + 1 < stream_.ids.size() ? stream_.ids[i + 1] : stream_.cells.size()))
        return false;
      add_row(misfit_, begin, size, nameless ? name : count);
      begin += size;
    }
    misfit_ = begin;
    return begin == stream_.cells.size() || is_foot(begin, count);
  }

  /// What stands below a page whose labels stand on lines of their own, without an address; a table, whose
  /// labels share a line, has no foot.
  [[nodiscard]] bool is_foot(std::size_t from, std::size_t count) const {
    return stream_.row_of[begin_] != stream_.row_of[begin_ + count - 1] &&
           std::ranges::none_of(std::span(stream_.cells).subspan(from), is_numeric_address);
  }

  /// A row of the line on which `cell` stands; an empty cell is put in at `empty`, if that is less than
  /// `size`.
  void add_row(std::size_t cell, std::size_t begin, std::size_t size, std::size_t empty) {
    out_.begin_row(stream_.line_of(cell));
    for (std::size_t i = 0; i < size; ++i) {
      if (i == empty) out_.add("");
      out_.add(stream_.cells[begin + i]);
    }
  }
  CellStream stream_;
  std::size_t begin_ = 0;   ///< of the labels in the stream
  std::size_t after_ = 0;   ///< the first cell that is no label
  std::size_t id_ = 0;      ///< which label is that of the id
  std::size_t misfit_ = 0;  ///< a cell that does not fit the labels
  Table out_;
};

}  // namespace

std::optional<Read<Table>> rows_below_labels(const Table& table) {
  PageReader reader(table);
  if (!reader.find_labels()) return std::nullopt;
  return reader.read();
}

Read<Table> cut_at_ids(Table table) {
  if (table.rows.empty()) return refuse(0, kEmptyTable);
  drop_titles(table);
  if (table.rows.empty()) return refuse(0, kHeaderAlone);
  const auto columns = id_columns(table);
  if (columns.size() == 2 && columns[1] == columns[0] + 1)
    return refuse(table.rows.front().line, kTwoIdColumns);
  if (find_ids(table, columns)) return table;
  TRY_AS(rows, StreamCutter(table).cut());
  // The cells are views into texts that the splitter has unescaped, so those texts move along.
  rows->unescaped = std::move(table.unescaped);
  return rows;
}

}  // namespace ec2mpi
