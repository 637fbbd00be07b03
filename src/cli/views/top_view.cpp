#include "ec2mpi/cli/views/top_view.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/ops/series/result.hpp"

namespace ec2mpi::cli {

namespace {

constexpr std::size_t kHistory = 20;

/// Rates need two samples, so the first answer has none.
std::string rate_text(const std::optional<double>& rate) {
  return rate ? format_bytes(static_cast<std::uint64_t>(*rate)) + "/s" : std::string("-");
}

std::string percent(double share) {
  return fmt::format("{:.0f} %", 100 * share);
}

/// The bars of a short history begin at the right.
std::string history_text(const std::vector<double>& shares) {
  return std::string(kHistory - std::min(shares.size(), kHistory), ' ') + ops::sparkline(shares);
}

/// Rates that are not known are left out; a 0 would be a wrong number.
Json load_json(const ops::NodeLoad& load) {
  Json json = {{"cores", load.cores},   {"load", load.load},
               {"memory", load.memory}, {"memory_used", load.memory_used},
               {"ranks", load.ranks},   {"jobs", load.jobs}};
  if (load.cpu) json["cpu"] = *load.cpu;
  if (load.received) json["received"] = *load.received;
  if (load.sent) json["sent"] = *load.sent;
  return json;
}

}  // namespace

/// Comes for each answer of a node, in any order of the nodes.
void TopView::take(const Node& node, const ops::LoadSample& sample) {
  auto& seen = seen_[node.index];
  // The share of the CPU is that of the time between two samples.
  seen.load = ops::load_between(seen.sample ? &*seen.sample : nullptr, sample);
  seen.sample = sample;
  seen.answered = Clock::now();
  seen.trouble.clear();
  if (!seen.load.cpu) return;
  if (seen.cpu.size() == kHistory) seen.cpu.erase(seen.cpu.begin());
  seen.cpu.push_back(*seen.load.cpu);
}

void TopView::on_finish(const NodeResult& result) {
  if (succeeded(result.outcome)) return;
  auto& seen = seen_[result.node.index];
  // Old numbers count neither in the totals nor in the usual values.
  seen.sample.reset();
  seen.trouble = printable(describe(result.outcome));
}

/// Nodes without an answer, and those that have failed, are compared with nobody.
std::vector<ops::OddNode> TopView::odd_nodes() const {
  std::vector<std::pair<int, ops::NodeLoad>> loads;
  for (const auto& [index, seen] : seen_)
    if (seen.sample) loads.emplace_back(index, seen.load);
  return ops::find_odd_nodes(loads);
}

std::vector<std::string> TopView::row_of(const Node& node, bool with_history) const {
  const auto found = seen_.find(node.index);
  // Until its first answer, a node has a row of dashes.
  const bool known = found != seen_.end() && found->second.sample;
  const auto load = known ? found->second.load : ops::NodeLoad{};
  std::vector<std::string> jobs(load.jobs.begin(), load.jobs.end());
  std::vector<std::string> row = {node.label(), load.cpu ? percent(*load.cpu) : "-"};
  if (with_history)
    row.insert(row.begin() + 1, history_text(known ? found->second.cpu : std::vector<double>{}));
  if (!known) {
    row.insert(row.end(), {"-", "-", "-", "-", "-", ""});
    return row;
  }
  row.insert(row.end(),
             {fmt::format("{:.2f}", load.load),
              fmt::format("{} of {}", percent(load.memory_share()), format_bytes(load.memory)),
              rate_text(load.received), rate_text(load.sent), std::to_string(load.ranks), join(jobs, " ")});
  return row;
}

std::vector<std::string> TopView::table_of(const std::vector<Node>& nodes, bool with_history) const {
  std::vector<std::vector<std::string>> rows = {
      {"NODE", "CPU", "LOAD", "MEMORY", "RECEIVED", "SENT", "RANKS", "JOB"}};
  std::vector<bool> right = {false, true, true, true, true, true, true, false};
  if (with_history) {
    rows[0].insert(rows[0].begin() + 1, "");
    right.insert(right.begin() + 1, false);
  }
  for (const auto& node : nodes) rows.push_back(row_of(node, with_history));
  return ops::aligned(rows, right);
}

std::string TopView::totals() const {
  double busy = 0;
  int cores = 0;
  std::size_t ranks = 0;
  for (const auto& [index, seen] : seen_) {
    if (!seen.sample) continue;
    cores += seen.load.cores;
    // In cores, so that nodes of different sizes add up.
    busy += seen.load.cpu.value_or(0) * seen.load.cores;
    ranks += seen.load.ranks;
  }
  return fmt::format("{} · {:.1f} of {} busy · {}", count_of(nodes_.size(), "node"), busy,
                     count_of(static_cast<std::size_t>(cores), "core"), count_of(ranks, "rank"));
}

/// Nodes that are silent for one reason share a line.
std::vector<std::string> TopView::troubles(Clock::duration late) const {
  std::map<std::string, std::vector<int>> by_reason;
  for (const auto& node : nodes_) {
    const auto found = seen_.find(node.index);
    if (found == seen_.end()) {
      by_reason["no answer yet"].push_back(node.index);
      continue;
    }
    const auto silence = Clock::now() - found->second.answered;
    if (!found->second.trouble.empty())
      by_reason[found->second.trouble].push_back(node.index);
    else if (silence > late)
      by_reason[fmt::format("no answer for {}", format_duration(silence))].push_back(node.index);
  }
  std::vector<std::string> lines;
  for (const auto& [reason, indices] : by_reason) lines.push_back(short_nodes_label(indices) + ": " + reason);
  return lines;
}

/// The notes about nodes get half of the screen at most, the nodes themselves the rest.
void TopView::draw(Clock::duration late) {
  std::vector<std::pair<Colour, std::string>> notes;
  for (auto& line : troubles(late)) notes.emplace_back(Colour::red, std::move(line));
  std::set<int> odd;
  for (const auto& one : odd_nodes()) {
    odd.insert(one.node);
    notes.emplace_back(Colour::yellow, one.text());
  }
  constexpr std::size_t kOtherLines = 4;  // totals, titles, nodes that are left out, a gap
  const auto room = static_cast<std::size_t>(std::max(console_.rows(), 8));
  notes.resize(std::min(notes.size(), room / 2));
  auto nodes = nodes_;
  // At least one node is shown.
  const auto most = room - std::min(room - 1, kOtherLines + notes.size());
  if (nodes.size() > most) {  // the nodes that differ from the others are shown first
    std::ranges::stable_partition(nodes, [&](const Node& node) { return odd.contains(node.index); });
    nodes.resize(most);
  }
  std::vector<std::pair<Colour, std::string>> lines = {
      {Colour::cyan, "ec2mpi top · " + totals() + " · q leaves"}};
  const auto table = table_of(nodes, true);
  // Row 0 has the titles.
  for (std::size_t i = 0; i < table.size(); ++i)
    lines.emplace_back(i == 0                             ? Colour::dim
                       : odd.contains(nodes[i - 1].index) ? Colour::yellow
                                                          : Colour::none,
                       table[i]);
  if (nodes.size() < nodes_.size())
    lines.emplace_back(Colour::dim,
                       fmt::format("and {} more", count_of(nodes_.size() - nodes.size(), "node")));
  lines.emplace_back(Colour::none, "");
  std::ranges::move(notes, std::back_inserter(lines));
  console_.draw_screen(lines);
}

void TopView::print_table() {
  std::string text;
  for (const auto& line : table_of(nodes_, false)) text += line + "\n";
  console_.result_table(text);
  for (const auto& odd : odd_nodes()) console_.talk(console_.paint_talk(Colour::yellow, odd.text()));
}

/// Every node stands there, with its numbers or its error, so that a script sees who is missing.
void TopView::print_json(const FleetReport& report) {
  Json document = {{"exit_code", exit_code_for(report)}, {"nodes", Json::array()}, {"odd", Json::array()}};
  for (const auto& result : report.results) {
    const auto& node = result.node;
    Json json = {{"index", node.index}, {"node", node.label()}, {"address", node.address}};
    const auto seen = seen_.find(node.index);
    if (seen != seen_.end() && seen->second.sample) json.update(load_json(seen->second.load));
    if (const auto* error = std::get_if<Error>(&result.outcome))
      json["error"] = {{"kind", kind_name(error->kind)}, {"message", error->message}};
    document["nodes"].push_back(std::move(json));
  }
  for (const auto& odd : odd_nodes()) {
    document["odd"].push_back({{"node", fmt::format("node{}", odd.node)},
                               {"measure", measure_name(odd.measure)},
                               {"value", odd.value},
                               {"usual", odd.usual}});
  }
  console_.result(dump_json(document));
}

}  // namespace ec2mpi::cli
