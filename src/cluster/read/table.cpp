#include "src/cluster/read/table.hpp"

#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"

namespace ec2mpi {
namespace {

/// An id counts only as a whole word: "i-0123" within a longer name is none.
constexpr std::string_view kBetweenWords = " \t,;|\"'\n";

bool is_quoted(std::string_view cell) {
  return cell.size() >= 2 && cell.front() == '"' && cell.back() == '"';
}

/// Cells are views of the text, except where an escape had to be resolved.
class Splitter {
 public:
  explicit Splitter(Separator separator) { table_.separator = separator; }

  Read<Table> split(std::string_view text) {
    // A cell of sixteen bytes is usual: a vector of millions that grows is copied again and again.
    table_.cells.reserve(text.size() / 16);
    if (table_.separator == Separator::comma) return split_csv(text, ',');
    if (table_.separator == Separator::semicolon) return split_csv(text, ';');
    for_each_line(text, [&](std::string_view line, int number) { split_line(line, number); });
    if (open_quote_ != 0) return refuse(open_quote_, kOpenQuote);
    return std::move(table_);
  }

 private:
  /// One row, by the separator that was chosen for the whole table.
  void split_line(std::string_view line, int number) {
    const std::string_view trimmed = trim(line);
    if (trimmed.empty() || trimmed.front() == '#' || is_rule(trimmed)) return;
    const bool open_quote = trimmed.front() == '"' && std::ranges::count(trimmed, '"') % 2 == 1;
    if (open_quote && open_quote_ == 0) open_quote_ = number;
    table_.begin_row(number);
    if (table_.separator == Separator::tab) split_at(line, '\t');
    if (table_.separator == Separator::pipe) split_bars(trimmed);
    if (table_.separator == Separator::space) split_words(trimmed);
    for (const auto piece : pieces_of(table_.separator == Separator::wide ? trimmed : "", "  ")) add(piece);
    drop_empty_row();
  }

  /// A line of separators alone is no row.
  void drop_empty_row() {
    if (filled_count(table_.row(table_.rows.size() - 1)) > 0) return;
    table_.cells.resize(table_.rows.back().begin);
    table_.rows.pop_back();
  }

  void add(std::string_view cell) {
    cell = trim(cell);
    if (is_quoted(cell)) cell = without_quotes(cell);
    if (cell.starts_with('=') && is_quoted(cell.substr(1)))  // Excel's way to keep a text as it is
      cell = cell.substr(2, cell.size() - 3);
    table_.add(on_one_line(cell));
  }

  /// Tabs and line breaks inside a cell become spaces.
  std::string_view on_one_line(std::string_view cell) {
    if (!cell.contains('\t') && !cell.contains('\n')) return cell;
    std::string& out = table_.unescaped.emplace_back(cell);
    for (char& c : out) c = c == '\t' || c == '\n' ? ' ' : c;
    return out;
  }

  /// A doubled quote stands for one; `unescaped` owns such a text, as cells are views.
  std::string_view without_quotes(std::string_view cell) {
    const std::string_view inner = cell.substr(1, cell.size() - 2);
    if (!inner.contains('"')) return trim(inner);
    std::string& out = table_.unescaped.emplace_back();
    for (std::size_t i = 0; i < inner.size(); ++i) {
      out += inner[i];
      if (inner.substr(i).starts_with("\"\"")) ++i;
    }
    return trim(out);
  }

  /// Without the `marks` around a cell, with which Markdown shows it as code or bold.
  void split_at(std::string_view line, char separator, std::string_view marks = "") {
    while (true) {
      const std::size_t end = line.find(separator);
      const std::string_view cell = trim(line.substr(0, end));
      const std::size_t first = std::min(cell.find_first_not_of(marks), cell.size());
      add(cell.substr(first, cell.find_last_not_of(marks) + 1 - first));
      if (end == std::string_view::npos) return;
      line.remove_prefix(end + 1);
    }
  }

  /// Markdown and psql frame a row with bars; without this, its first and last cell would be empty.
  void split_bars(std::string_view line) {
    if (line.starts_with('|')) line.remove_prefix(1);
    if (line.ends_with('|')) line.remove_suffix(1);
    split_at(line, '|', "`*");
  }

  void split_words(std::string_view line) {
    const std::vector<std::string_view> parts = words(line);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      // A date with its time and zone is one cell, as in the console, although blanks divide them.
      const std::size_t last = i + std::max<std::size_t>(words_of_date(std::span(parts).subspan(i)), 1) - 1;
      const auto begin = static_cast<std::size_t>(parts[i].data() - line.data());
      const auto end = static_cast<std::size_t>(parts[last].data() - line.data()) + parts[last].size();
      add(line.substr(begin, end - begin));
      i = last;
    }
  }

  Read<Table> split_csv(std::string_view text, char separator) {
    int line = 1;
    while (!text.empty()) {
      const std::string_view first_line = trim(text.substr(0, text.find('\n')));
      const bool names_separator = first_line.size() == 5 && first_line.starts_with("sep=");  // Excel's
      std::size_t length = std::min(text.find('\n'), text.size() - 1) + 1;
      if (!first_line.empty() && first_line.front() != '#' && !names_separator) {
        table_.begin_row(line);
        // A quoted cell may hold line breaks, so a record may be longer than its first line.
        length = split_record(text, separator);
        if (length == 0) return refuse(line, kOpenQuote);
        if (swallows_machine(text.substr(0, length), separator)) return refuse(line, kLateQuote);
        if (table_.rows.back().count == 1 && is_quoted(first_line) && first_line.contains(separator))
          return refuse(line, kQuotedLine);
        drop_empty_row();
      }
      line += static_cast<int>(std::ranges::count(text.substr(0, length), '\n'));
      text.remove_prefix(length);
    }
    return std::move(table_);
  }

  /// True if a cell of the record that was split last runs over a line end and holds other cells, one of them
  /// an id or an address: its quote belongs to no cell.
  [[nodiscard]] bool swallows_machine(std::string_view record, char separator) const {
    if (!trim(record).contains('\n')) return false;
    return std::ranges::any_of(table_.row(table_.rows.size() - 1), [&](std::string_view cell) {
      const auto parts = ec2mpi::split(cell, separator);
      return parts.size() > 1 && std::ranges::any_of(parts, [](std::string_view part) {
               return std::ranges::any_of(words(part), [](std::string_view word) {
                 return is_instance_id(word) || is_numeric_address(word);
               });
             });
    });
  }

  /// Adds the cells of the record at the start of `text`; its length with its line end, or 0 if a quote stays
  /// open.
  std::size_t split_record(std::string_view text, char separator) {
    bool in_quotes = false;
    bool may_open = true;  // at the start of a cell, or right after a quote (a doubled one)
    std::size_t cell = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
      // The end of the text counts as a line end.
      const char c = i < text.size() ? text[i] : '\n';
      if (in_quotes) {
        if (i == text.size()) return 0;
        if (c == '"') in_quotes = false;
      } else if (c == '"' && may_open) {
        in_quotes = true;
      } else if (c == separator || c == '\n') {
        add(text.substr(cell, i - cell));
        cell = i + 1;
        may_open = true;
        if (c == '\n') return std::min(i + 1, text.size());
      } else if (c != ' ') {
        may_open = false;
      }
    }
    return text.size();
  }
  Table table_;
  int open_quote_ = 0;  ///< the first line that begins with a quote and does not close it
};

/// True if each row that holds an id anywhere holds one as a whole cell.
bool ids_are_cells(const Table& table) {
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const Cells row = table.row(i);
    if (std::ranges::none_of(row, is_instance_id) && std::ranges::any_of(row, holds_instance_id))
      return false;
  }
  return true;
}

}  // namespace

/// A # within a word belongs to it.
std::string_view without_comment(std::string_view line) {
  for (std::size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
    if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t') return line.substr(0, at);
  }
  return line;
}

/// Lines of dashes, and the count of rows that psql and mysql print below a table.
bool is_rule(std::string_view line) {
  if (line.find_first_not_of("-+=| :\t") == std::string_view::npos)
    return line.contains("--") || line.contains("==");
  if (line.starts_with('(')) line.remove_prefix(1);
  line.remove_prefix(std::min(line.find_first_not_of("0123456789"), line.size()));
  return line == " rows)" || line == " row)" || line.starts_with(" rows in set") ||
         line.starts_with(" row in set");
}

std::vector<std::string_view> pieces_of(std::string_view line, std::string_view gap) {
  std::vector<std::string_view> out;
  for (line = trim(line); !line.empty();) {
    const std::size_t end = line.find(gap);
    out.push_back(line.substr(0, end));
    line = end == std::string_view::npos ? std::string_view() : trim(line.substr(end));
  }
  return out;
}

std::size_t filled_count(Cells cells) {
  while (!cells.empty() && cells.back().empty()) cells = cells.first(cells.size() - 1);
  return cells.size();
}

bool holds_instance_id(std::string_view text) {
  for (std::size_t at = text.find("i-"); at != std::string_view::npos; at = text.find("i-", at + 1)) {
    if (at > 0 && !kBetweenWords.contains(text[at - 1])) continue;
    const std::string_view rest = text.substr(at, 20);
    if (is_instance_id(rest.substr(0, rest.find_first_of(kBetweenWords)))) return true;
  }
  return false;
}

/// The separators that occur in the text; single blanks always count as one.
std::vector<Separator> separators_in(std::string_view text) {
  constexpr std::string_view kMarks[] = {"\t", "|", ",", ";", "  ", ""};  // in the order of Separator
  std::vector<Separator> out;
  for (std::size_t i = 0; i < std::size(kMarks); ++i) {
    if (text.contains(kMarks[i])) out.push_back(static_cast<Separator>(i));
  }
  return out;
}

Read<Table> split_table(std::string_view text, Separator separator) {
  return Splitter(separator).split(text);
}

Read<Table> split_by_ids(std::string_view text) {
  for (const Separator separator : separators_in(text)) {
    if (separator >= Separator::wide) break;
    auto table = split_table(text, separator);
    // A wrong quote in a CSV is reported; another separator would hide the cause.
    if (!table || ids_are_cells(*table)) return table;
  }
  auto wide = split_table(text, Separator::wide);
  // Two blanks may also stand in a Name, so all rows must have the same number of cells.
  const auto as_first = [&](const Table::Row& row) { return row.count == wide->rows.front().count; };
  if (wide && ids_are_cells(*wide) && std::ranges::all_of(wide->rows, as_first)) return wide;
  return split_table(text, Separator::space);
}

}  // namespace ec2mpi
