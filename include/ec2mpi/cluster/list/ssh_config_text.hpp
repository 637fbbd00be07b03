#pragma once
/// An ssh_config(5) with which ssh, rsync and editors reach the nodes by ec2mpi's names and remembered host
/// keys.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/node.hpp"

namespace ec2mpi {

struct SshConfigSource {
  std::string user;  ///< for nodes whose list line names none
  std::uint16_t port = 22;
  std::optional<std::filesystem::path> identity;  ///< absolute
  std::filesystem::path known_hosts;              ///< absolute
};

/// One Host block for each node: "node2", and "master" for node 1. Host keys are looked up by
/// `host_key_name`. Errors: usage, for a value that cannot stand in such a file.
[[nodiscard]] Result<std::string> ssh_config_text(const std::vector<Node>& nodes,
                                                  const SshConfigSource& source,
                                                  const std::vector<std::string>& host_key_names);

}  // namespace ec2mpi
