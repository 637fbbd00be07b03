#include "ec2mpi/base/file_trust.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cstdlib>
#include <string>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi {

namespace {

/// Whether nobody but the user is in the group: it has the user's name.
bool is_own_group(gid_t id) {
  const auto* user = ::getpwuid(::geteuid());
  const std::string name = user == nullptr ? "" : user->pw_name;
  const auto* group = ::getgrgid(id);
  return !name.empty() && group != nullptr && group->gr_name == name && *group->gr_mem == nullptr;
}

}  // namespace

bool owner_is_trusted(uid_t owner) {
  if (owner == ::geteuid() || owner == 0) return true;
  // Only root may believe the variable: any user can set it.
  const char* asked_by = std::getenv("SUDO_UID");
  return ::geteuid() == 0 && asked_by != nullptr && parse_number(asked_by) == owner;
}

FileTrust trust_in_file(const std::filesystem::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return FileTrust::ours;
  if (!owner_is_trusted(info.st_uid)) return FileTrust::others_own;
  const bool by_others =
      (info.st_mode & 002) != 0 || ((info.st_mode & 020) != 0 && !is_own_group(info.st_gid));
  return by_others ? FileTrust::others_write : FileTrust::ours;
}

}  // namespace ec2mpi
