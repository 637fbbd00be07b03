#pragma once
/// What a push sends: looked at once, before any connection, and the same for every node.

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
  std::string name;  ///< what it will be called in the target; empty: its content goes there (".", "/")
  bool directory = false;
  PathFilter filter = {};  ///< what of it is left out
};

/// What of the sources is left out.
struct ScanOptions {
  std::vector<std::string> exclude = {};  ///< rules as in a .gitignore at the top of each source
  bool gitignore = false;                 ///< and those of each folder's .gitignore
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
  /// Of a file of which the system does not tell the size (below /proc, /sys): read when it is scanned.
  std::shared_ptr<const std::string> content = {};
};

struct SourceTree {
  std::vector<SourceTop> tops;
  std::vector<SourceItem> items;     ///< a directory before what it holds; else by name
  std::vector<std::string> skipped;  ///< sockets, devices and the like, by path
  std::uint64_t bytes = 0;           ///< of all files
  std::size_t files = 0;

  [[nodiscard]] std::filesystem::path path_of(const SourceItem& item) const;
};

/// Links that are given themselves are followed (the user means what they lead to); links inside a directory
/// are taken as links. Errors: local_io for what is missing or can't be read; usage for two sources of the
/// same name.
[[nodiscard]] Result<SourceTree> scan_sources(const std::vector<std::string>& sources,
                                              const ScanOptions& options = {});

/// Opens a file of the tree, or what was read of it. Errors: local_io.
[[nodiscard]] Result<UniqueFd> open_item(const SourceTree& tree, const SourceItem& item);

/// The open file still has the size and, unless it was read before, the mtime that were scanned.
[[nodiscard]] bool is_unchanged(int fd, const SourceItem& item);

}  // namespace ec2mpi::ops
