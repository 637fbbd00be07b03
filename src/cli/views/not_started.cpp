#include "ec2mpi/cli/views/not_started.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/error_references.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "ec2mpi/fleet/failure_lines.hpp"

namespace ec2mpi::cli {

namespace {

/// One line for each reason. Returns whether Ctrl-C ended some of these nodes; about them it prints nothing.
bool tell_unfit(Console& console, const std::vector<ops::NodeTrouble>& unfit) {
  FleetReport report;
  for (const auto& [node, error] : unfit)
    if (error.kind != ErrorKind::cancelled) report.results.push_back({.node = node, .outcome = error});
  for (const auto& [nodes, reason] : group_failures(report)) {
    const auto indices = fold_indices(nodes);
    const auto who = nodes.size() == 1 ? "node" + indices : fmt::format("node[{}]", indices);
    console.talk(console.paint_talk(Colour::red, who) + ": " + printable(reason));
  }
  if (const auto references = error_references(report); !references.empty())
    console.talk("ec2mpi: " + references);
  return report.results.size() < unfit.size();
}

}  // namespace

std::string not_started_text(const std::vector<ops::NodeTrouble>& unfit) {
  std::vector<int> indices;
  for (const auto& trouble : unfit) indices.push_back(trouble.node.index);
  // No job can start without the master, so no advice to leave it out.
  if (std::ranges::find(indices, 1) != indices.end()) return "nothing was started: jobs start on node1";
  const auto nodes = fold_indices(indices);
  return fmt::format("nothing was started; to continue without {}, add --exclude {}",
                     indices.size() == 1 ? "node" + nodes : "node[" + nodes + "]", nodes);
}

void tell_not_started(Console& console, const std::vector<ops::NodeTrouble>& unfit,
                      const std::optional<Error>& refused) {
  const auto say = [&](Colour colour, const std::string& text) {
    console.talk(console.paint_talk(colour, "ec2mpi: " + text));
  };
  const bool some_interrupted = tell_unfit(console, unfit);
  if (some_interrupted || (refused && refused->kind == ErrorKind::cancelled))
    say(Colour::yellow, "interrupted; nothing was started");
  else if (refused)
    say(Colour::red, printable(refused->message));
  else if (!unfit.empty())
    say(Colour::yellow, not_started_text(unfit));
}

}  // namespace ec2mpi::cli
