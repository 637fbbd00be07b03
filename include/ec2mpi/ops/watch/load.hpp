#pragma once
/// The load of a node: its counters, the rates between two looks, and the nodes that differ from the others.
/// Pure.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ops {

/// One answer of src/ops/watch/load.sh. The counters begin at the node's start.
struct LoadSample {
  double uptime = 0;  ///< seconds
  int cores = 0;
  double load = 0;          ///< processes that run or wait for a disk, on average of a minute
  std::uint64_t busy = 0;   ///< ticks of all cores
  std::uint64_t total = 0;  ///< likewise, idle ones included
  std::uint64_t memory = 0;
  std::uint64_t memory_free = 0;  ///< what programs can get; bytes, as memory
  std::uint64_t received = 0;     ///< bytes by all interfaces that lead out
  std::uint64_t sent = 0;
  std::set<std::pair<std::string, std::uint64_t>> ranks = {};  ///< id of the job ("" if unknown), and rank
};

/// Errors: remote_io, for the text comes from a machine that may be anything.
[[nodiscard]] Result<LoadSample> parse_load(std::string_view printed);

/// What `top` shows of a node.
struct NodeLoad {
  int cores = 0;
  double load = 0;
  std::uint64_t memory = 0;
  std::uint64_t memory_used = 0;
  std::size_t ranks = 0;
  std::set<std::string> jobs = {};
  std::optional<double> cpu = {};       ///< share of all cores, 0 to 1. This and the following need two looks
  std::optional<double> received = {};  ///< bytes a second
  std::optional<double> sent = {};

  [[nodiscard]] double memory_share() const;
};

/// `before`: an earlier sample, or null.
[[nodiscard]] NodeLoad load_between(const LoadSample* before, const LoadSample& now);

/// A node whose value differs from those of the others, or is too high by itself.
struct OddNode {
  enum class Measure { cpu, load, memory, network };
  int node = 0;
  Measure measure = Measure::cpu;
  double value = 0;
  double usual = 0;  ///< the median of all nodes

  /// "node3: CPU 12 %, usual here is 97 %".
  [[nodiscard]] std::string text() const;
  bool operator==(const OddNode&) const = default;
};
[[nodiscard]] std::string_view measure_name(OddNode::Measure measure);

/// At most one for each node and measure, in the order of the nodes. With fewer than three nodes nothing is
/// usual; then only memory that is nearly full counts.
[[nodiscard]] std::vector<OddNode> find_odd_nodes(const std::vector<std::pair<int, NodeLoad>>& nodes);

/// Shares from 0 to 1 as bars of eight heights, the newest at the right.
[[nodiscard]] std::string sparkline(const std::vector<double>& shares);

}  // namespace ec2mpi::ops
