#include "ec2mpi/cluster/read/formats.hpp"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/host_list.hpp"
#include "src/cluster/read/json_list.hpp"
#include "src/cluster/read/lines.hpp"
#include "src/cluster/read/table_readers.hpp"
#include "src/cluster/read/tagged_text.hpp"
#include "src/cluster/read/unsupported_formats.hpp"

namespace ec2mpi {
namespace {

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
    const auto table = split_table(beginning(text), separator, "");
    if (table && find_header(*table)) return separator;
  }
  return std::nullopt;
}

/// A table with a header is read by it, whatever made its rows.
std::optional<Result<Listing>> read_headed(std::optional<Result<Table>> table, std::string_view source) {
  if (!table) return std::nullopt;
  if (!*table) return std::unexpected(table->error());
  return read_by_header(**table, 0, source);
}

/// The table below a header, if there is one that most rows fit.
std::optional<Result<Listing>> read_below_header(std::string_view text, std::string_view source) {
  if (const auto separator = separator_of_header(text)) {
    TRY_AS(table, split_table(text, *separator, source));
    const auto header = find_header(*table);
    if (header && fits_header(*table, *header)) return read_by_header(*table, *header, source);
  }
  return read_headed(split_under_heads(text, source), source);
}

/// A table without header: instance ids tell where the rows are.
Result<Listing> read_at_ids(std::string_view text, std::string_view source) {
  TRY_AS(table, split_by_ids(text, source));
  if (auto page = read_headed(rows_below_labels(*table, source), source)) return std::move(*page);
  TRY_AS(rows, cut_at_ids(std::move(*table), source));
  return read_instances(*rows, source);
}

/// Lines of comments that hold an instance id: not read, and worth a note.
std::vector<int> commented_ids(std::string_view text) {
  std::vector<int> out;
  if (text.find('#') == std::string_view::npos) return out;
  for_each_line(text, [&](std::string_view line, int number) {
    const std::size_t first = line.find_first_not_of(" \t");
    if (first != std::string_view::npos && line[first] == '#' && holds_instance_id(line))
      out.push_back(number);
  });
  return out;
}

/// A table with a header, or with instance ids. Nothing if `text` is no such table.
std::optional<Result<Listing>> read_table(std::string_view text, std::string_view source) {
  auto listing = read_below_header(text, source);
  const bool ids = holds_instance_id(text);
  if (!listing && ids) listing = read_at_ids(text, source);
  if (!listing || !*listing || !ids) return listing;
  if (const auto lines = commented_ids(text); !lines.empty()) {
    (*listing)->notes.push_back(fmt::format("commented out: {}", lines_text(lines)));
  }
  return listing;
}

/// The first line has tabs and an instance id, so it is a row, whatever its Name looks like ("{a}", "key:
/// value").
bool begins_with_row(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  return line.find('\t') != std::string_view::npos && holds_instance_id(line);
}

/// The line of a header that names one column, and what its name allows below.
std::optional<HostListFormat> header_of_one_column(std::string_view text) {
  std::optional<HostListFormat> form;
  bool first = true;
  for_each_line(text.substr(0, 4096), [&](std::string_view line, int number) {
    line = trim(line);
    if (!first || line.empty() || line.front() == '#') return;
    first = false;
    const Field field = field_of_column(line);
    if (is_address_field(field)) {
      form = HostListFormat{field == Field::host ? BareWords::allowed : BareWords::refused, number};
    }
  });
  return form;
}

/// Hosts, or else rows of a table that names no columns; if it is neither, the error of the hosts.
Result<Listing> read_hosts_or_rows(std::string_view text, std::string_view source) {
  const auto form = header_of_one_column(text);
  auto hosts = read_host_list(text, source, form.value_or(HostListFormat{}));
  if (hosts && form) {
    hosts->notes.push_back(fmt::format("line {} is taken as the name of the column", form->header_line));
  }
  if (hosts) return hosts;
  const auto table = split_table(text, separators_in(text).front(), source);
  auto rows = table ? read_rows_without_ids(*table, source) : Result<Listing>(std::unexpected(table.error()));
  return rows ? std::move(rows) : std::move(hosts);
}

}  // namespace

Result<Listing> read_listing(std::string_view text, std::string_view source) {
  if (trim(text).empty()) {
    return bad_list(
        source, 0,
        "the list is empty; paste the instances of the EC2 console into it, or write one address a line");
  }
  if (!begins_with_row(text)) {
    if (begins_as_json(text)) return read_json_list(text, source);
    if (const auto reason = why_unsupported(text)) return bad_list(source, 1, *reason);
  }
  // Before the tables, for its lines hold tabs, too.
  if (is_tagged_text(text)) return read_tagged_text(text, source);
  if (auto table = read_table(text, source)) return std::move(*table);
  return read_hosts_or_rows(text, source);
}

}  // namespace ec2mpi
