#pragma once
/// What every node is told of every other: who it is on the private network, and by which host keys it is
/// known. All of it comes from the nodes themselves, so it is checked before it goes into any file of another
/// one.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/cluster/facts.hpp"
#include "ec2mpi/cluster/node.hpp"
#include "ec2mpi/ops/survey.hpp"
#include "ec2mpi/ssh/host_keys.hpp"

namespace ec2mpi::ops {

struct Peer {
  std::string key;  ///< node_key: instance id, else address
  int index = 0;    ///< in the list; 0 for an instance that is listed, but not running
  Ipv4 address;     ///< private
  std::uint16_t port = 22;
  std::string user;
  std::vector<std::string> names;  ///< host names of its own; without nodeN
  std::vector<ssh::HostKey> host_keys;

  bool operator==(const Peer&) const = default;
};

/// A node as it tells of itself; `verified` are the host keys that the laptop has seen at its address. Names
/// that could be meant for another machine (localhost, node7, a public domain) are left out. Errors:
/// remote_io, for an address that no peer can be reached at.
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
};

/// Puts together who answered (`present`), and for those who did not what is remembered of them. `indices`
/// has everybody in the list by key, with 0 for who is not running. A node without a list's id that comes
/// back under another address is the remembered one if private address and a host key are the same.
[[nodiscard]] Membership settle_membership(std::vector<Peer> present, const std::vector<Peer>& remembered,
                                           const std::map<std::string, int>& indices);

}  // namespace ec2mpi::ops
