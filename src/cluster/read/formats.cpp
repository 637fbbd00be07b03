#include "ec2mpi/cluster/read/listing.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
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

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '-' || c == '.';
}

/// How many of the signs at the start of `text` a mark of a pattern takes; nothing if it does not fit.
/// unsupported_formats.inc describes the marks; any other sign takes itself.
std::optional<std::size_t> length_of_mark(char mark, std::string_view text) {
  const auto run = [&](auto test) {
    return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), test) - text.begin());
  };
  const std::size_t blanks = run([](char c) { return c == ' ' || c == '\t'; });
  const bool digit = !text.empty() && is_digit(text.front());
  std::size_t length = !text.empty() && text.front() == mark ? 1 : 0;
  if (mark == '~') return blanks;
  if (mark == '$') return text.empty() || text.front() == '\n' ? std::optional<std::size_t>(0) : std::nullopt;
  if (mark == ' ') length = blanks;
  if (mark == '%') length = digit ? 0 : run(is_name_character);
  if (mark == '#') length = digit ? run([](char c) { return is_digit(c) || c == ',' || c == '-'; }) : 0;
  if (mark == '&') length = run([](char c) { return c != ' ' && c != '\t' && c != '\n'; });
  return length > 0 ? std::optional(length) : std::nullopt;
}

/// True if `text` begins as the pattern says.
bool fits(std::string_view text, std::string_view pattern) {
  for (; !pattern.empty(); pattern.remove_prefix(1)) {
    if (pattern.front() == '*') {
      // Any text: each place where the next literal stands is tried.
      pattern.remove_prefix(1);
      const std::string_view next = pattern.substr(0, pattern.find_first_of("%#&~$ *"));
      for (std::size_t at = text.find(next); at < text.size(); at = text.find(next, at + 1)) {
        if (fits(text.substr(at), pattern)) return true;
      }
      return false;
    }
    const auto length = length_of_mark(pattern.front(), text);
    if (!length) return false;
    text.remove_prefix(*length);
  }
  return true;
}

/// The first lines that are neither blank nor comments, trimmed and in lower case, each after a line break.
std::string first_lines(std::string_view text) {
  constexpr std::size_t kEnough = std::size_t{16} << 10U;
  std::string out;
  for_each_line(text.substr(0, kEnough), [&](std::string_view line, int) {
    line = trim(line);
    if (!line.empty() && line.front() != '#') out.append("\n").append(line);
  });
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
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
    if (format.of == Of::text && fits(lines, format.sign)) return format.message();
  }
  if (label.size() + 2 < lines.size() && lines[label.size() + 2] == ' ' &&
      field_of_label(label) != Field::unknown)
    return UnsupportedFormat{Of::text, "", "lines of labels and values are not read", kInstances}.message();
  return std::nullopt;
}

/// The whole lines at the beginning, enough to see a header.
std::string_view beginning(std::string_view text) {
  constexpr std::size_t kEnough = 8192;
  const std::string_view start = text.substr(0, kEnough);
  return start.size() < text.size() ? start.substr(0, start.rfind('\n')) : start;
}

/// The separator with which a row at the beginning is a row of labels.
std::optional<Separator> separator_of_header(std::string_view text) {
  for (const Separator separator : separators_in(beginning(text))) {
    if (separator >= Separator::wide) break;
    const auto table = split_table(beginning(text), separator);
    if (table && find_header(*table)) return separator;
  }
  return std::nullopt;
}

/// A table with a header is read by it, whatever made its rows.
std::optional<Read<Listing>> read_headed(std::optional<Read<Table>> table) {
  if (!table) return std::nullopt;
  if (!*table) return std::unexpected(table->error());
  return read_by_header(**table, 0);
}

/// The table below a header, if there is one that most rows fit.
std::optional<Read<Listing>> read_below_header(std::string_view text) {
  if (const auto separator = separator_of_header(text)) {
    TRY_AS(table, split_table(text, *separator));
    const auto header = find_header(*table);
    if (header && fits_header(*table, *header)) return read_by_header(*table, *header);
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

/// Lines of comments that hold an instance id: not read, and worth a note.
std::vector<int> commented_ids(std::string_view text) {
  std::vector<int> out;
  if (!text.contains('#')) return out;
  for_each_line(text, [&](std::string_view line, int number) {
    if (trim(line).starts_with('#') && holds_instance_id(line)) out.push_back(number);
  });
  return out;
}

/// A table with a header, or with instance ids. Nothing if `text` is no such table.
std::optional<Read<Listing>> read_table(std::string_view text) {
  auto listing = read_below_header(text);
  const bool ids = holds_instance_id(text);
  if (!listing && ids) listing = read_at_ids(text);
  if (!listing || !*listing || !ids) return listing;
  if (const auto lines = commented_ids(text); !lines.empty())
    (*listing)->notes.push_back(fmt::format(kCommentedOut, lines_text(lines)));
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
  auto rows = table ? read_rows_without_ids(*table) : Read<Listing>(std::unexpected(table.error()));
  return rows ? std::move(rows) : std::move(hosts);
}

/// The first format that the text shows is that of the list.
Read<Listing> read_text(std::string_view text) {
  if (trim(text).empty()) return refuse(0, kEmptyText);
  if (!begins_with_row(text)) {
    if (begins_as_json(text)) return read_json_list(text);
    if (const auto reason = why_unsupported(text)) return refuse(1, "{}", *reason);
  }
  // Before the tables, for its lines hold tabs, too.
  if (is_tagged_text(text)) return read_tagged_text(text);
  if (auto table = read_table(text)) return std::move(*table);
  return read_hosts_or_rows(text);
}

}  // namespace

std::optional<std::string> why_json_unsupported(const JsonTape& tape) {
  const UnsupportedFormat* found = nullptr;
  const auto look_at = [&](std::size_t object) {
    if (found != nullptr || !tape.is_object(object)) return;
    for (const std::size_t child : tape.inside(object)) {
      const auto format = std::ranges::find_if(kUnsupportedFormats, [&](const UnsupportedFormat& known) {
        return known.of == Of::json && known.sign == tape.key(child);
      });
      if (found == nullptr && format != std::end(kUnsupportedFormats)) found = format;
    }
  };
  const auto look_into = [&](std::size_t list) {
    if (tape.is_array(list) && tape.at(list).end > list + 1) look_at(list + 1);
  };
  // A reply shows its kind at the beginning; a million values are not searched.
  for (const std::size_t root : tape.roots()) {
    if (root >= 1000 || found != nullptr) break;
    look_at(root);
    look_into(root);
    if (!tape.is_object(root) || signs_of_record(tape, root).has_id) continue;
    for (const std::size_t child : tape.inside(root)) {
      look_at(child);
      look_into(child);
      if (!tape.is_object(child)) continue;
      for (const std::size_t inner : tape.inside(child)) look_into(inner);
    }
  }
  return found == nullptr ? std::nullopt : std::optional(found->message());
}

Result<Listing> read_listing(std::string_view text, std::string_view source) {
  return with_source(read_text(text), source);
}

}  // namespace ec2mpi
