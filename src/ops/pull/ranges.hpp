#pragma once
/// Big files by parts: over several connections where one does not fill the link, and going on behind what
/// came before a failure.

#include <functional>
#include <span>

#include "ec2mpi/fleet/fleet.hpp"
#include "src/ops/pull/choice.hpp"

namespace ec2mpi::ops {

/// Told of content as it comes.
using PullProgress = std::function<void(std::uint64_t bytes)>;

/// Brings these files whole, one after the other. `streams`: connections at most, the session's own included;
/// more than one are only made where the round trip is long. A file that changes meanwhile is not put in
/// place (one that has only grown is, as it was listed). Errors: remote_io, local_io, protocol and the
/// transport's.
[[nodiscard]] asio::awaitable<Result<void>> pull_big_files(NodeRun& run, SafeTree& tree,
                                                           std::vector<PullWant> files, std::size_t streams,
                                                           PullProgress progress);

/// Bytes of one file from `from` on that are on the node and not here.
struct PullTail {
  const PullWant* want;
  std::uint64_t from = 0;
};

/// Appends to files that are here what has been appended to them on the node.
[[nodiscard]] asio::awaitable<Result<void>> pull_tails(NodeRun& run, SafeTree& tree,
                                                       std::vector<PullTail> tails, PullProgress progress);

}  // namespace ec2mpi::ops
