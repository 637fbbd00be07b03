#pragma once
/// Writes what a node sent below one folder, and nowhere else, whatever the node says. Nothing half-written
/// comes under its final name.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/file.hpp"

namespace ec2mpi::ops {

/// The attributes of a file that are kept. Modes lose setuid, setgid and sticky.
struct FileAttributes {
  unsigned mode = 0644;
  std::int64_t mtime = 0;  ///< seconds since 1970, and
  std::uint32_t nanoseconds = 0;
  bool sparse = false;  ///< whole blocks of zeros become holes
};

/// The file, folder or link that has a name.
struct LocalState {
  enum class Kind { file, folder, link, other };
  Kind kind = Kind::other;
  unsigned mode = 0;
  std::uint64_t size = 0;
  std::int64_t mtime = 0;
  std::uint32_t nanoseconds = 0;
  std::string link = {};  ///< where a link leads
};

/// Paths are relative to the folder, with "/" between names; "." is dropped, ".." and absolute paths are
/// refused (protocol). No link is ever followed on the way. Other errors: local_io with the
/// path.
class SafeTree {
 public:
  /// The folder and its parents are made if missing; links in this path are the user's own, and followed.
  [[nodiscard]] static Result<SafeTree> open(const std::filesystem::path& root);
  SafeTree(SafeTree&&) noexcept = default;
  SafeTree& operator=(SafeTree&&) = delete;
  /// Removes the temporary file of a file that was not ended.
  ~SafeTree();

  /// This many bytes may be written before the next look at the disk. Beyond them, which is more than was
  /// planned, writing ends (local_io) when the disk is nearly full.
  void expect(std::uint64_t bytes) { unwatched_ = bytes; }

  /// The state of a path; nothing if nothing is there, or if a part of the path before its end is a link or
  /// file. Creates nothing.
  [[nodiscard]] Result<std::optional<LocalState>> look(std::string_view path);

  /// Mode and mtime are set by finish(). An existing folder is taken as it is.
  [[nodiscard]] Result<void> make_folder(std::string_view path, const FileAttributes& attributes);

  /// Makes a folder that has an empty file of this name in it from the beginning, whenever the program is
  /// ended. An existing folder is left as it is, and a file system on which this fails gets no folder.
  [[nodiscard]] Result<void> make_marked_folder(std::string_view path, const std::string& mark);

  /// False, and nothing made, if the target is absolute or leads out of the tree.
  [[nodiscard]] Result<bool> make_link(std::string_view path, const std::string& target);

  /// A file: begin, its bytes, end. It gets its name at the end, in place of a file or link that had it.
  [[nodiscard]] Result<void> begin_file(std::string_view path, const FileAttributes& attributes);
  [[nodiscard]] Result<void> write(std::string_view bytes);
  [[nodiscard]] Result<void> end_file();
  /// How many files have got their names.
  [[nodiscard]] std::size_t files_in_place() const { return files_in_place_; }
  /// Abandons the file and removes the bytes that were written.
  void drop_file();

  /// Begins a file that outlives a failure: the part that has arrived stays, hidden under a name made of
  /// `version` (on which the content depends), and a later call with the same version continues behind it.
  /// Returns how many bytes are there already.
  [[nodiscard]] Result<std::uint64_t> begin_partial(std::string_view path, const FileAttributes& attributes,
                                                    std::string_view version);

  /// Mode and mtime of a file that is there.
  [[nodiscard]] Result<void> set_attributes(std::string_view path, const FileAttributes& attributes);

  /// To read a file; no link is followed.
  [[nodiscard]] Result<UniqueFd> open_file(std::string_view path);

  /// A file that is there and has exactly `size` bytes takes these behind them, and then has this mtime.
  [[nodiscard]] Result<void> append(std::string_view path, std::uint64_t size, std::string_view bytes,
                                    const FileAttributes& attributes);

  /// Removes from a folder the half-written files of earlier runs that no process holds any more.
  void sweep(std::string_view folder);

  /// The modes and mtimes of the folders; to be called last, also after a failure.
  [[nodiscard]] Result<void> finish();

 private:
  using Names = std::vector<std::string>;
  struct Folder {
    std::string path;
    FileAttributes attributes;
  };

  SafeTree(std::filesystem::path root, UniqueFd fd);
  /// The folder that these names lead to, made as needed; or, without `make`, nothing if it is not there. The
  /// last one asked for stays open.
  Result<std::optional<int>> walk(const Names& names, bool make);
  Result<int> enter(const Names& names);
  Result<int> enter_parent(Names names);
  Result<UniqueFd> open_there(std::string_view path, int mode);
  [[nodiscard]] std::string next_temporary();
  Result<void> open_temporary(std::string_view path, const FileAttributes& attributes,
                              const std::string& temporary, int flags);
  Result<void> write_with_holes(std::string_view bytes);
  Result<void> put(std::string_view bytes);

  std::filesystem::path root_;
  UniqueFd fd_;
  Names inside_;  ///< of folder_
  UniqueFd folder_;
  std::vector<Folder> folders_;
  std::string token_;
  std::uint64_t count_ = 0;

  UniqueFd file_;
  UniqueFd file_folder_;
  std::string temporary_;
  bool resumable_ = false;
  std::uint64_t written_ = 0;
  std::uint64_t unwatched_ = 0;  ///< bytes until the disk is looked at
  std::string file_path_;
  std::string file_name_;
  FileAttributes attributes_;
  std::size_t files_in_place_ = 0;
};

}  // namespace ec2mpi::ops
