#include "ec2mpi/cluster/segments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "ec2mpi/cluster/ec2_words.hpp"
#include "ec2mpi/cluster/quote.hpp"

namespace ec2mpi {
namespace {

constexpr std::string_view kOneLine =
    "write one instance a line, or use `aws ec2 describe-instances --output json`";

bool is_address(std::string_view cell) {
  return looks_like_ipv4(cell) || canonical_ipv6(cell).has_value();
}

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
    if (is_address(cell) || is_instance_id(cell)) return false;
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

class Cutter {
 public:
  Cutter(const Grid& grid, std::string_view source) : grid_(grid), source_(source) {}

  Result<Segments> cut() {
    take_header();
    if (first_row_ == grid_.rows.size())
      return bad_list(source_, 0, "the list has a header and no instances");
    const auto columns = id_columns(grid_, first_row_);
    if (const auto column = header_column(columns)) return by_lines(column);
    if (columns.size() == 1) return by_lines(columns[0]);
    if (columns.size() == 2 && columns[1] == columns[0] + 1) {
      return bad_list(source_, grid_.rows[first_row_].line,
                      "two columns hold instance ids; put the line of column names on top of the list");
    }
    if (columns.empty() && each_row_has_one_id()) return by_lines(std::nullopt);
    return as_stream();
  }

 private:
  void take_header() {
    while (first_row_ < grid_.rows.size() && ids_in(grid_.row(first_row_)).empty()) {
      header_ = header_fields(grid_.row(first_row_));
      const bool title = grid_.separator == Separator::pipe && grid_.rows[first_row_].count == 1;
      const bool blurred = grid_.separator == Separator::space && is_blurred_header(grid_.row(first_row_));
      if (blurred) header_.clear();
      if (header_.size() > 1 || blurred) {
        ++first_row_;
        return;
      }
      header_.clear();
      if (!title) return;
      ++first_row_;
    }
  }

  /// The id column that the header names, if ids stand there.
  std::optional<std::size_t> header_column(const std::vector<std::size_t>& columns) const {
    const auto named = std::find(header_.begin(), header_.end(), Field::instance_id);
    if (named == header_.end()) return std::nullopt;
    const auto column = static_cast<std::size_t>(named - header_.begin());
    if (std::find(columns.begin(), columns.end(), column) == columns.end()) return std::nullopt;
    return column;
  }

  bool each_row_has_one_id() const {
    for (std::size_t i = first_row_; i < grid_.rows.size(); ++i) {
      if (!lone_id(grid_.row(i))) return false;
    }
    return true;
  }

  Result<Segments> by_lines(std::optional<std::size_t> column) {
    Segments out;
    out.cells = grid_.cells;
    for (std::size_t i = first_row_; i < grid_.rows.size(); ++i) {
      const Grid::Row& row = grid_.rows[i];
      const std::size_t id = column ? *column : lone_id(grid_.row(i)).value_or(0);
      out.list.push_back({row.line, row.begin, row.begin + id, row.begin + row.count});
    }
    if (column && *column < header_.size() && header_[*column] == Field::instance_id) out.header = header_;
    return out;
  }

  /// The same cells without the empty ones, but for a Name that is empty.
  struct Stream {
    std::vector<std::string_view> cells;
    std::vector<std::size_t> row_of;  ///< row of each cell
    std::vector<std::size_t> ids;     ///< indices into cells
  };

  Stream make_stream() const {
    Stream out;
    for (std::size_t i = first_row_; i < grid_.rows.size(); ++i) {
      const auto row = grid_.row(i);
      for (std::size_t j = 0; j < row.size(); ++j) {
        const bool is_name = j + 1 < row.size() && is_instance_id(row[j + 1]);
        if (row[j].empty() && !is_name) continue;
        if (is_instance_id(row[j])) out.ids.push_back(out.cells.size());
        out.cells.push_back(row[j]);
        out.row_of.push_back(i);
      }
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

  Result<Segments> as_stream() {
    const Stream stream = make_stream();
    if (stream.ids.empty()) return bad_list(source_, 0, "there is no instance id here");
    Segments out;
    out.cells = stream.cells;
    if (take_column_of_labels(stream)) return by_labels(stream);
    const std::size_t leading = stream.ids.front();
    const std::size_t on_line = left_count(stream, leading, leading);
    if (leading > std::max<std::size_t>(on_line, 1)) return not_understood(stream, 0);
    const bool names_above = on_line == 0 && leading == 1;
    for (const std::size_t id : stream.ids) {
      const std::size_t floor = out.list.empty() ? 0 : out.list.back().id + 1;
      const std::size_t left = left_of(stream, id, floor, names_above, std::max<std::size_t>(on_line, 1));
      if (!out.list.empty()) out.list.back().end = id - left;
      out.list.push_back({line_of(stream, id), id - left, id, stream.cells.size()});
    }
    if (auto error = unequal(stream, out)) return std::unexpected(*error);
    fit_header(out);
    return out;
  }

  /// One label a line, as some browsers copy, then as many cells for each instance. Sets `header_`.
  bool take_column_of_labels(const Stream& stream) {
    if (!header_.empty()) return false;
    const std::size_t count = stream.ids.size() > 1 ? stream.ids[1] - stream.ids[0] : stream.cells.size() / 2;
    if (count < 2 || count > stream.ids.front() || stream.cells.size() != count * (stream.ids.size() + 1))
      return false;
    header_ = header_fields(std::span(stream.cells).first(count));
    return !header_.empty();
  }

  /// Records of as many cells as there are labels, the id in each under its label.
  Result<Segments> by_labels(const Stream& stream) const {
    Segments out;
    out.cells = stream.cells;
    out.header = header_;
    const std::size_t count = header_.size();
    const std::size_t column = stream.ids.front() - count;
    for (std::size_t begin = count; begin < stream.cells.size(); begin += count) {
      if (column >= count || header_[column] != Field::instance_id ||
          !is_instance_id(stream.cells[begin + column])) {
        return bad_list(source_, line_of(stream, begin),
                        fmt::format("the cells from here on do not fit the column names; {}", kOneLine));
      }
      out.list.push_back({line_of(stream, begin + column), begin, begin + column, begin + count});
    }
    return out;
  }

  /// Cells of the Name: what stands before the id on its line, else one cell; among words, back to what ends
  /// a record.
  std::size_t left_of(const Stream& stream, std::size_t id, std::size_t floor, bool names_above,
                      std::size_t usual) const {
    const std::size_t room = id - floor;
    const bool first_on_line = id == 0 || stream.row_of[id - 1] != stream.row_of[id];
    if (first_on_line) return names_above ? std::min<std::size_t>(room, 1) : 0;
    const std::size_t same_line = left_count(stream, id, room);
    if (same_line < room || floor == 0) return same_line;
    if (grid_.separator != Separator::space) return std::min(same_line, usual);
    std::size_t count = 0;
    while (count < same_line && !ends_record(stream.cells[id - count - 1])) ++count;
    return count == same_line ? std::min<std::size_t>(same_line, 1) : std::max<std::size_t>(count, 1);
  }

  /// Cells that stand at the end of a console row and in no Name.
  static bool ends_record(std::string_view cell) {
    return looks_like_date(cell) || is_blank_cell(cell) || is_address(cell) || cell == "Linux/UNIX" ||
           cell == "false" || cell == "true" || cell == "disabled" || cell == "enabled";
  }

  /// Records that span different numbers of lines, or addresses on an id's own line and below it too: then
  /// something in the list is not what it seems, and an address could be taken for another machine's.
  std::optional<Error> unequal(const Stream& stream, const Segments& segments) const {
    const auto span_of = [&](const Segment& segment) {
      return stream.row_of[segment.end - 1] - stream.row_of[segment.begin];
    };
    const std::size_t usual = span_of(segments.list.front());
    for (const Segment& segment : segments.list) {
      if (span_of(segment) > usual) {
        std::size_t extra = segment.id;
        while (stream.row_of[extra] - stream.row_of[segment.begin] <= usual) ++extra;
        return bad_list(source_, line_of(stream, extra),
                        fmt::format("{} is not part of an instance as the lines above are; {}",
                                    in_quotes(stream.cells[extra]), kOneLine))
            .error();
      }
      if (span_of(segment) < usual) {
        return bad_list(source_, segment.line,
                        fmt::format("this instance fills {} lines of the list where the first fills {}; {}",
                                    span_of(segment) + 1, usual + 1, kOneLine))
            .error();
      }
      bool on_line = false;
      for (std::size_t i = segment.id + 1; i < segment.end; ++i) {
        if (!is_address(stream.cells[i])) continue;
        const bool same = stream.row_of[i] == stream.row_of[segment.id];
        on_line = on_line || same;
        if (on_line && !same) {
          return bad_list(source_, line_of(stream, i),
                          fmt::format("this line has an address but no instance id; {}", kOneLine))
              .error();
        }
      }
    }
    return std::nullopt;
  }

  /// Keeps the header only if it has a label for every cell of every record and the id under its label.
  void fit_header(Segments& segments) const {
    const auto named = std::find(header_.begin(), header_.end(), Field::instance_id);
    const auto column = static_cast<std::size_t>(named - header_.begin());
    const bool fits = std::all_of(segments.list.begin(), segments.list.end(), [&](const Segment& segment) {
      return segment.end - segment.begin == header_.size() && segment.id - segment.begin == column;
    });
    if (fits) segments.header = header_;
  }

  std::unexpected<Error> not_understood(const Stream& stream, std::size_t cell) const {
    return bad_list(source_, line_of(stream, cell),
                    fmt::format("{} is neither an instance nor a line of column names; delete the line",
                                in_quotes(stream.cells[cell])));
  }

  const Grid& grid_;
  std::string_view source_;
  std::size_t first_row_ = 0;
  std::vector<Field> header_;
};

}  // namespace

std::vector<Field> header_fields(std::span<const std::string_view> row) {
  std::vector<Field> fields;
  std::size_t known = 0;
  bool names_key = false;
  for (const std::string_view cell : row) {
    if (is_instance_id(cell) || is_address(cell) || looks_like_date(cell)) return {};
    const Field field = field_of_label(cell);
    if (field != Field::unknown) ++known;
    names_key = names_key || field == Field::instance_id || is_address_field(field);
    fields.push_back(field);
  }
  if (!names_key || known * 2 < row.size()) return {};
  return fields;
}

Result<Segments> cut_at_ids(const Grid& grid, std::string_view source) {
  if (grid.rows.empty()) return bad_list(source, 0, "the list is empty");
  return Cutter(grid, source).cut();
}

}  // namespace ec2mpi
