#include <algorithm>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/utf8.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/table.hpp"

namespace ec2mpi {
namespace {

/// Byte offset of the character number `column`, or the line's end: tables are aligned in characters.
std::size_t offset_of(std::string_view line, std::size_t column) {
  std::size_t at = 0;
  for (; at < line.size(); ++at) {
    if (begins_character(line[at]) && column-- == 0) break;
  }
  return at;
}

/// Where the word of a head stands, in characters from the start of its line.
struct HeadPlace {
  std::size_t begin = 0;
  std::size_t end = 0;
};

using Pieces = std::vector<std::string_view>;

std::vector<HeadPlace> places_of(std::string_view line, const Pieces& pieces) {
  std::vector<HeadPlace> out;
  for (const std::string_view piece : pieces) {
    const std::size_t begin =
        characters_in(line.substr(0, static_cast<std::size_t>(piece.data() - line.data())));
    out.push_back({begin, begin + characters_in(piece)});
  }
  return out;
}

/// The cells of a line that stand under the heads, each beginning or
/// ending where its head does; nothing if one does not.
std::optional<Pieces> cells_under(std::string_view line, const std::vector<HeadPlace>& heads) {
  Pieces out;
  if (!trim(line.substr(0, offset_of(line, heads.front().begin))).empty()) return std::nullopt;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const std::size_t begin = offset_of(line, heads[i].begin);
    const std::size_t end = i + 1 < heads.size() ? offset_of(line, heads[i + 1].begin) : line.size();
    const std::string_view room = line.substr(begin, end - begin);
    const std::string_view cell = trim(room);
    // A text that runs across the beginning of a head stands under no single head.
    const bool cut = begin > 0 && begin < line.size() && line[begin - 1] != ' ';
    const bool left = !room.empty() && room.front() != ' ';
    // A cell may be aligned to the right end of its head, as numbers are.
    const bool right =
        characters_in(room.substr(0, room.find_last_not_of(' ') + 1)) == heads[i].end - heads[i].begin;
    if (!cell.empty() && (cut || (!left && !right) || cell.contains("  "))) return std::nullopt;
    out.push_back(cell);
  }
  return out;
}

class HeadedSplitter {
 public:
  /// In one pass, which ends at the first line that does not fit the heads.
  std::optional<Read<Table>> split(std::string_view text) {
    for_each_line(text, [&](std::string_view line, int number) {
      if (over_ || trim(line).empty() || trim(line).front() == '#') return;
      if (heads_.empty())
        look_for_heads(line, number);
      else
        read_row(line, number);
      before_ = line;
    });
    if (misfit_ != 0) return refuse(misfit_, kNotUnderHeads);
    if (heads_.empty()) return std::nullopt;
    return Read<Table>(std::move(table_));
  }

 private:
  /// A rule shows where the columns are; without one, two blanks divide the heads.
  void look_for_heads(std::string_view line, int number) {
    constexpr int kLastLine = 40;
    if (is_rule(trim(line)))
      take_heads(before_, pieces_of(line, " "), line, number - 1);
    else
      take_heads(line, pieces_of(line, "  "), line, number);
    // A tab or an instance id shows that this is a list of another form.
    const bool hopeless = number >= kLastLine || line.contains('\t') || holds_instance_id(line);
    over_ = heads_.empty() && hopeless;
  }

  /// The words of `header` that stand where `pieces` do in `line`, if they name columns.
  void take_heads(std::string_view header, const Pieces& pieces, std::string_view line, int number) {
    // More are no table that a person reads, and cost too much to place.
    constexpr std::size_t kMostHeads = 60;
    if (pieces.size() < 2 || pieces.size() > kMostHeads) return;
    std::vector<HeadPlace> places = places_of(line, pieces);
    const auto cells = cells_under(header, places);
    if (!cells || header_fields(*cells).empty()) return;
    heads_ = std::move(places);
    table_ = Table{};
    add_row(*cells, number);
  }

  void read_row(std::string_view line, int number) {
    if (is_rule(trim(line))) {
      if (table_.rows.size() == 1) take_heads(before_, pieces_of(line, " "), line, table_.rows.front().line);
    } else if (const auto cells = cells_under(line, heads_)) {
      add_row(*cells, number);
    } else {
      Pieces pieces = pieces_of(line, "  ");
      // The number of the row, which pandas and R write under no head.
      if (pieces.size() == heads_.size() + 1 && parse_number(pieces.front())) pieces.erase(pieces.begin());
      if (pieces.size() == heads_.size()) return add_row(pieces, number);
      misfit_ = number;
      over_ = true;
    }
  }

  void add_row(const Pieces& cells, int line) {
    table_.begin_row(line);
    for (const std::string_view cell : cells) table_.add(cell);
  }
  bool over_ = false;  ///< no heads are found, or a line does not fit them
  std::vector<HeadPlace> heads_;
  std::string_view before_;  ///< the line before
  Table table_;
  int misfit_ = 0;  ///< a line whose cells stand under no heads
};

}  // namespace

std::optional<Read<Table>> split_under_heads(std::string_view text) {
  return HeadedSplitter().split(text);
}

}  // namespace ec2mpi
