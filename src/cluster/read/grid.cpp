#include "src/cluster/read/grid.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/lines.hpp"

namespace ec2mpi {
namespace {

constexpr std::string_view kBetweenWords = " \t,;|\"'\n";

bool is_quoted(std::string_view cell) {
  return cell.size() >= 2 && cell.front() == '"' && cell.back() == '"';
}

/// A line that is drawn, not written: at least two dashes (or "==") in a row and no word.
bool is_rule(std::string_view line) {
  return line.find_first_not_of("-+=| :\t") == std::string_view::npos &&
         (line.find("--") != std::string_view::npos || line.find("==") != std::string_view::npos);
}

/// Where the word of a head stands, in signs from the start of its line.
struct HeadPlace {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Byte offset of the sign number `column`, or the line's end.
std::size_t offset_of(std::string_view line, std::size_t column) {
  std::size_t at = 0;
  while (at < line.size() && column > 0) {
    ++at;
    while (at < line.size() && (static_cast<unsigned char>(line[at]) & 0xC0U) == 0x80U) ++at;
    --column;
  }
  return at;
}

std::size_t signs_in(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// The pieces between runs of at least `gap` blanks.
std::vector<std::string_view> pieces_of(std::string_view line, std::string_view gap) {
  std::vector<std::string_view> out;
  for (line = trim(line); !line.empty();) {
    const std::size_t end = line.find(gap);
    out.push_back(line.substr(0, end));
    line = end == std::string_view::npos ? std::string_view() : trim(line.substr(end));
  }
  return out;
}

std::vector<HeadPlace> places_of(std::string_view line, const std::vector<std::string_view>& pieces) {
  std::vector<HeadPlace> out;
  for (const std::string_view piece : pieces) {
    const std::size_t begin = signs_in(line.substr(0, static_cast<std::size_t>(piece.data() - line.data())));
    out.push_back({begin, begin + signs_in(piece)});
  }
  return out;
}

/// The cells of a line that stand under the heads, each beginning or ending where its head does; nothing if
/// one does not.
std::optional<std::vector<std::string_view>> cells_under(std::string_view line,
                                                         const std::vector<HeadPlace>& heads) {
  std::vector<std::string_view> out;
  if (!trim(line.substr(0, offset_of(line, heads.front().begin))).empty()) return std::nullopt;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const std::size_t begin = offset_of(line, heads[i].begin);
    const std::size_t end = i + 1 < heads.size() ? offset_of(line, heads[i + 1].begin) : line.size();
    const std::string_view room = line.substr(begin, end - begin);
    const std::string_view cell = trim(room);
    const bool cut = begin > 0 && begin < line.size() && line[begin - 1] != ' ';
    const bool left = !room.empty() && room.front() != ' ';
    const bool right =
        signs_in(room.substr(0, room.find_last_not_of(' ') + 1)) == heads[i].end - heads[i].begin;
    if (!cell.empty() && (cut || (!left && !right) || cell.find("  ") != std::string_view::npos))
      return std::nullopt;
    out.push_back(cell);
  }
  return out;
}

/// "09:11" or "18:00:08".
bool is_clock(std::string_view word) {
  return word.size() >= 4 && word.size() <= 8 && word.find(':') != std::string_view::npos &&
         word.find_first_not_of("0123456789:") == std::string_view::npos;
}

bool is_time_zone(std::string_view word) {
  return word.starts_with("GMT") || word.starts_with("UTC");
}

class Splitter {
 public:
  Splitter(Separator separator, std::string_view source) : source_(source) { grid_.separator = separator; }

  Result<Grid> split(std::string_view text) {
    if (grid_.separator == Separator::comma || grid_.separator == Separator::semicolon)
      return split_csv(text);
    for_each_line(text, [&](std::string_view line, int number) { split_line(line, number); });
    return std::move(grid_);
  }

 private:
  void split_line(std::string_view line, int number) {
    const std::string_view trimmed = trim(line);
    if (trimmed.empty() || trimmed.front() == '#' || is_rule(trimmed)) return;
    begin_row(number);
    switch (grid_.separator) {
      case Separator::tab:
        split_at(line, '\t');
        break;
      case Separator::pipe:
        split_bars(trimmed);
        break;
      case Separator::wide:
        for (const std::string_view piece : pieces_of(trimmed, "  ")) add(piece);
        break;
      default:
        split_words(trimmed);
        break;
    }
    end_row();
  }

  void begin_row(int line) { grid_.rows.push_back({line, grid_.cells.size(), 0}); }

  /// Drops rows that hold nothing.
  void end_row() {
    Grid::Row& row = grid_.rows.back();
    row.count = grid_.cells.size() - row.begin;
    const auto first = grid_.cells.begin() + static_cast<std::ptrdiff_t>(row.begin);
    if (!std::all_of(first, grid_.cells.end(), [](std::string_view cell) { return cell.empty(); })) return;
    grid_.cells.erase(first, grid_.cells.end());
    grid_.rows.pop_back();
  }

  void add(std::string_view cell) {
    cell = trim(cell);
    grid_.cells.push_back(on_one_line(is_quoted(cell) ? without_quotes(cell) : cell));
  }

  /// Tabs and line breaks inside a cell become spaces.
  std::string_view on_one_line(std::string_view cell) {
    if (cell.find_first_of("\t\n") == std::string_view::npos) return cell;
    std::string& out = grid_.unescaped.emplace_back(cell);
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
    return out;
  }

  std::string_view without_quotes(std::string_view cell) {
    const std::string_view inner = cell.substr(1, cell.size() - 2);
    const std::size_t first = inner.find('"');
    if (first == std::string_view::npos) return trim(inner);
    std::string out;
    for (std::size_t i = 0; i < inner.size(); ++i) {
      out += inner[i];
      if (inner[i] == '"' && i + 1 < inner.size() && inner[i + 1] == '"') ++i;
    }
    return trim(grid_.unescaped.emplace_back(std::move(out)));
  }

  void split_at(std::string_view line, char separator) {
    while (true) {
      const std::size_t end = line.find(separator);
      add(line.substr(0, end));
      if (end == std::string_view::npos) return;
      line.remove_prefix(end + 1);
    }
  }

  void split_bars(std::string_view line) {
    if (line.starts_with('|')) line.remove_prefix(1);
    if (line.ends_with('|')) line.remove_suffix(1);
    split_at(line, '|');
  }

  void split_words(std::string_view line) {
    const std::vector<std::string_view> parts = words(line);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      std::size_t last = i;
      if (looks_like_date(parts[i]) && i + 1 < parts.size() && is_clock(parts[i + 1])) {
        last = i + 2 < parts.size() && is_time_zone(parts[i + 2]) ? i + 2 : i + 1;
      }
      const auto begin = static_cast<std::size_t>(parts[i].data() - line.data());
      const auto end = static_cast<std::size_t>(parts[last].data() - line.data()) + parts[last].size();
      add(line.substr(begin, end - begin));
      i = last;
    }
  }

  Result<Grid> split_csv(std::string_view text) {
    const char separator = grid_.separator == Separator::comma ? ',' : ';';
    int line = 1;
    for (std::size_t at = 0; at < text.size();) {
      const std::string_view rest = text.substr(at);
      const std::string_view first_line = trim(rest.substr(0, rest.find('\n')));
      const bool names_separator = first_line.size() == 5 && first_line.starts_with("sep=");  // Excel's
      if (first_line.empty() || first_line.front() == '#' || names_separator) {
        at += std::min(rest.find('\n'), rest.size() - 1) + 1;
        ++line;
        continue;
      }
      begin_row(line);
      const std::size_t length = split_record(rest, separator);
      if (length == 0)
        return bad_list(source_, line, "a quote opens here and never closes; export the list again");
      end_row();
      line += static_cast<int>(
          std::count(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(length), '\n'));
      at += length;
    }
    return std::move(grid_);
  }

  /// Adds the cells of the record at the start of `text`; its length with its line end, or 0 if a quote stays
  /// open.
  std::size_t split_record(std::string_view text, char separator) {
    bool in_quotes = false;
    bool may_open = true;  // at the start of a cell, or right after a quote (a doubled one)
    std::size_t cell = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
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

  std::string_view source_;
  Grid grid_;
};

/// Splits a table by the places of its heads.
class HeadedSplitter {
 public:
  HeadedSplitter(std::string_view source, const IsHeader& is_header)
      : source_(source), is_header_(is_header) {}

  std::optional<Result<Grid>> split(std::string_view text) {
    for_each_line(text, [&](std::string_view line, int number) {
      if (phase_ == Phase::over || trim(line).empty() || trim(line).front() == '#') return;
      if (phase_ == Phase::heads) {
        look_for_heads(line, number);
      } else {
        read_row(line, number);
      }
      before_ = line;
    });
    if (error_) return Result<Grid>(std::unexpected(*error_));
    if (heads_.empty()) return std::nullopt;
    return Result<Grid>(std::move(grid_));
  }

 private:
  enum class Phase { heads, rows, over };

  void look_for_heads(std::string_view line, int number) {
    constexpr int kLastLine = 40;
    if (is_rule(trim(line))) {
      take_heads(before_, pieces_of(line, " "), line, number - 1);
    } else {
      take_heads(line, pieces_of(line, "  "), line, number);
    }
    const bool hopeless =
        number >= kLastLine || line.find('\t') != std::string_view::npos || holds_instance_id(line);
    if (phase_ == Phase::heads && hopeless) phase_ = Phase::over;
  }

  /// The words of `header` that stand where `pieces` do in `line`, if they name columns.
  void take_heads(std::string_view header, const std::vector<std::string_view>& pieces, std::string_view line,
                  int number) {
    constexpr std::size_t kMostHeads =
        60;  // more are no table that a person reads, and cost too much to place
    if (pieces.size() < 2 || pieces.size() > kMostHeads) return;
    std::vector<HeadPlace> places = places_of(line, pieces);
    const auto cells = cells_under(header, places);
    if (!cells || !is_header_(*cells)) return;
    heads_ = std::move(places);
    grid_ = Grid{};
    add(*cells, number);
    phase_ = Phase::rows;
  }

  void read_row(std::string_view line, int number) {
    if (is_rule(trim(line))) {
      const int header_line = grid_.rows.front().line;
      if (grid_.rows.size() == 1) take_heads(before_, pieces_of(line, " "), line, header_line);
      return;
    }
    if (const auto cells = cells_under(line, heads_)) {
      add(*cells, number);
    } else if (const auto pieces = pieces_of(line, "  "); pieces.size() == heads_.size()) {
      add(pieces, number);
    } else {
      error_ = bad_list(source_, number,
                        "the cells of this line do not stand under the column names; use CSV, or `aws ec2 "
                        "describe-instances --output json`")
                   .error();
      phase_ = Phase::over;
    }
  }

  void add(const std::vector<std::string_view>& cells, int line) {
    grid_.rows.push_back({line, grid_.cells.size(), cells.size()});
    grid_.cells.insert(grid_.cells.end(), cells.begin(), cells.end());
  }

  std::string_view source_;
  const IsHeader& is_header_;
  Phase phase_ = Phase::heads;
  std::vector<HeadPlace> heads_;
  std::string_view before_;  ///< the line before
  Grid grid_;
  std::optional<Error> error_;
};

/// True if each row that holds an id anywhere holds one as a whole cell.
bool ids_are_cells(const Grid& grid) {
  for (std::size_t i = 0; i < grid.rows.size(); ++i) {
    const auto row = grid.row(i);
    if (std::any_of(row.begin(), row.end(), is_instance_id)) continue;
    if (std::any_of(row.begin(), row.end(), holds_instance_id)) return false;
  }
  return true;
}

bool is_rectangular(const Grid& grid) {
  return std::all_of(grid.rows.begin(), grid.rows.end(),
                     [&](const Grid::Row& row) { return row.count == grid.rows.front().count; });
}

}  // namespace

bool holds_instance_id(std::string_view text) {
  for (std::size_t at = text.find("i-"); at != std::string_view::npos; at = text.find("i-", at + 1)) {
    if (at > 0 && kBetweenWords.find(text[at - 1]) == std::string_view::npos) continue;
    const std::string_view rest = text.substr(at, 20);
    if (is_instance_id(rest.substr(0, rest.find_first_of(kBetweenWords)))) return true;
  }
  return false;
}

Result<Grid> split_grid(std::string_view text, Separator separator, std::string_view source) {
  return Splitter(separator, source).split(text);
}

std::optional<Result<Grid>> split_under_heads(std::string_view text, std::string_view source,
                                              const IsHeader& is_header) {
  return HeadedSplitter(source, is_header).split(text);
}

Result<Grid> split_by_ids(std::string_view text, std::string_view source) {
  constexpr std::array<std::pair<char, Separator>, 4> kCandidates = {
      {{'\t', Separator::tab}, {'|', Separator::pipe}, {',', Separator::comma}, {';', Separator::semicolon}}};
  for (const auto& [mark, separator] : kCandidates) {
    if (text.find(mark) == std::string_view::npos) continue;
    auto grid = split_grid(text, separator, source);
    if (grid && ids_are_cells(*grid)) return grid;
    if (!grid && separator == Separator::comma && text.starts_with('"')) return grid;
  }
  auto wide = split_grid(text, Separator::wide, source);
  if (wide && ids_are_cells(*wide) && is_rectangular(*wide)) return wide;
  return split_grid(text, Separator::space, source);
}

}  // namespace ec2mpi
