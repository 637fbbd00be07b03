#pragma once
/// What ~/.ssh/config says of a host, as far as libssh understands it.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ssh {

struct HostSettings {
  std::string host_name;  ///< what to connect to; the name asked for if nothing else is said
  std::optional<std::string> user;
  std::optional<std::uint16_t> port;
  std::vector<std::filesystem::path> identity_files;
};

/// Parses the file anew for this host on a scratch session. Errors: usage.
[[nodiscard]] Result<HostSettings> host_settings(const std::filesystem::path& ssh_config,
                                                 const std::string& host);

}  // namespace ec2mpi::ssh
