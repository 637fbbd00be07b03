#include "ec2mpi/base/state_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

#include "ec2mpi/base/file_trust.hpp"
#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi {

namespace {

namespace fs = std::filesystem;

std::string user_called(uid_t id) {
  const passwd* entry = ::getpwuid(id);
  return entry != nullptr ? printable(entry->pw_name) : fmt::format("user {}", id);
}

/// `command` removes the entry; together with the quoted path it can be pasted into a shell.
std::unexpected<Error> refuse_state(const fs::path& path, const std::string& why,
                                    const std::string& command) {
  return fail(ErrorKind::usage,
              fmt::format("{} {}, so what ec2mpi remembers there is not trusted; type: {} {}",
                          printable(path.string()), why, command, quote_word(path.string())));
}

/// Looks at the open descriptor: a path could lead elsewhere between check and use.
Result<void> check_state(int fd, const fs::path& path, mode_t type) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return io_error("read", path);
  const auto* remove = type == S_IFDIR ? "rm -r" : "rm";
  if ((info.st_mode & S_IFMT) != type) return refuse_state(path, "is no ordinary file", "rm -r");
  if (!owner_is_trusted(info.st_uid))
    return refuse_state(path, fmt::format("belongs to {}", user_called(info.st_uid)), remove);
  // A user who can write here can have other machines and keys trusted.
  if ((info.st_mode & 022) != 0) {
    return refuse_state(path, fmt::format("can be changed by others (mode {:04o})", info.st_mode & 07777),
                        fmt::format("{} (or, if all in it is yours, chmod go-w)", remove));
  }
  return {};
}

/// Also where the content was written with mode 0600: a copy or a backup may have widened it.
Result<void> check_secret(int fd, const fs::path& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return io_error("read", path);
  if ((info.st_mode & 077) == 0) return {};
  return refuse_state(path, fmt::format("can be read by others (mode {:04o})", info.st_mode & 07777), "rm");
}

/// errno says why an entry of the state could not be opened without following links.
std::unexpected<Error> open_error(const fs::path& path, int folder, const fs::path& entry) {
  const int reason = errno;
  struct stat info {};
  // Only for a better message: the entry is refused already, so a race changes nothing.
  if (::fstatat(folder, entry.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISLNK(info.st_mode)) return refuse_state(path, "is a link", "rm");
    if (reason == ENOTDIR) return refuse_state(path, "is no folder", "rm");
    if (!owner_is_trusted(info.st_uid))
      return refuse_state(path, fmt::format("belongs to {}", user_called(info.st_uid)), "rm -r");
  }
  // io_error reads errno, and fstatat may have changed it.
  errno = reason;
  return io_error("open", path);
}

/// A folder in a folder; an invalid descriptor if it is not there and need not be.
Result<UniqueFd> open_checked_folder(int parent, const fs::path& entry, const fs::path& path, bool make) {
  // A folder that is already there is checked below as any other.
  if (make && ::mkdirat(parent, entry.c_str(), 0700) != 0 && errno != EEXIST)
    return io_error("make the folder", path);
  // O_NOFOLLOW: a link could lead to a folder that another user fills.
  UniqueFd fd(::openat(parent, entry.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno == ENOENT) return UniqueFd();
  if (!fd) return open_error(path, parent, entry);
  TRY(check_state(fd.get(), path, S_IFDIR));
  return fd;
}

bool can_write_to(const fs::path& folder) {
  // AT_EACCESS: with the rights that a write would have. access(2) asks for the real user's.
  return ::faccessat(AT_FDCWD, folder.c_str(), W_OK, AT_EACCESS) == 0;
}

/// Whether the name still leads to the open file: an editor may have put another in its place.
bool leads_to(int folder, const fs::path& entry, int fd) {
  struct stat named {};
  struct stat opened {};
  return ::fstatat(folder, entry.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 && ::fstat(fd, &opened) == 0 &&
         named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/// All of `text` or nothing of it.
Result<void> append_whole(int fd, const std::string& text, std::size_t size_before, const fs::path& path) {
  auto written = write_all(fd, text, path);
  // The lock is still held, so the cut removes no bytes but ours.
  if (!written && ::ftruncate(fd, static_cast<off_t>(size_before)) != 0) return io_error("write", path);
  return written;
}

}  // namespace

StateFolder StateFolder::away_from(const fs::path& folder) {
  std::error_code ignored;
  // Canonical: each way to one folder finds the same state. Hashed: a path is no file name.
  const auto whole = fs::weakly_canonical(folder.empty() ? fs::path(".") : folder, ignored);
  return StateFolder(xdg_folder("XDG_STATE_HOME", ".local/state") / "ec2mpi" /
                     sha256(whole.string()).substr(0, 16));
}

bool StateFolder::can_be_written() const {
  const auto parent = path_.parent_path();
  return can_write_to(path_) || can_write_to(parent.empty() ? fs::path(".") : parent);
}

Result<void> StateFolder::make() const {
  const auto made = open_folder({}, Missing::make);
  if (!made) return std::unexpected(made.error());
  return {};
}

Result<void> StateFolder::check() const {
  const auto opened = open_folder({}, Missing::fine);
  if (!opened) return std::unexpected(opened.error());
  return {};
}

Result<UniqueFd> StateFolder::open_folder(const fs::path& below, Missing missing) const {
  const bool make = missing == Missing::make;
  std::error_code ignored;
  if (make && path_.has_parent_path()) fs::create_directories(path_.parent_path(), ignored);
  auto path = path_;
  // Each folder is opened from the open one above it, so no part of the way can be exchanged
  // after its check.
  auto folder = open_checked_folder(AT_FDCWD, path_, path_, make);
  for (const auto& entry : below) {
    if (!folder || !*folder) break;
    path /= entry;
    folder = open_checked_folder(folder->get(), entry, path, make);
  }
  return folder;
}

Result<UniqueFd> StateFolder::open_file(const fs::path& name, int flags, Missing missing) const {
  TRY_AS(folder, open_folder(name.parent_path(), missing));
  if (!*folder) return UniqueFd();
  const auto entry = name.filename();
  // O_NONBLOCK: the open of a fifo would wait for a writer, before check_state can refuse the fifo.
  UniqueFd fd(
      ::openat(folder->get(), entry.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
  if (!fd && errno == ENOENT) return UniqueFd();
  if (!fd) return open_error(path_ / name, folder->get(), entry);
  TRY(check_state(fd.get(), path_ / name, S_IFREG));
  return fd;
}

Result<std::optional<std::string>> StateFolder::read(const fs::path& name, Content content) const {
  TRY_AS(fd, open_file(name, O_RDONLY, Missing::fine));
  if (!*fd) return std::nullopt;
  if (content == Content::secret) TRY(check_secret(fd->get(), path_ / name));
  TRY_AS(text, read_all(fd->get(), path_ / name));
  return std::move(*text);
}

Result<void> StateFolder::write(const fs::path& name, std::string_view text) const {
  TRY_AS(before, read(name));
  if (*before == text) return {};
  TRY_AS(folder, open_folder(name.parent_path(), Missing::make));
  return write_file_atomically_at(folder->get(), path_ / name, text, 0600);
}

Result<void> StateFolder::append(const fs::path& name, const Addition& addition) const {
  for (;;) {
    TRY_AS(fd, open_file(name, O_RDWR | O_APPEND | O_CREAT, Missing::make));
    // The lock belongs to the open file, not to its name. If the name leads to another file by now,
    // begin again with that one.
    if (::flock(fd->get(), LOCK_EX) != 0) return io_error("lock", path_ / name);
    TRY_AS(folder, open_folder(name.parent_path(), Missing::make));
    if (!leads_to(folder->get(), name.filename(), fd->get())) continue;
    TRY_AS(content, read_all(fd->get(), path_ / name));
    TRY_AS(text, addition(*content));
    if (text->empty()) return {};
    // A file that was edited by hand may lack its last end of line.
    if (!content->empty() && !content->ends_with('\n')) text->insert(0, 1, '\n');
    return append_whole(fd->get(), *text, content->size(), path_ / name);
  }
}

void StateFolder::remove(std::initializer_list<fs::path> names) const {
  for (const auto& name : names) {
    // A file that is not there, or not to be trusted, is no error: it only stays.
    const auto folder = open_folder(name.parent_path(), Missing::fine);
    if (folder && *folder) ::unlinkat(folder->get(), name.filename().c_str(), 0);
  }
  for (const auto& name : names) {
    for (auto empty = name.parent_path(); !empty.empty(); empty = empty.parent_path()) {
      const auto folder = open_folder(empty.parent_path(), Missing::fine);
      // Fails for a folder that still holds something, as it should.
      if (folder && *folder) ::unlinkat(folder->get(), empty.filename().c_str(), AT_REMOVEDIR);
    }
  }
}

}  // namespace ec2mpi
