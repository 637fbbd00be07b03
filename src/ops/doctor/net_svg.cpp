#include <fmt/format.h>
#include <algorithm>
#include <cmath>

#include "ec2mpi/ops/doctor/net.hpp"

namespace ec2mpi::ops {

namespace {

constexpr int kCell = 34;
constexpr int kMargin = 60;
constexpr int kTitle = 40;
constexpr int kLetter = 6;  ///< pixels that a letter of the caption takes at most, on average

/// Green where it is as usual, red from ten times slower on.
std::string colour(double slowness) {
  // A logarithm, so that twice as slow and five times as slow look different.
  const double badness = std::clamp(std::log10(std::max(slowness, 1.0)), 0.0, 1.0);
  return fmt::format("hsl({:.0f},65%,70%)", 120 * (1 - badness));
}

/// At most four characters, which fit into a cell.
std::string number(double value) {
  if (value >= 9999.5) return fmt::format("{:.0f}k", value / 1000);
  return value < 10 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
}

std::string label(int x, int y, const char* anchor, const std::string& text, const char* colour = "#222222") {
  return fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\" fill=\"{}\">{}</text>\n", x, y, anchor,
                     colour, text);
}

/// A square with a row and a column for each node; the text of a cell also appears under the mouse.
std::string one_map(const NetMap& map, Measure measure, int left) {
  const bool latency = measure == Measure::latency;
  const auto reference = usual(map, measure);
  auto svg = label(left, kTitle - 18, "start", latency ? "latency, microseconds" : "bandwidth, MB/s");
  for (std::size_t row = 0; row < map.nodes.size(); ++row) {
    const int y = kTitle + static_cast<int>(row) * kCell;
    svg += label(left - 6, y + kCell / 2 + 4, "end", fmt::format("node{}", map.nodes[row]));
    svg += label(left + static_cast<int>(row) * kCell + kCell / 2, kTitle - 4, "middle",
                 std::to_string(map.nodes[row]));
    for (std::size_t column = 0; column < map.nodes.size(); ++column) {
      const auto* pair = map.between(map.nodes[row], map.nodes[column]);
      if (pair == nullptr) continue;
      const int x = left + static_cast<int>(column) * kCell;
      svg += fmt::format(
          "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"><title>node{} and node{}: {:.1f} "
          "us, {:.1f} "
          "MB/s</title></rect>\n",
          x, y, kCell - 1, kCell - 1, colour(slowness(*pair, measure, reference)), pair->a, pair->b,
          pair->latency, pair->bandwidth / 1e6);
      svg += label(x + kCell / 2, y + kCell / 2 + 4, "middle",
                   number(latency ? pair->latency : pair->bandwidth / 1e6), "#000000");
    }
  }
  return svg;
}

}  // namespace

std::string net_svg(const NetMap& map) {
  const int side = static_cast<int>(map.nodes.size()) * kCell;
  // The caption is wider than the maps of a few nodes.
  const int width =
      std::max(2 * (side + kMargin) + kMargin / 2, kMargin + kLetter * static_cast<int>(kNetMethod.size()));
  const int height = kTitle + side + kTitle;
  auto svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n",
      width, height);
  svg += one_map(map, Measure::bandwidth, kMargin);
  svg += one_map(map, Measure::latency, side + 2 * kMargin);
  return svg + label(kMargin, height - 14, "start", std::string(kNetMethod)) + "</svg>\n";
}

}  // namespace ec2mpi::ops
