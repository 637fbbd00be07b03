#pragma once
/// From node to node: names, logins by ssh, and TCP on any port. The questions to each node, and its answers.
/// Pure.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ops {

/// A node that another one tries to reach.
struct MeshTarget {
  int index = 0;
  std::string address;   ///< private
  std::string hostname;  ///< its own name for itself
  std::uint16_t port = 0;
};

/// How one attempt went.
struct Attempt {
  bool ok = false;
  std::string said;  ///< printable; the reason, or other printed text
  bool operator==(const Attempt&) const = default;
};

/// By the index of the target.
using Attempts = std::map<int, Attempt>;

/// The positions that position `own` of `count` connects to by TCP, beginning behind its own so that not all
/// begin at the same one. All others up to 64 nodes; with more nodes those at distance 1, 2, 4, ...
[[nodiscard]] std::vector<std::size_t> tcp_targets_of(std::size_t own, std::size_t count);

/// The positions that it logs in to: all others up to 64 nodes, and the next one with more. Each login costs
/// an sshd a key exchange, and 1000 at once on the master would be refused (MaxStartups).
[[nodiscard]] std::vector<std::size_t> login_targets_of(std::size_t own, std::size_t count);

/// Starts the listener that tcp_mesh.py describes.
[[nodiscard]] std::string tcp_command(int own_index, const std::string& own_address,
                                      const std::string& token);
/// Its input.
[[nodiscard]] std::string tcp_targets(const std::vector<MeshTarget>& targets);
/// The first whole line it prints, `port N`. Errors: remote_io.
[[nodiscard]] Result<std::uint16_t> parse_port(std::string_view printed);
/// Its output up to `done`. Errors: remote_io.
[[nodiscard]] Result<Attempts> parse_tcp(std::string_view printed);

/// A node's view of the others.
struct Logins {
  Attempts names;  ///< whether the targets' names mean their addresses; no text: the name is not known
  std::set<std::string> taken = {};  ///< "node2 is taken for 10.0.0.9": setup's names for the targets
  Attempts logins;           ///< `ssh TARGET echo`: as mpirun does it, without a question, four at a time
  bool complete = true;      ///< false: it was cut off; the results so far are right
  std::string cut_off = {};  ///< why, if not for lack of time
  bool no_daemon = false;    ///< the program of login_command is not there
};

/// `daemon`: the path of a program to look for; empty: none.
[[nodiscard]] std::string login_command(const std::vector<MeshTarget>& targets, const std::string& daemon);
/// Errors: remote_io.
[[nodiscard]] Result<Logins> parse_logins(std::string_view printed, const std::vector<MeshTarget>& targets);

}  // namespace ec2mpi::ops
