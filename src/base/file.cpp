#include "ec2mpi/base/file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi {

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

std::unexpected<Error> io_error(std::string_view doing, const std::filesystem::path& path) {
  // First of all: building the text below may change errno.
  const int reason = errno;
  return fail(ErrorKind::local_io, std::string("cannot ").append(doing) + " " + printable(path.string()) +
                                       ": " + std::strerror(reason));
}

Result<std::string> read_file_or_pipe(const std::filesystem::path& path, std::size_t max_bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return io_error("read", path);
  return read_all(fd.get(), path, max_bytes);
}

Result<UniqueFd> open_file(const std::filesystem::path& path) {
  // O_NONBLOCK: the opening of a pipe waits for a writer.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat info {};
  struct stat null {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return io_error("read", path);
  // An empty file by another name.
  const bool is_null =
      ::stat("/dev/null", &null) == 0 && S_ISCHR(info.st_mode) && info.st_rdev == null.st_rdev;
  if (!S_ISREG(info.st_mode) && !is_null)
    return fail(ErrorKind::local_io,
                fmt::format("{} is no file, but a {}; move it away", printable(path.string()),
                            S_ISDIR(info.st_mode) ? "folder" : "pipe or a device"));
  return fd;
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  TRY_AS(fd, open_file(path));
  return read_all(fd->get(), path, max_bytes);
}

Result<std::string> read_all(int fd, const std::filesystem::path& path, std::size_t max_bytes) {
  // The size of the file is not asked for: a pipe and a file of /proc have none.
  std::string content;
  std::string block(64 * 1024, '\0');
  for (;;) {
    const auto got = ::read(fd, block.data(), block.size());
    if (got == 0) return content;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("read", path);
    content.append(block, 0, static_cast<std::size_t>(got));
    if (content.size() > max_bytes) {
      return fail(ErrorKind::local_io, printable(path.string()) + " is larger than " +
                                           format_bytes(max_bytes) + "; is it the right file?");
    }
  }
}

Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

namespace {

/// Behind the name while a file is written: a dot, this many random digits, and `.tmp`.
constexpr std::size_t kRandomDigits = 16;
constexpr std::string_view kTemporaryEnd = ".tmp";
/// A sweep of a larger folder would delay the command; the rest of it is left for the next one.
constexpr int kMostEntries = 10'000;

struct Temporary {
  std::string name;
  UniqueFd fd;
};

/// Whether an entry is a temporary file for `name`; for any name if that is empty.
bool is_temporary(std::string_view entry, std::string_view name) {
  if (!entry.ends_with(kTemporaryEnd)) return false;
  entry.remove_suffix(kTemporaryEnd.size());
  const auto dot = entry.rfind('.');
  if (dot == std::string_view::npos || entry.size() - dot - 1 != kRandomDigits) return false;
  if (entry.find_first_not_of("0123456789abcdef", dot + 1) != std::string_view::npos) return false;
  return name.empty() || entry.substr(0, dot) == name;
}

/// A process locks its temporary file as long as it writes. So a file without a lock belongs to a killed
/// process.
void remove_if_abandoned(int folder, const char* entry) {
  const UniqueFd fd(::openat(folder, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != ::geteuid()) return;
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) ::unlinkat(folder, entry, 0);
}

/// Removes the temporary files that killed processes have left for this name.
void sweep(int folder, const std::filesystem::path& parent, std::string_view name) {
  const int opened =
      ::openat(folder, parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(opened), ::closedir);
  if (!entries) return void(::close(opened));
  for (int count = 0; count < kMostEntries; ++count) {
    const dirent* const entry = ::readdir(entries.get());
    if (entry == nullptr) return;
    if (is_temporary(entry->d_name, name)) remove_if_abandoned(opened, entry->d_name);
  }
}

/// Whether a file that was just made is locked now, and no sweep has removed it before it was. A file system
/// without locks needs none: no sweep removes anything there.
bool is_kept(int fd) {
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;
  struct stat info {};
  return ::fstat(fd, &info) == 0 && info.st_nlink != 0;
}

Result<Temporary> make_temporary(int folder, const std::filesystem::path& name,
                                 const std::filesystem::path& path, mode_t mode) {
  for (;;) {
    // Random, with O_EXCL: two processes never share it, and no link of that name is followed.
    Temporary made{.name = name.string() + "." + random_hex(kRandomDigits) + std::string(kTemporaryEnd),
                   .fd = {}};
    made.fd = UniqueFd(::openat(folder, made.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!made.fd) return io_error("write", path);
    if (is_kept(made.fd.get())) return made;
  }
}

/// `name` is looked up in `folder`, `path` is shown. `swept`: for which name killed processes may have left
/// files.
Result<void> replace_file(int folder, const std::filesystem::path& name, const std::filesystem::path& path,
                          std::string_view content, mode_t mode, std::string_view swept) {
  sweep(folder, name.parent_path(), swept);
  TRY_AS(temporary, make_temporary(folder, name, path, mode));
  const auto& [hidden, fd] = *temporary;
  auto written = write_all(fd.get(), content, path);
  // Without the sync, a power failure after the rename could leave an empty file under the name.
  if (written && ::fsync(fd.get()) != 0) written = io_error("write", path);
  if (written && ::renameat(folder, hidden.c_str(), folder, name.c_str()) != 0)
    written = io_error("write", path);
  if (!written) ::unlinkat(folder, hidden.c_str(), 0);
  return written;
}

/// A rename onto /dev/null would take the device away from the whole machine.
Result<void> write_into_device(const std::filesystem::path& path, std::string_view content) {
  // O_NONBLOCK: the opening of a pipe waits for a reader. The writing may wait.
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!fd && errno == ENXIO)
    return fail(ErrorKind::local_io,
                fmt::format("cannot write {}: it is a pipe that nobody reads", printable(path.string())));
  if (!fd || ::fcntl(fd.get(), F_SETFL, O_WRONLY) != 0) return io_error("write", path);
  return write_all(fd.get(), content, path);
}

}  // namespace

Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  struct stat info {};
  const bool exists = ::stat(path.c_str(), &info) == 0;
  if (exists && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return write_into_device(path, content);
  std::error_code unresolved;
  // A link stays, and the file that it leads to gets the content.
  const auto file = exists ? std::filesystem::canonical(path, unresolved) : path;
  const auto& name = unresolved ? path : file;
  return replace_file(AT_FDCWD, name, path, content, mode, name.filename().string());
}

Result<void> write_own_file(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  return replace_file(AT_FDCWD, path, path, content, mode, path.filename().string());
}

Result<void> write_file_atomically_at(int folder, const std::filesystem::path& path, std::string_view content,
                                      mode_t mode) {
  // All of the folder is ec2mpi's own, so the files that were left for other names go, too.
  return replace_file(folder, path.filename(), path, content, mode, {});
}

Result<void> make_private_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return {};
  // Parents get the usual mode; only the last folder is private. mkdir reports their failure.
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ignored);
  // EEXIST: another process made it meanwhile.
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return io_error("make the folder", path);
  return {};
}

std::filesystem::path home_folder() {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  // A container may run under a number that has no entry.
  const passwd* entry = ::getpwuid(::getuid());
  return entry != nullptr ? entry->pw_dir : "/";
}

std::filesystem::path xdg_folder(const char* variable, std::string_view otherwise) {
  const char* named = std::getenv(variable);
  return named != nullptr && *named == '/' ? std::filesystem::path(named) : home_folder() / otherwise;
}

std::filesystem::path expand_home(std::string_view path) {
  if (path == "~") return home_folder();
  // "~name", the home of another user, is not expanded.
  if (path.starts_with("~/")) return home_folder() / path.substr(2);
  return path;
}

std::uint64_t raise_open_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return RLIM_INFINITY;
  const auto before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  // A failure changes nothing: a small cluster is content with the usual limit.
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

}  // namespace ec2mpi
