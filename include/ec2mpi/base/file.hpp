#pragma once
/// Files of this machine. Errors are ErrorKind::local_io and name the path.

#include <sys/types.h>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi {

/// Owns a file descriptor; closes it once.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd();

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// The error for `path` from errno: "cannot open data.txt: No such file or directory".
[[nodiscard]] std::unexpected<Error> io_error(std::string_view doing, const std::filesystem::path& path);

/// Opens a file for reading. Folders, pipes and devices are errors: nobody has put a pipe there on purpose,
/// and its reader might wait for ever. /dev/null is an empty file.
[[nodiscard]] Result<UniqueFd> open_file(const std::filesystem::path& path);

/// The whole of what open_file() opens; more than `max_bytes` is an error, because the path may lead to
/// something else than the expected file.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::size_t max_bytes = std::size_t{1} << 30);

/// The same for what the user has named on the command line, which may be a pipe, as of <(command).
[[nodiscard]] Result<std::string> read_file_or_pipe(const std::filesystem::path& path,
                                                    std::size_t max_bytes = std::size_t{1} << 30);

/// The rest of an open file, from its present position; `path` is for the error.
[[nodiscard]] Result<std::string> read_all(int fd, const std::filesystem::path& path,
                                           std::size_t max_bytes = std::size_t{1} << 30);

/// The new content or the old one, never half: a temporary file beside it, synced, then renamed. A link
/// stays, and its target is replaced; a device or a pipe that somebody reads stays as well, and is written
/// to. For a path that the user has named.
[[nodiscard]] Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content,
                                                 mode_t mode);

/// The same under a name that is ec2mpi's own. Nobody has asked for a link or a pipe of that name, which may
/// have come with the folder: it is replaced, and what a link leads to stays as it is.
[[nodiscard]] Result<void> write_own_file(const std::filesystem::path& path, std::string_view content,
                                          mode_t mode);

/// The same for the file of that name in an open folder; the rest of `path` is for the error.
[[nodiscard]] Result<void> write_file_atomically_at(int folder, const std::filesystem::path& path,
                                                    std::string_view content, mode_t mode);

/// Makes the folder (and its parents) for the user's eyes only, mode 0700.
[[nodiscard]] Result<void> make_private_folder(const std::filesystem::path& path);

/// All bytes, or an error; restarts after signals.
[[nodiscard]] Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path);

/// $HOME, or the password database's entry.
[[nodiscard]] std::filesystem::path home_folder();

/// A folder that the XDG base directory specification names: the variable's if that is an absolute path, else
/// `otherwise` in the home folder.
[[nodiscard]] std::filesystem::path xdg_folder(const char* variable, std::string_view otherwise);

/// Replaces a leading `~/` by the home folder.
[[nodiscard]] std::filesystem::path expand_home(std::string_view path);

/// Raises the limit of open files to what the kernel lets us have; a thousand nodes need two each. Returns
/// the limit.
std::uint64_t raise_open_file_limit();

}  // namespace ec2mpi
