#include "src/cluster/list/build_inventory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "ec2mpi/cluster/values/own_table.hpp"
#include "ec2mpi/cluster/values/quote.hpp"

namespace ec2mpi {
namespace {

/// The one that most likely leads to the node from here; empty if there is none.
std::string_view any_address(const Node& node) {
  if (!node.public_address.empty()) return node.public_address;
  return !node.ipv6.empty() ? node.ipv6 : node.private_address;
}

/// How a message names an entry: by what its line certainly shows.
std::string title(const Node& node) {
  if (!node.instance_id.empty()) return node.instance_id;
  if (!any_address(node).empty()) return in_quotes(any_address(node));
  return node.name.empty() ? fmt::format("the entry of line {}", node.line) : in_quotes(node.name);
}

/// Entries with the same key are the same node.
std::string key_of(const Node& node) {
  return node.instance_id.empty() ? host_in_one_spelling(any_address(node)) : node.instance_id;
}

/// A list without states is one of running nodes; refuse_missing_state refuses a mixed list.
bool is_running(const Node& node) {
  const auto state = state_word(node.state);
  return node.state.empty() || (state && state->running);
}

bool is_address(std::string Node::*member) {
  return member == &Node::public_address || member == &Node::private_address || member == &Node::ipv6;
}

/// Adds what `again` knows to `first`; the two texts that contradict each other, if any do.
std::optional<std::pair<std::string, std::string>> merge(Node& first, const Node& again) {
  // These must agree: if they do not, one of the entries is out of date.
  for (const auto member :
       {&Node::public_address, &Node::private_address, &Node::ipv6, &Node::type, &Node::user, &Node::state}) {
    std::string& mine = first.*member;
    const std::string& other = again.*member;
    if (mine.empty()) mine = other;
    const bool same = mine == other || (member == &Node::state && squashed(mine) == squashed(other)) ||
                      (is_address(member) && host_in_one_spelling(mine) == host_in_one_spelling(other));
    if (!other.empty() && !same) return {{mine, other}};
  }
  // These may differ, and the first entry counts.
  for (const auto member : {&Node::name, &Node::launched, &Node::availability_zone}) {
    if ((first.*member).empty()) first.*member = again.*member;
  }
  if (first.port != 0 && again.port != 0 && first.port != again.port) {
    return {{fmt::format("port {}", first.port), fmt::format("port {}", again.port)}};
  }
  if (first.port == 0) first.port = again.port;
  return std::nullopt;
}

/// Leaves one entry for each instance (or, without ids, for each address), in order of first appearance.
Result<void> merge_repeats(std::vector<Node>& nodes, std::string_view source, std::vector<std::string>& notes,
                           bool slots_add_up) {
  std::unordered_map<std::string, std::size_t> seen;
  seen.reserve(nodes.size());
  std::vector<int> repeats;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::string key = key_of(nodes[i]);
    const auto place = seen.find(key);
    if (place == seen.end()) {
      if (kept != i) nodes[kept] = std::move(nodes[i]);
      // Entries with neither an id nor an address are never the same node.
      if (!key.empty()) seen.emplace(std::move(key), kept);
      ++kept;
      continue;
    }
    Node& first = nodes[place->second];
    if (const auto clash = merge(first, nodes[i])) {
      return bad_list(
          source, nodes[i].line,
          fmt::format("{} stands here with {} and in line {} with {}; delete the entry that is out of date",
                      title(nodes[i]), in_quotes(clash->second), first.line, in_quotes(clash->first)));
    }
    if (slots_add_up) first.slots = std::max(first.slots, 1) + std::max(nodes[i].slots, 1);
    repeats.push_back(nodes[i].line);
  }
  nodes.resize(kept);
  if (!repeats.empty() && slots_add_up) {
    // In such a list, a line without slots counts one.
    for (Node& node : nodes) node.slots = std::max(node.slots, 1);
    notes.push_back(fmt::format("{} {} a host again: its slots add up, as in a hostfile", lines_text(repeats),
                                repeats.size() == 1 ? "names" : "name"));
  } else if (!repeats.empty()) {
    notes.push_back(fmt::format("{} {} nodes that are listed already: taken once", lines_text(repeats),
                                repeats.size() == 1 ? "repeats" : "repeat"));
  }
  return {};
}

/// The error if two nodes claim one address. Two that differ in their public ones may share a private one, if
/// they are of two networks; choose_addresses() then refuses the private ones.
Result<void> refuse_shared_address(const std::vector<Node>& nodes, std::string_view source) {
  std::unordered_map<std::string, const Node*> owners;
  owners.reserve(nodes.size());
  for (const Node& node : nodes) {
    for (const std::string* address : {&node.public_address, &node.ipv6, &node.private_address}) {
      if (address->empty()) continue;
      const auto [owner, is_new] = owners.emplace(host_in_one_spelling(*address), &node);
      if (is_new || owner->second == &node) continue;
      const bool two_networks = address == &node.private_address && !node.public_address.empty() &&
                                !owner->second->public_address.empty();
      if (two_networks) continue;
      return bad_list(
          source, node.line,
          fmt::format("{} is the address of {} here and of {} in line {}; delete the entry that is out of "
                      "date",
                      *address, title(node), title(*owner->second), owner->second->line));
    }
  }
  return {};
}

/// The error if a node has no address at all.
Result<void> refuse_missing_address(const std::vector<Node>& nodes, std::string_view source) {
  std::vector<std::string> without;
  bool bare_ids = true;
  int line = 0;
  for (const Node& node : nodes) {
    if (!any_address(node).empty()) continue;
    if (without.empty()) line = node.line;
    without.push_back(title(node));
    bare_ids = bare_ids && !node.instance_id.empty();
  }
  if (without.empty()) return {};
  if (bare_ids && without.size() == nodes.size()) {
    const std::vector<std::string> some(
        without.begin(),
        without.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(without.size(), 3)));
    std::string ids;
    for (const std::string& id : some) ids += " " + id;
    if (some.size() < without.size()) ids += " ...";
    return bad_list(source, line,
                    fmt::format("there are instance ids here but no addresses; use the reply of\n"
                                "  aws ec2 describe-instances --output json --instance-ids{}",
                                ids));
  }
  return bad_list(
      source, line,
      fmt::format("{} has no address; is it running? Copy the list again with its state and addresses, or "
                  "delete the line",
                  some_of(without)));
}

/// The error if a node has no state where others have one: it may be stopped.
Result<void> refuse_missing_state(const std::vector<Node>& nodes, std::string_view source) {
  const auto stateless = [](const Node& node) { return node.state.empty(); };
  const auto first = std::find_if(nodes.begin(), nodes.end(), stateless);
  if (first == nodes.end() || std::all_of(nodes.begin(), nodes.end(), stateless)) return {};
  return bad_list(
      source, first->line,
      fmt::format("{} has no state, and others have one; is it running? Correct this line", title(*first)));
}

/// Names the states, since a stopped cluster is the usual reason.
std::unexpected<Error> nothing_runs(const std::vector<Skipped>& skipped, std::string_view source,
                                    bool is_own_table) {
  std::vector<std::string> states;
  for (const Skipped& node : skipped)
    states.push_back(fmt::format(
        "{} is {}", node.instance_id.empty() ? in_quotes(node.name) : node.instance_id, node.state));
  return bad_list(source, 0,
                  fmt::format("no instance is running ({}); {}", some_of(states, 3),
                              is_own_table ? "next: " + command_to_restart(skipped)
                                           : "start them and copy the list again"));
}

/// A cell of a table that is aligned with blanks may hold tabs, and a node's texts hold no control
/// characters.
void blank_controls(Node& node) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  for (std::string* text : {&node.name, &node.type, &node.launched, &node.availability_zone, &node.state})
    std::ranges::replace_if(*text, is_control, ' ');
}

}  // namespace

Result<Inventory> build_inventory(Listing listing, std::string_view source, bool addresses_required,
                                  bool is_own_table) {
  Inventory inventory;
  inventory.source = source;
  inventory.as_given = listing.as_given;
  inventory.notes = std::move(listing.notes);
  inventory.nodes = std::move(listing.nodes);
  for (Node& node : inventory.nodes) blank_controls(node);
  // First of all: a repeat may hold the state or the address that the first entry lacks.
  TRY(merge_repeats(inventory.nodes, source, inventory.notes, listing.slots_add_up));
  TRY(refuse_missing_state(inventory.nodes, source));
  for (const Node& node : inventory.nodes) {
    if (is_running(node)) continue;
    const std::string_view name = node.name.empty() ? any_address(node) : std::string_view(node.name);
    inventory.skipped.push_back({node.instance_id, std::string(name), node.state, node.line});
  }
  if (!inventory.skipped.empty())
    std::erase_if(inventory.nodes, [](const Node& node) { return !is_running(node); });
  if (inventory.nodes.empty()) {
    if (!inventory.skipped.empty()) {
      if (addresses_required) return nothing_runs(inventory.skipped, source, is_own_table);
      return inventory;
    }
    return bad_list(source, 0,
                    "the list is empty; paste the instances of the EC2 console into it, or write one "
                    "address a line");
  }
  // Among running nodes only: the old address of a stopped instance may be another's by now.
  TRY(refuse_shared_address(inventory.nodes, source));
  if (addresses_required) {
    TRY(refuse_missing_address(inventory.nodes, source));
  }
  int index = 0;
  for (Node& node : inventory.nodes) node.index = ++index;
  return inventory;
}

}  // namespace ec2mpi
