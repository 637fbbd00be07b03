#pragma once
/// From node to node: names, logins by ssh, and TCP on any port. What is asked of each node, and its answers.
/// Pure.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ops {

/// Whom a node shall reach.
struct MeshPeer {
  int index = 0;
  std::string address;   ///< private
  std::string hostname;  ///< what it calls itself
  std::uint16_t port = 0;
};

/// How one attempt went.
struct Attempt {
  bool ok = false;
  std::string said;  ///< printable; why not, or what was printed besides
  bool operator==(const Attempt&) const = default;
};

/// By the index of the node that was to be reached.
using Attempts = std::map<int, Attempt>;

/// The positions that position `own` of `count` tries to reach, beginning behind its own so that not all
/// begin at the same one. All others up to 64 nodes; beyond that the rings at distance 1, 2, 4, ..., and the
/// first one reaches all and is reached by all, for mpirun starts there.
[[nodiscard]] std::vector<std::size_t> peers_of(std::size_t own, std::size_t count);

/// Starts the listener that programs/tcp_mesh.py describes.
[[nodiscard]] std::string tcp_command(int own_index, const std::string& own_address,
                                      const std::string& token);
/// What it is to be told then.
[[nodiscard]] std::string tcp_targets(const std::vector<MeshPeer>& peers);
/// The first whole line it prints, `port N`. Errors: remote_io.
[[nodiscard]] Result<std::uint16_t> parse_port(std::string_view printed);
/// What it printed up to `done`. Errors: remote_io.
[[nodiscard]] Result<Attempts> parse_tcp(std::string_view printed);

struct Logins {
  Attempts names;        ///< do the peers' names mean their addresses? Nothing said: not known
  Attempts logins;       ///< `ssh PEER echo`: as mpirun does it, without a question, four at a time
  bool complete = true;  ///< false: it was cut off; what is there holds
};

[[nodiscard]] std::string login_command(const std::vector<MeshPeer>& peers);
/// Errors: remote_io.
[[nodiscard]] Result<Logins> parse_logins(std::string_view printed, const std::vector<MeshPeer>& peers);

}  // namespace ec2mpi::ops
