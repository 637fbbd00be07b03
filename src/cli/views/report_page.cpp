#include "ec2mpi/cli/views/report_page.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <algorithm>
#include <ctime>
#include <set>
#include <span>

#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/utf8.hpp"
#include "ec2mpi/cli/views/job_json.hpp"
#include "ec2mpi/ops/series/scaling.hpp"
#include "src/cli/views/programs.hpp"

namespace ec2mpi::cli {

namespace {

/// Parts are cut so that the page stays below 1 MB, whatever a job prints: an escaped byte takes up to six.
constexpr std::size_t kMostTable = 150'000;    // bytes of one of the two tables
constexpr std::size_t kMostScaling = 60'000;   // bytes; a size takes 400
constexpr std::size_t kMostNetwork = 32;       // nodes, of which the picture takes 470,000 bytes
constexpr std::size_t kMostOutputs = 100'000;  // bytes of all outputs together
constexpr std::size_t kMostColumns = 40;
constexpr std::size_t kLongestCell = 500;
constexpr std::size_t kLongestLine = 2'000;
constexpr const char* kTooLarge = "The picture is too large for this page.";

/// For text and for quoted attributes. XML allows no control characters, not even escaped ones, so
/// printable() comes first.
std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

/// At a whole character: half of one would make the page invalid.
std::string cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  while (most > 0 && !begins_character(text[most])) --most;
  return std::string(text.substr(0, most)) + "...";
}

/// Of hexadecimal digits, four bits each.
std::string base64(std::string_view hex) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  unsigned bits = 0;
  int count = 0;
  for (const char digit : hex) {
    bits = bits << 4U | static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    for (count += 4; count >= 6; count -= 6) text += kDigits[bits >> static_cast<unsigned>(count - 6) & 63U];
  }
  if (count > 0) text += kDigits[bits << static_cast<unsigned>(6 - count) & 63U];
  while (text.size() % 4 != 0) text += '=';
  return text;
}

/// Only this text of a script or a style is applied.
std::string source_hash(std::string_view text) {
  return "'sha256-" + base64(sha256(text)) + "'";
}

/// In the time zone of this machine; empty for 0, which stands for an unknown time.
std::string time_of(std::int64_t seconds) {
  if (seconds == 0) return {};
  const std::time_t time = seconds;
  std::tm local{};
  if (::localtime_r(&time, &local) == nullptr) return {};
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

/// Empty for a job that runs, and for times that a changed clock has turned around.
std::string duration_of(const ops::JobRecord& job) {
  if (job.started == 0 || job.ended < job.started) return {};
  return format_duration(std::chrono::seconds(job.ended - job.started));
}

std::string heading(std::string_view text) {
  return fmt::format("<h2>{}</h2>\n", escaped(text));
}

std::string note(std::string_view text) {
  return fmt::format("<p>{}</p>\n", escaped(text));
}

using Rows = std::vector<std::vector<std::string>>;

/// `bad` colours the row; sorting by a column keeps the colour.
std::string table_row(const std::vector<std::string>& cells, const char* tag, bool bad = false) {
  std::string row = bad ? "<tr class=\"bad\">" : "<tr>";
  // A program of the user's decides how many columns a result has.
  for (const auto& cell : std::span(cells).first(std::min(cells.size(), kMostColumns)))
    // Cut before it is escaped: half an entity would make the page invalid.
    row += fmt::format("<{0}>{1}</{0}>", tag, escaped(cut(cell, kLongestCell)));
  return row + "</tr>\n";
}

/// The first row has the titles; `bad` are the numbers of the rows of failures.
std::string sortable_table(const Rows& rows, const std::set<std::size_t>& bad) {
  std::string text = "<div class=\"wide\"><table class=\"sortable\"><thead>\n" +
                     table_row(rows.front(), "th") + "</thead><tbody>\n";
  std::size_t shown = 1;
  for (; shown < rows.size(); ++shown) {
    const auto row = table_row(rows[shown], "td", bad.contains(shown));
    // Whole rows only; the page says how many are missing.
    if (text.size() + row.size() > kMostTable) break;
    text += row;
  }
  text += "</tbody></table></div>\n";
  if (shown < rows.size()) text += note(fmt::format("{} left out", count_of(rows.size() - shown, "row")));
  if (const auto columns = rows.front().size(); columns > kMostColumns)
    text += note(fmt::format("{} left out", count_of(columns - kMostColumns, "column")));
  return text;
}

/// Names and values.
std::string settings_table(const Rows& rows) {
  std::string text = "<div class=\"wide\"><table>\n";
  for (const auto& row : rows)
    // A setting without a value has no row.
    if (!row[1].empty())
      text += fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", escaped(row[0]),
                          escaped(cut(row[1], 4 * kLongestCell)));
  return text + "</table></div>\n";
}

bool is_bad(const ops::JobRecord& job) {
  return job.is_over() && !job.succeeded();
}

std::string outcome_line(const ops::JobRecord& job) {
  return fmt::format("<p class=\"{}\">{}</p>\n",
                     job.succeeded() ? "good"
                     : is_bad(job)   ? "bad"
                                     : "",
                     escaped(outcome_of(job)));
}

std::string swept_text(const ops::JobRecord& job) {
  std::vector<std::string> parts;
  for (const auto& [node, swept] : job.swept)
    if (!swept.ended.empty() || !swept.left.empty()) parts.push_back(node + ": " + swept.describe());
  for (const auto& [node, why] : job.not_swept) parts.push_back(node + ": not looked at: " + why);
  return join(parts, "; ");
}

/// The outcome first, then the facts of the job; rows without a value are left out.
std::string job_section(const ops::JobRecord& job, const std::string& cost) {
  return outcome_line(job) + heading("Settings and times") +
         settings_table({{"command", job.command},
                         {"ranks", job.np > 0 ? std::to_string(job.np) : ""},
                         {"nodes", job.nodes},
                         {"MPI", job.mpi},
                         {"submitted", time_of(job.submitted)},
                         {"started", time_of(job.started)},
                         {"ended", time_of(job.ended)},
                         {"time", duration_of(job)},
                         {"cost", cost},
                         {"left on nodes", swept_text(job)}});
}

/// The settings that all jobs of a series share stand once; the rest is in their table.
std::string series_section(const std::vector<ops::JobRecord>& jobs, const ops::SeriesResult& series,
                           const std::string& cost) {
  std::string text = note(ops::tally(series));
  std::int64_t first = 0;
  std::int64_t last = 0;
  // A job that never started has no time.
  for (const auto& job : jobs) {
    if (job.started > 0) first = first == 0 ? job.started : std::min(first, job.started);
    last = std::max(last, job.ended);
  }
  text += heading("Settings and times") + settings_table({{"MPI", jobs.empty() ? "" : jobs.front().mpi},
                                                          {"first start", time_of(first)},
                                                          {"last end", time_of(last)},
                                                          {"cost", cost}});
  std::set<std::size_t> failed;
  for (std::size_t i = 0; i < series.size(); ++i)
    if (series[i].over() && !series[i].succeeded()) failed.insert(i + 1);
  text += heading("Results") + sortable_table(ops::result_rows(series), failed);
  Rows rows = {{"job", "command", "ranks", "nodes", "outcome", "started", "ended"}};
  failed.clear();
  for (const auto& job : jobs) {
    if (is_bad(job)) failed.insert(rows.size());
    rows.push_back({job.id, job.command, std::to_string(job.np), job.nodes, outcome_of(job),
                    time_of(job.started), time_of(job.ended)});
  }
  return text + heading("Jobs") + sortable_table(rows, failed);
}

/// Without the XML declaration, which may stand at the beginning of a file only.
std::string picture(std::string svg) {
  if (svg.starts_with("<?xml")) svg.erase(0, svg.find('\n') + 1);
  return "<div class=\"plot wide\">\n" + svg + "</div>\n";
}

std::string scaling_section(const std::string& title, const ops::SeriesResult& series) {
  const auto scaling = ops::measure_scaling(series, "np");
  if (!scaling) return {};
  // A speed-up needs results with several numbers of ranks.
  auto svg = ops::scaling_svg(*scaling, title + ": speed-up");
  return heading("Scaling") + (svg.size() > kMostScaling ? note(kTooLarge) : picture(std::move(svg)));
}

std::string network_section(const ReportContent& content) {
  if (!content.network) return {};
  auto text = heading("Network") + note("measured by " + content.network_job) +
              (content.network->nodes.size() > kMostNetwork ? note(kTooLarge)
                                                            : picture(ops::net_svg(*content.network)));
  for (const auto& outlier : ops::outliers(*content.network)) text += note(outlier.text());
  return text;
}

/// The last lines that fit into `most` bytes.
std::string output_block(std::string_view text, std::size_t most) {
  std::vector<std::string> kept;
  std::size_t size = 0;
  const auto lines = split(trim(text), '\n');
  // From the end: the last lines say most about a failure.
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    // Cut before it is escaped, as in the tables.
    auto safe = escaped(cut(*line, kLongestLine));
    if ((size += safe.size() + 1) > most) break;
    kept.push_back(std::move(safe));
  }
  std::ranges::reverse(kept);
  return "<pre>" + join(kept, "\n") + "</pre>\n";
}

std::string outputs_section(const std::vector<OutputEnd>& outputs) {
  std::string text;
  for (const auto& output : outputs) {
    // Half of a job's share for each of its two streams.
    const auto most = kMostOutputs / (2 * outputs.size());
    text += heading("End of the output of " + cut(output.job, kLongestCell));
    if (!trim(output.out).empty()) text += output_block(output.out, most);
    if (!trim(output.err).empty()) text += note("standard error") + output_block(output.err, most);
    if (trim(output.out + output.err).empty()) text += note("It printed nothing.");
  }
  return text;
}

}  // namespace

std::string report_page(const ReportContent& content) {
  // Were a line of output not escaped, the browser would still run no script but ours, by its hash.
  auto page =
      fmt::format(R"(<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'"/>
<meta name="viewport" content="width=device-width"/>
<title>{}</title>
<style>{}</style>
</head>
<body>
<h1>{}</h1>
{}{}</p>
)",
                  source_hash(kReportCss), source_hash(kReportJs), escaped(cut(content.title, kLongestCell)),
                  kReportCss, escaped(cut(content.title, kLongestCell)), kReportMark, escaped(content.made));
  if (content.series)
    page += series_section(content.jobs, *content.series, content.cost) +
            scaling_section(content.title, *content.series);
  else
    for (const auto& job : content.jobs) page += job_section(job, content.cost);
  page += network_section(content) + outputs_section(content.outputs);
  // The script stands last, since it looks for the tables above it.
  page += fmt::format("<script>{}</script>\n</body>\n</html>\n", kReportJs);
  return page;
}

}  // namespace ec2mpi::cli
