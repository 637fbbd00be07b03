#include "ec2mpi/base/usual_name.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi {

Result<void> spare_file_of_user(const std::filesystem::path& path, std::string_view mark,
                                std::string_view option) {
  constexpr std::size_t kLargest = 4 << 20;  // larger than any that ec2mpi writes so
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, ignored))) return {};
  const auto content = read_file(path, kLargest);
  if (content && (content->empty() || content->contains(mark))) return {};
  const auto name = printable(path.string());
  return fail(
      ErrorKind::usage,
      fmt::format("{} is there already, and ec2mpi has not written it; name another file, or this one to "
                  "replace it: {} {}",
                  name, option, name));
}

}  // namespace ec2mpi
