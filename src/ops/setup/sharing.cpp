#include "src/ops/setup/sharing.hpp"

#include <fmt/format.h>

namespace ec2mpi::ops {

namespace {

/// Identifies a home; empty if the node's answer does not.
std::string home_of(const SetupState& states) {
  const auto found = states.states.find("home");
  // trust.sh prints INODE.FILE; without FILE, two homes could have one inode number by chance.
  return found == states.states.end() || found->second.ends_with('.') ? "" : found->second;
}

bool is_one_machine(const SetupState& a, const SetupState& b) {
  return !a.facts.boot_id.empty() && a.facts.boot_id == b.facts.boot_id;
}

bool have_one_home(const SetupState& a, const SetupState& b) {
  return !home_of(a).empty() && home_of(a) == home_of(b);
}

}  // namespace

int writer_for(int index, const SetupStates& states) {
  for (const auto& [other, answer] : states) {
    if (is_one_machine(answer, states.at(index)) || have_one_home(answer, states.at(index))) return other;
  }
  return index;
}

std::string sharing_text(int writer, int index, const SetupStates& states) {
  if (is_one_machine(states.at(writer), states.at(index)))
    return fmt::format("is the same machine as node{}", writer);
  return fmt::format("shares node{}'s home", writer);
}

}  // namespace ec2mpi::ops
