#include "ec2mpi/ops/setup/peer.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/cluster/values/selection.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kMostKeys = 12;  ///< of one node

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// `ip-10-0-0-11` for 10.0.0.11, or `i-ID`. The id is the list's where the list has one.
bool is_ec2_label(std::string_view label, Ipv4 address, std::string_view id) {
  auto of_address = "ip-" + address.text();
  std::replace(of_address.begin(), of_address.end(), '.', '-');
  if (label == of_address) return true;
  const bool is_id =
      label.starts_with("i-") && is_hex(label.substr(2)) && (label.size() == 10 || label.size() == 19);
  return is_id && (id.empty() || label == id);
}

/// What stands behind the first label of EC2's private names: `ec2.internal`, or `REGION.compute.internal`.
bool is_ec2_domain(std::string_view domain) {
  constexpr std::string_view kRegional = ".compute.internal";
  if (domain == "ec2.internal") return true;
  if (!domain.ends_with(kRegional)) return false;
  const auto region = domain.substr(0, domain.size() - kRegional.size());
  return !region.empty() && region.find('.') == std::string_view::npos;
}

bool is_ec2_name(std::string_view name, Ipv4 address, std::string_view id) {
  const auto dot = name.find('.');
  return is_host_name(name) && is_ec2_label(name.substr(0, dot), address, id) &&
         (dot == std::string_view::npos || is_ec2_domain(name.substr(dot + 1)));
}

/// The name as the node has it, and its short form.
std::vector<std::string> usable_names(std::string_view hostname, Ipv4 address, std::string_view id) {
  const auto full = lower(hostname);
  if (!is_ec2_name(full, address, id)) return {};
  const auto first = full.substr(0, full.find('.'));
  if (full == first) return {first};
  return {full, first};
}

bool is_key_type(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '@' || c == '.';
  });
}

bool is_base64(std::string_view text) {
  return text.size() >= 16 && text.size() <= 4096 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
                  c == '/' || c == '=';
         });
}

/// RFC 1918 and 100.64.0.0/10: nobody outside of the own network has such an address.
bool is_of_private_network(Ipv4 address) {
  constexpr std::uint32_t kLoopback = 127;
  constexpr std::uint32_t kLinkLocal = (169U << 8) + 254;
  return is_private_ipv4(address.text()) && address.value >> 24 != kLoopback &&
         address.value >> 16 != kLinkLocal;
}

/// No other node can reach it.
bool is_unreachable(Ipv4 address) {
  return is_unusable_ipv4(address.text()) ||
         (is_private_ipv4(address.text()) && !is_of_private_network(address));
}

/// The private address that the list has for the node. One of the laptop itself says where a tunnel begins,
/// not where the node is.
std::optional<Ipv4> listed_address(const Node& node) {
  const auto listed = parse_ipv4(node.private_address);
  const bool is_tunnel = listed && is_private_ipv4(listed->text()) && !is_of_private_network(*listed);
  return is_tunnel ? std::nullopt : listed;
}

Result<void> check_address(const Node& node, Ipv4 told) {
  const auto listed = listed_address(node);
  if (listed && *listed == told) return {};
  if (listed) {
    return fail(
        ErrorKind::remote_io,
        fmt::format("says that its private address is {}, but the list has {}; correct the list, or look "
                    "at what this machine is",
                    told.text(), listed->text()));
  }
  if (is_of_private_network(told)) return {};
  return fail(
      ErrorKind::remote_io,
      fmt::format("says that its private address is {}, which is not one of a private network; setup lets "
                  "nodes in from private addresses only, or from those that the list has",
                  told.text()));
}

/// The verified ones first; in an order that does not depend on how the node lists its files.
std::vector<ssh::HostKey> all_keys(const std::vector<ssh::HostKey>& verified,
                                   std::vector<ssh::HostKey> told) {
  std::sort(told.begin(), told.end(), [](const auto& a, const auto& b) {
    return std::tie(a.type, a.base64) < std::tie(b.type, b.base64);
  });
  std::vector<ssh::HostKey> keys;
  const auto add = [&keys](const ssh::HostKey& key) {
    const bool known = std::find(keys.begin(), keys.end(), key) != keys.end();
    if (!known && keys.size() < kMostKeys && is_key_type(key.type) && is_base64(key.base64))
      keys.push_back(key);
  };
  for (const auto& key : verified) add(key);
  for (const auto& key : told) add(key);
  return keys;
}

bool is_same_machine(const Peer& a, const Peer& b) {
  return a.address == b.address &&
         std::any_of(a.host_keys.begin(), a.host_keys.end(), [&b](const ssh::HostKey& key) {
           return std::find(b.host_keys.begin(), b.host_keys.end(), key) != b.host_keys.end();
         });
}

/// One machine that stands in the list several times: the same boot, and a key that the laptop has verified
/// for both.
bool is_listed_twice(const Peer& a, const Peer& b) {
  return !a.boot_id.empty() && a.boot_id == b.boot_id &&
         std::any_of(a.verified.begin(), a.verified.end(), [&b](const ssh::HostKey& key) {
           return std::find(b.verified.begin(), b.verified.end(), key) != b.verified.end();
         });
}

/// A name that several claim is nobody's: it must not depend on who was first.
void drop_shared_names(std::vector<Peer>& peers) {
  std::map<std::string, int> claims;
  for (const auto& peer : peers) {
    for (const auto& name : std::set<std::string>(peer.names.begin(), peer.names.end())) ++claims[name];
  }
  for (auto& peer : peers) {
    std::erase_if(peer.names, [&claims](const std::string& name) { return claims[name] > 1; });
  }
}

std::optional<Peer> parse_peer(std::string_view line) {
  const auto fields = split(line, '\t');
  if (fields.size() != 6 || fields[0].empty()) return std::nullopt;
  const auto address = parse_ipv4(fields[1]);
  const auto port = parse_number(fields[2]);
  if (!address || is_unreachable(*address) || !port || *port == 0 || *port > 65535) return std::nullopt;
  if (!is_user_name(fields[3])) return std::nullopt;
  Peer peer{.key = std::string(fields[0]),
            .index = 0,
            .address = *address,
            .port = static_cast<std::uint16_t>(*port),
            .user = std::string(fields[3]),
            .names = {},
            .host_keys = {}};
  for (const auto name : words(fields[4])) {
    if (is_ec2_name(name, *address, {})) peer.names.emplace_back(name);
  }
  const auto keys = words(fields[5]);
  if (keys.empty() || keys.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < keys.size(); i += 2) {
    if (!is_key_type(keys[i]) || !is_base64(keys[i + 1])) return std::nullopt;
    peer.host_keys.push_back({std::string(keys[i]), std::string(keys[i + 1])});
  }
  return peer;
}

}  // namespace

Result<Peer> make_peer(const Node& node, const Survey& survey, const std::vector<ssh::HostKey>& verified) {
  const auto address = survey.facts.private_address;
  TRY(check_address(node, address));
  auto names = usable_names(survey.facts.hostname, address, node.instance_id);
  const bool is_used = !names.empty() || survey.facts.hostname == node.label();
  return Peer{.key = node_key(node),
              .index = node.index,
              .address = address,
              .port = survey.port,
              .user = survey.user,
              .names = std::move(names),
              .host_keys = all_keys(verified, survey.host_keys),
              .boot_id = survey.facts.boot_id,
              .verified = verified,
              .unused_name = is_used ? "" : printable(survey.facts.hostname)};
}

std::string peers_text(const std::vector<Peer>& peers) {
  std::string text;
  for (const auto& peer : peers) {
    std::string names;
    for (const auto& name : peer.names) names += (names.empty() ? "" : " ") + name;
    std::string keys;
    for (const auto& key : peer.host_keys)
      keys += fmt::format("{}{} {}", keys.empty() ? "" : " ", key.type, key.base64);
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n", peer.key, peer.address.text(), peer.port, peer.user,
                        names, keys);
  }
  return text;
}

std::vector<Peer> parse_peers(std::string_view text) {
  std::vector<Peer> peers;
  std::set<std::string> keys;
  for (const auto line : split(text, '\n')) {
    auto peer = parse_peer(line);
    if (peer && keys.insert(peer->key).second) peers.push_back(std::move(*peer));
  }
  return peers;
}

Membership settle_membership(std::vector<Peer> present, const std::vector<Peer>& remembered,
                             const std::map<std::string, int>& indices) {
  Membership members;
  std::map<std::string_view, const Peer*> known;
  for (const auto& peer : remembered) known.emplace(peer.key, &peer);

  const auto was_there_before = [&known](const Peer& peer) {
    const auto found = known.find(peer.key);
    return found != known.end() && found->second->address == peer.address;
  };
  // Whoever had the address first keeps it: first those who had it the last time, then by index.
  std::stable_sort(present.begin(), present.end(), [&](const Peer& a, const Peer& b) {
    return std::make_pair(!was_there_before(a), a.index) < std::make_pair(!was_there_before(b), b.index);
  });
  std::set<std::string> answered;
  for (const auto& peer : present) answered.insert(peer.key);
  std::map<Ipv4, std::string> owners;
  for (const auto& old : remembered) {
    const auto listed = indices.find(old.key);
    if (answered.contains(old.key)) continue;
    const bool came_back = std::any_of(present.begin(), present.end(),
                                       [&old](const Peer& peer) { return is_same_machine(peer, old); });
    if (listed == indices.end()) {
      if (!came_back) members.left.push_back(old);
      continue;
    }
    if (!owners.emplace(old.address, old.key).second) continue;
    members.peers.push_back(old);
    members.peers.back().index = listed->second;
  }
  for (auto& peer : present) {
    const auto [owner, is_first] = owners.emplace(peer.address, peer.key);
    if (!is_first) {
      const auto first = std::find_if(members.peers.begin(), members.peers.end(),
                                      [&peer](const Peer& other) { return other.address == peer.address; });
      if (first != members.peers.end() && is_listed_twice(*first, peer)) {
        first->same_machine.push_back(peer.index);
        members.same_machine[peer.index] = first->index;
        continue;
      }
      members.refused[peer.index] = fmt::format(
          "says that its private address is {}, which is that of {}; if that one is gone, take "
          "it out of the list",
          peer.address.text(), owner->second);
      continue;
    }
    members.peers.push_back(std::move(peer));
  }
  std::sort(members.peers.begin(), members.peers.end(),
            [](const Peer& a, const Peer& b) { return a.address < b.address; });
  drop_shared_names(members.peers);
  return members;
}

}  // namespace ec2mpi::ops
