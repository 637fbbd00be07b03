#pragma once
/// Writes what a node sent below one folder, and nowhere else, whatever the node says. Nothing half-written
/// comes under its final name.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/file.hpp"

namespace ec2mpi::ops {

/// Paths are relative to the folder, with "/" between names; "." is dropped, ".." and absolute paths are
/// refused (protocol). No link is ever followed on the way, whoever made it. Other errors: local_io with the
/// path.
class SafeTree {
 public:
  /// The folder and its parents are made if missing; links in this path are the user's own, and followed.
  [[nodiscard]] static Result<SafeTree> open(const std::filesystem::path& root);
  SafeTree(SafeTree&&) noexcept = default;
  SafeTree& operator=(SafeTree&&) = delete;
  /// Removes the temporary file of a file that was not ended.
  ~SafeTree();

  /// Mode and mtime are set by finish(). An existing folder is taken as it is.
  [[nodiscard]] Result<void> make_folder(std::string_view path, unsigned mode, std::int64_t mtime);

  /// False, and nothing made, if the target is absolute or leads out of the tree.
  [[nodiscard]] Result<bool> make_link(std::string_view path, const std::string& target);

  /// A file: begin, its bytes, end. It gets its name at the end, in place of a file or link that had it.
  /// Modes lose setuid, setgid and sticky.
  [[nodiscard]] Result<void> begin_file(std::string_view path, unsigned mode, std::int64_t mtime);
  [[nodiscard]] Result<void> write(std::string_view bytes);
  [[nodiscard]] Result<void> end_file();

  /// The modes and mtimes of the folders; to be called last, also after a failure.
  [[nodiscard]] Result<void> finish();

 private:
  using Names = std::vector<std::string>;
  struct Folder {
    std::string path;
    unsigned mode;
    std::int64_t mtime;
  };

  SafeTree(std::filesystem::path root, UniqueFd fd);
  [[nodiscard]] static Result<Names> names_of(std::string_view path);
  /// The folder that these names lead to, made as needed. The last one asked for stays open.
  Result<int> enter(const Names& names);
  Result<int> enter_parent(Names names);
  [[nodiscard]] std::string next_temporary();
  void drop_file();

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
  std::string file_path_;
  std::string file_name_;
  unsigned file_mode_ = 0;
  std::int64_t file_mtime_ = 0;
};

/// A link at `path` with this target stays below the tree's folder. ".." may only stand at the target's
/// beginning: a name before it could be a link that leads elsewhere. Pure.
[[nodiscard]] bool link_stays_inside(std::string_view path, std::string_view target);

}  // namespace ec2mpi::ops
