#pragma once
/// The bytes of a push: an archive for the script that runs on the node.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/extents.hpp"
#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/gzip.hpp"
#include "ec2mpi/base/sha256.hpp"
#include "src/ops/push/plan.hpp"

namespace ec2mpi::ops {

/// Bytes of the archive for a file besides its content: its header, the one for nanoseconds, padding.
inline constexpr std::uint64_t kTarBesides = 1792;

/// Makes the archive piece by piece; reads the files while they are sent, so that none is held in memory.
///
/// Members: "0", "0/sub/file", "1", ...: the sources by number, folders writable for their owner; "folders0",
/// ...: an archive of the folders alone with their real modes and times; "tails/0/big": a file without its
/// beginning; "listed" and "sizes": the names and kinds of all other members, by which the node counts what
/// it has unpacked.
class PushStream {
 public:
  static constexpr std::size_t kBlock = 256 * 1024;

  /// `unpackers`: the formats that all its nodes can and should unpack.
  PushStream(std::shared_ptr<const SourceTree> tree, PushContent content, Unpackers unpackers = {})
      : tree_(std::move(tree)), content_(std::move(content)), holes_(unpackers.holes) {
    if (unpackers.gzip) gzip_.emplace();
  }

  /// The next bytes, about kBlock, valid until the next call; empty at the end. Files that vanish or change
  /// on the way don't stop it: see changed().
  [[nodiscard]] std::string_view next();

  /// Bytes of files among those given so far; the rest is names and padding.
  [[nodiscard]] std::uint64_t content_bytes() const { return content_bytes_; }

  /// next() gives the archive compressed by gzip.
  [[nodiscard]] bool compressed() const { return gzip_.has_value(); }

  /// Of all that next() has given: 64 hexadecimal digits, and how many bytes. After the end.
  [[nodiscard]] const std::string& sum() const { return sum_text_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// Files that have changed since the scan, by their numbers in the tree; not to be put in place.
  [[nodiscard]] const std::vector<std::size_t>& changed() const { return changed_; }
  [[nodiscard]] const PushContent& content() const { return content_; }
  /// Bytes of files that it will hold in all, about: of files with holes we know it when they are opened.
  [[nodiscard]] std::uint64_t expected() const;
  /// The same with headers and padding, before it is compressed.
  [[nodiscard]] std::uint64_t expected_archive() const;

 private:
  void fill();
  void compress();
  void begin_item();
  void begin_file(const SourceItem& item, TarEntry entry);
  bool begin_extent();
  void add_file_data();
  [[nodiscard]] std::uint64_t offset_of(std::size_t number) const;
  void list_member(const TarEntry& entry);
  void add_own_member(const std::string& name, std::string_view content);
  void add_end();
  [[nodiscard]] std::string folders_of(std::size_t top) const;

  std::shared_ptr<const SourceTree> tree_;
  PushContent content_;
  std::string block_;
  std::string packed_;
  std::optional<Gzip> gzip_;
  std::size_t at_ = 0;  ///< in the content's items
  bool holes_ = false;
  UniqueFd file_;
  std::vector<Extent> extents_;  ///< of the file under way, counted from its beginning
  std::size_t extent_ = 0;       ///< the next of them
  std::size_t padding_ = 0;      ///< behind them
  std::uint64_t left_ = 0;       ///< of the extent under way
  bool shrunk_ = false;          ///< the file under way has ended early; zeros stand for the rest
  std::string listed_;           ///< names of the members so far, each ended by NUL
  std::string sizes_;            ///< a line for each of them: its kind and size as `stat` prints them
  bool ended_ = false;
  std::vector<std::size_t> changed_;
  std::uint64_t content_bytes_ = 0;
  std::uint64_t size_ = 0;
  Sha256 sum_;
  std::string sum_text_;
};

}  // namespace ec2mpi::ops
