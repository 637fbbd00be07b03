#pragma once
/// The files ~/.aws/config and ~/.aws/credentials.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::cloud {

/// The keys of one profile. Nested settings (indented lines under an empty value) are left out.
using Profile = std::map<std::string, std::string, std::less<>>;

/// Profiles by name; of `[profile NAME]` sections, too. Other sections, as [sso-session NAME], are left out.
[[nodiscard]] std::map<std::string, Profile, std::less<>> parse_profiles(std::string_view text);

/// The profile's keys of both files; the credentials file wins. A missing file is an empty one; a missing
/// profile has no keys. Errors: local_io.
[[nodiscard]] Result<Profile> load_profile(const std::filesystem::path& config_file,
                                           const std::filesystem::path& credentials_file,
                                           std::string_view name);

/// The value, or "" if the profile does not have the key.
[[nodiscard]] std::string value_in(const Profile& profile, std::string_view key);

}  // namespace ec2mpi::cloud
