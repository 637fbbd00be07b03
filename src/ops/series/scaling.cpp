#include "ec2mpi/ops/series/scaling.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

/// Seconds that the program measured itself, without the start of MPI.
std::optional<double> printed_time(const VariantResult& variant) {
  for (const auto& [key, value] : variant.findings) {
    if (key != "time") continue;
    double time = 0;
    const auto* end = value.data() + value.size();
    const auto [rest, trouble] = std::from_chars(value.data(), end, time);
    // "12.5" or "12.5s"
    const bool unit = rest == end || std::string_view(rest, static_cast<std::size_t>(end - rest)) == "s";
    if (trouble == std::errc() && unit && std::isfinite(time) && time > 0) return time;
  }
  return std::nullopt;
}

/// Nothing for a variant without that parameter, or with a value that is no number of ranks.
std::optional<long> ranks_of(const VariantResult& variant, const std::string& parameter) {
  for (const auto& [name, value] : variant.parameters) {
    const auto number = name == parameter ? parse_number(value) : std::nullopt;
    if (number && *number > 0 && *number <= 1'000'000) return static_cast<long>(*number);
  }
  return std::nullopt;
}

/// The values of all other parameters.
std::string line_of(const VariantResult& variant, const std::string& parameter) {
  std::string line;
  for (const auto& [name, value] : variant.parameters)
    if (name != parameter) line += fmt::format("{}{}={}", line.empty() ? "" : " ", name, value);
  return line;
}

/// XML 1.0 forbids most control characters; printable() replaces them.
std::string in_xml(std::string_view text) {
  std::string safe;
  for (const char c : printable(text)) {
    if (c == '&')
      safe += "&amp;";
    else if (c == '<')
      safe += "&lt;";
    else if (c == '>')
      safe += "&gt;";
    else
      safe += c;
  }
  return safe;
}

/// Where texts of one row stand, so that none is drawn over another one.
class LabelRow {
 public:
  /// Whether a text of this width around `middle` has room; then the room is taken.
  bool take(double middle, double width) {
    if (middle - width / 2 < free_from_) return false;
    free_from_ = middle + width / 2 + kGap;
    return true;
  }

 private:
  static constexpr double kGap = 6;
  double free_from_ = -1e9;
};

/// Draws one plot. On both axes each doubling takes the same room, as sizes are measured: 1, 2, 4, 8, ...
/// All texts stand outside of the area in which lines may run.
class Plot {
 public:
  Plot(const Scaling& scaling, const std::string& title) : points_(scaling.points), title_(title) {
    x_from_ = std::log2(static_cast<double>(points_.front().ranks));
    // At least one doubling, because part() divides by the length of the axis.
    x_to_ = std::max(std::log2(static_cast<double>(points_.back().ranks)), x_from_ + 1);
    // The ideal line, on which the speed-up equals the ranks, has to fit as well.
    y_from_ = x_from_;
    y_to_ = x_to_;
    for (const auto& point : points_) {
      y_from_ = std::min(y_from_, std::log2(point.speed_up));
      y_to_ = std::max(y_to_, std::log2(point.speed_up));
    }
    one_line_ = std::ranges::all_of(points_,
                                    [this](const auto& point) { return point.line == points_.front().line; });
    y_from_ = std::floor(y_from_);
    y_to_ = std::ceil(y_to_);
  }

  /// Legend, axes, then the lines, which lie over the grid.
  std::string draw() {
    svg_ = fmt::format(R"(<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="720" height="480" viewBox="0 0 720 480" font-family="sans-serif" font-size="13">
{}
<rect width="720" height="480" fill="#ffffff"/>
)",
                       kScalingSvgMark);
    const auto cut = title_.size() > kLongestTitle ? title_.substr(0, kLongestTitle) + "..." : title_;
    text(360, 26, "middle", cut, "#222222", 16);
    draw_legend();
    draw_speed_axis();
    draw_ranks_axis();
    draw_lines();
    return svg_ + "</svg>\n";
  }

 private:
  static constexpr double kLeft = 76, kTop = 72, kWidth = 614, kHeight = 330;
  static constexpr double kInside = 14;  ///< between the axes and the first point
  static constexpr double kLetter = 8;   ///< width of a digit
  static constexpr std::size_t kLongestTitle = 70;
  static constexpr const char* kText = "#444444";
  static constexpr const char* kMeasured = "#1f5fa8";
  static constexpr const char* kIdeal = "#999999";

  /// 0 at the beginning of an axis, 1 at its end.
  static double part(double value, double from, double to) { return (std::log2(value) - from) / (to - from); }
  [[nodiscard]] double x(double ranks) const {
    return kLeft + kInside + (kWidth - 2 * kInside) * part(ranks, x_from_, x_to_);
  }
  [[nodiscard]] double y(double speed_up) const {
    return kTop + kHeight - kInside - (kHeight - 2 * kInside) * part(speed_up, y_from_, y_to_);
  }

  void text(double at_x, double at_y, const char* anchor, std::string_view what, const char* colour = kText,
            int size = 13) {
    svg_ += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\" font-size=\"{}\">{}</text>\n", at_x,
        at_y, anchor, colour, size, in_xml(what));
  }
  void line(double x1, double y1, double x2, double y2, const char* colour, const char* more = "") {
    svg_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"{}/>\n",
                        x1, y1, x2, y2, colour, more);
  }

  void draw_legend() {
    line(kLeft, 52, kLeft + 28, 52, kMeasured, " stroke-width=\"2\"");
    text(kLeft + 36, 56, "start", "measured");
    line(kLeft + 130, 52, kLeft + 158, 52, kIdeal, " stroke-width=\"1.5\" stroke-dasharray=\"6 4\"");
    text(kLeft + 166, 56, "start", "ideal");
  }

  void draw_speed_axis() {
    const double step = std::max(1.0, std::ceil((y_to_ - y_from_) / 10));  // at most eleven lines
    for (double power = y_from_; power <= y_to_; power += step) {
      const double at = y(std::exp2(power));
      line(kLeft, at, kLeft + kWidth, at, "#e4e4e4");
      text(kLeft - 8, at + 4, "end", fmt::format("{:.3g}", std::exp2(power)));
    }
    line(kLeft, kTop, kLeft, kTop + kHeight, kText);
    svg_ += fmt::format(
        "<text transform=\"translate(20 {:.1f}) rotate(-90)\" text-anchor=\"middle\" "
        "fill=\"{}\">speed-up</text>\n",
        kTop + kHeight / 2, kText);
  }

  /// Below each number of ranks stands its efficiency.
  void draw_ranks_axis() {
    constexpr double kBottom = kTop + kHeight;
    line(kLeft, kBottom, kLeft + kWidth, kBottom, kText);
    LabelRow labels;
    for (const auto& point : points_) {
      const double at = x(static_cast<double>(point.ranks));
      line(at, kBottom, at, kBottom + 5, kText);
      const auto ranks = std::to_string(point.ranks);
      const auto efficiency = one_line_ ? fmt::format("{:.0f} %", 100 * point.efficiency) : std::string();
      // The mark on the axis stays, but its texts would lie on those before them.
      if (!labels.take(at, kLetter * static_cast<double>(std::max(ranks.size(), efficiency.size()))))
        continue;
      text(at, kBottom + 20, "middle", ranks);
      if (one_line_) text(at, kBottom + 38, "middle", efficiency, kMeasured, 12);
    }
    text(kLeft + kWidth / 2, kBottom + 62, "middle", one_line_ ? "ranks, and the efficiency" : "ranks");
  }

  void draw_lines() {
    const double fewest = static_cast<double>(points_.front().ranks);
    const double most = static_cast<double>(points_.back().ranks);
    // Both axes are logarithmic, so the ideal speed-up is a straight line.
    line(x(fewest), y(fewest), x(most), y(most), kIdeal, " stroke-width=\"1.5\" stroke-dasharray=\"6 4\"");
    std::map<std::string, std::string> paths;
    for (const auto& point : points_) {
      auto& path = paths[point.line];
      path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", x(static_cast<double>(point.ranks)),
                          y(point.speed_up));
    }
    for (const auto& [name, path] : paths)
      svg_ += fmt::format(
          "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" "
          "stroke-width=\"2\"><title>{}</title></polyline>\n",
          path, kMeasured, in_xml(name));
    for (const auto& point : points_)
      svg_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\"/>\n",
                          x(static_cast<double>(point.ranks)), y(point.speed_up), kMeasured);
  }

  const std::vector<ScalePoint>& points_;
  const std::string& title_;
  bool one_line_ = true;
  double x_from_ = 0;  ///< powers of two, as the following
  double x_to_ = 1;
  double y_from_ = 0;
  double y_to_ = 1;
  std::string svg_;
};

}  // namespace

/// The speed-up of the fewest ranks is their number, so that lines of different sizes can be compared.
Result<Scaling> measure_scaling(const SeriesResult& series, const std::string& parameter) {
  Scaling scaling;
  std::vector<const VariantResult*> good;
  for (const auto& variant : series) {
    if (variant.succeeded() && ranks_of(variant, parameter) && variant.seconds) good.push_back(&variant);
  }
  // Times of the program and of mpirun cannot be compared, so all points use the same kind.
  scaling.by_program = std::all_of(good.begin(), good.end(),
                                   [](const auto* variant) { return printed_time(*variant).has_value(); });
  for (const auto* variant : good) {
    const double seconds = scaling.by_program ? *printed_time(*variant) : *variant->seconds;
    // The speed-up divides by the time.
    if (seconds > 0)
      scaling.points.push_back({.ranks = *ranks_of(*variant, parameter),
                                .nodes = node_names(variant->nodes),
                                .seconds = seconds,
                                .line = line_of(*variant, parameter)});
  }
  if (scaling.points.size() < 2)
    return fail(ErrorKind::remote_io,
                "speed-up needs two sizes that ran to a good end; there is nothing to compare");
  std::sort(scaling.points.begin(), scaling.points.end(),
            [](const auto& a, const auto& b) { return a.ranks < b.ranks; });
  // The time of one rank if the fewest measured ranks scale ideally.
  std::map<std::string, double> whole;
  for (auto& point : scaling.points) {
    const auto first = whole.try_emplace(point.line, point.seconds * static_cast<double>(point.ranks)).first;
    point.speed_up = first->second / point.seconds;
    point.efficiency = point.speed_up / static_cast<double>(point.ranks);
  }
  return scaling;
}

std::vector<std::string> scaling_lines(const Scaling& scaling) {
  std::vector<std::vector<std::string>> rows{{"ranks", "nodes", "time", "speed-up", "efficiency"}};
  for (const auto& point : scaling.points) {
    rows.push_back({std::to_string(point.ranks), point.nodes, fmt::format("{:.2f} s", point.seconds),
                    fmt::format("{:.2f}", point.speed_up), fmt::format("{:.0f} %", 100 * point.efficiency)});
  }
  return aligned(rows, {true, false, true, true, true});
}

std::string scaling_svg(const Scaling& scaling, const std::string& title) {
  return Plot(scaling, title).draw();
}

}  // namespace ec2mpi::ops
