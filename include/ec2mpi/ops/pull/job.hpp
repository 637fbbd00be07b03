#pragma once
/// One pull from many nodes: its options, and its result so far.

#include <cstdint>
#include <map>
#include <optional>

#include "ec2mpi/ops/node/path_filter.hpp"
#include "ec2mpi/ops/pull/plan.hpp"

namespace ec2mpi::ops {

struct PullOptions {
  std::optional<std::uint64_t> max_size = {};  ///< bytes that all nodes together may send
  PathFilter exclude = {};                     ///< these paths of each source are left out
  bool dry_run = false;     ///< only report to the observer what would be copied, on Stream::out
  bool checksum = false;    ///< compare contents where the sizes are the same
  bool follow = false;      ///< continue until the stop is requested
  std::size_t streams = 1;  ///< connections to a node for big files, at most; a long link needs several
};

/// The result of a pull; the bytes are those of the contents.
struct PullCounts {
  std::size_t copied = 0;
  std::size_t unchanged = 0;
  std::uint64_t bytes = 0;
};

/// One pull from many nodes.
struct PullJob {
  std::map<int, PullPlan> plans;  ///< by the nodes' indices
  PullOptions options;
  std::uint64_t planned = 0;  ///< bytes of all nodes that have sent their listing
  std::size_t listed = 0;     ///< bytes of memory that the listings of all nodes take now
  std::map<int, PullCounts> counts = {};
};

}  // namespace ec2mpi::ops
