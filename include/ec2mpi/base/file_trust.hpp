#pragma once
/// Who could have written the words of a file that ec2mpi obeys.

#include <sys/types.h>
#include <filesystem>

namespace ec2mpi {

enum class FileTrust {
  ours,          ///< also if it cannot be looked at: the reader of the file says why
  others_own,    ///< it belongs to somebody else
  others_write,  ///< `chmod go-w` is the remedy
};

/// Ours, root's, or under sudo those of the user who asked for it.
[[nodiscard]] bool owner_is_trusted(uid_t owner);

/// The group may write if nobody but the user is in it, as with a umask of 002.
[[nodiscard]] FileTrust trust_in_file(const std::filesystem::path& file);

}  // namespace ec2mpi
