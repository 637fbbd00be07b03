#pragma once
/// A node's listing: the beginning of a pull. Pure. A hostile listing does little harm: paths are only bytes
/// here, and SafeTree judges where they may lead.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/tar.hpp"
#include "ec2mpi/ops/node/path_filter.hpp"

namespace ec2mpi::ops {

/// One file, folder or link on a node.
struct RemoteItem {
  TarType type = TarType::other;
  unsigned mode = 0;            ///< permission bits, with setuid, setgid and sticky
  std::uint64_t size = 0;       ///< 0 for all but files
  std::uint64_t allocated = 0;  ///< bytes on the node's disk; fewer than `size` for a sparse file
  std::uint64_t inode = 0;
  std::int64_t mtime = 0;  ///< seconds since 1970, and
  std::uint32_t nanoseconds = 0;
  std::string below = {};  ///< its path below the source; empty for the source itself
  std::string link = {};   ///< where a link leads
};

/// A path on the node that a source means; a source with wildcards has one for each match.
struct RemoteSource {
  std::string matched;  ///< as it was asked for, with wildcards replaced
  std::string path;     ///< by which to ask for it; "" is the root
  std::vector<RemoteItem> items = {};
};

/// One node's share of the memory that the listings of all nodes may take together.
class ListingMemory {
 public:
  /// About two million entries. The heap needs nearly twice as much, because arrays grow by doubling.
  static constexpr std::size_t kMost = std::size_t{1} << 29;

  /// `all`: what all nodes take; borrowed.
  explicit ListingMemory(std::size_t& all) : all_(all) {}
  ListingMemory(const ListingMemory&) = delete;
  ListingMemory& operator=(const ListingMemory&) = delete;
  ~ListingMemory() { give_back(); }

  /// Errors: remote_io.
  [[nodiscard]] Result<void> take(std::size_t bytes);
  void give_back() { all_ -= std::exchange(mine_, 0); }

 private:
  std::size_t& all_;
  std::size_t mine_ = 0;
};

/// Reads the listing of src/ops/pull/sources.sh, in parts of any size, behind a line with the token. A record
/// "tick", "", "" only shows that the node is alive.
class PullListing {
 public:
  static constexpr std::size_t kMostBefore =
      64 * 1024;                                     ///< bytes before the token, which start-up files print
  static constexpr std::size_t kLongestHome = 4096;  ///< Linux: PATH_MAX

  /// Paths inside of a source that `exclude` matches are left out. Both are borrowed; `exclude` may be
  /// nullptr.
  PullListing(std::string token, ListingMemory& memory, const PathFilter* exclude = nullptr)
      : token_(std::move(token) + "\n"), memory_(memory), exclude_(exclude) {}

  /// Takes bytes up to the listing's end; returns the bytes behind it. Errors: protocol, remote_io for a
  /// listing that needs too much memory.
  [[nodiscard]] Result<std::string_view> feed(std::string_view bytes);

  [[nodiscard]] bool began() const { return began_; }
  [[nodiscard]] bool ended() const { return ended_; }
  /// The listing; another one may follow.
  [[nodiscard]] std::vector<RemoteSource> take();

 private:
  Result<void> take_record(std::string_view kind, std::string_view second, std::string_view third);
  Result<void> take_item(std::string_view record, std::string_view below, std::string_view link);

  std::string token_;
  ListingMemory& memory_;
  const PathFilter* exclude_;
  std::string home_;  ///< relative paths begin there
  bool began_ = false;
  bool ended_ = false;
  std::string rest_;
  std::string behind_;  ///< the bytes behind the listing
  std::vector<RemoteSource> sources_;
};

/// One "TYPE MODE SIZE BLOCKS INODE MTIME". Errors: protocol.
[[nodiscard]] Result<RemoteItem> parse_record(std::string_view record);

}  // namespace ec2mpi::ops
