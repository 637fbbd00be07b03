#include "ec2mpi/cli/views/setup_report.hpp"

#include <fmt/format.h>
#include <map>
#include <string>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/fleet/gather.hpp"

namespace ec2mpi::cli {

namespace {

std::string indented(std::string_view text) {
  std::string lines;
  for (const auto line : split(trim(text), '\n')) lines += fmt::format("\n    {}", line);
  return lines;
}

// --- the plans of a dry run ---

/// The private key is named and never shown.
std::string would_write(const ops::TrustText& text) {
  if (text.secret) return fmt::format("would write {}, mode 0600: the private key", text.path);
  const bool block = text.place != ops::TrustText::Place::file;
  return fmt::format("would {} {}:{}", block ? "put at the top of" : "write", text.path, indented(text.text));
}

/// The order is that in which setup would do it.
std::vector<std::string> plans_for(const ops::NodeSetup& node) {
  std::vector<std::string> lines;
  for (const auto& text : node.texts) lines.push_back(would_write(text));
  if (!node.tightened.empty())
    lines.push_back("would take away others' write permission: " + join(node.tightened, ", "));
  if (!node.packages.empty()) lines.push_back("would install " + join(node.packages, " "));
  return lines;
}

// --- the changes ---

/// One line for each kind of change, so that equal nodes share it.
std::vector<std::string> deeds_of(const ops::NodeSetup& node) {
  std::vector<std::string> paths;
  for (const auto& text : node.texts) paths.push_back(text.path);
  std::vector<std::string> lines;
  if (!paths.empty()) lines.push_back("wrote " + join(paths, ", "));
  if (!node.tightened.empty())
    lines.push_back("took away others' write permission: " + join(node.tightened, ", "));
  if (!node.packages.empty()) lines.push_back("installed " + join(node.packages, " "));
  if (!node.shares.empty()) lines.push_back(node.shares);
  return lines;
}

/// Equal lines once, under the nodes that they are true of; in the order in which they first come.
class Grouped {
 public:
  void add(int index, const std::string& line) {
    // In the order of their first appearance, which is that of the list.
    if (!nodes_.contains(line)) order_.push_back(line);
    nodes_[line].push_back(index);
  }
  template <class Show>
  void show(Show&& one) const {
    for (const auto& line : order_) one(short_nodes_label(nodes_.at(line)), in_number(line));
  }

 private:
  /// "shares" and "is" fit one node only.
  [[nodiscard]] std::string in_number(const std::string& line) const {
    if (nodes_.at(line).size() == 1) return line;
    if (line.starts_with("shares ")) return "share " + line.substr(7);
    return line.starts_with("is ") ? "are " + line.substr(3) : line;
  }

  std::vector<std::string> order_;
  std::map<std::string, std::vector<int>> nodes_;
};

/// Results on standard output, notes about missing parts on standard error.
void show_results(Console& console, bool dry_run, const ops::SetupEnd& end) {
  Grouped results;
  Grouped notes;
  for (const auto& result : end.report.results) {
    const auto done = end.done.find(result.node.index);
    auto lines = done == end.done.end() ? std::vector<std::string>{}
                 : dry_run              ? plans_for(done->second)
                                        : deeds_of(done->second);
    if (lines.empty() && succeeded(result.outcome)) lines.emplace_back("nothing to do");
    for (const auto& line : lines) results.add(result.node.index, line);
    // Without an entry, the node failed before anything was done there.
    if (done == end.done.end()) continue;
    for (const auto& note : done->second.notes) notes.add(result.node.index, note);
  }
  results.show(
      [&](const std::string& nodes, const std::string& line) { console.result(nodes + ": " + line); });
  notes.show([&](const std::string& nodes, const std::string& line) {
    console.talk(console.paint_talk(Colour::yellow, nodes) + ": " + line);
  });
}

/// Nodes that are no members any more still hold the cluster's old key, so the user must know which.
void show_left(Console& console, bool dry_run, bool whole_list, const ops::SetupEnd& end) {
  if (end.left.empty()) return;
  std::vector<std::string> names;
  for (const auto& member : end.left)
    names.push_back(fmt::format("{} ({})", member.key, member.address.text()));
  const auto nodes = join(names, ", ");
  // Only a setup of the whole list can give all nodes a new key.
  if (!whole_list)
    console.talk(fmt::format(
        "ec2mpi: not part of the cluster any more: {}; setup without -w and -x takes away their key", nodes));
  else
    console.talk(fmt::format("ec2mpi: not part of the cluster any more: {}; {} a new key for the others",
                             nodes, dry_run ? "setup would make" : "made"));
}

}  // namespace

void show_setup(Console& console, bool dry_run, bool whole_list, const ops::SetupEnd& end) {
  show_results(console, dry_run, end);
  show_left(console, dry_run, whole_list, end);
}

/// The fields are there for each node, also for one that failed.
Json setup_json(bool dry_run, const ops::SetupEnd& end) {
  auto nodes = Json::array();
  for (const auto& result : end.report.results) {
    const auto done = end.done.find(result.node.index);
    const auto node = done == end.done.end() ? ops::NodeSetup{} : done->second;
    std::vector<std::string> paths;
    for (const auto& text : node.texts) paths.push_back(text.path);
    nodes.push_back({{"index", result.node.index},
                     {"node", result.node.label()},
                     {"ok", succeeded(result.outcome)},
                     {"wrote", paths},
                     {"tightened", node.tightened},
                     {"shares", node.shares},
                     {"installed", node.packages},
                     {"notes", node.notes}});
    if (!succeeded(result.outcome)) nodes.back()["error"] = printable(describe(result.outcome));
  }
  return {{"dry_run", dry_run}, {"nodes", nodes}};
}

void show_restored(Console& console, bool dry_run, const ops::UndoEnd& end) {
  Grouped results;
  for (const auto& [index, node] : end.restored) {
    if (!node.paths.empty()) {
      results.add(index, fmt::format("{} what setup wrote: {}", dry_run ? "would take away" : "took away",
                                     join(node.paths, ", ")));
    }
    if (!node.shares.empty()) results.add(index, node.shares);
    if (node.paths.empty() && node.shares.empty()) results.add(index, "nothing to take away");
  }
  results.show(
      [&](const std::string& nodes, const std::string& line) { console.result(nodes + ": " + line); });
}

Json restored_json(bool dry_run, const ops::UndoEnd& end) {
  auto nodes = Json::array();
  for (const auto& result : end.report.results) {
    const auto found = end.restored.find(result.node.index);
    const auto node = found == end.restored.end() ? ops::NodeUndo{} : found->second;
    nodes.push_back({{"index", result.node.index},
                     {"node", result.node.label()},
                     {"ok", succeeded(result.outcome)},
                     {"restored", node.paths},
                     {"shares", node.shares}});
    if (!succeeded(result.outcome)) nodes.back()["error"] = printable(describe(result.outcome));
  }
  return {{"dry_run", dry_run}, {"nodes", nodes}};
}

}  // namespace ec2mpi::cli
