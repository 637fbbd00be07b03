#pragma once
/// How fast each node is, in three seconds, and which nodes are off. Measured by src/ops/bench/bench.py.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"

namespace ec2mpi::ops {

/// One measurement of one node, or the best of several. Speeds are by processor time, so that other programs
/// on the node do not change them.
struct NodeSpeed {
  std::string method = {};  ///< the program's interpreter; numbers of different ones cannot be compared
  std::string model = {};   ///< of the processor
  int cores = 0;            ///< which the user's programs may use
  double one_core = 0;      ///< loops a second
  double all_cores = 0;     ///< the same of each core, while all work
  double memory = 0;        ///< bytes copied a second
  double stolen = 0;        ///< share of the cores' time that the hypervisor took, 0 to 1
  double throttled = 0;     ///< and that a limit of a control group took
  double missing = 0;       ///< and that was free, but the program did not get it
  double others = 0;        ///< and that other programs used
  std::string other = {};   ///< the program that used most of that: "pid 7 python3"; may be empty
};

/// By the node's index.
using NodeSpeeds = std::map<int, NodeSpeed>;

/// A node that is off by more than the limit.
struct OffNode {
  int index = 0;
  std::string measure;  ///< stable, for --json: "one core", "all cores", "memory", "stolen", ...
  std::string what;     ///< one clause: "computes 31 % slower than the others"
  std::string fix;      ///< what to do; may be empty
};

/// The limit that --bench uses.
inline constexpr double kUsualLimit = 0.1;
/// A node is named only if it was off in each of this many measurements. Beside a host that is really slow,
/// three of them named a healthy one as well in two of ten trials of four hosts on two cores.
inline constexpr int kMostRounds = 5;

/// Reads the program's answer. Errors: remote_io.
[[nodiscard]] Result<NodeSpeed> parse_speed(std::string_view printed);

/// Measures each node and merges the result into `speeds` (merge_speed). It takes three seconds, and longer
/// on a node that is busy.
[[nodiscard]] NodeTask bench_task(NodeSpeeds& speeds);

/// Of two measurements of a node, the better value of each. A disturbance only makes a value worse, so a
/// healthy node needs one good measurement, and a bad node has none.
void merge_speed(NodeSpeed& known, const NodeSpeed& next);

/// The nodes that are worse than the median of the others by more than `limit` (0.1 is 10 %), in memory by
/// more than twice that. Two nodes are compared with each other; one node with nothing.
[[nodiscard]] std::vector<OffNode> find_off_nodes(const NodeSpeeds& speeds, double limit);

/// "one core within 3 %, all cores within 4 %, memory 10.2 GB/s within 8 %".
[[nodiscard]] std::string describe_speeds(const NodeSpeeds& speeds);

}  // namespace ec2mpi::ops
