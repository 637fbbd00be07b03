#pragma once
/// The folder in which commands find the sockets of kept connections: one for each, for the user's eyes only.
///
/// Names are reached by /proc/self/fd/N/NAME, for a socket's path has room for 107 bytes only, and a daemon
/// has no folder that a relative path could begin at.

#include <sys/types.h>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/file.hpp"

namespace ec2mpi::ssh {

/// Which file a socket is, whatever it is called.
struct SocketFile {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const SocketFile&) const = default;
};

class SocketFolder {
 public:
  /// Makes the folder (mode 0700) if it is missing. Errors: local_io; usage if it is another user's, a link,
  /// or open to others.
  [[nodiscard]] static Result<SocketFolder> make(const std::filesystem::path& folder);
  /// Nothing if there is none. Errors: as of make().
  [[nodiscard]] static Result<std::optional<SocketFolder>> find(const std::filesystem::path& folder);

  /// A listening socket under this name, mode 0600, nonblocking; a socket that had the name before loses it.
  /// Errors: local_io.
  [[nodiscard]] Result<UniqueFd> listen(const std::string& name) const;

  /// A connection, nonblocking, to a process of our own user. Nothing if no process listens there: a name
  /// that was left behind is removed.
  [[nodiscard]] UniqueFd connect(const std::string& name) const;

  /// The file that has this name now; nothing if none has.
  [[nodiscard]] std::optional<SocketFile> file(const std::string& name) const;
  void remove(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  SocketFolder(UniqueFd folder, std::filesystem::path path)
      : folder_(std::move(folder)), path_(std::move(path)) {}

  UniqueFd folder_;
  std::filesystem::path path_;
};

/// The process at the other end of a unix socket, which listened or connected.
struct SocketOwner {
  bool ours = false;  ///< it runs as our own user
  pid_t pid = 0;
};
[[nodiscard]] SocketOwner owner_of_socket(int socket);

}  // namespace ec2mpi::ssh
