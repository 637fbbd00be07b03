#pragma once
/// The sources that a node lacks, and how they get to their places there. Pure.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ec2mpi/ops/push/source_tree.hpp"
#include "src/ops/push/survey.hpp"

namespace ec2mpi::ops {

struct DiffOptions {
  bool checksum = false;  ///< contents are compared, not size and mtime
  bool erase = false;     ///< paths that the sources' folders no longer have are removed
};

/// Numbers are those of SourceTree::items, ascending.
struct PushNeed {
  std::vector<std::size_t> items;         ///< to be sent
  std::vector<std::size_t> folders;       ///< that get their mode and mtime when all is in place
  std::vector<std::size_t> attributes;    ///< files of which only mode or mtime are wrong
  std::vector<std::string> replace = {};  ///< folders that are files or links now: to be removed first
  std::vector<std::string> erase;         ///< paths below the survey's folder, with "./" in front
  /// Paths that would be erased if they were not mount points, or below one; the node refuses to erase them.
  std::vector<std::string> mounted = {};
  std::string in_the_way = {};    ///< a place of the sources where there is something that must stay; or ""
  std::string why_it_stays = {};  ///< behind its name
  std::string left;               ///< the stage of an earlier push to continue with, or ""
  std::vector<std::string> discard;                ///< its useless files
  std::map<std::size_t, std::uint64_t> kept = {};  ///< of files whose beginning lies in it: its bytes
  std::size_t files = 0;                           ///< files to be sent
  std::uint64_t bytes = 0;                         ///< content to be sent

  /// The target is as it should be.
  [[nodiscard]] bool in_place() const {
    return items.empty() && folders.empty() && attributes.empty() && erase.empty() && mounted.empty();
  }
  /// Nor is there an earlier stage to remove.
  [[nodiscard]] bool nothing() const { return in_place() && left.empty(); }
};

/// The part of a tree that is sent. Numbers are those of SourceTree::items, ascending.
struct PushContent {
  std::vector<std::size_t> items = {};
  std::vector<std::size_t> folders = {};  ///< of which mode and mtime are sent
  std::map<std::size_t, std::uint64_t> offsets =
      {};  ///< where files begin that are sent without their beginning
};

/// The files whose checksums decide, and of how many of their first bytes: in a stage that an earlier push
/// has left and, with DiffOptions::checksum, in the target.
[[nodiscard]] std::vector<std::pair<std::size_t, std::uint64_t>> files_to_compare(const SourceTree& tree,
                                                                                  const PushSurvey& survey,
                                                                                  const DiffOptions& options);

/// The checksum of a local file's first bytes; asked for files_to_compare, and "" of others.
using LocalSums = std::function<std::string(const SourceItem&, std::uint64_t bytes)>;
[[nodiscard]] PushNeed push_need(const SourceTree& tree, const PushSurvey& survey, const DiffOptions& options,
                                 const LocalSums& sums = {});

/// The name of an item in the archive and in the stage: "0", "0/sub/file".
[[nodiscard]] std::string member_name(const SourceItem& item);

/// Where an item lies below the survey's folder; "" is that folder.
[[nodiscard]] std::string place_of(const SourceTree& tree, const SourceItem& item, const PushSurvey& survey);

/// The paths that the script is asked about: those below the target, if it is a folder. Few words, else ".".
[[nodiscard]] std::vector<std::string> asked_paths(const SourceTree& tree, bool erase);

/// An archive as it was sent.
struct SentArchive {
  std::string sum;  ///< as the node computes it; "" if no archive was sent
  PushContent content = {};
  std::vector<std::size_t> changed = {};  ///< items that must not be put in place
};

/// Shell text for the script's last "do".
[[nodiscard]] std::string push_steps(const SourceTree& tree, const PushSurvey& survey, const PushNeed& need,
                                     const SentArchive& sent);

}  // namespace ec2mpi::ops
