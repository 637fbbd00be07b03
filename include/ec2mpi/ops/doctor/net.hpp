#pragma once
/// net: the speed of the network between the nodes, pair by pair. src/ops/doctor/pairwise.py measures it, and
/// this evaluates the numbers. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ops {

/// The measurement and its method, so that numbers can be compared with others'.
inline constexpr std::string_view kNetMethod =
    "MPI ping-pong, half of the round trip, best of 10 (3 where it is slow); latency with 8 bytes, bandwidth "
    "with 1 MiB";

struct PairSpeed {
  int a = 0;  ///< node indices; a < b by position in the list
  int b = 0;
  double latency = 0;    ///< microseconds
  double bandwidth = 0;  ///< bytes per second
  bool operator==(const PairSpeed&) const = default;
};

struct NetMap {
  std::vector<int> nodes;        ///< indices, in the order of the ranks
  std::vector<PairSpeed> pairs;  ///< all of them

  /// The pair of two nodes, in either order; nothing for a node with itself.
  [[nodiscard]] const PairSpeed* between(int one, int other) const;
};

/// The words for mpirun: the program, one rank on each node.
[[nodiscard]] std::vector<std::string> net_command(bool serial);

/// "round K OF" in the program's last line, as "K/OF"; empty if it says something else.
[[nodiscard]] std::string net_progress(std::string_view printed);

/// What the program printed; rank 0 ran on nodes[0], and so on. Errors: remote_io.
[[nodiscard]] Result<NetMap> parse_net(std::string_view printed, const std::vector<int>& nodes);

enum class Measure { latency, bandwidth };

/// The pairs that are slow compared with the others.
struct Outlier {
  std::vector<int> nodes;  ///< one: that node, in all its pairs. Two: only that pair.
  Measure measure = Measure::bandwidth;
  double factor = 0;  ///< how many times worse than the usual value here; of a node's best pair
  bool operator==(const Outlier&) const = default;

  /// "node3: bandwidth 75 times lower in all its pairs: look at that node".
  [[nodiscard]] std::string text() const;
};

/// The usual value: the one that a quarter of the pairs is better than. One bad node among three spoils two
/// of the three pairs, so the median would not do.
[[nodiscard]] double usual(const NetMap& map, Measure measure);

/// How many times worse than usual; 1 or less is as good.
[[nodiscard]] double slowness(const PairSpeed& pair, Measure measure, double usual);

/// Nodes that are over three times worse in every pair, and other pairs that are. Two nodes can't be
/// compared.
[[nodiscard]] std::vector<Outlier> outliers(const NetMap& map);

/// Both maps as a picture.
[[nodiscard]] std::string net_svg(const NetMap& map);

}  // namespace ec2mpi::ops
