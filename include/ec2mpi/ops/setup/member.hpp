#pragma once
/// The members of the cluster: their private addresses, names and host keys. The nodes themselves report
/// these, so each is checked before it goes into a file of another node.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/cluster/values/facts.hpp"
#include "ec2mpi/cluster/values/node.hpp"
#include "ec2mpi/ops/setup/setup_state.hpp"
#include "ec2mpi/ssh/host_keys.hpp"

namespace ec2mpi::ops {

struct ClusterMember {
  std::string key;  ///< node_key: instance id, else address
  int index = 0;    ///< in the list; 0 for an instance that is listed, but not running
  Ipv4 address;     ///< private
  std::uint16_t port = 22;
  std::string user;
  std::vector<std::string> names;  ///< its own host names, as EC2 gives them; without nodeN
  std::vector<ssh::HostKey> host_keys;
  std::string boot_id = {};                 ///< empty if it is only remembered
  std::vector<ssh::HostKey> verified = {};  ///< those that the laptop has seen; none if it is only remembered
  std::vector<int> same_machine = {};       ///< other entries of the list that are this machine, by index
  std::string unused_name = {};             ///< its host name, if EC2 does not give such a name

  bool operator==(const ClusterMember&) const = default;
};

/// A node as it reports about itself; `verified` are the host keys that the laptop has seen at its address.
/// Of host names only those count that EC2 gives to this address or instance (ip-10-0-0-11, its long forms,
/// i-ID); any other name could be another machine's, and goes to `unused_name`. Errors: remote_io, for an
/// address that is neither private (RFC 1918, 100.64.0.0/10) nor the list's, or is not the one that the list
/// has.
[[nodiscard]] Result<ClusterMember> make_member(const Node& node, const SetupState& state,
                                                const std::vector<ssh::HostKey>& verified);

/// The text that remembers the members of a list: one a line, fields between tabs.
[[nodiscard]] std::string members_text(const std::vector<ClusterMember>& members);
/// Lines that can't be read are skipped: the next setup asks the node again.
[[nodiscard]] std::vector<ClusterMember> parse_members(std::string_view text);

/// An entry of the list.
struct ListedNode {
  int index = 0;  ///< 0 for an instance that does not run
  std::string private_address = {};
};
using ListedNodes = std::map<std::string, ListedNode>;  ///< by key

/// The members of the cluster now.
struct Membership {
  std::vector<ClusterMember> members;  ///< by address; no two have the same address, or a name in common
  std::vector<ClusterMember> left;     ///< remembered, but not in the list any more, or not believed any more
  std::map<int, std::string> refused;  ///< by index: the reason why a node is left out
  std::map<int, int> same_machine;     ///< by index: the index under which the same machine stands already
};

/// The nodes that answer now.
struct PresentNodes {
  std::vector<ClusterMember> members;
  std::set<std::string> refused = {};  ///< keys of nodes whose answer make_member did not believe
};

/// Puts together the nodes that answered and, for the others, the remembered members. A remembered member
/// must fit the list as an answer must; a node that is refused now is not taken from memory either. A node
/// without a list's id that returns under another address is the remembered one if private address and a host
/// key are the same.
[[nodiscard]] Membership resolve_members(PresentNodes present, const std::vector<ClusterMember>& remembered,
                                         const ListedNodes& listed);

}  // namespace ec2mpi::ops
