#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "src/cluster/read/messages.hpp"

namespace ec2mpi {

/// The line up to a `#` that stands at its start or after white space.
[[nodiscard]] std::string_view without_comment(std::string_view line);

/// A line that is no row: drawn, with at least two dashes (or "==") in a row and no word, or the count of
/// rows that psql and mysql write below a table.
[[nodiscard]] bool is_rule(std::string_view line);

/// The pieces between runs of blanks that begin with `gap`.
[[nodiscard]] std::vector<std::string_view> pieces_of(std::string_view line, std::string_view gap);

/// How the cells of a line are separated, the surest sign first.
enum class Separator {
  tab,
  pipe,       ///< `| a | b |`, with lines of dashes between rows
  comma,      ///< CSV with quotes (RFC 4180)
  semicolon,  ///< the same as spreadsheets of some languages write it
  wide,       ///< two or more spaces
  space,      ///< every run of spaces; a date of the console stays one cell
};

using Cells = std::span<const std::string_view>;

/// How many cells a row has without the empty ones at its end.
[[nodiscard]] std::size_t filled_count(Cells cells);

/// A text as rows of trimmed cells. Blank lines, lines of rules and comments are not rows. The cells point
/// into the text and into `unescaped`.
struct Table {
  struct Row {
    int line = 0;
    std::size_t begin = 0;  ///< index of its first cell
    std::size_t count = 0;
    std::size_t id = 0;  ///< which of its cells is the instance id, if cut_at_ids() made the row
  };

  Separator separator = Separator::space;
  std::vector<std::string_view> cells = {};
  std::vector<Row> rows = {};
  std::deque<std::string> unescaped = {};  ///< texts of cells with doubled quotes

  [[nodiscard]] Cells row(std::size_t i) const { return {cells.data() + rows[i].begin, rows[i].count}; }
  [[nodiscard]] Cells left_of_id(std::size_t i) const { return row(i).first(rows[i].id); }
  [[nodiscard]] Cells right_of_id(std::size_t i) const { return row(i).subspan(rows[i].id + 1); }

  void begin_row(int line) { rows.push_back({line, cells.size(), 0}); }
  void add(std::string_view cell) {
    cells.push_back(cell);
    ++rows.back().count;
  }
};

/// The separators that stand in the text, the coarsest first; the last one is `space`.
[[nodiscard]] std::vector<Separator> separators_in(std::string_view text);

/// Error: a quote that is never closed.
[[nodiscard]] Read<Table> split_table(std::string_view text, Separator separator);

/// Splits a table whose cells stand under the words of its header (`column -t`, gcloud, az, kubectl,
/// PowerShell), by their position; the header is the first row. A line of dashes under the header tells where
/// the columns are. Nothing if there is no such header; an error if the cells of a line do not stand under
/// the heads.
[[nodiscard]] std::optional<Read<Table>> split_under_heads(std::string_view text);

/// Splits by the coarsest separator with which every instance id of the text is a whole cell.
[[nodiscard]] Read<Table> split_by_ids(std::string_view text);

/// True if a word of the text (between blanks, tabs, commas, semicolons, bars or quotes) is an instance id
/// ("ami-0f7f74cf" and "eni-0f7f74cf" hold none).
[[nodiscard]] bool holds_instance_id(std::string_view text);

}  // namespace ec2mpi
