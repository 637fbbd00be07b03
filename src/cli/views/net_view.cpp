#include "ec2mpi/cli/views/net_view.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/terminal/json.hpp"

namespace ec2mpi::cli {

namespace {

using ops::Measure;

// At six columns for each node, 32 nodes fill 200 columns.
constexpr std::size_t kMostInMap = 32;
// Longer lists of a thousand nodes' pairs would hide the nodes above them.
constexpr std::size_t kWorstPairs = 10;

/// Three digits for any size.
std::string digits(double value) {
  if (value >= 99.5) return fmt::format("{:.0f}", value);
  return value >= 9.95 ? fmt::format("{:.1f}", value) : fmt::format("{:.2f}", value);
}

/// A measure in the unit in which its largest value has few digits.
struct Unit {
  std::string name;
  double size = 1;
};

/// By the largest value, so that all cells of a map have the same unit.
Unit unit_for(const ops::NetMap& map, Measure measure) {
  double largest = 0;
  for (const auto& pair : map.pairs)
    largest = std::max(largest, measure == Measure::latency ? pair.latency : pair.bandwidth);
  if (measure == Measure::latency)
    return largest < 10'000 ? Unit{"latency, microseconds", 1} : Unit{"latency, milliseconds", 1e3};
  return largest < 1e10 ? Unit{"bandwidth, MB/s", 1e6} : Unit{"bandwidth, GB/s", 1e9};
}

/// Latencies are in microseconds and bandwidths in bytes a second; `unit` divides them.
std::string value_text(const ops::PairSpeed& pair, Measure measure, const Unit& unit) {
  return digits((measure == Measure::latency ? pair.latency : pair.bandwidth) / unit.size);
}

/// `slowness` is 1 for a usual pair.
Colour colour_of(double slowness) {
  if (slowness > 3) return Colour::red;
  return slowness > 1.5 ? Colour::yellow : Colour::green;
}

/// Each pair stands there twice, so that the row of a node shows all of its pairs. A cell's colour compares
/// it with the usual value of the whole map.
void show_map(Console& console, const ops::NetMap& map, Measure measure) {
  const auto unit = unit_for(map, measure);
  const auto usual = ops::usual(map, measure);
  console.result(unit.name);
  std::string head = fmt::format("{:<8}", "");
  for (const int node : map.nodes) head += fmt::format("{:>6}", node);
  console.result(head);
  for (const int row : map.nodes) {
    auto line = fmt::format("{:<8}", fmt::format("node{}", row));
    for (const int column : map.nodes) {
      const auto* pair = map.between(row, column);
      // The node itself, or a pair without a measurement.
      if (pair == nullptr) {
        line += fmt::format("{:>6}", "-");
      } else {
        const auto cell = fmt::format("{:>6}", value_text(*pair, measure, unit));
        line += console.paint_result(colour_of(ops::slowness(*pair, measure, usual)), cell);
      }
    }
    console.result(line);
  }
  console.result("");
}

/// A node by its median pair, then the worst pairs.
void show_list(Console& console, const ops::NetMap& map, Measure measure) {
  const auto unit = unit_for(map, measure);
  const auto usual = ops::usual(map, measure);
  const auto worse = [&](const ops::PairSpeed* a, const ops::PairSpeed* b) {
    return ops::slowness(*a, measure, usual) > ops::slowness(*b, measure, usual);
  };
  const auto row = [&](const std::string& who, const ops::PairSpeed& pair) {
    const auto value = fmt::format("{:>8}", value_text(pair, measure, unit));
    console.result(fmt::format("{:<20}", who) +
                   console.paint_result(colour_of(ops::slowness(pair, measure, usual)), value));
  };
  console.result(unit.name + ": the median of each node's pairs");
  std::vector<const ops::PairSpeed*> all;
  for (const auto& pair : map.pairs) all.push_back(&pair);
  for (const int node : map.nodes) {
    std::vector<const ops::PairSpeed*> of_node;
    std::copy_if(all.begin(), all.end(), std::back_inserter(of_node),
                 [node](const auto* pair) { return pair->a == node || pair->b == node; });
    std::sort(of_node.begin(), of_node.end(), worse);
    row(fmt::format("node{}", node), *of_node[of_node.size() / 2]);
  }
  console.result("the worst pairs");
  std::sort(all.begin(), all.end(), worse);
  all.resize(std::min(all.size(), kWorstPairs));
  for (const auto* pair : all) row(fmt::format("node{} and node{}", pair->a, pair->b), *pair);
  console.result("");
}

}  // namespace

void show_net(Console& console, const ops::NetMap& map) {
  for (const auto measure : {Measure::bandwidth, Measure::latency}) {
    if (map.nodes.size() <= kMostInMap)
      show_map(console, map, measure);
    else
      show_list(console, map, measure);
  }
  console.result("method: " + std::string(ops::kNetMethod));
  for (const auto& outlier : ops::outliers(map))
    console.result(console.paint_result(Colour::red, "stands out: ") + outlier.text());
}

/// The units are in the names of the fields.
std::string net_json(const ops::NetMap& map) {
  auto pairs = Json::array();
  for (const auto& pair : map.pairs)
    pairs.push_back({{"nodes", {pair.a, pair.b}},
                     {"latency_us", pair.latency},
                     {"bandwidth_bytes_per_second", pair.bandwidth}});
  auto found = Json::array();
  for (const auto& outlier : ops::outliers(map))
    found.push_back({{"nodes", outlier.nodes},
                     {"measure", outlier.measure == Measure::latency ? "latency" : "bandwidth"},
                     {"factor", outlier.factor},
                     {"text", outlier.text()}});
  const Json document = {{"method", ops::kNetMethod},
                         {"nodes", map.nodes},
                         {"pairs", std::move(pairs)},
                         {"outliers", std::move(found)}};
  return dump_json(document);
}

}  // namespace ec2mpi::cli
