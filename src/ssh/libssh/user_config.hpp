#pragma once
/// The settings of the ssh configuration for a connection: each one is honoured, refused or reported.

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/node.hpp"
#include "src/ssh/libssh/ssh_config.hpp"

namespace ec2mpi::ssh {

struct HostSettings {
  std::string host_name;   ///< the machine to connect to; the name asked for if the file gives no other
  std::string host_place;  ///< FILE:LINE of HostName; empty if there is none
  std::optional<std::string> user;
  std::optional<std::uint16_t> port;
  std::vector<std::filesystem::path> identity_files;
  std::optional<Node> jump;          ///< the host of ProxyJump, or of a ProxyCommand that does the same
  std::string way_place;             ///< FILE:LINE of ProxyJump or ProxyCommand; empty if there is neither
  std::string key_alias;             ///< HostKeyAlias; empty if there is none
  std::optional<std::string> agent;  ///< the socket of IdentityAgent; empty for no agent
  bool identities_only = false;      ///< of the agent's keys only those of identity_files are to be tried
  bool strict = false;               ///< only known host keys are accepted
  std::vector<std::string>
      unused;  ///< "Keyword (line place)" of the user's settings that ec2mpi does not use
  std::vector<std::string> unused_of_system;  ///< those of this machine's configuration
};

/// The one host that a command like `ssh -l USER -p PORT -W %h:%p HOST` goes through; nothing for other
/// commands. `tokens` stand for %n and the like in its other words.
[[nodiscard]] std::optional<Node> jump_of_command(std::string_view command, const Tokens& tokens = {});

/// Which ProxyJump and ProxyCommand a flag replaces.
struct ReplacedWays {
  bool all = false;
  std::set<std::string> places = {};  ///< FILE:LINE of single ones
};

/// Errors: usage for a setting without which the connection would go another way than the user wishes.
[[nodiscard]] Result<HostSettings> host_settings(SshConfig& config, const ConfigQuery& query,
                                                 const ReplacedWays& replaced = {});

}  // namespace ec2mpi::ssh
