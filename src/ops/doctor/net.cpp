#include "ec2mpi/ops/doctor/net.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "src/ops/doctor/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// How many times worse than usual a pair or a node must be to be named (docs/doctor.md).
constexpr double kOutlier = 3;

double value_of(const PairSpeed& pair, Measure measure) {
  return measure == Measure::latency ? pair.latency : pair.bandwidth;
}

/// Zero, infinity and NaN are refused, for the values become divisors.
std::optional<double> parse_positive(std::string_view text) {
  double value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (wrong != std::errc{} || end != text.data() + text.size() || !std::isfinite(value) || value <= 0)
    return std::nullopt;
  return value;
}

/// "pair A B MICROSECONDS BYTES_PER_SECOND", in ranks.
std::optional<PairSpeed> parse_pair(std::string_view line, const std::vector<int>& nodes) {
  const auto fields = words(line);
  if (fields.size() != 5 || fields[0] != "pair") return std::nullopt;
  const auto a = parse_number(fields[1]);
  const auto b = parse_number(fields[2]);
  const auto latency = parse_positive(fields[3]);
  const auto bandwidth = parse_positive(fields[4]);
  // Each pair is measured once, and its lower rank stands first.
  if (!a || !b || !latency || !bandwidth || *a >= *b || *b >= nodes.size()) return std::nullopt;
  return PairSpeed{nodes[*a], nodes[*b], *latency, *bandwidth};
}

bool has(const PairSpeed& pair, int node) {
  return pair.a == node || pair.b == node;
}

void find_outliers(const NetMap& map, Measure measure, std::vector<Outlier>& found) {
  const auto reference = usual(map, measure);
  std::set<int> slow_nodes;
  for (const int node : map.nodes) {
    // If even the best of its pairs is slow, the node is the cause and not a path.
    double best = std::numeric_limits<double>::max();
    for (const auto& pair : map.pairs) {
      if (has(pair, node)) best = std::min(best, slowness(pair, measure, reference));
    }
    if (best <= kOutlier) continue;
    slow_nodes.insert(node);
    found.push_back({{node}, measure, best});
  }
  for (const auto& pair : map.pairs) {
    const auto factor = slowness(pair, measure, reference);
    // The pairs of a slow node are no news.
    if (factor > kOutlier && !slow_nodes.contains(pair.a) && !slow_nodes.contains(pair.b))
      found.push_back({{pair.a, pair.b}, measure, factor});
  }
}

}  // namespace

const PairSpeed* NetMap::between(int one, int other) const {
  const auto found = std::find_if(pairs.begin(), pairs.end(), [&](const PairSpeed& pair) {
    return one != other && has(pair, one) && has(pair, other);
  });
  return found == pairs.end() ? nullptr : &*found;
}

std::vector<std::string> net_command(bool serial) {
  std::vector<std::string> command = {"python3", "-c", std::string(kPairwisePy)};
  if (serial) command.emplace_back("serial");
  return command;
}

/// The round that the last whole line tells, as "3/7", or nothing. The text may end within a line.
std::string net_progress(std::string_view printed) {
  const auto whole = printed.substr(0, printed.rfind('\n') + 1);
  const auto fields = words(whole.substr(whole.rfind('\n', whole.size() < 2 ? 0 : whole.size() - 2) + 1));
  if (fields.size() != 3 || fields[0] != "round" || !parse_number(fields[1]) || !parse_number(fields[2]))
    return {};
  return fmt::format("{}/{}", fields[1], fields[2]);
}

Result<NetMap> parse_net(std::string_view printed, const std::vector<int>& nodes) {
  NetMap map{.nodes = nodes, .pairs = {}};
  std::set<std::pair<int, int>> seen;
  bool ended = false;
  for (const auto line : split(printed, '\n')) {
    ended = ended || trim(line) == "measured";
    if (!line.starts_with("pair ")) continue;
    const auto pair = parse_pair(line, nodes);
    if (!pair || !seen.emplace(pair->a, pair->b).second)
      return fail(ErrorKind::remote_io, fmt::format("'{}' is no measurement", printable(line.substr(0, 80))));
    map.pairs.push_back(*pair);
  }
  // All pairs or an error: a map with holes would hide the pair that hung.
  if (!ended || map.pairs.size() != nodes.size() * (nodes.size() - 1) / 2)
    return fail(ErrorKind::remote_io, "the measurement did not come to its end");
  return map;
}

std::string Outlier::text() const {
  const auto* what = measure == Measure::latency ? "latency" : "bandwidth";
  const auto worse = fmt::format("{} {:.0f} times {} than usual here", what, factor,
                                 measure == Measure::latency ? "higher" : "lower");
  if (nodes.size() == 1)
    return fmt::format("node{}: {} in all its pairs: look at that node", nodes[0], worse);
  return fmt::format("node{} and node{}: {}, only between these two: the path, or their placement", nodes[0],
                     nodes[1], worse);
}

double usual(const NetMap& map, Measure measure) {
  std::vector<double> values;
  for (const auto& pair : map.pairs) values.push_back(value_of(pair, measure));
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  if (measure == Measure::bandwidth) std::reverse(values.begin(), values.end());
  // The value that a quarter of the pairs is better than, and not the
  // median: of four nodes, a slow one is in half of the pairs.
  return values[(values.size() - 1) / 4];
}

double slowness(const PairSpeed& pair, Measure measure, double usual) {
  return measure == Measure::latency ? pair.latency / usual : usual / pair.bandwidth;
}

std::vector<Outlier> outliers(const NetMap& map) {
  std::vector<Outlier> found;
  // Two nodes have one pair, and nothing to compare it with.
  if (map.nodes.size() < 3) return found;
  find_outliers(map, Measure::bandwidth, found);
  find_outliers(map, Measure::latency, found);
  return found;
}

}  // namespace ec2mpi::ops
