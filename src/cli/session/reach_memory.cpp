#include "ec2mpi/cli/session/reach_memory.hpp"

#include <map>
#include <string>
#include <variant>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/selection.hpp"

namespace ec2mpi::cli {

namespace {

/// A file of the state folder; a line is "yes KEY" or "no KEY".
constexpr const char* kReached = "reached";

/// By node_key. A file that cannot be read is an empty one: it only serves `ec2mpi` alone.
std::map<std::string, bool> read_reached(const StateFolder& state) {
  const auto kept = state.read(kReached);
  const auto text = kept ? kept->value_or("") : std::string();
  std::map<std::string, bool> all;
  for (const auto line : split(text, '\n')) {
    const auto [answer, key] = first_word(line);
    if (!key.empty()) all[std::string(key)] = answer == "yes";
  }
  return all;
}

}  // namespace

SeenNodes recall_reached(const StateFolder& state, const std::vector<Node>& nodes) {
  const auto all = read_reached(state);
  SeenNodes seen;
  for (const auto& node : nodes) {
    const auto found = all.find(node_key(node));
    if (found != all.end()) (found->second ? seen.reached : seen.missed).push_back(node.index);
  }
  return seen;
}

void remember_reached(const StateFolder& state, const FleetReport& report) {
  auto all = read_reached(state);
  for (const auto& result : report.results) {
    if (std::holds_alternative<NotRun>(result.outcome)) continue;
    all[node_key(result.node)] = result.reached >= ssh::Phase::running;
  }
  std::string text;
  for (const auto& [key, reached] : all) text += (reached ? "yes " : "no ") + key + "\n";
  [[maybe_unused]] const auto kept = state.write(kReached, text);  // a convenience only
}

}  // namespace ec2mpi::cli
