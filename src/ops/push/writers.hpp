#pragma once
/// Which node writes, where nodes of a push have their target on the same storage. Pure.
///
/// Each node gets a mark that no other node can guess, and tries to leave it in the target before its survey.
/// A node that finds the mark of another one there shares its storage. The report of a node decides only for
/// which node it waits itself, and it lists its own target again before it counts as arrived. So a false
/// report, or a mark that does not belong there, costs time and never a file.

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ops {

/// How the part of a node ended.
struct WriterEnd {
  Result<void> result = {};
  bool lost = false;  ///< failed for a reason of its own; another node may succeed
};

class Writers {
 public:
  /// `nodes`: the indices of all nodes with the same sources.
  explicit Writers(const std::vector<int>& nodes);

  /// "NAME.MARK" for the script of a node: the name is the same for all nodes with this target.
  [[nodiscard]] std::string mark_for(int node, std::string_view target) const;
  /// The node whose mark this text begins with, which stands in a survey; 0 if there is none.
  [[nodiscard]] int owner_of(std::string_view found) const;

  /// The node that writes for `node`, which has found the mark of `first`. It is `node` itself if the writer
  /// was lost, so that this one takes over, or if the writer waits for this one.
  [[nodiscard]] int writer_for(int node, int first);
  void note_end(int node, WriterEnd end);

  /// Under the new name `target` the node has made the folder with this ID, as its script reports it.
  void note_made(int node, const std::string& target, const std::string& id);
  /// "made=ID," for each such folder, but not more than 32.
  [[nodiscard]] std::string made_words(const std::string& target) const;
  /// The node that has made it; 0 if none has.
  [[nodiscard]] int maker_of(const std::string& target, const std::string& id) const;

  /// Null as long as the node is at work.
  [[nodiscard]] const WriterEnd* end_of(int node) const;

 private:
  [[nodiscard]] std::string own_mark(int node) const;
  [[nodiscard]] bool waits_for(int node, int other) const;

  std::string secret_;
  std::unordered_map<std::string, int> owners_;  ///< by mark
  std::map<int, int> writers_;                   ///< by the node whose mark was found
  std::map<int, int> waiting_;                   ///< the writer that a node waits for
  std::map<int, WriterEnd> ends_;
  std::map<std::string, std::map<std::string, int>> makers_;  ///< by target and ID
};

}  // namespace ec2mpi::ops
