#include "src/cluster/read/json_ansible.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/host_of.hpp"
#include "src/cluster/read/json_instance.hpp"

namespace ec2mpi {
namespace {

struct Host {
  std::string_view name;
  int line = 0;
};

/// The `hosts` of every group in the order of the file, then those that only hostvars names.
std::vector<Host> hosts_in_order(const JsonTape& tape, std::size_t hostvars) {
  std::vector<Host> out;
  std::unordered_set<std::string_view> seen;
  const auto add = [&](std::string_view name, std::size_t at) {
    if (seen.insert(name).second) out.push_back({name, tape.at(at).line});
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

bool has_one_address(const Node& node) {
  return int{!node.public_address.empty()} + int{!node.private_address.empty()} + int{!node.ipv6.empty()} ==
         1;
}

}  // namespace

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
  std::unordered_map<std::string_view, std::size_t> facts;
  tape.for_each_in(hostvars, [&](std::size_t host) {
    if (tape.is_object(host)) facts.emplace(tape.key(host), host);
  });
  Listing out;
  for (const Host& host : hosts_in_order(tape, hostvars)) {
    Node node;
    node.line = host.line;
    std::optional<std::string> problem;
    if (const auto known = facts.find(host.name); known != facts.end())
      problem = put_members(node, tape, known->second);
    if (!problem && !has_address(node) && node.instance_id.empty()) {
      const auto spec = host_of(host.name, BareWords::allowed);
      if (spec) put_host(node, *spec);
      if (!spec) problem = spec.error();
    } else if (node.name.empty() && !is_ipv4(host.name)) {
      node.name = host.name;
    }
    if (problem)
      return bad_list(source, node.line,
                      fmt::format("{}: {}; correct the inventory", in_quotes(host.name), *problem));
    out.nodes.push_back(std::move(node));
  }
  out.as_given = std::all_of(out.nodes.begin(), out.nodes.end(), [](const Node& node) {
    return node.instance_id.empty() && has_one_address(node);
  });
  return out;
}

}  // namespace ec2mpi
