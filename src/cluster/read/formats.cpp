#include "ec2mpi/cluster/read/listing.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "ec2mpi/base/pattern.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/comments.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/json_list.hpp"
#include "src/cluster/read/readers.hpp"

namespace ec2mpi {
namespace {

enum class Of { text, json };

struct UnsupportedFormat {
  Of of;
  std::string_view sign;
  std::string_view format;
  std::string_view advice;

  [[nodiscard]] std::string message() const { return fmt::format("{}; {}", format, advice); }
};

constexpr UnsupportedFormat kUnsupportedFormats[] = {
#include "src/cluster/read/unsupported_formats.inc"
};

/// The first lines that are neither blank nor comments, trimmed and in lower case, each after a line break.
std::string first_lines(std::string_view text) {
  constexpr std::size_t kEnough = std::size_t{16} << 10U;
  std::string out;
  for_each_line(text.substr(0, kEnough), [&](std::string_view line, int) {
    line = trim(line);
    if (!line.empty() && line.front() != '#') out.append("\n").append(line);
  });
  return lower_case(out);
}

/// True if `text` begins like JSON, and not like the `[group]` of an INI file, `[host]:22` or Python's print.
bool begins_as_json(std::string_view text) {
  text = trim(text);
  if (!text.starts_with('{') && !text.starts_with('[')) return false;
  while (text.starts_with('[')) text = trim(text.substr(1));
  // "{a}" may be the Name of an instance; an object of JSON begins with a quoted key.
  if (text.starts_with('{')) {
    text = trim(text.substr(1));
    return text.empty() || text.front() == '"' || text.front() == '}';
  }
  constexpr std::size_t kLongest = 64;
  const std::string_view word = text.substr(0, std::min(text.find_first_of(" \t\n,]"), kLongest));
  if (word.empty() || word == "null" || word == "true" || word == "false") return true;
  // "[::1]" and "[10.0.0.1]" are hosts of a plain list.
  const bool number = is_digit(word.front()) && !word.contains(':') && std::ranges::count(word, '.') < 2;
  return number || word.front() == '"' || word.front() == '-';
}

/// If `text` has a known format that is not read: which one, and how to get a format that is read. Looks at
/// the first lines only.
std::optional<std::string> why_unsupported(std::string_view text) {
  const std::string lines = first_lines(text);
  if (lines.empty()) return std::nullopt;
  const std::string_view label = std::string_view(lines).substr(1, lines.find(':') - 1);
  // A line that begins with an id is a row, whatever follows its colon.
  if (is_instance_id(label)) return std::nullopt;
  for (const UnsupportedFormat& format : kUnsupportedFormats) {
    if (format.of == Of::text && begins_as(lines, format.sign)) return format.message();
  }
  if (label.size() + 2 < lines.size() && lines[label.size() + 2] == ' ' &&
      field_of_label(label) != Field::unknown)
    return UnsupportedFormat{Of::text, "", "lines of labels and values are not read", kInstances}.message();
  return std::nullopt;
}

/// The format of which a key stands in an object, in the first one of a list, or up to `depth` levels inside
/// an object that is no instance itself.
const UnsupportedFormat* find_unsupported(const JsonTape& tape, std::size_t value, int depth) {
  const bool list = tape.is_array(value) && tape.at(value).end > value + 1;
  const std::size_t object = list ? value + 1 : value;
  if (!tape.is_object(object) || (!list && depth == 0)) return nullptr;
  for (const std::size_t child : tape.inside(object)) {
    const auto* const format = std::ranges::find_if(kUnsupportedFormats, [&](const UnsupportedFormat& known) {
      return known.of == Of::json && known.sign == tape.key(child);
    });
    if (format != std::end(kUnsupportedFormats)) return format;
  }
  if (list || signs_of_record(tape, object).has_id) return nullptr;
  for (const std::size_t child : tape.inside(object)) {
    if (const auto* format = find_unsupported(tape, child, depth - 1)) return format;
  }
  return nullptr;
}

/// The whole lines at the beginning, enough to see a header.
std::string_view beginning(std::string_view text) {
  constexpr std::size_t kEnough = 8192;
  const std::string_view start = text.substr(0, kEnough);
  return start.size() < text.size() ? start.substr(0, start.rfind('\n')) : start;
}

/// A table with a header is read by it, whatever made its rows.
std::optional<Read<Listing>> read_headed(std::optional<Read<Table>> table) {
  if (!table) return std::nullopt;
  if (!*table) return std::unexpected(table->error());
  return read_by_header(**table, 0);
}

/// True if the first line names columns with this separator between them, whatever its quotes are.
bool begins_with_header(std::string_view text, Separator separator) {
  std::string line(trim(text).substr(0, trim(text).find('\n')));
  std::erase(line, '"');
  const auto table = split_table(line, separator);
  return table && !table->rows.empty() && table->rows.front().count > 1 &&
         !header_fields(table->row(0)).empty();
}

/// The table below a header, if there is one that most rows fit: by the first separator with which a row at
/// the beginning is a row of labels, else by the places of the labels.
std::optional<Read<Listing>> read_below_header(std::string_view text) {
  for (const Separator separator : separators_in(beginning(text))) {
    if (separator >= Separator::wide) continue;
    auto sample = split_table(beginning(text), separator);
    // The beginning may end within a quoted cell.
    if (!sample) sample = split_table(text, separator);
    if (!sample && begins_with_header(text, separator)) return std::unexpected(sample.error());
    if (!sample || !find_header(*sample)) continue;
    TRY_AS(table, split_table(text, separator));
    const auto header = find_header(*table);
    if (header && fits_header(*table, *header)) return read_by_header(*table, *header);
    break;
  }
  return read_headed(split_under_heads(text));
}

/// A table without header: instance ids tell where the rows are.
Read<Listing> read_at_ids(std::string_view text) {
  TRY_AS(table, split_by_ids(text));
  if (auto page = read_headed(rows_below_labels(*table))) return std::move(*page);
  TRY_AS(rows, cut_at_ids(std::move(*table)));
  return read_instances(*rows);
}

/// Lines of comments that hold an instance id are not read, which is worth a note.
void note_commented_ids(Listing& listing, std::string_view text) {
  std::vector<int> lines;
  for_each_line(text.contains('#') ? text : "", [&](std::string_view line, int number) {
    if (trim(line).starts_with('#') && holds_instance_id(line)) lines.push_back(number);
  });
  if (!lines.empty()) listing.notes.push_back(fmt::format(kCommentedOut, lines_text(lines)));
}

/// A table with a header, or with instance ids. Nothing if `text` is no such table.
std::optional<Read<Listing>> read_table(std::string_view text) {
  auto listing = read_below_header(text);
  const bool ids = holds_instance_id(text);
  if (!listing && ids) listing = read_at_ids(text);
  if (ids && listing && *listing) note_commented_ids(**listing, text);
  return listing;
}

/// The first line has tabs and an instance id, so it is a row, whatever its Name looks like ("{a}", "key:
/// value").
bool begins_with_row(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  return line.contains('\t') && holds_instance_id(line);
}

/// The line of a header that names one column, and what its name allows below.
std::optional<HostListFormat> header_of_one_column(std::string_view text) {
  std::optional<HostListFormat> form;
  bool first = true;
  for_each_line(text.substr(0, 4096), [&](std::string_view line, int number) {
    line = trim(line);
    if (line.empty() || line.front() == '#' || !std::exchange(first, false)) return;
    const Field field = field_of_column(line);
    if (!is_address_field(field)) return;
    form = HostListFormat{field == Field::host ? BareWords::allowed : BareWords::refused, number};
  });
  return form;
}

/// Hosts, or else rows of a table that names no columns; if it is neither, the error of the hosts.
Read<Listing> read_hosts_or_rows(std::string_view text) {
  const auto form = header_of_one_column(text);
  auto hosts = read_host_list(text, form.value_or(HostListFormat{}));
  if (hosts && form) hosts->notes.push_back(fmt::format(kColumnName, form->header_line));
  if (hosts) return hosts;
  const auto table = split_table(text, separators_in(text).front());
  // A wrong quote in a CSV is the cause of whatever else is wrong with it.
  if (!table) return std::unexpected(table.error());
  auto rows = read_rows_without_ids(*table);
  return rows ? std::move(rows) : std::move(hosts);
}

/// Pages may stand one behind the other; only the last one has no token then.
bool is_cut_by_pages(const JsonTape& tape) {
  std::optional<std::size_t> last;
  for (const std::size_t root : tape.roots()) last = root;
  if (!last || !tape.is_object(*last)) return false;
  const auto token = tape.member(*last, "NextToken");
  return token && tape.is_string(*token) && !tape.text(*token).empty();
}

/// The first format that the text shows is that of the list.
Read<Listing> read_text(std::string_view text) {
  if (trim(text).empty()) return refuse(0, kEmptyText);
  if (!begins_with_row(text)) {
    if (begins_as_json(text)) return read_json_list(text);
    if (const auto reason = why_unsupported(text)) return refuse(1, "{}", *reason);
  }
  if (auto comment = find_foreign_comment(text)) return std::unexpected(std::move(*comment));
  // Before the tables, for its lines hold tabs, too.
  if (is_tagged_text(text)) return read_tagged_text(text);
  if (auto table = read_table(text)) return std::move(*table);
  return read_hosts_or_rows(text);
}

}  // namespace

std::optional<std::string> why_json_unsupported(const JsonTape& tape) {
  if (is_cut_by_pages(tape))
    return UnsupportedFormat{Of::json, "",
                             "this is only the first part of an answer, and NextToken leads to the rest",
                             "aws ec2 describe-instances without --max-items and --no-paginate prints all"}
        .message();
  for (const std::size_t root : tape.roots()) {
    // A reply shows its kind at the beginning; a million values are not searched.
    if (root >= 1000) break;
    if (const auto* format = find_unsupported(tape, root, 2)) return format->message();
  }
  return std::nullopt;
}

Result<Listing> read_listing(std::string_view text, std::string_view source) {
  auto listing = read_text(text);
  if (!listing) return bad_list(source, listing.error().line, listing.error().problem);
  return std::move(*listing);
}

}  // namespace ec2mpi
