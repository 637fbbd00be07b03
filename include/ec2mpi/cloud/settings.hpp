#pragma once
/// Which account, region and endpoint a command uses, from flags, the environment and the files of the aws
/// command.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::cloud {

struct CloudFlags {
  std::optional<std::string> region = {};
  std::optional<std::string> profile = {};
  std::optional<std::string> endpoint = {};
};

/// A variable's value; nothing if it is not set or empty.
using Environment = std::function<std::optional<std::string>(const char* name)>;
[[nodiscard]] Environment process_environment();

struct CloudSettings {
  std::string region;
  std::string endpoint;         ///< a URL: https, or http to this machine only
  std::string quotas_endpoint;  ///< of Service Quotas; empty if only EC2's endpoint is another one
  std::string profile;          ///< "default" if none is named
  bool profile_named = false;   ///< by the flag; then credentials in the environment do not count
  std::filesystem::path config_file;
  std::filesystem::path credentials_file;
};

/// The same account in another region of the partition. An endpoint of the user's stays.
[[nodiscard]] CloudSettings in_region(CloudSettings settings, const std::string& region);

/// The URL with a slash at its end. Errors: usage, if it is not https, or http to this machine.
[[nodiscard]] Result<std::string> checked_endpoint(std::string url);

/// Errors: usage if no region is set or the endpoint is not allowed.
[[nodiscard]] Result<CloudSettings> find_cloud_settings(const CloudFlags& flags,
                                                        const Environment& environment);

}  // namespace ec2mpi::cloud
