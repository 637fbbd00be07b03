#pragma once
/// What a node says it has: the beginning of a pull. Pure; whatever is fed, little harm is done: paths are
/// only bytes here, and SafeTree judges where they may lead.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/tar.hpp"

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

/// A source that exists on the node; a source with wildcards gives one for each match.
struct RemoteSource {
  std::size_t number = 0;  ///< of the source as it was asked for
  std::string matched;     ///< what it is called there
  std::string path;        ///< by which to ask for it
  std::vector<RemoteItem> items = {};
};

/// Reads a listing that comes in parts of any size: a line with the token, then triples of NUL-ended fields
/// ("source NUMBER", MATCHED, PATH; "TYPE MODE SIZE BLOCKS INODE MTIME", BELOW, LINK; last "end", "", "").
/// "tick", "", "" only says that the node lives.
class PullListing {
 public:
  static constexpr std::size_t kMostBefore = 64 * 1024;  ///< bytes before the token: what .bashrc may say
  static constexpr std::size_t kMostBytes = std::size_t{32} << 20;
  static constexpr std::size_t kMostEntries = 200'000;

  PullListing(std::string token, std::size_t sources) : token_(std::move(token) + "\n"), known_(sources) {}

  /// Takes bytes up to the listing's end; gives what follows it. Errors: protocol.
  [[nodiscard]] Result<std::string_view> feed(std::string_view bytes);

  [[nodiscard]] bool began() const { return began_; }
  [[nodiscard]] bool ended() const { return ended_; }
  /// The listing; then another one may follow.
  [[nodiscard]] std::vector<RemoteSource> take();

 private:
  Result<void> take_record(std::string_view kind, std::string_view second, std::string_view third);

  std::string token_;
  std::size_t known_;
  bool began_ = false;
  bool ended_ = false;
  std::string rest_;
  std::string behind_;  ///< what came after the listing's end
  std::size_t seen_ = 0;
  std::size_t entries_ = 0;
  std::vector<RemoteSource> sources_;
};

/// One "TYPE MODE SIZE BLOCKS INODE MTIME". Errors: protocol.
[[nodiscard]] Result<RemoteItem> parse_record(std::string_view record);

}  // namespace ec2mpi::ops
