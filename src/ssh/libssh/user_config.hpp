#pragma once
/// What the user's ssh configuration means for a connection: each setting is honoured, refused or reported.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/node.hpp"
#include "src/ssh/libssh/ssh_config.hpp"

namespace ec2mpi::ssh {

struct HostSettings {
  std::string host_name;  ///< what to connect to; the name asked for if the file gives no other
  std::optional<std::string> user;
  std::optional<std::uint16_t> port;
  std::vector<std::filesystem::path> identity_files;
  std::optional<Node> jump;          ///< the host of ProxyJump, or of a ProxyCommand that does the same
  std::string key_alias;             ///< HostKeyAlias; empty if there is none
  std::optional<std::string> agent;  ///< the socket of IdentityAgent; "none" for no agent
  bool identities_only = false;      ///< keys of the agent are not to be tried
  bool strict = false;               ///< only known host keys are accepted
  std::vector<std::string> unused;   ///< "Keyword (line place)" of settings that ec2mpi does not use
};

/// The one host that a command like `ssh -l USER -p PORT -W %h:%p HOST` goes through; nothing for other
/// commands.
[[nodiscard]] std::optional<Node> jump_of_command(std::string_view command);

/// The host of a ProxyJump: [USER@]HOST[:PORT], or the same as ssh://; nothing for a list of hosts.
[[nodiscard]] std::optional<Node> jump_of_words(std::string_view words);

/// Errors: usage for a setting without which the connection would go another way than the user wishes.
[[nodiscard]] Result<HostSettings> host_settings(SshConfig& config, const ConfigQuery& query);

}  // namespace ec2mpi::ssh
