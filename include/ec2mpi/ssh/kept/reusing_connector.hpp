#pragma once
/// Connections that outlive the command that made them: whoever connects finds those that are kept, and
/// leaves its own behind.

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "ec2mpi/ssh/libssh/libssh_transport.hpp"

namespace ec2mpi::ssh {

/// The sessions that a command would leave behind, by name; the newest for each. Owned by whoever owns the
/// event loop, for they must not outlive it.
using SessionsToKeep = std::map<std::string, std::shared_ptr<Session>>;

struct ReuseOptions {
  std::filesystem::path folder;                  ///< where the sockets of kept connections lie
  bool use = true;                               ///< look there first
  std::shared_ptr<SessionsToKeep> to_keep = {};  ///< where to put new ones; unset: keep none
};

/// Looks for a kept connection first, then asks `connector`. Who connects to a node a second time, while the
/// first session lives, wants a connection of its own and gets a new one, which is not kept.
[[nodiscard]] std::unique_ptr<Connector> make_reusing_connector(std::unique_ptr<NamingConnector> connector,
                                                                ReuseOptions options);

}  // namespace ec2mpi::ssh
