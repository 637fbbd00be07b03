#pragma once
/// Which nodes share an archive: nodes that lack the same files get one, so that it crosses the uplink once.

#include <memory>
#include <optional>
#include <vector>

#include "src/ops/push/share.hpp"

namespace ec2mpi::ops {

/// A node's number in a share.
struct ShareMember {
  std::shared_ptr<Share> share;
  std::size_t number = 0;
};

/// A node that waits until it is known which nodes share an archive.
struct Seat {
  Candidate candidate;
  std::optional<ShareMember> place = {};
};
using Seats = std::vector<std::shared_ptr<Seat>>;

/// The items that all of them lack.
[[nodiscard]] PushContent content_for(const Seats& seats);

/// Seats that share an archive: those that lack the same items. But where many lack different items that
/// overlap, one archive of all of them is smaller.
[[nodiscard]] std::vector<Seats> sharing(const SourceTree& tree, const Seats& seats);

/// The archive for these seats: without holes if all of them can make them, compressed if all of them can
/// unpack it and the user wants it, or it is mostly tar's headers.
[[nodiscard]] Unpackers formats_for(const SourceTree& tree, const Seats& seats, bool compress);

/// A node that comes late takes part in an archive if that holds all that it lacks, and little else.
[[nodiscard]] bool suits(const SourceTree& tree, const Share& share, const Candidate& candidate);

}  // namespace ec2mpi::ops
