#pragma once
/// The sources of a push: read once, before any connection, and the same for every node.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/tar.hpp"
#include "ec2mpi/ops/node/path_filter.hpp"

namespace ec2mpi::ops {

/// One SRC of the command line.
struct SourceTop {
  std::filesystem::path path;  ///< as given
  std::string name;            ///< its name in the target; empty: its content goes there (".", "/")
  bool directory = false;
  PathFilter filter = {};  ///< its paths that are left out
};

/// The paths of the sources that are left out.
struct ScanOptions {
  std::vector<std::string> exclude = {};  ///< rules as in a .gitignore at the top of each source
  bool gitignore = false;                 ///< and those of each folder's .gitignore
  /// Files and folders that are sent only if they are sources themselves: the keys in use, ec2mpi's own
  /// state.
  std::vector<std::filesystem::path> kept_back = {};
};

/// A file, directory or link in or at a top.
struct SourceItem {
  std::size_t top = 0;
  std::string relative = {};  ///< below the top; empty for the top itself
  TarType type = TarType::file;
  std::string link = {};
  std::uint64_t size = 0;
  std::uint64_t stored = 0;  ///< bytes that it takes on the disk, or its size if that is less
  unsigned mode = 0;
  std::int64_t mtime = 0;         ///< whole seconds
  std::uint32_t nanoseconds = 0;  ///< of the mtime
  /// The content of a file whose size the system does not report (below /proc, /sys): read when it is
  /// scanned.
  std::shared_ptr<const std::string> content = {};
};

struct SourceTree {
  std::vector<SourceTop> tops;
  std::vector<SourceItem> items;     ///< a directory before its content; else by name
  std::vector<std::string> skipped;  ///< sockets, devices and the like, by path
  std::vector<std::string>
      kept_back;            ///< of ScanOptions::kept_back, the paths that were found below a source
  std::uint64_t bytes = 0;  ///< of all files
  std::size_t files = 0;

  [[nodiscard]] std::filesystem::path path_of(const SourceItem& item) const;
};

/// Links that are given themselves are followed (the user means their targets); links inside a directory
/// are taken as links. Of several files with one place in the target, only the last one is in the tree.
/// Errors: local_io for a path that is missing or can't be read; usage for two sources of the same name, and
/// for a file and a folder with one place.
[[nodiscard]] Result<SourceTree> scan_sources(const std::vector<std::string>& sources,
                                              const ScanOptions& options = {});

/// Opens a file of the tree, or the content that was read. Errors: local_io.
[[nodiscard]] Result<UniqueFd> open_item(const SourceTree& tree, const SourceItem& item);

/// The open file still has the size and, unless it was read before, the mtime that were scanned.
[[nodiscard]] bool is_unchanged(int fd, const SourceItem& item);

}  // namespace ec2mpi::ops
