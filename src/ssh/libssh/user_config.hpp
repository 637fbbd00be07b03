#pragma once
/// What ~/.ssh/config says of a host, as far as libssh understands it.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/node.hpp"

namespace ec2mpi::ssh {

struct HostSettings {
  std::string host_name;  ///< what to connect to; the name asked for if nothing else is said
  std::optional<std::string> user;
  std::optional<std::uint16_t> port;
  std::vector<std::filesystem::path> identity_files;
  std::optional<Node> jump;   ///< the host of ProxyJump, or of a ProxyCommand that does the same
  std::string proxy_command;  ///< any other, printable; empty if there is none
};

/// The one host that a command like `ssh -l USER -p PORT -W %h:%p HOST` goes through, which is also what
/// libssh makes of ProxyJump; nothing for other commands.
[[nodiscard]] std::optional<Node> jump_of_command(std::string_view command);

/// Parses the file anew for this host on a scratch session. Errors: usage.
[[nodiscard]] Result<HostSettings> host_settings(const std::filesystem::path& ssh_config,
                                                 const std::string& host);

}  // namespace ec2mpi::ssh
