#include "src/cluster/read/readers.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <unordered_set>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/fields.hpp"

namespace ec2mpi {
namespace {

bool is_ipv4_field(Field field) {
  return field == Field::public_v4 || field == Field::private_v4 || field == Field::any_address;
}

/// What the cells of one column have in common.
struct Column {
  Field common = Field::unknown;
  std::size_t filled = 0, addresses = 0, numbers = 0, logins = 0;
  std::size_t states = 0;       ///< cells that are states under any name
  std::size_t state_words = 0;  ///< besides, words such as "on"
  std::size_t vague_words = 0;  ///< words such as "closed", which are states only beside one of these

  void see(std::string_view cell) {
    if (is_blank_cell(cell)) return;
    const Field field = field_of_content(cell);
    if (filled++ == 0) {
      common = field;
    } else if (field != common) {
      // Public and private addresses may share a column; each cell shows its own kind.
      common = is_ipv4_field(field) && is_ipv4_field(common) ? Field::any_address : Field::unknown;
    }
    if (is_address_field(field)) ++addresses;
    if (parse_number(cell)) ++numbers;
    if (cell.contains('@')) ++logins;
    if (field == Field::state) ++states;
    if (field == Field::state || field == Field::unknown) count_word(cell);
  }
  [[nodiscard]] bool holds_only_numbers() const { return filled > 0 && numbers == filled; }
  /// One state is enough: a word beside it that is not known could mean "stopped".
  [[nodiscard]] bool holds_states() const {
    return states > 0 || (state_words > 0 && state_words + vague_words == filled);
  }

 private:
  void count_word(std::string_view cell) {
    const auto word = state_word(leading_word(cell));
    if (word) ++(word->use == StateWord::Use::under_name ? vague_words : state_words);
  }
};

void see_row(std::vector<Column>& columns, Cells cells) {
  if (columns.size() < cells.size()) columns.resize(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) columns[i].see(cells[i]);
}

/// The fields of columns that have no names: each kind goes to the leftmost column of it; the console repeats
/// the public address as Elastic IP, so that two such columns must agree.
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
    if (field == Field::unknown && column.holds_states()) field = Field::state;
    if (field == Field::unknown && column.filled > 0) texts.push_back(out.fields.size());
    if (++count[field] > 1 && field != Field::any_address)
      field = field == Field::public_v4 || field == Field::unknown ? field : Field::unused;
    out.fields.push_back(field);
  }
  // A single column of other texts holds the names; of several, none differs from the others.
  if (texts.size() == 1) out.fields[texts.front()] = Field::name;
  const int mixed = count[Field::any_address];
  const int addresses = mixed + count[Field::public_v4] + count[Field::private_v4];
  // Only two columns of public addresses have a known reason: address and Elastic IP.
  out.ambiguous = count[Field::private_v4] > 1 || (mixed > 0 && addresses > 1);
  return out;
}

/// The error if a column may hold the codes of EC2's states, some of which do not run, and no other has
/// states.
Read<void> refuse_stopped_codes(const Table& table, std::span<const Field> fields) {
  struct Codes {
    bool only = true;
    std::string_view stopped;
  };
  if (std::ranges::find(fields, Field::state) != fields.end()) return {};
  std::vector<Codes> columns;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const Cells cells = table.row(i);
    columns.resize(std::max(columns.size(), cells.size()));
    for (std::size_t j = 0; j < cells.size(); ++j) {
      if (!columns[j].only || is_blank_cell(cells[j])) continue;
      // The codes have two digits: a longer number with the same low byte is a port or a count.
      const std::string_view name = cells[j].size() <= 2 ? name_of_state_code(cells[j]) : cells[j];
      columns[j].only = name != cells[j];
      // A column of zeros counts something.
      if (columns[j].only && columns[j].stopped.empty() && cells[j] != "0" && !state_word(name)->running)
        columns[j].stopped = cells[j];
    }
  }
  const auto found = std::ranges::find_if(columns, [](auto& c) { return c.only && !c.stopped.empty(); });
  if (found == columns.end()) return {};
  return refuse(table.rows.front().line, kStoppedCode, in_quotes(found->stopped));
}

/// Makes a node of each row from `first` on, but of none that repeats the header above. `put` stores the row
/// of that index in the node; it returns what is wrong with it.
template <class Put>
Read<Listing> read_rows(const Table& table, std::size_t first, Put put) {
  Listing out;
  out.nodes.reserve(table.rows.size());
  for (std::size_t i = first; i < table.rows.size(); ++i) {
    if (first > 0 && std::ranges::equal(table.row(i), table.row(first - 1))) continue;
    Node& node = out.nodes.emplace_back();
    node.line = table.rows[i].line;
    if (const Problem problem = put(node, i)) return refuse(node.line, kCorrectLine, *problem);
  }
  return out;
}

/// A word in letters of another language, which may say that a machine is stopped.
bool is_foreign(std::string_view cell) {
  return std::ranges::any_of(cell, [](char c) { return (c & 0x80) != 0; }) && !is_blank_cell(cell);
}

/// "i-0f7f74cf04..." -> "i-0f7f74cf04", which is no id, but shows that ids stand here.
std::string_view without_ellipsis(std::string_view cell) {
  return cell.substr(0, std::min(cell.find(".."), cell.find("\xE2\x80\xA6")));
}

/// The columns below a header by what their cells show too: ids that are none of EC2's are not used, states
/// are found under any name, and a column without a port or a number is not used.
struct ColumnsBelow {
  Cells heads;
  std::vector<Field> fields;
  std::vector<std::pair<std::size_t, std::size_t>> twins;  ///< columns of addresses that have one name
  LoginColumns logins;
  bool has_ids = false, has_states = false;

  ColumnsBelow(const Table& table, std::size_t header)
      : heads(table.row(header)), fields(header_fields(heads)) {
    struct Below {
      Column seen;
      bool ids = false;
    };
    std::vector<Below> below(fields.size());
    for (std::size_t i = header + 1; i < table.rows.size(); ++i) {
      const Cells row = table.row(i);
      if (std::ranges::equal(row, heads)) continue;
      for (std::size_t j = 0; j < row.size() && j < fields.size(); ++j) {
        auto& [seen, ids] = below[j];
        ids = ids || (fields[j] == Field::instance_id && looks_like_instance_id(without_ellipsis(row[j])));
        if (may_hold_states(fields[j])) seen.see(row[j]);
        see_login(logins, heads[j], fields[j], row[j], table.rows[i].line);
      }
    }
    std::map<std::string, std::size_t> named;
    for (std::size_t j = 0; j < fields.size(); ++j) {
      const auto& [seen, ids] = below[j];
      const auto [first, is_new] = named.emplace(squashed(heads[j]), j);
      if (!is_new && is_address_field(fields[j])) twins.emplace_back(first->second, j);
      if (means_something_else(j) || (fields[j] == Field::instance_id && !ids)) fields[j] = Field::unused;
      if (seen.holds_states()) fields[j] = Field::state;
      has_ids = has_ids || fields[j] == Field::instance_id;
      has_states = has_states || fields[j] == Field::state || fields[j] == Field::not_running;
    }
  }

  /// Cells that are no ports or numbers show it; of people, one whose name is no user's is enough.
  [[nodiscard]] bool means_something_else(std::size_t column) {
    const auto found = logins.find(heads[column]);
    if (found == logins.end() || found->second.misfit_line == 0) return false;
    if (found->second.field == Field::user) found->second.used = false;
    return !found->second.used;
  }

  /// Stores a row. It may not hold two machines side by side, nor its only public address under a name that
  /// is not known.
  [[nodiscard]] Problem put_row(Node& node, Cells cells) const {
    // A cell beyond the last name shows that the row has slipped sideways.
    for (std::size_t i = fields.size(); i < cells.size(); ++i) {
      if (!is_blank_cell(cells[i])) return fmt::format(kUnderNoName, in_quotes(cells[i]));
    }
    const std::size_t count = std::min(cells.size(), fields.size());
    for (std::size_t i = 0; !has_states && i < count; ++i) {
      if (fields[i] == Field::unknown && is_foreign(cells[i]))
        return fmt::format(kForeignWord, in_quotes(cells[i]));
    }
    if (auto problem = put_cells(node, fields, cells)) return problem;
    if (has_ids && node.instance_id.empty()) return std::string(kRowWithoutId);
    for (const auto& [first, second] : twins) {
      if (second < count && !is_blank_cell(cells[second]) && cells[first] != cells[second])
        return fmt::format(kTwins, in_quotes(heads[first]));
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (auto problem = find_unnamed_address(node, heads[i], fields[i], cells[i])) return problem;
    }
    return std::nullopt;
  }
};

/// True if all records have as many cells right of the id, with or without the empty ones at the end.
bool line_up(const Table& table) {
  const Cells first = table.right_of_id(0);
  bool equal = true, equally_filled = true;
  for (std::size_t i = 1; i < table.rows.size() && (equal || equally_filled); ++i) {
    const Cells cells = table.right_of_id(i);
    equal = equal && cells.size() == first.size();
    equally_filled = equally_filled && filled_count(cells) == filled_count(first);
  }
  return equal || equally_filled;
}

/// The error if a column would hold addresses but for a slip in one of its cells.
Read<void> refuse_slip(const Table& table, const std::vector<Column>& columns) {
  const auto mostly = std::ranges::find_if(
      columns, [&](const Column& c) { return c.addresses > 0 && 2 * c.addresses >= table.rows.size(); });
  const auto place = static_cast<std::size_t>(mostly - columns.begin());
  for (std::size_t i = 0; place < columns.size() && i < table.rows.size(); ++i) {
    const Cells cells = table.right_of_id(i);
    const std::string_view cell = place < cells.size() ? cells[place] : "";
    if (!is_blank_cell(cell) && !is_address_field(field_of_content(cell)))
      // Counted as people do, the id's own column too.
      return refuse(table.rows[i].line, kSlip, in_quotes(cell), table.rows[i].id + place + 2);
  }
  return {};
}

/// `[PublicIpAddress, InstanceId]`: addresses left of the id, all different. Nothing if there are none.
std::vector<Field> fields_left_of_id(const Table& table) {
  std::vector<Column> columns;
  std::unordered_set<std::string_view> different;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const Cells cells = table.left_of_id(i);
    if (cells.size() != table.rows.front().id) return {};
    see_row(columns, cells);
    for (const std::string_view cell : cells) {
      // An address that two rows share is not the address of a machine.
      if (!different.insert(cell).second && is_numeric_address(cell)) return {};
    }
  }
  ColumnFields typed = fields_of(columns);
  return typed.ambiguous || !typed.have_address() ? std::vector<Field>() : std::move(typed.fields);
}

/// The fields of the columns around the instance id.
struct FieldsAround {
  std::vector<Field> left;  ///< empty if the cells there are the Name
  std::vector<Field> right;
};

Read<FieldsAround> fields_around_id(const Table& table) {
  std::vector<Column> columns;
  for (std::size_t i = 0; i < table.rows.size(); ++i) see_row(columns, table.right_of_id(i));
  ColumnFields typed = fields_of(columns);
  if (typed.ambiguous) return refuse(table.rows.front().line, kManyAddressColumns);
  TRY(refuse_stopped_codes(table, typed.fields));
  FieldsAround out;
  if (!typed.have_address()) {
    TRY(refuse_slip(table, columns));
    // An empty column on the right may be that of the addresses; then the left has none.
    if (std::ranges::all_of(columns, [](const Column& c) { return c.filled > 0; }))
      out.left = fields_left_of_id(table);
  }
  out.right = std::move(typed.fields);
  return out;
}

/// Letters and digits of ASCII, dashes, underscores and dots alone; not an option of a command.
bool is_plain_name(std::string_view cell) {
  return !cell.starts_with('-') && std::ranges::all_of(cell, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

/// The fields of a table without ids and without header, or nothing if its rows do not line up, if an address
/// stands in a column of other cells, or if a single row, or one that only blanks divide, may be a sentence:
/// it holds words that are no name.
std::vector<Field> fields_by_content(const Table& table) {
  std::vector<Column> columns;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (table.rows[i].count != table.rows.front().count) return {};
    see_row(columns, table.row(i));
  }
  ColumnFields typed = fields_of(columns);
  const bool may_be_sentence = table.rows.size() == 1 || table.separator == Separator::space;
  // Beside a state or a type, a number is the code of a state, a count of cores or the like.
  const bool of_instances = std::ranges::any_of(
      typed.fields, [](Field field) { return field >= Field::type && field <= Field::launched; });
  const bool has_states = std::ranges::find(typed.fields, Field::state) != typed.fields.end();
  // Two columns of public addresses and no id: nothing shows which address is the machine's.
  if (std::ranges::count(typed.fields, Field::public_v4) > 1) return {};
  // "alice@203.0.113.11 alice@10.0.0.12": two logins are two machines.
  if (std::ranges::count_if(columns, [](const Column& c) { return c.logins > 0; }) > 1) return {};
  bool behind_address = false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Field field = typed.fields[i];
    if (!is_address_field(field) && columns[i].addresses > 0) return {};
    behind_address = behind_address || is_address_field(field);
    if (behind_address && columns[i].holds_only_numbers() && !of_instances) return {};  // ports? slots?
    const bool word = field == Field::unknown || field == Field::unused || (field == Field::name && i > 0);
    const bool may_be_state = !has_states && field == Field::unknown && !columns[i].holds_only_numbers();
    // "off" and "failed" are no names where the column may say how the machines are.
    if (!has_states && field == Field::name && columns[i].state_words + columns[i].vague_words > 0) return {};
    if (word && columns[i].filled > 0 && (may_be_sentence || may_be_state)) return {};
  }
  const bool named = may_be_sentence && typed.fields.front() == Field::name;
  for (std::size_t i = 0; named && i < table.rows.size(); ++i) {
    if (!is_plain_name(table.row(i).front())) return {};
  }
  return typed.ambiguous || !typed.have_address() ? std::vector<Field>() : std::move(typed.fields);
}

}  // namespace

std::optional<std::size_t> find_header(const Table& table) {
  for (std::size_t i = 0; i + 1 < table.rows.size(); ++i) {
    const Cells row = table.row(i);
    if (row.size() > 1 && !header_fields(row).empty()) return i;
    // After the first row with an id or an address, no header can follow.
    if (std::ranges::any_of(row, is_instance_id) || std::ranges::any_of(row, is_numeric_address)) break;
  }
  return std::nullopt;
}

bool fits_header(const Table& table, std::size_t header) {
  const auto fields = header_fields(table.row(header));
  const auto id = static_cast<std::size_t>(std::ranges::find(fields, Field::instance_id) - fields.begin());
  std::size_t fitting = 0;
  for (std::size_t i = header + 1; i < table.rows.size(); ++i) {
    const auto row = table.row(i);
    const bool has_id = id < row.size() && looks_like_instance_id(row[id]);
    const bool ids = std::ranges::any_of(row, is_instance_id);
    if (filled_count(row) <= fields.size() && filled_count(row) > 1 && (has_id || !ids)) ++fitting;
  }
  // Most rows must fit; otherwise the row above only looked like a header.
  return 2 * fitting > table.rows.size() - header - 1;
}

Read<Listing> read_by_header(const Table& table, std::size_t header) {
  const ColumnsBelow columns(table, header);
  auto listing = read_rows(
      table, header + 1, [&](Node& node, std::size_t row) { return columns.put_row(node, table.row(row)); });
  if (listing) TRY(note_unused(*listing, columns.logins));
  return listing;
}

Read<Listing> read_rows_without_ids(const Table& table) {
  if (table.rows.empty()) return refuse(0, kEmptyTable);
  if (const auto header = find_header(table)) return read_by_header(table, *header);
  const std::vector<Field> fields = fields_by_content(table);
  if (fields.size() < 2) return refuse(table.rows.front().line, kNoAddressColumn);
  TRY(refuse_stopped_codes(table, fields));
  return read_rows(table, 0,
                   [&](Node& node, std::size_t row) { return put_cells(node, fields, table.row(row)); });
}

Read<Listing> read_instances(const Table& table) {
  // In rows that do not line up, only the content of a cell says what it is.
  const bool in_columns = line_up(table);
  TRY_AS(fields, in_columns ? fields_around_id(table) : Read<FieldsAround>());
  auto listing = read_rows(table, 0, [&](Node& node, std::size_t i) -> Problem {
    node.instance_id = table.row(i)[table.rows[i].id];
    if (auto problem = put_cells(node, fields->left, table.left_of_id(i))) return problem;
    // Without addresses on the left, all cells there are the Name, as the splitter cut it.
    for (const std::string_view cell : fields->left.empty() ? table.left_of_id(i) : Cells()) {
      if (!is_blank_cell(cell)) node.name.append(node.name.empty() ? "" : " ").append(cell);
    }
    const Cells right = table.right_of_id(i);
    return in_columns ? put_cells(node, fields->right, right) : put_by_content(node, right);
  });
  if (!listing) return listing;
  if (!fields->left.empty()) listing->notes.emplace_back(kLeftAddresses);
  // Where a state was read, a word of another language is something else.
  const Cells cells = table.right_of_id(0);
  const auto foreign = std::ranges::find_if(cells, is_foreign);
  const bool stateless =
      std::ranges::all_of(listing->nodes, [](const Node& node) { return node.state.empty(); });
  if (stateless && foreign != cells.end())
    return refuse(table.rows.front().line, kForeignState, in_quotes(*foreign));
  return listing;
}

}  // namespace ec2mpi
