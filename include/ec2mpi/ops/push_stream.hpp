#pragma once
/// The bytes of a push: an archive for the script that runs on the node.

#include <memory>
#include <string>
#include <vector>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/ops/source_tree.hpp"

namespace ec2mpi::ops {

/// Makes the archive piece by piece; reads the files while they are sent, so that none is held in memory.
///
/// Members: "0", "0/sub/file", "1", ...: the sources by number, folders writable for their owner; "folders0",
/// ...: an archive of the folders alone with their real modes and times; last "steps": shell text that calls
/// the script's functions. A stream that breaks off has no steps, and without steps nothing is put in place.
class PushStream {
 public:
  static constexpr std::size_t kBlock = 128 * 1024;

  explicit PushStream(std::shared_ptr<const SourceTree> tree) : tree_(std::move(tree)) {}

  /// The next bytes, about kBlock, valid until the next call; empty at the end. Files that vanish or change
  /// on the way don't stop it: see changed().
  [[nodiscard]] std::string_view next();

  /// Files that were no longer what was scanned; the node is told not to put them in place.
  [[nodiscard]] const std::vector<std::string>& changed() const { return changed_; }

 private:
  void begin_item();
  void add_file_data();
  void note_change(const SourceItem& item);
  void add_end();
  [[nodiscard]] std::string folders_of(std::size_t top) const;
  [[nodiscard]] std::string steps() const;

  std::shared_ptr<const SourceTree> tree_;
  std::string block_;
  std::size_t item_ = 0;
  UniqueFd file_;
  std::uint64_t left_ = 0;  ///< of the file under way
  bool shrunk_ = false;     ///< the file under way has ended early; zeros stand for the rest
  bool ended_ = false;
  std::vector<std::string> changed_;
  std::vector<std::string> discarded_;  ///< the same by member name
  std::vector<bool> top_missing_;       ///< by top: a single file that changed
};

}  // namespace ec2mpi::ops
