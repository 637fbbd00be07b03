#pragma once
/// An ssh_config(5) with which ssh, rsync and editors reach the nodes by ec2mpi's names and remembered host
/// keys.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi {

/// A Host block.
struct SshConfigHost {
  std::string names;  ///< "master node1"
  std::string host_name;
  std::string user;
  std::uint16_t port = 22;
  std::vector<std::filesystem::path> identities;  ///< absolute
  bool identities_only = false;
  std::optional<std::string> agent;  ///< its socket; empty: none is to be asked
  std::string host_key_name;         ///< under which the host key is looked up
  std::string jump;                  ///< the name of the block to go through; empty: directly
};

/// `known_hosts`: absolute. Errors: usage, for a value that cannot stand in such a file.
[[nodiscard]] Result<std::string> ssh_config_text(const std::vector<SshConfigHost>& hosts,
                                                  const std::filesystem::path& known_hosts);

}  // namespace ec2mpi
