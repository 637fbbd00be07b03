#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/cluster/values/node.hpp"
#include "ec2mpi/ssh/libssh/private_key.hpp"

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
  std::vector<Node> listed = {};  ///< the whole list; ssh_config may not lead one of its nodes to another
};

}  // namespace ec2mpi::ssh
