#include "ec2mpi/ops/setup/member.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/cluster/values/selection.hpp"

namespace ec2mpi::ops {

namespace {

// The keys of a node go into the known_hosts of all others, so their number is bounded.
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

/// `ip-10-0-0-11` for 10.0.0.11, or `i-ID`. The id is the list's where the list has one. Other
/// names are not believed, since a node could claim the name of any machine.
bool is_ec2_label(std::string_view label, Ipv4 address, std::string_view id) {
  auto of_address = "ip-" + address.text();
  std::replace(of_address.begin(), of_address.end(), '.', '-');
  if (label == of_address) return true;
  const bool is_id =
      label.starts_with("i-") && is_hex(label.substr(2)) && (label.size() == 10 || label.size() == 19);
  return is_id && (id.empty() || label == id);
}

/// The part behind the first label of EC2's private names: `ec2.internal`, or `REGION.compute.internal`.
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
  // Host names do not depend on the case.
  const auto full = lower(hostname);
  if (!is_ec2_name(full, address, id)) return {};
  const auto first = full.substr(0, full.find('.'));
  if (full == first) return {first};
  return {full, first};
}

/// Strict, since both words become part of a line in the other nodes' known_hosts.
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

/// RFC 1918 and 100.64.0.0/10: no machine outside of the own network has such an address.
bool is_of_private_network(Ipv4 address) {
  constexpr std::uint32_t kLoopback = 127;
  constexpr std::uint32_t kLinkLocal = (169U << 8) + 254;
  return is_private_ipv4(address.text()) && address.value >> 24 != kLoopback &&
         address.value >> 16 != kLinkLocal;
}

/// No other node can reach it: a loopback or link-local address means another machine on each node.
bool is_unreachable(Ipv4 address) {
  return is_unusable_ipv4(address.text()) ||
         (is_private_ipv4(address.text()) && !is_of_private_network(address));
}

/// The private address in the list. A loopback address is the laptop's end of a tunnel, and no address of the
/// node.
std::optional<Ipv4> listed_address(std::string_view private_address) {
  const auto listed = parse_ipv4(private_address);
  const bool is_tunnel = listed && is_private_ipv4(listed->text()) && !is_of_private_network(*listed);
  return is_tunnel ? std::nullopt : listed;
}

/// `private_address` is the list's; it may be empty.
Result<void> check_address(std::string_view private_address, Ipv4 told) {
  const auto listed = listed_address(private_address);
  if (listed && *listed == told) return {};
  if (listed) {
    return fail(
        ErrorKind::remote_io,
        fmt::format("says that its private address is {}, but the list has {}; correct the list, or look "
                    "at what this machine is",
                    told.text(), listed->text()));
  }
  // If the list has no address, the node's word decides. A public address in authorized_keys could
  // let a stranger's machine in, so it must be a private one.
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
  // In one order, so that an unchanged node gives unchanged files.
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

/// By address and host key, for lists without instance ids.
bool is_same_machine(const ClusterMember& a, const ClusterMember& b) {
  return a.address == b.address &&
         std::any_of(a.host_keys.begin(), a.host_keys.end(), [&b](const ssh::HostKey& key) {
           return std::find(b.host_keys.begin(), b.host_keys.end(), key) != b.host_keys.end();
         });
}

/// One machine that stands in the list several times: the same boot, and a key that the laptop has verified
/// for both.
bool is_listed_twice(const ClusterMember& a, const ClusterMember& b) {
  return !a.boot_id.empty() && a.boot_id == b.boot_id &&
         std::any_of(a.verified.begin(), a.verified.end(), [&b](const ssh::HostKey& key) {
           return std::find(b.verified.begin(), b.verified.end(), key) != b.verified.end();
         });
}

/// A name that several members claim is given to none, so that it does not depend on their order: a
/// node could claim another node's name.
void drop_shared_names(std::vector<ClusterMember>& members) {
  std::map<std::string, int> claims;
  for (const auto& member : members) {
    for (const auto& name : std::set<std::string>(member.names.begin(), member.names.end())) ++claims[name];
  }
  for (auto& member : members) {
    std::erase_if(member.names, [&claims](const std::string& name) { return claims[name] > 1; });
  }
}

/// As members_text writes it; each field is checked as in a node's answer.
std::optional<ClusterMember> parse_member(std::string_view line) {
  const auto fields = split(line, '\t');
  if (fields.size() != 6 || fields[0].empty()) return std::nullopt;
  const auto address = parse_ipv4(fields[1]);
  const auto port = parse_number(fields[2]);
  if (!address || is_unreachable(*address) || !port || *port == 0 || *port > 65535) return std::nullopt;
  if (!is_user_name(fields[3])) return std::nullopt;
  ClusterMember member{.key = std::string(fields[0]),
                       .index = 0,
                       .address = *address,
                       .port = static_cast<std::uint16_t>(*port),
                       .user = std::string(fields[3]),
                       .names = {},
                       .host_keys = {}};
  for (const auto name : words(fields[4])) {
    if (is_ec2_name(name, *address, {})) member.names.emplace_back(name);
  }
  const auto keys = words(fields[5]);
  if (keys.empty() || keys.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < keys.size(); i += 2) {
    if (!is_key_type(keys[i]) || !is_base64(keys[i + 1])) return std::nullopt;
    member.host_keys.push_back({std::string(keys[i]), std::string(keys[i + 1])});
  }
  return member;
}

}  // namespace

Result<ClusterMember> make_member(const Node& node, const SetupState& state,
                                  const std::vector<ssh::HostKey>& verified) {
  const auto address = state.facts.private_address;
  // The node reports the address itself, so the list or the kind of the address must agree.
  TRY(check_address(node.private_address, address));
  auto names = usable_names(state.facts.hostname, address, node.instance_id);
  // nodeN is written for each member in any case.
  const bool is_used = !names.empty() || state.facts.hostname == node.label();
  return ClusterMember{.key = node_key(node),
                       .index = node.index,
                       .address = address,
                       .port = state.port,
                       .user = state.user,
                       .names = std::move(names),
                       .host_keys = all_keys(verified, state.host_keys),
                       .boot_id = state.facts.boot_id,
                       .verified = verified,
                       .unused_name = is_used ? "" : printable(state.facts.hostname)};
}

std::string members_text(const std::vector<ClusterMember>& members) {
  std::string text;
  for (const auto& member : members) {
    std::string names;
    for (const auto& name : member.names) names += (names.empty() ? "" : " ") + name;
    std::string keys;
    for (const auto& key : member.host_keys)
      keys += fmt::format("{}{} {}", keys.empty() ? "" : " ", key.type, key.base64);
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n", member.key, member.address.text(), member.port,
                        member.user, names, keys);
  }
  return text;
}

std::vector<ClusterMember> parse_members(std::string_view text) {
  std::vector<ClusterMember> members;
  std::set<std::string> keys;
  for (const auto line : split(text, '\n')) {
    auto member = parse_member(line);
    // The first line of a key counts.
    if (member && keys.insert(member->key).second) members.push_back(std::move(*member));
  }
  return members;
}

namespace {

/// Resolves one membership, step by step.
class MemberResolver {
 public:
  MemberResolver(PresentNodes present, const std::vector<ClusterMember>& remembered,
                 const ListedNodes& listed)
      : present_(std::move(present)), remembered_(remembered), listed_(listed) {}

  /// Remembered members first: a node that is away keeps its address against one that claims it now.
  Membership run() {
    sort_present();
    for (const auto& old : remembered_) place_remembered(old);
    for (auto& member : present_.members) place_present(std::move(member));
    auto& members = result_.members;
    std::sort(members.begin(), members.end(),
              [](const auto& a, const auto& b) { return a.address < b.address; });
    drop_shared_names(members);
    return std::move(result_);
  }

 private:
  [[nodiscard]] const ClusterMember* remembered(const std::string& key) const {
    const auto found = std::find_if(remembered_.begin(), remembered_.end(),
                                    [&key](const ClusterMember& member) { return member.key == key; });
    return found == remembered_.end() ? nullptr : &*found;
  }

  /// An address belongs to its first owner: first the nodes that had it the last time, then by index.
  void sort_present() {
    const auto rank = [this](const ClusterMember& member) {
      const auto* old = remembered(member.key);
      // Remembered owners come first: false sorts before true.
      return std::make_pair(old == nullptr || old->address != member.address, member.index);
    };
    std::stable_sort(present_.members.begin(), present_.members.end(),
                     [&rank](const auto& a, const auto& b) { return rank(a) < rank(b); });
  }

  [[nodiscard]] bool answered(const std::string& key) const {
    return std::any_of(present_.members.begin(), present_.members.end(),
                       [&key](const ClusterMember& member) { return member.key == key; });
  }

  [[nodiscard]] bool came_back(const ClusterMember& old) const {
    return std::any_of(present_.members.begin(), present_.members.end(),
                       [&old](const ClusterMember& member) { return is_same_machine(member, old); });
  }

  [[nodiscard]] bool is_believed(const ClusterMember& old) const {
    return !present_.refused.contains(old.key) &&
           check_address(listed_.at(old.key).private_address, old.address).has_value();
  }

  void place_remembered(const ClusterMember& old) {
    if (answered(old.key)) return;
    const auto listed = listed_.find(old.key);
    if (listed == listed_.end() || !is_believed(old)) {
      // A node that stands in the list, but is not believed, loses the key as well.
      if (listed != listed_.end() || !came_back(old)) result_.left.push_back(old);
      return;
    }
    // Another node has the address already.
    if (!owners_.emplace(old.address, old.key).second) return;
    result_.members.push_back(old);
    result_.members.back().index = listed->second.index;
  }

  void place_present(ClusterMember member) {
    const auto [owner, is_first] = owners_.emplace(member.address, member.key);
    // The first node with an address keeps it.
    if (is_first) {
      result_.members.push_back(std::move(member));
      return;
    }
    const auto first = std::find_if(result_.members.begin(), result_.members.end(),
                                    [&member](const auto& other) { return other.address == member.address; });
    if (first != result_.members.end() && is_listed_twice(*first, member)) {
      first->same_machine.push_back(member.index);
      result_.same_machine[member.index] = first->index;
      return;
    }
    result_.refused[member.index] = fmt::format(
        "says that its private address is {}, which is that of {}; if that one is gone, remove "
        "it from the list",
        member.address.text(), owner->second);
    if (const auto* old = remembered(member.key)) result_.left.push_back(*old);
  }

  PresentNodes present_;
  const std::vector<ClusterMember>& remembered_;
  const ListedNodes& listed_;
  std::map<Ipv4, std::string> owners_;  ///< keys, by address
  Membership result_;
};

}  // namespace

Membership resolve_members(PresentNodes present, const std::vector<ClusterMember>& remembered,
                           const ListedNodes& listed) {
  return MemberResolver(std::move(present), remembered, listed).run();
}

}  // namespace ec2mpi::ops
