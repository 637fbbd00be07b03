#pragma once
/// Connections that outlive the command that made them: a command finds the kept connections, and leaves its
/// own connections behind.

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "ec2mpi/ssh/libssh/libssh_transport.hpp"

namespace ec2mpi::ssh {

/// The sessions that a command would leave behind, by name; the newest for each. The owner of the event loop
/// owns them, for they must not outlive it.
using SessionsToKeep = std::map<std::string, std::shared_ptr<Session>>;

struct ReuseOptions {
  std::filesystem::path folder;                  ///< where the sockets of kept connections lie
  bool use = true;                               ///< look there first
  std::shared_ptr<SessionsToKeep> to_keep = {};  ///< where to put new ones; unset: keep none
};

/// Looks for a kept connection first, then asks `connector`. A second connection to a node, while the first
/// session lives, is a new one, which is not kept.
[[nodiscard]] std::unique_ptr<Connector> make_reusing_connector(std::unique_ptr<NamingConnector> connector,
                                                                ReuseOptions options);

}  // namespace ec2mpi::ssh
