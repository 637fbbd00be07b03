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
  std::optional<std::string> user =
      {};  ///< for nodes whose list line names none; unset asks ssh_config, then "ubuntu"
  std::optional<std::uint16_t> port = {};      ///< likewise; default 22
  std::vector<PrivateKey> keys = {};           ///< tried in this order
  bool use_agent = true;                       ///< after the keys, what $SSH_AUTH_SOCK offers
  std::vector<PrivateKey> fallback_keys = {};  ///< tried after the agent
  std::filesystem::path ssh_config = {};       ///< the user's own; empty means none
  PassphrasePrompt prompt = {};                ///< for keys that ssh_config names
  std::optional<Node> jump = {};  ///< a bastion through which all nodes are reached, over one session
};

/// A connector that knows which of its connections are as good as each other.
class NamingConnector : public Connector {
 public:
  /// A file name for all that makes a session the same one: whose it is by instance id, at which address and
  /// port, as which user, through which jump host. Not by which key one was let in. Errors: usage.
  [[nodiscard]] virtual Result<std::string> name_of(const Node& node) = 0;
};

/// `host_keys` is borrowed and must outlive the connector.
[[nodiscard]] std::unique_ptr<NamingConnector> make_libssh_connector(asio::any_io_executor executor,
                                                                     LibsshOptions options,
                                                                     HostKeys& host_keys);

}  // namespace ec2mpi::ssh
