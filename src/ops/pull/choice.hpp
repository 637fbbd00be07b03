#pragma once
/// Compares a node's listing with the target: which files are wanted? Changes nothing.

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ec2mpi/ops/node/path_filter.hpp"
#include "ec2mpi/ops/pull/plan.hpp"
#include "src/ops/pull/listing.hpp"
#include "src/ops/pull/safe_tree.hpp"

namespace ec2mpi::ops {

struct PullWant {
  std::string path;   ///< on the node
  std::string place;  ///< below the plan's folder
  RemoteItem item;
};

/// A file whose content is here.
struct PullKept {
  std::string place;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
};

struct PullChoice {
  std::vector<PullWant> folders;  ///< outer ones first
  std::vector<PullWant> links;
  std::vector<PullWant> files;       ///< whose content is not here
  std::vector<PullWant> attributes;  ///< files that differ only in mode or mtime
  std::vector<PullWant> doubtful;    ///< files of the same size whose contents are to be compared
  std::vector<PullKept> kept;
  std::set<std::string> holders;     ///< the folders that files lie in, or will
  std::uint64_t bytes = 0;           ///< of the files' content
  std::uint64_t room = 0;            ///< bytes that they need on the disk beyond the files that they replace
  std::vector<std::string> skipped;  ///< neither files nor folders nor links
  std::vector<std::string> refused;  ///< of these, the ones asked for by their very names

  void want(PullWant file);
  /// The content is here; the attributes may differ.
  void keep(PullWant file);
};

/// `tree`: nullptr if there is no target folder yet. `checksum`: sizes that are the same do not suffice.
/// `exclude`: for matches of wildcards; PullListing leaves out paths inside of a source. Errors: protocol for
/// names that were not asked for or lead elsewhere, remote_io for two files of one name.
[[nodiscard]] Result<PullChoice> choose_wanted(const PullPlan& plan, const std::vector<RemoteSource>& sources,
                                               SafeTree* tree, const PathFilter& exclude = {},
                                               bool checksum = false);

/// Files of the kernel report a size of nothing, or of a page, whatever they hold; and take no room on a
/// disk.
[[nodiscard]] bool may_hide_its_size(const RemoteItem& item);

/// A node may lie about sizes; the sum must not wrap around to 0.
void add_up(std::uint64_t& sum, std::uint64_t more);

[[nodiscard]] FileAttributes attributes_of(const RemoteItem& item);

}  // namespace ec2mpi::ops
