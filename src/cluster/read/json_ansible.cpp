#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "src/cluster/read/host_of.hpp"
#include "src/cluster/read/json_list.hpp"

namespace ec2mpi {
namespace {

/// One address and no instance id: the user wrote this host, and no plugin of a cloud did.
bool is_given_by_user(const Node& node) {
  return node.instance_id.empty() &&
         int{!node.public_address.empty()} + int{!node.private_address.empty()} + int{!node.ipv6.empty()} ==
             1;
}

/// Reads the output of `ansible-inventory --list`.
class AnsibleReader {
 public:
  explicit AnsibleReader(const JsonTape& tape) : tape_(tape) {}

  /// The hosts of every group in the order of the file, then those that only `hostvars` names.
  Read<Listing> read(std::size_t hostvars) {
    for (const std::size_t host : tape_.inside(hostvars)) {
      if (tape_.is_object(host)) facts_.emplace(tape_.key(host), host);
    }
    find_helpers();
    for (const std::size_t group : tape_.inside(0)) {
      for (const std::size_t host : hosts_of(group)) TRY(add(tape_.text(host), host));
    }
    for (const std::size_t host : tape_.inside(hostvars)) TRY(add(tape_.key(host), host));
    TRY(note_unused(listing_, logins_));
    helpers_.note(listing_);
    listing_.as_given = std::ranges::all_of(listing_.nodes, is_given_by_user);
    return std::move(listing_);
  }

 private:
  [[nodiscard]] JsonTape::Siblings hosts_of(std::size_t group) const {
    const auto hosts = tape_.is_object(group) ? tape_.member(group, "hosts") : std::nullopt;
    return hosts && tape_.is_array(*hosts) ? tape_.inside(*hosts) : JsonTape::Siblings{&tape_, 0, 0};
  }

  /// The hosts of groups such as `bastion`, unless another group that a user has made names them too, and
  /// hosts without such a group that are called so.
  void find_helpers() {
    for (const std::size_t group : tape_.inside(0)) {
      const std::string_view key = tape_.key(group);
      const bool helper = role_of_name(key) == NamePart::helper;
      if (helper || key == "all" || key == "ungrouped") continue;
      for (const std::size_t host : hosts_of(group)) grouped_.insert(tape_.text(host));
    }
    for (const std::size_t group : tape_.inside(0)) {
      const std::string_view key = tape_.key(group);
      if (role_of_name(key) != NamePart::helper) continue;
      for (const std::size_t host : hosts_of(group)) group_of_helper_.emplace(tape_.text(host), key);
    }
  }

  /// What names the host a helper: its group or itself. Empty if it is a node.
  [[nodiscard]] std::string_view name_of_helper(std::string_view host) const {
    if (grouped_.contains(host)) return {};
    const auto group = group_of_helper_.find(host);
    if (group != group_of_helper_.end()) return group->second;
    return role_of_name(host.substr(0, host.find('.'))) == NamePart::helper ? host : std::string_view();
  }

  /// A host may be in several groups; its first place counts.
  Read<void> add(std::string_view name, std::size_t at) {
    if (!seen_.insert(name).second) return {};
    if (const std::string_view helper = name_of_helper(name); !helper.empty()) {
      helpers_.add(helper);
      return {};
    }
    Node& node = listing_.nodes.emplace_back();
    node.line = tape_.at(at).line;
    const auto facts = facts_.find(name);
    Problem problem = facts == facts_.end() ? std::nullopt : put_record(node, tape_, facts->second, logins_);
    if (!problem) problem = put_name(node, name);
    if (problem) return refuse(node.line, kCorrectInventory, in_quotes(name), *problem);
    return {};
  }

  /// A host without facts on its address is reached by its name; beside an address it is only a name.
  static Problem put_name(Node& node, std::string_view name) {
    if (has_address(node) || !node.instance_id.empty()) {
      if (node.name.empty() && !is_ipv4(name)) node.name = name;
      return std::nullopt;
    }
    const auto spec = host_of(name, BareWords::allowed);
    if (spec) put_host(node, *spec);
    return spec ? std::nullopt : Problem(spec.error());
  }

  const JsonTape& tape_;
  std::unordered_map<std::string_view, std::size_t> facts_;  ///< the object in hostvars of each host
  std::unordered_set<std::string_view> seen_, grouped_;
  std::unordered_map<std::string_view, std::string_view> group_of_helper_;
  Helpers helpers_;
  LoginColumns logins_;  ///< members that say how to log in
  Listing listing_;
};

}  // namespace

Read<Listing> read_ansible(const JsonTape& tape, std::size_t hostvars) {
  return AnsibleReader(tape).read(hostvars);
}

}  // namespace ec2mpi
