#include "src/ssh/kept/socket_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi::ssh {

namespace {

constexpr int kBacklog = 64;

/// A link at the end of the path is refused: it could lead into the folder of somebody else. Owner and mode
/// are asked of the descriptor, as a path could mean another folder a moment later.
Result<UniqueFd> open_private(const std::filesystem::path& folder) {
  UniqueFd opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const auto failed = io_error("open", folder);
  const auto shown = printable(folder.string());
  std::error_code ignored;
  if (!opened && std::filesystem::is_symlink(folder, ignored))
    return fail(ErrorKind::usage, fmt::format("{} is a link, which is not followed; remove it: rm {}", shown,
                                              quote_word(folder.string())));
  struct stat info {};
  if (!opened || ::fstat(opened.get(), &info) != 0) return failed;
  if (info.st_uid != ::geteuid()) return fail(ErrorKind::usage, shown + " belongs to another user");
  if ((info.st_mode & 077) != 0)
    return fail(ErrorKind::usage, fmt::format("{} is open to others; close it: chmod 700 {}", shown,
                                              quote_word(folder.string())));
  return opened;
}

/// By the descriptor of the folder that was checked, and short enough for `sun_path`.
sockaddr_un address_of(int folder, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = fmt::format("/proc/self/fd/{}/{}", folder, name);
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

UniqueFd unix_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

}  // namespace

Result<SocketFolder> SocketFolder::make(const std::filesystem::path& folder) {
  TRY(make_private_folder(folder));
  TRY_AS(opened, open_private(folder));
  return SocketFolder(std::move(*opened), folder);
}

Result<std::optional<SocketFolder>> SocketFolder::find(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (std::filesystem::symlink_status(folder, ignored).type() == std::filesystem::file_type::not_found)
    return std::nullopt;
  TRY_AS(opened, open_private(folder));
  return SocketFolder(std::move(*opened), folder);
}

Result<UniqueFd> SocketFolder::listen(const std::string& name) const {
  // Under another name first: behind a name that a command finds, a process listens.
  const auto temporary = fmt::format(".{}.{}", name.substr(0, 16), random_hex(8));
  const auto address = address_of(folder_.get(), temporary);
  auto socket = unix_socket();
  if (!socket) return io_error("make a socket in", path_);
  // bind() gives the file its mode by the umask, so there is no moment in which others may connect.
  const mode_t before = ::umask(0177);
  const int bound = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::umask(before);
  if (bound != 0) return io_error("make a socket in", path_);
  if (::listen(socket.get(), kBacklog) != 0 ||
      ::renameat(folder_.get(), temporary.c_str(), folder_.get(), name.c_str()) != 0) {
    auto error = io_error("make a socket in", path_);
    ::unlinkat(folder_.get(), temporary.c_str(), 0);
    return error;
  }
  return socket;
}

UniqueFd SocketFolder::connect(const std::string& name) const {
  const auto address = address_of(folder_.get(), name);
  auto socket = unix_socket();
  if (!socket) return {};
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    // The socket is there and nobody listens: its daemon was killed.
    if (errno == ECONNREFUSED) remove(name);
    return {};
  }
  return owner_of_socket(socket.get()).ours ? std::move(socket) : UniqueFd();
}

std::optional<SocketFile> SocketFolder::file(const std::string& name) const {
  struct stat info {};
  if (::fstatat(folder_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  return SocketFile{info.st_dev, info.st_ino};
}

void SocketFolder::remove(const std::string& name) const {
  ::unlinkat(folder_.get(), name.c_str(), 0);
}

std::vector<std::string> SocketFolder::names() const {
  std::vector<std::string> names;
  // Its own descriptor, for reading moves the position, and closedir closes it.
  const int again = ::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const listing = again >= 0 ? ::fdopendir(again) : nullptr;
  if (listing == nullptr) {
    if (again >= 0) ::close(again);
    return names;
  }
  while (const dirent* entry = ::readdir(listing)) {
    // listen() has not finished a name with a dot in front.
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(listing);
  return names;
}

/// By SO_PEERCRED: the kernel notes it at connect() or listen(), not the other side.
SocketOwner owner_of_socket(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
  return {peer.uid == ::geteuid(), peer.pid};
}

}  // namespace ec2mpi::ssh
