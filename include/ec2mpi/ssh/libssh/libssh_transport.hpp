#pragma once
/// The transport over libssh: every session nonblocking, on the caller's event loop. No libssh type shows
/// here.

#include <asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "ec2mpi/ssh/host_keys.hpp"
#include "ec2mpi/ssh/libssh/options.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ssh {

/// A connector that knows which of its connections can stand for each other.
class NamingConnector : public Connector {
 public:
  /// A file name for all that makes a session the same one: the instance id, the address and port, the user
  /// and the jump host. The key of the login is no part of it. Errors: usage.
  [[nodiscard]] virtual Result<std::string> name_of(const Node& node) = 0;
};

/// The socket of the agent for this node: that of IdentityAgent in ssh_config, else the usual one; empty if
/// there is none.
[[nodiscard]] std::string agent_for(const LibsshOptions& options, const Node& node);

/// `host_keys` is borrowed and must outlive the connector.
[[nodiscard]] std::unique_ptr<NamingConnector> make_libssh_connector(asio::any_io_executor executor,
                                                                     LibsshOptions options,
                                                                     HostKeys& host_keys);

}  // namespace ec2mpi::ssh
