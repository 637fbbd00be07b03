#pragma once
/// Files that a user names as a private key and that are none, or not in a form that can be read.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace ec2mpi::ssh {

/// What the content of `file` is, behind "FILE is", and what to do; nothing if it may be a private key.
[[nodiscard]] std::optional<std::string> other_than_private_key(std::string_view content,
                                                                const std::filesystem::path& file);

/// The same for a file that holds a private key, which could not be read.
[[nodiscard]] std::string why_unreadable(std::string_view content, const std::filesystem::path& file);

}  // namespace ec2mpi::ssh
