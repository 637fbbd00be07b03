#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/ops/mpi/placement.hpp"
#include "ec2mpi/ops/node/facts.hpp"
#include "src/ops/doctor/checks.hpp"
#include "src/ops/doctor/pairs.hpp"

namespace ec2mpi::ops {

namespace {

/// Loopback and link-local (RFC 3927): every machine may have these.
bool is_local(Ipv4 address) {
  return address.value >> 24U == 127U || address.value >> 16U == 0xa9feU;
}

/// Both parameters: one is for the ranks' connections, the other for those of mpirun's daemons.
std::string interface_advice(const Network& network, bool five) {
  return fmt::format(
      "ec2mpi run uses {0} only; a script of yours needs: mpirun --mca btl_tcp_if_include {0} {1} "
      "{0}",
      network.text(), five ? "--prtemca prte_if_include" : "--mca oob_tcp_if_include");
}

/// Looks at the private addresses, and at the interfaces beside them.
/// Four findings come from the same addresses, so one object collects them.
class InterfaceCheck {
 public:
  explicit InterfaceCheck(const Records& records) : records_(records) {
    for_each_answer(records, [this](const auto&, const auto& facts, const auto&) {
      addresses_.push_back(facts.private_address);
      // One node with Open MPI 5 is enough: the advice is for its mpirun.
      five_ = five_ || (facts.mpi && facts.mpi->flavour == MpiFlavour::open_mpi && facts.mpi->major == 5);
    });
    network_ = covering_network(addresses_);
  }

  Check run() {
    same_machine();
    second_address();
    bridges();
    packet_sizes();
    check_.summary = fmt::format("each node has one address in {}", network_.text());
    return std::move(check_);
  }

 private:
  void add(Verdict verdict, const Groups& groups, const std::string& command, const std::string& fix) {
    if (!groups.empty()) check_.verdict = std::max(check_.verdict, verdict);
    add_groups(check_, records_, groups, command, fix);
  }

  /// Two entries of the list that lead to one machine would give it the ranks of both.
  void same_machine() {
    Groups owners;
    for_each_answer(records_, [&](const auto& record, const auto& facts, const auto&) {
      owners["the private address is " + facts.private_address.text() +
             " on all of them: one machine, listed twice?"]
          .push_back(record.node.index);
    });
    std::erase_if(owners, [](const auto& owner) { return owner.second.size() < 2; });
    add(Verdict::failed, owners, "ec2mpi nodes --stale", "leave one of them out of the list");
  }

  /// The addresses of one node that lie in the cluster's network.
  struct Addresses {
    std::string interfaces;  ///< their names
    std::string texts;
    std::string fix;         ///< removes the additional ones by address
    std::string common_fix;  ///< removes them by interface
    std::size_t count = 0;
  };

  /// Two ways to take the additional addresses away: by address for one node, by interface for many nodes, on
  /// which the addresses differ.
  [[nodiscard]] Addresses addresses_inside(const NodeFacts& facts, const HealthReport& health) const {
    std::vector<std::string> names;
    std::vector<std::string> texts;
    std::set<std::string> flushes;
    Addresses inside;
    std::string own;
    for (const auto& each : health.interfaces) {
      if (each.address == facts.private_address) own = each.name;
    }
    for (const auto& each : health.interfaces) {
      // MPI gets this network, and would use each address in it.
      if (!network_.holds(each.address)) continue;
      const auto name = printable(each.name);
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
      texts.push_back(name + " " + each.address.text());
      if (each.address == facts.private_address) continue;
      inside.fix += fmt::format("{}ip addr del {}/{} dev {}", inside.fix.empty() ? "" : "; ",
                                each.address.text(), each.prefix, quote_word(name));
      flushes.insert(
          fmt::format("ip -4 addr flush dev {}{}", quote_word(name), each.name == own ? " secondary" : ""));
    }
    for (const auto& flush : flushes) inside.common_fix += (inside.common_fix.empty() ? "" : "; ") + flush;
    inside.interfaces = some_of(names);
    inside.texts = some_of(texts);
    inside.count = texts.size();
    return inside;
  }

  /// Open MPI connects to each address in the network, also to one that leads nowhere, and then hangs.
  void second_address() {
    std::map<std::string, std::vector<std::pair<int, Addresses>>> several;
    for_each_answer(records_, [&](const auto& record, const auto& facts, const auto& health) {
      auto inside = addresses_inside(facts, health);
      if (inside.count < 2) return;
      const auto key = inside.interfaces + "\n" + inside.common_fix;
      several[key].emplace_back(record.node.index, std::move(inside));
    });
    for (const auto& [key, nodes] : several) {
      // Of one node the addresses are named; many nodes with other addresses each are one finding.
      const auto& first = nodes.front().second;
      const bool one = nodes.size() == 1;
      Groups groups;
      for (const auto& [index, inside] : nodes)
        groups[one ? fmt::format("several addresses in {}: {}", network_.text(), first.texts)
                   : fmt::format("several addresses in {} on each of them, on {}", network_.text(),
                                 first.interfaces)]
            .push_back(index);
      add(Verdict::failed, groups, "ec2mpi exec -w {} 'ip -br addr'",
          as_root(one ? first.fix : first.common_fix));
    }
  }

  /// The same address on two nodes is on a network that each of them has for itself; MPI takes it for one.
  void bridges() {
    std::map<Ipv4, std::map<int, std::string>> owners;
    for_each_answer(records_, [&](const auto& record, const auto&, const auto& health) {
      for (const auto& each : health.interfaces) {
        // An address within the nodes' network is second_address' business.
        if (!is_local(each.address) && !network_.holds(each.address))
          owners[each.address].emplace(record.node.index, printable(each.name));
      }
    });
    Groups shared;
    for (const auto& [address, names] : owners) {
      if (names.size() < 2) continue;
      auto& nodes = shared[fmt::format("{} has the same address, {}, on all of them; MPI must not use it",
                                       names.begin()->second, address.text())];
      for (const auto& [index, name] : names) nodes.push_back(index);
    }
    add(Verdict::warning, shared, "ec2mpi exec -w {} 'ip -br addr'", interface_advice(network_, five_));
  }

  /// Between different sizes large packets may vanish without a word, while small ones arrive.
  void packet_sizes() {
    Groups sizes;
    std::map<int, std::string> names;
    for_each_answer(records_, [&](const auto& record, const auto& facts, const auto& health) {
      for (const auto& each : health.interfaces) {
        // Only the interface of the private address: the nodes use no other.
        if (each.address != facts.private_address || each.mtu <= 0) continue;
        sizes[std::to_string(each.mtu)].push_back(record.node.index);
        names[record.node.index] = each.name;
      }
    });
    const auto most = majority(sizes);
    sizes.erase(most);
    for (const auto& [size, nodes] : sizes) {
      std::map<std::string, Groups> by_name;
      for (const int index : nodes)
        by_name[names[index]][fmt::format("packets of at most {} bytes, most have {}", size, most)].push_back(
            index);
      for (const auto& [name, groups] : by_name)
        add(Verdict::warning, groups, "ec2mpi exec -w {} 'ip -br link'",
            as_root(fmt::format("ip link set {} mtu {}", quote_word(printable(name)), most)));
    }
  }

  const Records& records_;
  std::vector<Ipv4> addresses_;
  Network network_;
  bool five_ = false;  ///< Open MPI 5 has other names for its parameters
  Check check_{.name = "interfaces", .summary = {}, .findings = {}};
};

}  // namespace

Check check_interfaces(const Records& records) {
  return InterfaceCheck(records).run();
}

/// A security group may allow port 22 only: mpirun then reaches the nodes by ssh, but ranks do not meet.
Check check_ports(const Records& records) {
  Check check{.name = "ports", .summary = {}, .findings = {}};
  std::map<std::string, std::set<Pair>> troubles;
  std::size_t tried = 0;
  std::size_t nodes = 0;
  Groups without_python;
  Groups broken;
  Groups silent;
  const auto are_silent = silent_nodes(records);
  for_each_answer(records, [&](const auto& record, const auto&, const auto&) {
    ++nodes;
    // Without python3, a node cannot listen.
    if (!record.no_tcp.empty()) {
      const bool says_why = record.no_tcp.find(kItPrinted) != std::string::npos;
      auto& group = record.no_tcp == kNoPython ? without_python : says_why ? broken : silent;
      group["could not be tried: " + printable(record.no_tcp)].push_back(record.node.index);
    }
    for (const auto& [target, attempt] : record.tcp) {
      if (are_silent.contains(target)) continue;
      ++tried;
      if (!attempt.ok) troubles[attempt.said].emplace(record.node.index, target);
    }
  });
  const auto network = network_of(records);
  for (const auto& [why, pairs] : troubles) {
    const auto [from, to] = *pairs.begin();
    check.findings.push_back({concerned(pairs), fmt::format("{}: {}", pairs_text(pairs, tried), why),
                              fmt::format("TCP from {} to {} on any port but 22", address_of(records, from),
                                          address_of(records, to)),
                              connection_fix(why, pairs, tried, network)});
  }
  check.summary = fmt::format("{} between nodes on ports that nobody opened", count_of(tried, "connection"));
  if (!troubles.empty()) {
    check.verdict = Verdict::failed;
  } else if (!without_python.empty() || !broken.empty() || !silent.empty()) {
    check.verdict = Verdict::warning;
  } else if (tried == 0) {
    check.verdict = Verdict::skipped;
    check.summary = nodes > 1 ? "no time was left for it" : "there is no second node to connect to";
  }
  add_groups(check, records, without_python, {}, "ec2mpi setup -w {}");
  add_groups(check, records, broken, "ec2mpi exec -w {} 'python3 -I -c \"import socket\"; ulimit -a'",
             "does a start-up file (.bashrc) set a limit, or a variable of Python or of the loader?");
  add_groups(check, records, silent, "ec2mpi exec -w {} uptime",
             "is it frozen, or very busy? wait, or reboot it");
  return check;
}

/// Warnings, because MPI runs over zones, too, only slower. An instance that is another one is a failure.
Check check_placement(const Records& records) {
  Check check{.name = "placement", .summary = {}, .findings = {}};
  Groups zones;
  Groups groups;
  Groups moved;
  for_each_answer(records, [&](const auto& record, const auto&, const auto& health) {
    const auto& node = record.node;
    // The node's own answer counts more than a list, which may be old.
    const auto& zone = health.zone.empty() ? node.availability_zone : health.zone;
    if (!zone.empty()) zones[printable(zone)].push_back(node.index);
    if (!health.zone.empty())
      groups[health.placement_group.empty() ? "no placement group"
                                            : "placement group " + printable(health.placement_group)]
          .push_back(node.index);
    // The address of a stopped instance may be another's by now.
    if (!health.instance_id.empty() && !node.instance_id.empty() && health.instance_id != node.instance_id)
      moved[fmt::format("it is {} now, not {}", printable(health.instance_id), node.instance_id)].push_back(
          node.index);
  });
  if (zones.empty()) {
    check.verdict = Verdict::skipped;
    check.summary = "neither a metadata service nor the list has the zones";
    return check;
  }
  const auto zone = majority(zones);
  const auto group = majority(groups);
  check.summary = fmt::format("all in zone {}{}{}", zone, group.empty() ? "" : ", ", group);
  // Both are compared in the same way: with the value that most nodes have.
  for (auto* kind : {&zones, &groups}) {
    const auto most = kind == &zones ? zone : group;
    Groups different;
    for (const auto& [what, nodes] : *kind) {
      if (what != most)
        different[fmt::format("{}, but {} on {}", what, most, nodes_label((*kind)[most]))] = nodes;
    }
    if (!different.empty()) check.verdict = std::max(check.verdict, Verdict::warning);
    add_groups(check, records, different, {},
               "launch all nodes into one cluster placement group, or leave these out: --exclude {}");
  }
  if (!moved.empty()) check.verdict = Verdict::failed;
  add_groups(check, records, moved, "ec2mpi nodes --stale", "paste the list again");
  return check;
}

}  // namespace ec2mpi::ops
