#include "src/ops/doctor/pairs.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/ops/mpi/placement.hpp"
#include "ec2mpi/ops/node/facts.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kNamedPairs = 4;

std::string pair_text(const Pair& pair, const std::set<Pair>& all) {
  // A fault in both directions is one fault.
  const bool both = all.contains({pair.second, pair.first});
  return both ? fmt::format("node{} and node{}", std::min(pair.first, pair.second),
                            std::max(pair.first, pair.second))
              : fmt::format("node{} to node{}", pair.first, pair.second);
}

/// The nodes that are part of every pair.
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

}  // namespace

std::vector<int> concerned(const std::set<Pair>& pairs) {
  const auto common = in_all(pairs);
  // With one or two pairs, a common node proves nothing.
  return common.size() == 1 && pairs.size() > 2 ? common : nodes_of(pairs);
}

std::string pairs_text(const std::set<Pair>& pairs, std::size_t tried) {
  // With two nodes, the pair itself says more.
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
    // Both directions have one text.
    const bool is_second = pair.first > pair.second && pairs.contains({pair.second, pair.first});
    if (!is_second) texts.push_back(pair_text(pair, pairs));
  }
  return some_of(texts, kNamedPairs);
}

std::string address_of(const Records& records, int index) {
  const auto record = std::find_if(records.begin(), records.end(), [index](const auto& each) {
    // A node without an answer has no address.
    return each.node.index == index && each.answer;
  });
  return record == records.end() ? std::string() : record->answer->facts.private_address.text();
}

std::set<int> silent_nodes(const Records& records) {
  std::set<int> silent;
  for_each_answer(records, [&](const auto& record, const auto&, const auto&) {
    const auto& links = record.links;
    const bool no_logins = !links.complete && links.logins.empty() && links.names.empty();
    const bool says_why = record.no_tcp == kNoPython || record.no_tcp.find(kItPrinted) != std::string::npos;
    if (no_logins || (!record.no_tcp.empty() && !says_why)) silent.insert(record.node.index);
  });
  return silent;
}

std::string network_of(const Records& records) {
  std::vector<Ipv4> addresses;
  for_each_answer(records, [&](const auto&, const auto& facts, const auto&) {
    addresses.push_back(facts.private_address);
  });
  return covering_network(addresses).text();
}

namespace {

/// A security group drops packets silently; an answer "no" comes from a firewall on the node itself.
bool is_rejected(const std::string& why) {
  for (const auto* text : {"no route", "refused", "unreachable", "not permitted", "permission denied"}) {
    if (why.find(text) != std::string::npos) return true;
  }
  return false;
}

/// Accepts packets from the nodes' network before all other rules, in every chain for incoming packets.
std::string let_in(const std::string& network) {
  return "nft list chains | awk \"/^table/ {t = \\$2 FS \\$3} /chain/ {c = \\$2} /hook input/ && t ~ "
         "/^i(p|net) / "
         "{print \\\"insert rule\\\", t, c, \\\"ip saddr " +
         network + " accept\\\"}\" | nft -f -";
}

}  // namespace

std::string connection_fix(const std::string& why, const std::set<Pair>& pairs, std::size_t tried,
                           const std::string& network) {
  if (is_rejected(why)) {
    // The firewall stands on the node that was to be reached.
    std::set<int> targets;
    for (const auto& pair : pairs) targets.insert(pair.second);
    return fmt::format("a firewall on the node itself rejects it: ec2mpi exec -w {} --sudo {}",
                       chosen({targets.begin(), targets.end()}), quote_word(let_in(network)));
  }
  if (why.find("large packets") != std::string::npos)
    return "let ICMP through, which reports the size that fits; or: ec2mpi exec-all --sudo 'ip link set "
           "INTERFACE "
           "mtu 1500'";
  // Only these two do not reach each other, so the security group is not the cause.
  if (pairs.size() < tried && in_all(pairs).size() == 2)
    return fmt::format("is there a firewall on one of them? ec2mpi exec -w {} --sudo 'nft list ruleset'",
                       chosen(nodes_of(pairs)));
  return "in the nodes' security group SG allow all traffic from the group itself: aws ec2 "
         "authorize-security-group-ingress --group-id SG --protocol all --source-group SG";
}

}  // namespace ec2mpi::ops
