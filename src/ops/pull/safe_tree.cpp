#include "src/ops/pull/safe_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <memory>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "src/ops/pull/safe_path.hpp"

namespace ec2mpi::ops {

namespace {

constexpr unsigned kPlainMode =
    0777;  // without setuid, setgid and sticky: a node should not make such files here
// O_NOFOLLOW: a link that a node or another user has made must not lead out of the target.
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr int kFileFlags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

constexpr int kMostNames = 1000;  // tried for a temporary file that other runs remove

constexpr std::size_t kHole = 4096;  // the least that can be left out of a file on most file systems

constexpr std::uint64_t kBytesBetweenLooks = 8'000'000;  // bytes written between two looks at the disk
constexpr std::uint64_t kMostKeptFree = 1'000'000'000;   // of a big disk; of a small one a part
constexpr std::uint64_t kPartKeptFree = 20;

/// Something is to be left for others by a node that sends more than it had listed.
Result<void> check_free_space(int fd, const std::filesystem::path& path) {
  struct statvfs disk {};
  // An unknown amount is no reason to stop.
  if (::fstatvfs(fd, &disk) != 0) return {};
  const std::uint64_t free = disk.f_bavail * disk.f_frsize;
  if (free >= std::min(kMostKeptFree, disk.f_blocks * disk.f_frsize / kPartKeptFree)) return {};
  return fail(ErrorKind::local_io,
              fmt::format("more came than was listed, and only {} are free on the disk of {}; given up",
                          format_bytes(free), printable(path.string())));
}

void set_times(int fd, const FileAttributes& attributes) {
  timespec times[2]{};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = attributes.mtime;
  times[1].tv_nsec = attributes.nanoseconds;
  ::futimens(fd, times);  // a time that this file system can't hold is no reason to lose the file
}

bool all_zeros(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

/// Held as long as a temporary file is written, so that no other run takes it for an old one.
bool lock(int fd) {
  return ::flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/// Whether the file still has its name: until we had the lock, another run may have removed or finished it.
bool has_name(int fd, int folder, const std::string& name) {
  struct stat own {};
  struct stat named {};
  return ::fstat(fd, &own) == 0 && ::fstatat(folder, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

/// All of the bytes, or an error.
Result<void> write_at(int fd, std::uint64_t at, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const auto written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += static_cast<std::uint64_t>(written);
  }
  return {};
}

/// Both errors may stand for a link: O_NOFOLLOW gives ELOOP, and O_DIRECTORY gives ENOTDIR.
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

/// The part of a big file stays for the next pull.
SafeTree::~SafeTree() {
  if (!resumable_) drop_file();
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

/// Opens each folder below the one that is open already. A path that was only checked as text could
/// lead elsewhere by the time it is used.
Result<std::optional<int>> SafeTree::walk(const Names& names, bool make) {
  if (names.empty()) return fd_.get();
  if (folder_ && names == inside_) return folder_.get();
  UniqueFd current;
  auto path = root_;
  for (const auto& name : names) {
    path /= name;
    const int from = current ? current.get() : fd_.get();
    UniqueFd next(::openat(from, name.c_str(), kFolderFlags));
    if (!next && !make && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return std::nullopt;
    if (!next && errno == ENOENT) {
      // EEXIST: another process was faster. openat then finds out whether it has made a folder.
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

Result<int> SafeTree::enter(const Names& names) {
  TRY_AS(folder, walk(names, true));
  return **folder;
}

Result<std::optional<LocalState>> SafeTree::look(std::string_view path) {
  TRY_AS(names, names_below(path));
  const std::string name = names->empty() ? "." : names->back();
  if (!names->empty()) names->pop_back();
  TRY_AS(folder, walk(*names, false));
  struct stat info {};
  if (!*folder || ::fstatat(**folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  LocalState state{.mode = info.st_mode & 07777U,
                   .size = static_cast<std::uint64_t>(info.st_size),
                   .mtime = info.st_mtim.tv_sec,
                   .nanoseconds = static_cast<std::uint32_t>(info.st_mtim.tv_nsec)};
  if (S_ISREG(info.st_mode)) state.kind = LocalState::Kind::file;
  if (S_ISDIR(info.st_mode)) state.kind = LocalState::Kind::folder;
  if (S_ISLNK(info.st_mode)) {
    state.kind = LocalState::Kind::link;
    state.link.resize(PATH_MAX);
    const auto size = ::readlinkat(**folder, name.c_str(), state.link.data(), state.link.size());
    state.link.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }
  return state;
}

Result<int> SafeTree::enter_parent(Names names) {
  if (names.empty())
    return fail(ErrorKind::protocol, "the node sent a file in place of the target folder; refused");
  names.pop_back();
  return enter(names);
}

/// The random token keeps two runs apart that write into the same folder.
std::string SafeTree::next_temporary() {
  return fmt::format("{}{}.{}", kPullTemporary, token_, ++count_);
}

Result<void> SafeTree::make_folder(std::string_view path, const FileAttributes& attributes) {
  TRY_AS(names, names_below(path));
  TRY_AS(folder, enter(*names));
  if (names->empty()) return {};  // the target itself is the user's
  struct stat info {};
  // Files have to be written into it; finish() gives it the mode that it has on the node.
  if (::fstat(*folder, &info) == 0 && (info.st_mode & 0700) != 0700)
    ::fchmod(*folder, (info.st_mode | 0700) & kPlainMode);
  folders_.push_back({std::string(path), attributes});
  return {};
}

/// The folder gets its name when the mark is in it.
Result<void> SafeTree::make_marked_folder(std::string_view path, const std::string& mark) {
  TRY_AS(names, names_below(path));
  TRY_AS(parent, enter_parent(*names));
  struct stat info {};
  if (::fstatat(*parent, names->back().c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return {};
  const auto temporary = next_temporary();
  if (::mkdirat(*parent, temporary.c_str(), kPlainMode) != 0) return {};
  // Both are closed before the renaming, because not every file system renames a folder that is open.
  UniqueFd made(::openat(*parent, temporary.c_str(), kFolderFlags));
  UniqueFd file(::openat(made.get(), mark.c_str(), O_WRONLY | O_CREAT | O_EXCL | kFileFlags, 0600));
  const bool marked = static_cast<bool>(file);
  file = UniqueFd();
  made = UniqueFd();
  if (!marked || ::renameat(*parent, temporary.c_str(), *parent, names->back().c_str()) != 0) {
    ::unlinkat(*parent, (temporary + "/" + mark).c_str(), 0);
    ::unlinkat(*parent, temporary.c_str(), AT_REMOVEDIR);
  }
  return {};
}

Result<bool> SafeTree::make_link(std::string_view path, const std::string& target) {
  TRY_AS(names, names_below(path));
  if (!link_stays_inside(path, target)) return false;
  TRY_AS(folder, enter_parent(*names));
  const auto temporary = next_temporary();
  // Made beside its place and then renamed, so it replaces the old file in one step.
  if (::symlinkat(target.c_str(), *folder, temporary.c_str()) != 0)
    return io_error("make the link", root_ / path);
  if (::renameat(*folder, temporary.c_str(), *folder, names->back().c_str()) != 0) {
    auto failed = io_error("make the link", root_ / path);
    ::unlinkat(*folder, temporary.c_str(), 0);
    return failed;
  }
  return true;
}

Result<void> SafeTree::open_temporary(std::string_view path, const FileAttributes& attributes,
                                      const std::string& temporary, int flags) {
  drop_file();
  TRY_AS(names, names_below(path));
  TRY_AS(folder, enter_parent(*names));
  temporary_ = temporary;
  // Its own descriptor, because enter() may close folder_ before the file ends.
  file_folder_ = UniqueFd(::fcntl(*folder, F_DUPFD_CLOEXEC, 0));
  // 0600: nobody else reads the file before it has its own mode.
  file_ = UniqueFd(::openat(*folder, temporary_.c_str(), O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600));
  file_path_ = path;
  file_name_ = names->back();
  attributes_ = attributes;
  written_ = 0;
  resumable_ = false;
  if (!file_ || !file_folder_) return io_error("write", root_ / path);
  return {};
}

Result<void> SafeTree::begin_file(std::string_view path, const FileAttributes& attributes) {
  for (int names = 0; names < kMostNames; ++names) {
    TRY(open_temporary(path, attributes, next_temporary(), O_WRONLY | O_EXCL));
    // Where a file system has no locks, no run removes the file of another one.
    const bool held = lock(file_.get()) || errno != EWOULDBLOCK;
    if (held && has_name(file_.get(), file_folder_.get(), temporary_)) return {};
  }
  return fail(ErrorKind::local_io, "cannot write " + printable((root_ / path).string()) +
                                       ": other pulls remove its temporary files");
}

Result<std::uint64_t> SafeTree::begin_partial(std::string_view path, const FileAttributes& attributes,
                                              std::string_view version) {
  // Two texts of one node with the same name do harm to its own files only.
  const auto name = pull_temporary("part", fmt::format("{}\n{}", path, version));
  const auto opened = open_temporary(path, attributes, name, O_RDWR | O_NONBLOCK);
  struct stat info {};
  // Another user can compute the name, and put a file, a link or a pipe there (hence O_NONBLOCK),
  // or a second name of one of our files.
  const bool ours = opened && ::fstat(file_.get(), &info) == 0 && S_ISREG(info.st_mode) &&
                    info.st_nlink == 1 && info.st_uid == ::geteuid() && lock(file_.get()) &&
                    has_name(file_.get(), file_folder_.get(), temporary_);
  if (!ours) {  // another run is writing it, or it is something else
    file_ = UniqueFd();
    TRY(begin_file(path, attributes));
    return 0;
  }
  resumable_ = true;
  written_ = static_cast<std::uint64_t>(info.st_size);
  return written_;
}

Result<void> SafeTree::write(std::string_view bytes) {
  if (attributes_.sparse) return write_with_holes(bytes);
  auto done = put(bytes);
  written_ += bytes.size();
  return done;
}

/// Of a partial file the size says how much has come, also where it ends in a hole.
Result<void> SafeTree::write_with_holes(std::string_view bytes) {
  std::size_t run = 0;  // bytes in front that are no hole
  const auto put_run = [&] {
    auto done = put(bytes.substr(0, run));
    written_ += run;
    bytes.remove_prefix(std::exchange(run, 0));
    return done;
  };
  bool hole = false;
  while (run < bytes.size()) {
    // Up to the next multiple of kHole, because only whole blocks of the file become holes.
    const auto part = bytes.substr(run, kHole - (written_ + run) % kHole);
    hole = all_zeros(part);
    if (!hole) {
      run += part.size();
      continue;
    }
    if (auto done = put_run(); !done) return done;
    written_ += part.size();
    bytes.remove_prefix(part.size());
  }
  if (auto done = put_run(); !done) return done;
  if (hole && resumable_ && ::ftruncate(file_.get(), static_cast<off_t>(written_)) != 0)
    return io_error("write", root_ / file_path_);
  return {};
}

Result<void> SafeTree::put(std::string_view bytes) {
  if (bytes.size() > unwatched_) {
    if (auto room = check_free_space(file_.get(), root_ / file_path_); !room) return room;
    unwatched_ += kBytesBetweenLooks;
  }
  unwatched_ -= std::min<std::uint64_t>(unwatched_, bytes.size());
  return write_at(file_.get(), written_, bytes, root_ / file_path_);
}

Result<void> SafeTree::end_file() {
  const bool cut = ::ftruncate(file_.get(), static_cast<off_t>(written_)) == 0;  // what ends in a hole
  // Before the renaming, because a file is complete when it has its name.
  ::fchmod(file_.get(), attributes_.mode & kPlainMode);
  set_times(file_.get(), attributes_);
  if (!cut ||
      ::renameat(file_folder_.get(), temporary_.c_str(), file_folder_.get(), file_name_.c_str()) != 0) {
    auto failed = io_error("write", root_ / file_path_);
    drop_file();
    return failed;
  }
  file_ = UniqueFd();
  ++files_in_place_;
  return {};
}

void SafeTree::drop_file() {
  if (!file_) return;
  ::unlinkat(file_folder_.get(), temporary_.c_str(), 0);
  file_ = UniqueFd();
}

Result<UniqueFd> SafeTree::open_there(std::string_view path, int mode) {
  TRY_AS(names, names_below(path));
  TRY_AS(folder, enter_parent(*names));
  UniqueFd file(::openat(*folder, names->back().c_str(), mode | kFileFlags));
  if (!file) return io_error(mode == O_RDONLY ? "read" : "write", root_ / path);
  return file;
}

Result<UniqueFd> SafeTree::open_file(std::string_view path) {
  return open_there(path, O_RDONLY);
}

Result<void> SafeTree::set_attributes(std::string_view path, const FileAttributes& attributes) {
  TRY_AS(names, names_below(path));
  TRY_AS(folder, enter_parent(*names));
  UniqueFd file(::openat(*folder, names->back().c_str(), O_RDONLY | kFileFlags));
  // A file that its owner may not read cannot be opened before its mode has changed.
  if (!file && errno == EACCES && ::fchmodat(*folder, names->back().c_str(), 0600, 0) == 0)  // no link: seen
    file = UniqueFd(::openat(*folder, names->back().c_str(), O_RDONLY | kFileFlags));
  if (!file || ::fchmod(file.get(), attributes.mode & kPlainMode) != 0)
    return io_error("set the mode of", root_ / path);
  set_times(file.get(), attributes);
  return {};
}

Result<void> SafeTree::append(std::string_view path, std::uint64_t size, std::string_view bytes,
                              const FileAttributes& attributes) {
  TRY_AS(file, open_there(path, O_WRONLY));
  const int fd = file->get();
  struct stat info {};
  // Something here has changed the file, and the tail would not fit behind it.
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || static_cast<std::uint64_t>(info.st_size) != size) {
    return fail(ErrorKind::local_io,
                printable((root_ / path).string()) + " was changed here while it was being followed");
  }
  if (auto written = write_at(fd, size, bytes, root_ / path); !written) {
    // Back to the size that the caller knows, so that the next try finds the file unchanged.
    [[maybe_unused]] const int cut = ::ftruncate(fd, info.st_size);
    return written;
  }
  set_times(fd, attributes);
  return {};
}

void SafeTree::sweep(std::string_view folder) {
  const auto names = names_below(folder);
  if (!names) return;
  const auto found = walk(*names, false);
  if (!found || !*found) return;
  // closedir() closes its descriptor, and that of the tree has to stay open.
  const int copy = ::openat(**found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, decltype([](DIR* open) { ::closedir(open); })> listing(
      copy < 0 ? nullptr : ::fdopendir(copy));
  if (!listing) return;
  // All names first: readdir(3) leaves open which names come while entries are removed.
  std::vector<std::string> old;
  while (const dirent* entry = ::readdir(listing.get())) {
    if (std::string_view(entry->d_name).starts_with(kPullTemporary)) old.emplace_back(entry->d_name);
  }
  for (const auto& name : old) {
    const UniqueFd file(::openat(**found, name.c_str(), O_RDONLY | kFileFlags));
    // A link holds no data and cannot be locked. A file that another run writes is locked.
    const bool link = !file && errno == ELOOP;
    // Until it was locked here, that run may have given the file its final name, and begun another one.
    const bool left = file && lock(file.get()) && has_name(file.get(), **found, name);
    if (link || left) ::unlinkat(**found, name.c_str(), 0);
  }
}

Result<void> SafeTree::finish() {
  if (!resumable_) drop_file();
  file_ = UniqueFd();
  Result<void> done;
  // With its own mode, an outer folder may no longer let us in.
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {  // inner ones first
    const auto names = names_below(folder->path);
    const auto fd = enter(*names);
    if (!fd && done) done = std::unexpected(fd.error());
    if (!fd) continue;
    set_times(*fd, folder->attributes);
    if (::fchmod(*fd, folder->attributes.mode & kPlainMode) != 0 && done)
      done = io_error("set the mode of", root_ / folder->path);
  }
  folders_.clear();
  return done;
}

}  // namespace ec2mpi::ops
