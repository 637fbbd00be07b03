#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/host_of.hpp"
#include "src/cluster/read/json_list.hpp"
#include "src/cluster/read/json_record.hpp"

namespace ec2mpi {
namespace {

struct Host {
  std::string_view name;
  int line = 0;
  std::optional<std::size_t> facts;  ///< its object in hostvars
};

/// The `hosts` of every group in the order of the file, then those that only hostvars names.
std::vector<Host> hosts_in_order(const JsonTape& tape, std::size_t hostvars) {
  std::unordered_map<std::string_view, std::size_t> facts;
  tape.for_each_in(hostvars, [&](std::size_t host) {
    if (tape.is_object(host)) facts.emplace(tape.key(host), host);
  });
  std::vector<Host> out;
  std::unordered_set<std::string_view> seen;
  const auto add = [&](std::string_view name, std::size_t at) {
    // A host may be in several groups; its first place counts.
    if (!seen.insert(name).second) return;
    const auto known = facts.find(name);
    out.push_back(
        {name, tape.at(at).line, known == facts.end() ? std::nullopt : std::optional(known->second)});
  };
  tape.for_each_in(0, [&](std::size_t group) {
    if (!tape.is_object(group)) return;
    tape.for_each_in(group, [&](std::size_t part) {
      if (tape.key(part) != "hosts" || !tape.is_array(part)) return;
      tape.for_each_in(part, [&](std::size_t host) { add(tape.text(host), host); });
    });
  });
  tape.for_each_in(hostvars, [&](std::size_t host) { add(tape.key(host), host); });
  return out;
}

/// A host without facts on its address is reached by its name.
std::optional<std::string> put_inventory_host(Node& node, const JsonTape& tape, const Host& host,
                                              std::set<std::string>& unused) {
  node.line = host.line;
  if (host.facts) {
    if (auto problem = put_record(node, tape, *host.facts, unused)) return problem;
  }
  // With an address in its facts, the host's name in the inventory is only a name.
  if (has_address(node) || !node.instance_id.empty()) {
    if (node.name.empty() && !is_ipv4(host.name)) node.name = host.name;
    return std::nullopt;
  }
  const auto spec = host_of(host.name, BareWords::allowed);
  if (!spec) return spec.error();
  put_host(node, *spec);
  return std::nullopt;
}

/// One address and no instance id: the user wrote this host, and no plugin of a cloud did.
bool is_given_by_user(const Node& node) {
  return node.instance_id.empty() &&
         int{!node.public_address.empty()} + int{!node.private_address.empty()} + int{!node.ipv6.empty()} ==
             1;
}

}  // namespace

/// `_meta.hostvars`, which `ansible-inventory --list` prints; nothing for any other JSON.
std::optional<std::size_t> find_hostvars(const JsonTape& tape) {
  std::optional<std::size_t> found;
  if (tape.size() == 0 || !tape.is_object(0)) return found;
  tape.for_each_in(0, [&](std::size_t child) {
    if (tape.key(child) != "_meta" || !tape.is_object(child)) return;
    tape.for_each_in(child, [&](std::size_t inner) {
      if (tape.key(inner) == "hostvars" && tape.is_object(inner)) found = inner;
    });
  });
  return found;
}

Result<Listing> read_ansible(const JsonTape& tape, std::size_t hostvars, std::string_view source) {
  Listing out;
  std::set<std::string> unused;
  for (const Host& host : hosts_in_order(tape, hostvars)) {
    Node& node = out.nodes.emplace_back();
    if (const auto problem = put_inventory_host(node, tape, host, unused)) {
      return bad_list(source, host.line,
                      fmt::format("{}: {}; correct the inventory", in_quotes(host.name), *problem));
    }
  }
  note_unused(out, unused);
  out.as_given = std::ranges::all_of(out.nodes, is_given_by_user);
  return out;
}

}  // namespace ec2mpi
