#pragma once
/// The transport over libssh: every session nonblocking, on the caller's event loop. No libssh type shows
/// here.

#include <asio/any_io_executor.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/ssh/host_keys.hpp"
#include "ec2mpi/ssh/libssh/private_key.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ssh {

struct LibsshOptions {
  /// For nodes for which the list names none; unset asks ssh_config, then "ubuntu". Not for a jump host.
  std::optional<std::string> user = {};
  std::optional<std::uint16_t> port = {};        ///< likewise; default 22
  std::vector<PrivateKey> keys = {};             ///< tried in this order, before those of ssh_config
  std::vector<PrivateKey> fallback_keys = {};    ///< tried after the agent, where ssh_config names no key
  std::filesystem::path ssh_config = {};         ///< the user's own; empty means none
  std::filesystem::path system_ssh_config = {};  ///< read after the user's; empty means none
  PassphrasePrompt prompt = {};                  ///< for keys that ssh_config names
  std::optional<Node> jump = {};  ///< a bastion through which all nodes are reached, over one session
};

/// A connector that knows which of its connections are as good as each other.
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
