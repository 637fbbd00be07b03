#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/ops/mpi/hints.hpp"
#include "ec2mpi/ops/mpi/placement.hpp"
#include "src/ops/doctor/checks.hpp"

namespace ec2mpi::ops {

namespace {

constexpr int kSlowName = 3000;  ///< ms; from a file it takes a few, a missing name server costs five seconds
constexpr std::size_t kNamedPairs = 4;
constexpr std::size_t kLongestReason = 160;

/// From whom to whom.
using Pair = std::pair<int, int>;

/// Pairs of which the same is said, with one of them as an example.
struct PairTrouble {
  std::set<Pair> pairs;
  std::string mend;
};
using PairTroubles = std::map<std::string, PairTrouble>;

std::string pair_text(const Pair& pair, const std::set<Pair>& all) {
  const bool both = all.contains({pair.second, pair.first});
  return both ? fmt::format("node{} and node{}", std::min(pair.first, pair.second),
                            std::max(pair.first, pair.second))
              : fmt::format("node{} to node{}", pair.first, pair.second);
}

/// The nodes that take part in every pair, if there are several pairs.
std::vector<int> in_all(const std::set<Pair>& pairs) {
  std::set<int> common = {pairs.begin()->first, pairs.begin()->second};
  for (const auto& pair : pairs)
    std::erase_if(common, [&](int index) { return index != pair.first && index != pair.second; });
  return {common.begin(), common.end()};
}

std::vector<int> nodes_of(const std::set<Pair>& pairs) {
  std::set<int> nodes;
  for (const auto& [from, to] : pairs) nodes.insert({from, to});
  return {nodes.begin(), nodes.end()};
}

/// Whose trouble it is: the one node that takes part in all of several pairs, or all of them.
std::vector<int> concerned(const std::set<Pair>& pairs) {
  const auto common = in_all(pairs);
  return common.size() == 1 && pairs.size() > 2 ? common : nodes_of(pairs);
}

/// "between all nodes"; "to and from 3 others" where one node is concerned; "node1 to node2, node3 and
/// node4".
std::string pairs_text(const std::set<Pair>& pairs, std::size_t tried) {
  if (pairs.size() == tried && tried > 2) return "between all nodes";
  if (const auto one = concerned(pairs); one.size() == 1) {
    const auto from =
        std::count_if(pairs.begin(), pairs.end(), [&](auto& pair) { return pair.first == one[0]; });
    const auto all = static_cast<std::ptrdiff_t>(pairs.size());
    return fmt::format("{} {}",
                       from == 0     ? "from"
                       : from == all ? "to"
                                     : "to and from",
                       count_of(nodes_of(pairs).size() - 1, "other node"));
  }
  std::vector<std::string> texts;
  for (const auto& pair : pairs) {
    auto text = pair_text(pair, pairs);
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(std::move(text));
  }
  return some_of(texts, kNamedPairs);
}

std::string address_of(const Records& records, int index) {
  const auto record = std::find_if(records.begin(), records.end(), [index](const auto& each) {
    return each.node.index == index && each.answer;
  });
  return record == records.end() ? std::string() : record->answer->facts.private_address.text();
}

/// Loopback and link-local (RFC 3927): every machine may have these.
bool is_local(Ipv4 address) {
  return address.value >> 24U == 127U || address.value >> 16U == 0xa9feU;
}

std::string interface_advice(const Network& network, bool five) {
  return fmt::format(
      "ec2mpi run keeps to {0} by itself; a script of yours needs: mpirun --mca btl_tcp_if_include {0} {1} "
      "{0}",
      network.text(), five ? "--prtemca prte_if_include" : "--mca oob_tcp_if_include");
}

/// A security group drops packets silently; what answers "no" is a firewall of the node itself.
bool refused(const std::string& why) {
  for (const auto* text : {"no route", "refused", "unreachable", "not permitted", "permission denied"}) {
    if (why.find(text) != std::string::npos) return true;
  }
  return false;
}

/// Puts the nodes' network in front of the rules of every chain that sees incoming packets.
std::string let_in(const std::string& network) {
  return "nft list chains | awk \"/^table/ {t = \\$2 FS \\$3} /chain/ {c = \\$2} /hook input/ && t ~ "
         "/^i(p|net) / "
         "{print \\\"insert rule\\\", t, c, \\\"ip saddr " +
         network + " accept\\\"}\" | nft -f -";
}

std::string port_advice(const std::string& why, const std::set<Pair>& pairs, std::size_t tried,
                        const std::string& network) {
  if (refused(why)) {
    std::set<int> targets;
    for (const auto& pair : pairs) targets.insert(pair.second);
    return fmt::format("a firewall on the node itself says no: ec2mpi exec -w {} --sudo {}",
                       chosen({targets.begin(), targets.end()}), quote_word(let_in(network)));
  }
  if (why.find("large packets") != std::string::npos)
    return "let ICMP through (it tells what size fits), or: ec2mpi exec-all --sudo 'ip link set INTERFACE "
           "mtu 1500'";
  if (pairs.size() < tried && in_all(pairs).size() == 2)
    return fmt::format("is there a firewall on one of them? ec2mpi exec -w {} --sudo 'nft list ruleset'",
                       chosen(nodes_of(pairs)));
  return "in the nodes' security group SG allow all traffic from the group itself: aws ec2 "
         "authorize-security-group-ingress --group-id SG --protocol all --source-group SG";
}

/// Looks at the private addresses, and at the interfaces beside them.
class InterfaceCheck {
 public:
  explicit InterfaceCheck(const Records& records) : records_(records) {
    for_each_answer(records, [this](const auto&, const auto& facts, const auto&) {
      addresses_.push_back(facts.private_address);
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
  void add(Verdict verdict, const Groups& groups, const std::string& command, const std::string& mend) {
    if (!groups.empty()) check_.verdict = std::max(check_.verdict, verdict);
    add_groups(check_, groups, command, mend);
  }

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

  void second_address() {
    Groups several;
    for_each_answer(records_, [&](const auto& record, const auto&, const auto& probe) {
      std::vector<std::string> inside;
      for (const auto& each : probe.interfaces) {
        if (network_.holds(each.address)) inside.push_back(printable(each.name) + " " + each.address.text());
      }
      if (inside.size() > 1)
        several[fmt::format("several addresses in {}: {}", network_.text(), some_of(inside))].push_back(
            record.node.index);
    });
    add(Verdict::failed, several, "ec2mpi exec -w {} 'ip -br addr'",
        "ec2mpi exec -w {} --sudo 'ip link set INTERFACE down' for the one that is not the cluster's");
  }

  /// The same address on two nodes is on a network that each of them has for itself; MPI takes it for one.
  void bridges() {
    std::map<Ipv4, std::map<int, std::string>> owners;
    for_each_answer(records_, [&](const auto& record, const auto&, const auto& probe) {
      for (const auto& each : probe.interfaces) {
        if (!is_local(each.address) && !network_.holds(each.address))
          owners[each.address].emplace(record.node.index, printable(each.name));
      }
    });
    Groups shared;
    for (const auto& [address, names] : owners) {
      if (names.size() < 2) continue;
      auto& nodes = shared[fmt::format("{} has the same address, {}, on all of them; MPI must not take it",
                                       names.begin()->second, address.text())];
      for (const auto& [index, name] : names) nodes.push_back(index);
    }
    add(Verdict::warning, shared, "ec2mpi exec -w {} 'ip -br addr'", interface_advice(network_, five_));
  }

  void packet_sizes() {
    Groups sizes;
    for_each_answer(records_, [&](const auto& record, const auto& facts, const auto& probe) {
      for (const auto& each : probe.interfaces) {
        if (each.address == facts.private_address && each.mtu > 0)
          sizes[std::to_string(each.mtu)].push_back(record.node.index);
      }
    });
    const auto most = majority(sizes);
    sizes.erase(most);
    Groups told;
    for (const auto& [size, nodes] : sizes)
      told[fmt::format("packets of at most {} bytes, most have {}", size, most)] = nodes;
    add(Verdict::warning, told, "ec2mpi exec -w {} 'ip -br link'",
        "ec2mpi exec -w {} --sudo 'ip link set INTERFACE mtu " + most + "'");
  }

  const Records& records_;
  std::vector<Ipv4> addresses_;
  Network network_;
  bool five_ = false;  ///< Open MPI 5 has other names for its parameters
  Check check_{.name = "interfaces", .summary = {}, .findings = {}};
};

}  // namespace

Check check_names(const Records& records) {
  Check check{.name = "names", .summary = "the nodes' names are known on all nodes", .findings = {}};
  Groups own;
  Groups slow;
  Groups others;
  for_each_answer(records, [&](const auto& record, const auto& facts, const auto& probe) {
    const int index = record.node.index;
    if (!probe.own_name_resolves)
      own[fmt::format("its own name {} is not known", printable(facts.hostname))].push_back(index);
    else if (probe.own_name_ms > kSlowName)
      slow[fmt::format("to look its own name up takes {:.0f} s", probe.own_name_ms / 1000.0)].push_back(
          index);
    std::size_t unknown = 0;
    for (const auto& [peer, attempt] : record.links.names) {
      if (attempt.ok) continue;
      if (attempt.said.empty())
        ++unknown;
      else
        others[attempt.said].push_back(index);
    }
    if (unknown > 0)
      others[fmt::format("does not know the names of {}", count_of(unknown, "other node"))].push_back(index);
  });
  if (!slow.empty() || !others.empty()) check.verdict = Verdict::warning;
  if (!own.empty()) check.verdict = Verdict::failed;
  add_groups(check, own, "ec2mpi exec -w {} 'getent hosts $(hostname)'", "ec2mpi setup");
  add_groups(check, slow, "ec2mpi exec -w {} 'time getent hosts $(hostname)'", "ec2mpi setup");
  add_groups(check, others, "ec2mpi exec -w {} 'getent hosts NAME'", "ec2mpi setup");
  return check;
}

Check check_interfaces(const Records& records) {
  return InterfaceCheck(records).run();
}

Check check_logins(const Records& records) {
  Check check{.name = "logins", .summary = {}, .findings = {}};
  PairTroubles troubles;
  std::size_t tried = 0;
  std::vector<int> late;
  for_each_answer(records, [&](const auto& record, const auto&, const auto&) {
    if (!record.links.complete) late.push_back(record.node.index);
    for (const auto& [peer, attempt] : record.links.logins) {
      ++tried;
      if (attempt.ok) continue;
      const auto hint = hint_for(attempt.said);
      const auto tail = attempt.said.size() > kLongestReason
                            ? attempt.said.substr(attempt.said.size() - kLongestReason)
                            : attempt.said;
      auto& trouble = troubles[hint ? hint->cause : tail];
      trouble.pairs.emplace(record.node.index, peer);
      trouble.mend = hint ? hint->command : "";
    }
  });
  for (const auto& [why, trouble] : troubles) {
    const auto [from, to] = *trouble.pairs.begin();
    const auto mend = trouble.mend.empty() || trouble.mend == "ec2mpi doctor" ? "ec2mpi setup" : trouble.mend;
    check.findings.push_back(
        {concerned(trouble.pairs), fmt::format("{}: {}", pairs_text(trouble.pairs, tried), why),
         fmt::format("ec2mpi exec -w {} 'ssh -o BatchMode=yes {} true'", from, address_of(records, to)),
         mend});
  }
  if (!late.empty()) check.findings.push_back({late, "the logins from there did not end in time", {}, {}});
  if (!check.findings.empty()) check.verdict = Verdict::failed;
  check.summary = fmt::format("{} between nodes by ssh", count_of(tried, "login"));
  if (tried == 0 && check.findings.empty()) {
    check.verdict = Verdict::skipped;
    check.summary = "there is no second node to log in to";
  }
  return check;
}

Check check_ports(const Records& records) {
  Check check{.name = "ports", .summary = {}, .findings = {}};
  std::map<std::string, std::set<Pair>> troubles;
  std::size_t tried = 0;
  Groups untried;
  std::vector<Ipv4> addresses;
  for_each_answer(records, [&](const auto& record, const auto& facts, const auto&) {
    addresses.push_back(facts.private_address);
    if (!record.no_tcp.empty())
      untried["could not be tried: " + printable(record.no_tcp)].push_back(record.node.index);
    for (const auto& [peer, attempt] : record.tcp) {
      ++tried;
      if (!attempt.ok) troubles[attempt.said].emplace(record.node.index, peer);
    }
  });
  const auto network = covering_network(addresses).text();
  for (const auto& [why, pairs] : troubles) {
    const auto [from, to] = *pairs.begin();
    check.findings.push_back({concerned(pairs), fmt::format("{}: {}", pairs_text(pairs, tried), why),
                              fmt::format("TCP from {} to {} on any port but 22", address_of(records, from),
                                          address_of(records, to)),
                              port_advice(why, pairs, tried, network)});
  }
  check.summary = fmt::format("{} between nodes on ports that nobody opened", count_of(tried, "connection"));
  if (!troubles.empty()) {
    check.verdict = Verdict::failed;
  } else if (!untried.empty()) {
    check.verdict = Verdict::warning;
  } else if (tried == 0) {
    check.verdict = Verdict::skipped;
    check.summary = "there is no second node to connect to";
  }
  add_groups(check, untried, {}, "ec2mpi setup -w {}");
  return check;
}

Check check_placement(const Records& records) {
  Check check{.name = "placement", .summary = {}, .findings = {}};
  Groups zones;
  Groups groups;
  Groups moved;
  for_each_answer(records, [&](const auto& record, const auto&, const auto& probe) {
    const auto& node = record.node;
    const auto& zone = probe.zone.empty() ? node.availability_zone : probe.zone;
    if (!zone.empty()) zones[printable(zone)].push_back(node.index);
    if (!probe.zone.empty())
      groups[probe.placement_group.empty() ? "no placement group"
                                           : "placement group " + printable(probe.placement_group)]
          .push_back(node.index);
    if (!probe.instance_id.empty() && !node.instance_id.empty() && probe.instance_id != node.instance_id)
      moved[fmt::format("it is {} now, not {}", printable(probe.instance_id), node.instance_id)].push_back(
          node.index);
  });
  if (zones.empty()) {
    check.verdict = Verdict::skipped;
    check.summary = "neither a metadata service nor the list tells the zones";
    return check;
  }
  const auto zone = majority(zones);
  const auto group = majority(groups);
  check.summary = fmt::format("all in zone {}{}{}", zone, group.empty() ? "" : ", ", group);
  for (auto* kind : {&zones, &groups}) {
    const auto most = kind == &zones ? zone : group;
    Groups apart;
    for (const auto& [what, nodes] : *kind) {
      if (what != most)
        apart[fmt::format("{}, but {} on {}", what, most, nodes_label((*kind)[most]))] = nodes;
    }
    if (!apart.empty()) check.verdict = std::max(check.verdict, Verdict::warning);
    add_groups(check, apart, {},
               "launch all nodes into one cluster placement group, or leave these out: --exclude {}");
  }
  if (!moved.empty()) check.verdict = Verdict::failed;
  add_groups(check, moved, "ec2mpi nodes --stale", "paste the list anew");
  return check;
}

}  // namespace ec2mpi::ops
