#pragma once
/// How ec2mpi reaches each node, so that ssh can be told to go the same way.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/node.hpp"
#include "ec2mpi/ssh/libssh/options.hpp"

namespace ec2mpi::ssh {

/// A login on one machine, after the list, the flags and the ssh configuration have been asked.
struct Hop {
  std::string host;
  std::uint16_t port = 0;
  std::string user;
  std::vector<std::filesystem::path> keys;  ///< absolute; empty: the agent's and the usual ones
  bool only_keys = false;                   ///< other keys of the agent are not to be offered
  std::optional<std::string>
      agent;                  ///< the socket that IdentityAgent names, empty for none; unset: the usual
  std::string host_key_name;  ///< under which ec2mpi remembers the host key

  bool operator==(const Hop&) const = default;
};

struct Route {
  Hop node;
  std::optional<Hop> jump;
};

/// One for each node. Connects to nothing, loads no key, and reports no unused setting. Errors: usage, where
/// a connection would give the same.
[[nodiscard]] Result<std::vector<Route>> find_routes(const LibsshOptions& options,
                                                     const std::vector<Node>& nodes);

}  // namespace ec2mpi::ssh
