#pragma once
/// Who could have written the words of a file that ec2mpi obeys.

#include <sys/types.h>
#include <filesystem>
#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi {

/// Ours, root's, or under sudo those of the user who asked for it.
[[nodiscard]] bool owner_is_trusted(uid_t owner);

/// The content of a file whose words name commands, users and hosts. One that belongs to another user, or
/// that others can change, is not read. A group may write if nobody but the user is in it, as with a umask of
/// 002. Errors are ErrorKind::usage: unread settings end a command before it begins, like wrong ones. They
/// name the file as `what` ("the ssh configuration ", or nothing) and, for another user's, the remedy
/// `instead`.
[[nodiscard]] Result<std::string> read_settings(const std::filesystem::path& file, std::size_t max_bytes,
                                                std::string_view what, std::string_view instead);

}  // namespace ec2mpi
