#pragma once
/// What a job uses on a node: time of processors, memory, and bytes sent. Counted by
/// src/ops/process/sample_usage.awk while the job runs, and read by the look at the job's end.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ec2mpi::ops {

struct NodeUsage {
  int ranks = 0;
  double cpu = 0;             ///< seconds of processors
  std::uint64_t peak = 0;     ///< bytes: the greatest sizes of the job's processes together
  std::uint64_t swapped = 0;  ///< bytes of the job that were on the disk, at their highest
  std::uint64_t memory = 0;   ///< bytes that the node has
  std::uint64_t sent = 0;     ///< bytes, of the whole node while the job ran
  bool operator==(const NodeUsage&) const = default;
};

/// "RANKS CPU PEAK SWAP MEMORY SENT", as the program prints it; nothing for any other text.
[[nodiscard]] std::optional<NodeUsage> parse_usage(std::string_view text);

/// Shell text that starts the counting of job $id, which is set in front, on the node that runs it. It
/// returns at once.
[[nodiscard]] std::string sampler_script();

/// A line for each node that swaps, is nearly full, or is idle while the others work. `nodes` are by label.
[[nodiscard]] std::vector<std::string> describe_odd_usage(const std::map<std::string, NodeUsage>& nodes);

}  // namespace ec2mpi::ops
