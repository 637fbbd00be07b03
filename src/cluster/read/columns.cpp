#include "src/cluster/read/columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <unordered_set>
#include <utility>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/fields.hpp"

namespace ec2mpi {
namespace {

using Cells = std::span<const std::string_view>;

bool is_ipv4_field(Field field) {
  return field == Field::public_v4 || field == Field::private_v4 || field == Field::any_address;
}

/// What the cells of one column have in common.
struct Column {
  Field common = Field::unknown;
  std::size_t filled = 0, addresses = 0;
  std::size_t states = 0;       ///< cells that are states under any name
  std::size_t state_words = 0;  ///< besides, words such as "on"

  void see(std::string_view cell) {
    if (is_blank_cell(cell)) return;
    const Field field = field_of_content(cell);
    if (filled++ == 0) {
      common = field;
    } else if (field != common) {
      common = is_ipv4_field(field) && is_ipv4_field(common) ? Field::any_address : Field::unknown;
    }
    if (is_address_field(field)) ++addresses;
    if (field == Field::state) ++states;
    if (field == Field::state || field == Field::unknown) count_word(cell);
  }
  [[nodiscard]] bool holds_only_states() const { return filled > 0 && state_words == filled; }

 private:
  void count_word(std::string_view cell) {
    const auto word = state_word(cell);
    if (word && word->use != StateWord::Use::under_name) ++state_words;
  }
};

void see_row(std::vector<Column>& columns, Cells cells) {
  if (columns.size() < cells.size()) columns.resize(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) columns[i].see(cells[i]);
}

/// The fields of columns that have no names: each kind goes to the leftmost column of it.
struct ColumnFields {
  std::vector<Field> fields;
  bool ambiguous = false;  ///< several columns hold addresses, and nothing says which is which

  [[nodiscard]] bool have_address() const { return std::ranges::any_of(fields, is_address_field); }
};

ColumnFields fields_of(const std::vector<Column>& columns) {
  ColumnFields out;
  std::map<Field, int> count;
  std::vector<std::size_t> texts;
  for (const Column& column : columns) {
    Field field = column.common;
    // A column with one state holds states: a word there that is not known could mean "stopped".
    if (field == Field::unknown && (column.states > 0 || column.holds_only_states())) field = Field::state;
    if (field == Field::unknown && column.filled > 0) texts.push_back(out.fields.size());
    if (++count[field] > 1 && field != Field::any_address)
      field = field == Field::public_v4 ? Field::elastic_ip : field == Field::unknown ? field : Field::unused;
    out.fields.push_back(field);
  }
  if (texts.size() == 1) out.fields[texts.front()] = Field::name;
  const int mixed = count[Field::any_address];
  const int addresses = mixed + count[Field::public_v4] + count[Field::private_v4];
  out.ambiguous = count[Field::private_v4] > 1 || (mixed > 0 && addresses > 1);
  return out;
}

std::size_t filled_count(Cells cells) {
  while (!cells.empty() && cells.back().empty()) cells = cells.first(cells.size() - 1);
  return cells.size();
}

std::unexpected<Error> bad_row(std::string_view source, int line, std::string_view problem) {
  return bad_list(source, line, fmt::format("{}; correct this line", problem));
}

/// Makes a node of each row from `first` on, but of none that repeats the header above.
template <class Put>
Result<Listing> read_rows(const Grid& grid, std::size_t first, std::string_view source, Put put) {
  Listing out;
  out.nodes.reserve(grid.rows.size());
  for (std::size_t i = first; i < grid.rows.size(); ++i) {
    if (first > 0 && std::ranges::equal(grid.row(i), grid.row(first - 1))) continue;
    Node node;
    node.line = grid.rows[i].line;
    if (const std::optional<std::string> problem = put(node, grid.row(i)))
      return bad_row(source, node.line, *problem);
    out.nodes.push_back(std::move(node));
  }
  return out;
}

/// The fields of the header. A column of ids that are none of EC2's is not used; one of states is found under
/// any name.
std::vector<Field> fields_below(const Grid& grid, std::size_t header) {
  std::vector<Field> fields = header_fields(grid.row(header));
  std::vector<std::size_t> ids(fields.size());
  std::vector<Column> unnamed(fields.size());
  for (std::size_t i = header + 1; i < grid.rows.size(); ++i) {
    const Cells row = grid.row(i);
    for (std::size_t j = 0; j < row.size() && j < fields.size(); ++j) {
      if (fields[j] == Field::instance_id && looks_like_instance_id(row[j])) ++ids[j];
      if (fields[j] == Field::unknown) unnamed[j].see(row[j]);
    }
  }
  for (std::size_t j = 0; j < fields.size(); ++j) {
    if (fields[j] == Field::instance_id && ids[j] == 0) fields[j] = Field::unused;
    const Column& column = unnamed[j];
    if (column.holds_only_states() || (column.states > 0 && 2 * column.states >= column.filled))
      fields[j] = Field::state;
  }
  return fields;
}

class ColumnReader {
 public:
  ColumnReader(const InstanceRows& rows, std::string_view source) : rows_(rows), source_(source) {}

  Result<Listing> read() {
    in_columns_ = line_up();
    if (in_columns_) TRY(type_columns());
    listing_.nodes.reserve(rows_.list.size());
    for (const InstanceRow& row : rows_.list) {
      Node node;
      node.line = row.line;
      node.instance_id = rows_.cells[row.id];
      if (const auto problem = put_typed(node, row)) return bad_row(source_, row.line, *problem);
      listing_.nodes.push_back(std::move(node));
    }
    return std::move(listing_);
  }

 private:
  /// True if all records have as many cells right of the id, with or without the empty ones at the end.
  bool line_up() const {
    const Cells first = rows_.right(rows_.list.front());
    const auto all = [&](auto same) {
      return std::ranges::all_of(rows_.list, [&](const InstanceRow& row) { return same(rows_.right(row)); });
    };
    return all([&](Cells cells) { return cells.size() == first.size(); }) ||
           all([&](Cells cells) { return filled_count(cells) == filled_count(first); });
  }

  Result<void> type_columns() {
    std::vector<Column> columns;
    for (const InstanceRow& row : rows_.list) see_row(columns, rows_.right(row));
    ColumnFields typed = fields_of(columns);
    if (typed.ambiguous) {
      return bad_list(source_, rows_.list.front().line,
                      "several columns hold addresses and nothing says which is which; put the line of "
                      "column names on top of the list");
    }
    if (std::ranges::find(typed.fields, Field::state) == typed.fields.end()) TRY(refuse_foreign_state());
    if (!typed.have_address()) {
      TRY(refuse_slip(columns));
      if (std::ranges::all_of(columns, [](const Column& c) { return c.filled > 0; })) type_left_columns();
    }
    fields_ = std::move(typed.fields);
    return {};
  }

  /// The error if a column would hold addresses but for a slip in one of its cells.
  Result<void> refuse_slip(const std::vector<Column>& columns) const {
    const auto mostly = std::ranges::find_if(
        columns, [&](const Column& c) { return c.addresses > 0 && 2 * c.addresses >= rows_.list.size(); });
    if (mostly == columns.end()) return {};
    const auto place = static_cast<std::size_t>(mostly - columns.begin());
    const auto slip = std::ranges::find_if(rows_.list, [&](const InstanceRow& row) {
      const Cells cells = rows_.right(row);
      return place < cells.size() && !is_blank_cell(cells[place]) &&
             !is_address_field(field_of_content(cells[place]));
    });
    if (slip == rows_.list.end()) return {};
    return bad_list(source_, slip->line,
                    fmt::format("{} is no address, and the others in its column are; correct this line",
                                in_quotes(rows_.right(*slip)[place])));
  }

  /// The error if a cell may be a state in a language that is not known, as no column holds states.
  Result<void> refuse_foreign_state() const {
    const InstanceRow& first = rows_.list.front();
    for (const std::string_view cell : rows_.right(first)) {
      const bool foreign = std::ranges::any_of(cell, [](char c) { return (c & 0x80) != 0; });
      if (!foreign || is_blank_cell(cell)) continue;
      return bad_list(source_, first.line,
                      fmt::format("{} may be a state in a language that is not known here; set the console "
                                  "to English, or use `aws ec2 describe-instances --output json`",
                                  in_quotes(cell)));
    }
    return {};
  }

  /// `[PublicIpAddress, InstanceId]`: addresses left of the id, all different, and nowhere else to find one.
  void type_left_columns() {
    const std::size_t width = rows_.left(rows_.list.front()).size();
    std::vector<Column> columns;
    std::unordered_set<std::string_view> different;
    for (const InstanceRow& row : rows_.list) {
      const Cells cells = rows_.left(row);
      if (cells.size() != width) return;
      see_row(columns, cells);
      for (const std::string_view cell : cells) {
        if (!different.insert(cell).second && is_numeric_address(cell)) return;
      }
    }
    ColumnFields typed = fields_of(columns);
    if (typed.ambiguous || !typed.have_address()) return;
    left_fields_ = std::move(typed.fields);
    listing_.notes.emplace_back(
        "the addresses are taken from the left of the instance ids, as there are none to the right");
  }

  std::optional<std::string> put_typed(Node& node, const InstanceRow& row) const {
    const Cells left = rows_.left(row);
    if (!left_fields_.empty()) {
      if (auto problem = put_cells(node, left_fields_, left)) return problem;
    }
    for (const std::string_view cell : left_fields_.empty() ? left : Cells()) {
      if (is_blank_cell(cell)) continue;
      node.name.append(node.name.empty() ? "" : " ").append(cell);
    }
    return in_columns_ ? put_cells(node, fields_, rows_.right(row)) : put_by_content(node, rows_.right(row));
  }

  const InstanceRows& rows_;
  std::string_view source_;
  Listing listing_;
  bool in_columns_ = false;
  std::vector<Field> fields_;       ///< of the columns right of the id
  std::vector<Field> left_fields_;  ///< of those left of it; empty if they are the Name
};

bool is_plain_name(std::string_view cell) {
  return std::ranges::all_of(
      cell, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; });
}

/// The fields of a grid without ids and without header, or nothing if its rows do not line up, if an address
/// stands in a column of other cells, or if a single row, or one that only blanks divide, may be a sentence:
/// it holds words that are no name.
std::vector<Field> fields_by_content(const Grid& grid) {
  std::vector<Column> columns;
  for (std::size_t i = 0; i < grid.rows.size(); ++i) {
    if (grid.rows[i].count != grid.rows.front().count) return {};
    see_row(columns, grid.row(i));
  }
  ColumnFields typed = fields_of(columns);
  const bool may_be_sentence = grid.rows.size() == 1 || grid.separator == Separator::space;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Field field = typed.fields[i];
    if (!is_address_field(field) && columns[i].addresses > 0) return {};
    const bool word = field == Field::unknown || field == Field::unused || (field == Field::name && i > 0);
    if (field == Field::elastic_ip || (word && columns[i].filled > 0 && may_be_sentence)) return {};
  }
  for (std::size_t i = 0; may_be_sentence && typed.fields.front() == Field::name && i < grid.rows.size();
       ++i) {
    if (!is_plain_name(grid.row(i).front())) return {};
  }
  return typed.ambiguous || !typed.have_address() ? std::vector<Field>() : std::move(typed.fields);
}

}  // namespace

std::vector<Field> header_fields(std::span<const std::string_view> row) {
  std::vector<Field> fields;
  std::size_t known = 0;
  bool names_key = false;
  for (const std::string_view cell : row) {
    if (is_instance_id(cell) || is_numeric_address(cell) || looks_like_date(cell)) return {};
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
    if (std::ranges::any_of(row, [](auto cell) { return is_instance_id(cell) || is_numeric_address(cell); }))
      break;
  }
  return std::nullopt;
}

bool fits_header(const Grid& grid, std::size_t header) {
  const auto fields = header_fields(grid.row(header));
  const auto id = static_cast<std::size_t>(std::ranges::find(fields, Field::instance_id) - fields.begin());
  std::size_t fitting = 0;
  for (std::size_t i = header + 1; i < grid.rows.size(); ++i) {
    const auto row = grid.row(i);
    const bool has_id = id < row.size() && looks_like_instance_id(row[id]);
    const bool ids = std::ranges::any_of(row, is_instance_id);
    if (filled_count(row) <= fields.size() && filled_count(row) > 1 && (has_id || !ids)) ++fitting;
  }
  return 2 * fitting > grid.rows.size() - header - 1;
}

Result<Listing> read_by_header(const Grid& grid, std::size_t header, std::string_view source) {
  const std::vector<Field> fields = fields_below(grid, header);
  const bool has_ids = std::ranges::find(fields, Field::instance_id) != fields.end();
  return read_rows(grid, header + 1, source, [&](Node& node, Cells cells) -> std::optional<std::string> {
    for (std::size_t i = fields.size(); i < cells.size(); ++i) {
      if (!is_blank_cell(cells[i])) return in_quotes(cells[i]) + " stands under no column name";
    }
    auto problem = put_cells(node, fields, cells);
    if (!problem && has_ids && node.instance_id.empty()) problem = "there is no instance id in this row";
    return problem;
  });
}

Result<Listing> read_rows_without_ids(const Grid& grid, std::string_view source) {
  if (grid.rows.empty()) return bad_list(source, 0, "the list is empty");
  if (const auto header = find_header(grid)) return read_by_header(grid, *header, source);
  const std::vector<Field> fields = fields_by_content(grid);
  if (fields.size() < 2) {
    return bad_list(source, grid.rows.front().line,
                    "no column here holds addresses; put the line of column names on top of the list");
  }
  return read_rows(grid, 0, source, [&](Node& node, Cells cells) { return put_cells(node, fields, cells); });
}

Result<Listing> read_columns(const InstanceRows& rows, std::string_view source) {
  return ColumnReader(rows, source).read();
}

}  // namespace ec2mpi
