#pragma once
/// Copies big files in parts: over several connections where one does not fill the link, and from the byte
/// where an earlier copy failed.

#include <functional>
#include <span>

#include "ec2mpi/fleet/fleet.hpp"
#include "src/ops/pull/choice.hpp"

namespace ec2mpi::ops {

/// Called with the number of bytes that have just arrived.
using PullProgress = std::function<void(std::uint64_t bytes)>;

/// From which node, with which rights, and into which folder parts of files are copied.
struct PartsJob {
  NodeRun& run;
  bool as_root = false;
  SafeTree& tree;
  PullProgress progress;
};

/// Copies these files as a whole, one after the other. `streams`: connections at most, the session's own
/// included; more than one are only made where the round trip is long. A file that changes meanwhile is not
/// put in place; a file that has only grown is, with the size of the listing. Errors: remote_io, local_io,
/// protocol and the transport's.
[[nodiscard]] asio::awaitable<Result<void>> pull_big_files(PartsJob job, std::vector<PullWant> files,
                                                           std::size_t streams);

/// The bytes of a file from `from` on, which only the node has.
struct PullTail {
  const PullWant* want;
  std::uint64_t from = 0;
};

/// Appends to files here the bytes that were appended on the node.
[[nodiscard]] asio::awaitable<Result<void>> pull_tails(PartsJob job, std::vector<PullTail> tails);

}  // namespace ec2mpi::ops
