#include "ec2mpi/base/file_trust.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cstdlib>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi {

namespace {

/// Whether nobody but the user is in the group: it has the user's name.
bool is_own_group(gid_t id) {
  const auto* user = ::getpwuid(::geteuid());
  const std::string name = user == nullptr ? "" : user->pw_name;
  const auto* group = ::getgrgid(id);
  return !name.empty() && group != nullptr && group->gr_name == name && *group->gr_mem == nullptr;
}

bool others_can_write(const struct stat& file) {
  return (file.st_mode & 002) != 0 || ((file.st_mode & 020) != 0 && !is_own_group(file.st_gid));
}

}  // namespace

bool owner_is_trusted(uid_t owner) {
  if (owner == ::geteuid() || owner == 0) return true;
  // Only root may believe the variable: any user can set it.
  const char* asked_by = std::getenv("SUDO_UID");
  return ::geteuid() == 0 && asked_by != nullptr && parse_number(asked_by) == owner;
}

Result<std::string> read_settings(const std::filesystem::path& file, std::size_t max_bytes,
                                  std::string_view what, std::string_view instead) {
  const auto refuse = [&](const std::string& reason) {
    return fail(ErrorKind::usage, fmt::format("{}{} {}", what, printable(file.string()), reason));
  };
  const auto as_usage = [](Error error) {
    error.kind = ErrorKind::usage;
    return std::unexpected(std::move(error));
  };
  auto fd = open_file(file);
  if (!fd) return as_usage(std::move(fd.error()));
  // Of what was opened: the name may lead to another file by now.
  struct stat info {};
  if (::fstat(fd->get(), &info) != 0) return as_usage(io_error("read", file).error());
  if (S_ISREG(info.st_mode) && !owner_is_trusted(info.st_uid))
    return refuse(fmt::format("belongs to another user, so it is not used; {}", instead));
  if (S_ISREG(info.st_mode) && others_can_write(info))
    return refuse("can be changed by others, so it is not used; type: chmod go-w " +
                  quote_word(file.string()));
  auto text = read_all(fd->get(), file, max_bytes);
  if (!text) return as_usage(std::move(text.error()));
  return text;
}

}  // namespace ec2mpi
