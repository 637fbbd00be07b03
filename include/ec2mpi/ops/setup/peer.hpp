#pragma once
/// What every node is told of every other: who it is on the private network, and by which host keys it is
/// known. All of it comes from the nodes themselves, so it is checked before it goes into any file of another
/// one.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/cluster/values/facts.hpp"
#include "ec2mpi/cluster/values/node.hpp"
#include "ec2mpi/ops/setup/survey.hpp"
#include "ec2mpi/ssh/host_keys.hpp"

namespace ec2mpi::ops {

struct Peer {
  std::string key;  ///< node_key: instance id, else address
  int index = 0;    ///< in the list; 0 for an instance that is listed, but not running
  Ipv4 address;     ///< private
  std::uint16_t port = 22;
  std::string user;
  std::vector<std::string> names;  ///< host names of its own, as EC2 gives them; without nodeN
  std::vector<ssh::HostKey> host_keys;
  std::string boot_id = {};                 ///< empty if it is only remembered
  std::vector<ssh::HostKey> verified = {};  ///< those that the laptop has seen; none if it is only remembered
  std::vector<int> same_machine = {};       ///< further entries of the list that are this machine, by index
  std::string unused_name = {};             ///< the host name that it has, if that is none of EC2's

  bool operator==(const Peer&) const = default;
};

/// A node as it tells of itself; `verified` are the host keys that the laptop has seen at its address. Of
/// host names only those count that EC2 gives to this address or instance (ip-10-0-0-11, its long forms,
/// i-ID); any other name could be another machine's, and goes to `unused_name`. Errors: remote_io, for an
/// address that is neither private (RFC 1918, 100.64.0.0/10) nor the list's, or is not the one that the list
/// has.
[[nodiscard]] Result<Peer> make_peer(const Node& node, const Survey& survey,
                                     const std::vector<ssh::HostKey>& verified);

/// What is remembered of the peers of a list: one a line, fields between tabs.
[[nodiscard]] std::string peers_text(const std::vector<Peer>& peers);
/// Lines that can't be read are skipped: the next setup asks the node again.
[[nodiscard]] std::vector<Peer> parse_peers(std::string_view text);

/// Who belongs to the cluster now.
struct Membership {
  std::vector<Peer> peers;  ///< by address; no two have the same one, or a name in common
  std::vector<Peer> left;   ///< remembered, but not in the list any more
  std::map<int, std::string>
      refused;  ///< by index: why a node is left out; it claims an address that is another's
  std::map<int, int> same_machine;  ///< by index: the index under which the same machine stands already
};

/// Puts together who answered (`present`), and for those who did not what is remembered of them. `indices`
/// has everybody in the list by key, with 0 for who is not running. A node without a list's id that comes
/// back under another address is the remembered one if private address and a host key are the same.
[[nodiscard]] Membership settle_membership(std::vector<Peer> present, const std::vector<Peer>& remembered,
                                           const std::map<std::string, int>& indices);

}  // namespace ec2mpi::ops
