#pragma once
/// The tree by which the nodes of a push feed each other. Pure.
///
/// Every node feeds at most kFanout others, as the bytes arrive. A chain would use each node's network once,
/// but is as deep as there are nodes, and half of them depend on the average link. The network between nodes
/// is far wider than any uplink, so a few copies by each node cost nothing. A thousand nodes are five deep,
/// and most of them are leaves, so that the loss of one concerns no other node.

#include <cstddef>
#include <vector>

namespace ec2mpi::ops {

inline constexpr std::size_t kFanout = 4;

/// The positions that a position feeds, in a wave of this size.
[[nodiscard]] std::vector<std::size_t> fed_by(std::size_t position, std::size_t size);
[[nodiscard]] inline std::size_t feeder_of(std::size_t position) {
  return (position - 1) / kFanout;
}

}  // namespace ec2mpi::ops
