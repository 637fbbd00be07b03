#pragma once
/// Outputs under names that the user has not given.

#include <filesystem>
#include <string_view>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi {

/// An error if a file of that name is there that ec2mpi has not written: not empty, and without the `mark`
/// that all of ec2mpi's files of this kind have. `option` names another file, in the error. What
/// write_own_file replaces (a link, a pipe) is no file of the user's. Errors: usage.
[[nodiscard]] Result<void> spare_file_of_user(const std::filesystem::path& path, std::string_view mark,
                                              std::string_view option);

}  // namespace ec2mpi
