#include "ec2mpi/ops/series/result.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/utf8.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "ec2mpi/cluster/values/selection.hpp"

namespace ec2mpi::ops {

namespace {

using Row = std::vector<std::string>;

/// In the order of VariantState. JSON and CSV contain these words.
constexpr std::array<std::string_view, 7> kStates = {"waiting",   "queued", "running", "done",
                                                     "cancelled", "lost",   "refused"};
/// Characters of one cell of the table; CSV and JSON have the whole text.
constexpr std::size_t kWidestCell = 40;

/// The `=` of a `key=value`; keys look like names in programs, with dots and dashes.
std::optional<std::size_t> equals_of(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos) return std::nullopt;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  const auto key = text.substr(0, equals);
  // "--size=3" is an option that the program repeats, no result.
  return std::all_of(key.begin(), key.end(), fits) && key.front() != '-' ? std::optional(equals)
                                                                         : std::nullopt;
}

/// What one line says; empty if it is none of `key=value`.
Findings findings_of(std::string_view line) {
  Findings findings;
  for (const auto word : words(line)) {
    // One word without "=" makes the line a single pair, whose value may hold blanks.
    const auto equals = equals_of(word);
    if (!equals) {
      findings.clear();
      break;
    }
    findings.emplace_back(word.substr(0, *equals), word.substr(*equals + 1));
  }
  if (!findings.empty()) return findings;
  const auto text = trim(line);
  if (const auto equals = equals_of(text))
    findings.emplace_back(text.substr(0, *equals), trim(text.substr(*equals + 1)));
  return findings;
}

/// For a terminal: on one line and not too wide.
std::string cell(std::string_view text) {
  if (characters_in(text) <= kWidestCell) return printable(text);
  // in_quotes() shortens and escapes; a table needs no quotes.
  auto cut = in_quotes(text, kWidestCell - 3);
  return cut.substr(1, cut.size() - 2);
}

/// "0", "9", "queued", "lost".
std::string exit_text(const VariantResult& variant) {
  if (variant.state == VariantState::done && variant.exit) return std::to_string(*variant.exit);
  return std::string(state_name(variant.state));
}

std::string time_text(const VariantResult& variant) {
  if (!variant.seconds) return "";
  return format_duration(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(*variant.seconds)));
}

/// All keys in the order in which they appear first.
std::vector<std::string> keys_of(const SeriesResult& series) {
  std::vector<std::string> keys;
  for (const auto& variant : series) {
    for (const auto& [key, value] : variant.findings) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
  }
  return keys;
}

/// Empty for a variant that has no such key.
std::string value_of(const std::vector<std::pair<std::string, std::string>>& pairs, const std::string& key) {
  for (const auto& [name, value] : pairs) {
    if (name == key) return value;
  }
  return "";
}

/// By RFC 4180: in quotes if need be, and a quote within is doubled.
std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

void add_csv_row(std::string& csv, const Row& row) {
  for (std::size_t i = 0; i < row.size(); ++i) csv += (i == 0 ? "" : ",") + csv_cell(row[i]);
  csv += "\n";
}

}  // namespace

namespace {
/// Each number becomes "#", so reasons are equal that differ only in ranks, lines or addresses.
std::string without_numbers(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit)
      plain += c;
    else if (!plain.ends_with('#'))
      plain += '#';
  }
  return plain;
}
}  // namespace

/// Exit code and reason must agree: the same message with another code may have another cause.
std::optional<CommonFailure> common_failure(const SeriesResult& series, std::size_t least) {
  CommonFailure common;
  std::optional<int> exit;
  for (const auto& variant : series) {
    if (variant.state == VariantState::cancelled) ++common.unstarted;
    if (variant.state != VariantState::done) continue;
    // One success, or one failure without a reason, shows that there is no common fault. A job that
    // was cancelled or exceeded its limit has "-" (judge_end.sh).
    if (variant.succeeded() || variant.reason.empty() || variant.reason == "-") return std::nullopt;
    if (common.failed++ == 0) {
      common.reason = variant.reason;
      exit = variant.exit;
    }
    if (variant.exit != exit || without_numbers(variant.reason) != without_numbers(common.reason))
      return std::nullopt;
  }
  if (common.failed < least) return std::nullopt;
  return common;
}

std::string_view state_name(VariantState state) {
  return kStates[static_cast<std::size_t>(state)];
}

std::string node_names(const std::vector<std::string>& labels) {
  std::vector<int> indices;
  for (const auto& node : labels) {
    const auto number =
        node.starts_with("node") ? parse_number(std::string_view(node).substr(4)) : std::nullopt;
    // A name that is no nodeN cannot be folded into a range.
    if (!number || *number > 1'000'000) return some_of(labels, labels.size());
    indices.push_back(static_cast<int>(*number));
  }
  std::sort(indices.begin(), indices.end());
  if (indices.empty()) return "";
  return indices.size() == 1 ? labels.front() : fmt::format("node[{}]", fold_indices(indices));
}

Findings findings_at_end(std::string_view output) {
  const auto lines = split(output, '\n');
  std::vector<Findings> found;
  // From the end, up to the first line that holds no pair.
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (trim(*line).empty()) continue;
    auto findings = findings_of(*line);
    if (findings.empty()) break;
    found.push_back(std::move(findings));
  }
  Findings all;
  for (auto findings = found.rbegin(); findings != found.rend(); ++findings) {
    for (auto& [key, value] : *findings) {
      std::erase_if(all, [&](const auto& earlier) { return earlier.first == key; });
      all.emplace_back(key, std::move(value));
    }
  }
  return all;
}

std::vector<std::string> aligned(const std::vector<Row>& rows, const std::vector<bool>& right) {
  std::vector<std::size_t> widths(right.size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], characters_in(row[i]));
  }
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string gap(widths[i] - characters_in(row[i]), ' ');
      line += (i == 0 ? "" : "  ") + (right[i] ? gap + row[i] : row[i] + gap);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
  return lines;
}

/// Parameters have no columns here: the variants' names hold them.
std::vector<std::string> table_lines(const SeriesResult& series) {
  const auto keys = keys_of(series);
  std::vector<Row> rows{{"variant", "nodes", "time", "exit"}};
  std::vector<bool> right{false, false, true, true};
  for (const auto& key : keys) {
    rows.front().push_back(cell(key));
    right.push_back(true);
  }
  for (const auto& variant : series) {
    Row row{cell(variant.id), node_names(variant.nodes), time_text(variant), exit_text(variant)};
    for (const auto& key : keys) row.push_back(cell(value_of(variant.findings, key)));
    rows.push_back(std::move(row));
  }
  return aligned(rows, right);
}

std::vector<std::vector<std::string>> result_rows(const SeriesResult& series) {
  std::vector<std::string> names;
  // All variants of a series have the same parameters.
  if (!series.empty()) {
    for (const auto& [name, value] : series.front().parameters) names.push_back(name);
  }
  Row titles{"variant"};
  titles.insert(titles.end(), names.begin(), names.end());
  for (const auto* title : {"state", "nodes", "seconds", "exit"}) titles.emplace_back(title);
  std::set<std::string> taken(titles.begin(), titles.end());
  const auto keys = keys_of(series);
  // A program may print a key that has the name of one of our columns.
  for (const auto& key : keys) titles.push_back(taken.insert(key).second ? key : "out." + key);
  std::vector<Row> rows = {std::move(titles)};
  for (const auto& variant : series) {
    Row row{variant.id};
    for (const auto& name : names) row.push_back(value_of(variant.parameters, name));
    row.emplace_back(state_name(variant.state));
    row.push_back(join(variant.nodes, " "));
    row.push_back(variant.seconds ? fmt::format("{:.2f}", *variant.seconds) : "");
    row.push_back(variant.exit ? std::to_string(*variant.exit) : "");
    for (const auto& key : keys) row.push_back(value_of(variant.findings, key));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string csv_text(const SeriesResult& series) {
  std::string csv;
  for (const auto& row : result_rows(series)) add_csv_row(csv, row);
  return csv;
}

/// ordered_json keeps the order of the fields, which people read from top to bottom.
std::string json_text(const std::string& name, const SeriesResult& series) {
  using Json = nlohmann::ordered_json;
  const auto object = [](const auto& pairs) {
    auto json = Json::object();
    for (const auto& [key, value] : pairs) json[key] = value;
    return json;
  };
  auto variants = Json::array();
  for (const auto& variant : series) {
    Json json = {{"variant", variant.id},
                 {"parameters", object(variant.parameters)},
                 {"state", std::string(state_name(variant.state))},
                 {"nodes", variant.nodes}};
    // null rather than a missing field, so all variants have the same fields.
    json["seconds"] = variant.seconds ? Json(std::round(*variant.seconds * 1000) / 1000) : Json();
    json["exit"] = variant.exit ? Json(*variant.exit) : Json();
    json["results"] = object(variant.findings);
    if (!variant.trouble.empty()) json["error"] = variant.trouble;
    variants.push_back(std::move(json));
  }
  const Json document = {{"series", name}, {"variants", std::move(variants)}};
  // A job may have printed bytes that are no UTF-8, for which dump() would throw.
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// A job that ended with another status than 0 counts as failed.
std::string tally(const SeriesResult& series) {
  std::map<int, std::size_t>
      counts;  // in the reader's order: done, failed, then the jobs that still have to run
  static constexpr std::array<std::string_view, 7> kNames = {"done",    "failed",  "cancelled", "lost",
                                                             "refused", "running", "queued"};
  for (const auto& variant : series) {
    switch (variant.state) {
      case VariantState::done:
        ++counts[variant.succeeded() ? 0 : 1];
        break;
      case VariantState::cancelled:
        ++counts[2];
        break;
      case VariantState::lost:
        ++counts[3];
        break;
      case VariantState::refused:
        ++counts[4];
        break;
      case VariantState::running:
        ++counts[5];
        break;
      case VariantState::waiting:
      case VariantState::queued:
        ++counts[6];
        break;
    }
  }
  std::string text;
  for (const auto& [which, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, kNames[static_cast<std::size_t>(which)]);
  return text;
}

}  // namespace ec2mpi::ops
