#include "ec2mpi/ops/safe_tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

constexpr unsigned kPlainMode =
    0777;  // without setuid, setgid and sticky: a node should not make such files here
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

void set_times(int fd, std::int64_t mtime) {
  timespec times[2]{};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = mtime;
  ::futimens(fd, times);  // a time that this file system can't hold is no reason to lose the file
}

std::unexpected<Error> folder_error(const std::filesystem::path& path) {
  if (errno == ENOTDIR || errno == ELOOP) {
    return fail(ErrorKind::local_io, "cannot write into " + printable(path.string()) +
                                         ": it is no folder (a link to one is not followed)");
  }
  return io_error("open the folder", path);
}

}  // namespace

SafeTree::SafeTree(std::filesystem::path root, UniqueFd fd)
    : root_(std::move(root)), fd_(std::move(fd)), token_(random_hex(8)) {}

SafeTree::~SafeTree() {
  drop_file();
}

Result<SafeTree> SafeTree::open(const std::filesystem::path& root) {
  std::error_code failed;
  std::filesystem::create_directories(root, failed);
  UniqueFd fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd && failed) {
    return fail(ErrorKind::local_io,
                fmt::format("cannot make the folder {}: {}", printable(root.string()), failed.message()));
  }
  if (!fd) return io_error("open the folder", root);
  return SafeTree(root, std::move(fd));
}

Result<SafeTree::Names> SafeTree::names_of(std::string_view path) {
  const auto refuse = [path](std::string_view why) {
    return fail(ErrorKind::protocol,
                fmt::format("the node sent a file named {}, which {}; refused", printable(path), why));
  };
  if (path.empty() || path.front() == '/') return refuse("is no path below the target");
  if (path.find('\0') != std::string_view::npos) return refuse("holds a NUL byte");
  Names names;
  for (const auto name : split(path, '/')) {
    if (name == "..") return refuse("leads out of the target");
    if (!name.empty() && name != ".") names.emplace_back(name);
  }
  return names;
}

Result<int> SafeTree::enter(const Names& names) {
  if (names.empty()) return fd_.get();
  if (folder_ && names == inside_) return folder_.get();
  UniqueFd current;
  auto path = root_;
  for (const auto& name : names) {
    path /= name;
    const int from = current ? current.get() : fd_.get();
    UniqueFd next(::openat(from, name.c_str(), kFolderFlags));
    if (!next && errno == ENOENT) {
      if (::mkdirat(from, name.c_str(), kPlainMode) != 0 && errno != EEXIST)
        return io_error("make the folder", path);
      next = UniqueFd(::openat(from, name.c_str(), kFolderFlags));
    }
    if (!next) return folder_error(path);
    current = std::move(next);
  }
  folder_ = std::move(current);
  inside_ = names;
  return folder_.get();
}

Result<int> SafeTree::enter_parent(Names names) {
  if (names.empty())
    return fail(ErrorKind::protocol, "the node sent a file in place of the target folder; refused");
  names.pop_back();
  return enter(names);
}

std::string SafeTree::next_temporary() {
  return fmt::format(".ec2mpi-pull.{}.{}", token_, ++count_);
}

Result<void> SafeTree::make_folder(std::string_view path, unsigned mode, std::int64_t mtime) {
  const auto names = names_of(path);
  if (!names) return std::unexpected(names.error());
  const auto folder = enter(*names);
  if (!folder) return std::unexpected(folder.error());
  if (names->empty()) return {};  // the target itself is the user's
  struct stat info {};
  if (::fstat(*folder, &info) == 0 && (info.st_mode & 0700) != 0700)
    ::fchmod(*folder, (info.st_mode | 0700) & kPlainMode);
  folders_.push_back({std::string(path), mode & kPlainMode, mtime});
  return {};
}

Result<bool> SafeTree::make_link(std::string_view path, const std::string& target) {
  const auto names = names_of(path);
  if (!names) return std::unexpected(names.error());
  if (!link_stays_inside(path, target)) return false;
  const auto folder = enter_parent(*names);
  if (!folder) return std::unexpected(folder.error());
  const auto temporary = next_temporary();
  if (::symlinkat(target.c_str(), *folder, temporary.c_str()) != 0)
    return io_error("make the link", root_ / path);
  if (::renameat(*folder, temporary.c_str(), *folder, names->back().c_str()) != 0) {
    auto failed = io_error("make the link", root_ / path);
    ::unlinkat(*folder, temporary.c_str(), 0);
    return failed;
  }
  return true;
}

Result<void> SafeTree::begin_file(std::string_view path, unsigned mode, std::int64_t mtime) {
  drop_file();
  const auto names = names_of(path);
  if (!names) return std::unexpected(names.error());
  const auto folder = enter_parent(*names);
  if (!folder) return std::unexpected(folder.error());
  temporary_ = next_temporary();
  file_folder_ = UniqueFd(::fcntl(*folder, F_DUPFD_CLOEXEC, 0));
  file_ = UniqueFd(
      ::openat(*folder, temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  file_path_ = path;
  file_name_ = names->back();
  if (!file_ || !file_folder_) return io_error("write", root_ / path);
  file_mode_ = mode & kPlainMode;
  file_mtime_ = mtime;
  return {};
}

Result<void> SafeTree::write(std::string_view bytes) {
  return write_all(file_.get(), bytes, root_ / file_path_);
}

Result<void> SafeTree::end_file() {
  ::fchmod(file_.get(), file_mode_);
  set_times(file_.get(), file_mtime_);
  if (::renameat(file_folder_.get(), temporary_.c_str(), file_folder_.get(), file_name_.c_str()) != 0) {
    auto failed = io_error("write", root_ / file_path_);
    drop_file();
    return failed;
  }
  file_ = UniqueFd();
  return {};
}

void SafeTree::drop_file() {
  if (!file_) return;
  ::unlinkat(file_folder_.get(), temporary_.c_str(), 0);
  file_ = UniqueFd();
}

Result<void> SafeTree::finish() {
  drop_file();
  Result<void> done;
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {  // inner ones first
    const auto names = names_of(folder->path);
    const auto fd = enter(*names);
    if (!fd && done) done = std::unexpected(fd.error());
    if (!fd) continue;
    set_times(*fd, folder->mtime);
    if (::fchmod(*fd, folder->mode) != 0 && done) done = io_error("set the mode of", root_ / folder->path);
  }
  folders_.clear();
  return done;
}

bool link_stays_inside(std::string_view path, std::string_view target) {
  if (target.empty() || target.front() == '/') return false;
  long depth = -1;  // of the folder that holds the link
  for (const auto name : split(path, '/')) {
    if (name == "..") return false;
    if (!name.empty() && name != ".") ++depth;
  }
  bool going_up = true;
  for (const auto name : split(target, '/')) {
    if (name.empty() || name == ".") continue;
    if (name != "..") {
      going_up = false;
    } else if (!going_up || --depth < 0) {
      return false;
    }
  }
  return true;
}

}  // namespace ec2mpi::ops
