#include "ec2mpi/ops/series/scaling.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>

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
    const bool unit = rest == end || std::string_view(rest, static_cast<std::size_t>(end - rest)) == "s";
    if (trouble == std::errc() && unit && std::isfinite(time) && time > 0) return time;
  }
  return std::nullopt;
}

std::optional<long> ranks_of(const VariantResult& variant, const std::string& parameter) {
  for (const auto& [name, value] : variant.parameters) {
    const auto number = name == parameter ? parse_number(value) : std::nullopt;
    if (number && *number > 0 && *number <= 1'000'000) return static_cast<long>(*number);
  }
  return std::nullopt;
}

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

/// A number without zeros that say nothing: 4, 0.5, 12.34.
std::string short_number(double value) {
  auto text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

/// 1, 2 or 5 times a power of ten, so that there are about five steps.
double nice_step(double range) {
  const double rough = range / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

/// Draws one plot; both axes begin at 0 and are linear.
class Plot {
 public:
  Plot(const Scaling& scaling, const std::string& title) : points_(scaling.points), title_(title) {
    x_most_ = static_cast<double>(points_.back().ranks);
    y_most_ = x_most_;
    for (const auto& point : points_) y_most_ = std::max(y_most_, point.speed_up);
    y_most_ *= 1.05;
    x_most_ *= 1.05;
  }

  std::string draw() {
    svg_ = R"(<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="720" height="480" viewBox="0 0 720 480" font-family="sans-serif" font-size="13">
<rect width="720" height="480" fill="#ffffff"/>
)";
    text(kLeft + kWidth / 2, 28, "middle", title_, "#222222", 16);
    draw_axes();
    draw_lines();
    draw_legend();
    return svg_ + "</svg>\n";
  }

 private:
  static constexpr double kLeft = 70, kTop = 48, kWidth = 620, kHeight = 370;
  static constexpr const char* kMeasured = "#1f5fa8";
  static constexpr const char* kIdeal = "#999999";

  [[nodiscard]] double x(double ranks) const { return kLeft + kWidth * ranks / x_most_; }
  [[nodiscard]] double y(double speed_up) const { return kTop + kHeight * (1 - speed_up / y_most_); }

  void text(double at_x, double at_y, const char* anchor, std::string_view what,
            const char* colour = "#444444", int size = 13) {
    svg_ += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\" font-size=\"{}\">{}</text>\n", at_x,
        at_y, anchor, colour, size, in_xml(what));
  }
  void line(double x1, double y1, double x2, double y2, const char* colour, const char* more = "") {
    svg_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"{}/>\n",
                        x1, y1, x2, y2, colour, more);
  }

  void draw_axes() {
    const double step = nice_step(y_most_);
    for (int i = 0; i * step <= y_most_; ++i) {
      line(kLeft, y(i * step), kLeft + kWidth, y(i * step), "#e4e4e4");
      text(kLeft - 8, y(i * step) + 4, "end", short_number(i * step));
    }
    double free = kLeft;  // labels that would overlap are left out
    for (const auto& point : points_) {
      const double at = x(static_cast<double>(point.ranks));
      line(at, kTop + kHeight, at, kTop + kHeight + 5, "#444444");
      const auto label = std::to_string(point.ranks);
      const double half = 4.0 * static_cast<double>(label.size());
      if (at - half < free) continue;
      text(at, kTop + kHeight + 20, "middle", label);
      free = at + half + 4;
    }
    line(kLeft, kTop, kLeft, kTop + kHeight, "#444444");
    line(kLeft, kTop + kHeight, kLeft + kWidth, kTop + kHeight, "#444444");
    text(kLeft + kWidth / 2, kTop + kHeight + 44, "middle", "ranks");
    svg_ += fmt::format(
        "<text transform=\"translate(22 {:.1f}) rotate(-90)\" text-anchor=\"middle\" "
        "fill=\"#444444\">speed-up</text>\n",
        kTop + kHeight / 2);
  }

  void draw_lines() {
    const double most = static_cast<double>(points_.back().ranks);
    line(x(0), y(0), x(most), y(most), kIdeal, " stroke-width=\"1.5\" stroke-dasharray=\"6 4\"");
    std::string path;
    for (const auto& point : points_)
      path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", x(static_cast<double>(point.ranks)),
                          y(point.speed_up));
    svg_ += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", path,
                        kMeasured);
    double free = 0;
    for (const auto& point : points_) {
      const double at = x(static_cast<double>(point.ranks));
      svg_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\"/>\n", at,
                          y(point.speed_up), kMeasured);
      if (at < free) continue;
      text(at - 2, y(point.speed_up) + 20, "start", fmt::format("{:.0f} %", 100 * point.efficiency),
           kMeasured, 12);
      free = at + 40;
    }
  }

  void draw_legend() {
    const double left = kLeft + 16;
    line(left, kTop + 16, left + 28, kTop + 16, kMeasured, " stroke-width=\"2\"");
    text(left + 36, kTop + 20, "start", "measured (and efficiency)");
    line(left, kTop + 36, left + 28, kTop + 36, kIdeal, " stroke-width=\"1.5\" stroke-dasharray=\"6 4\"");
    text(left + 36, kTop + 40, "start", "ideal");
  }

  const std::vector<ScalePoint>& points_;
  const std::string& title_;
  double x_most_ = 1;
  double y_most_ = 1;
  std::string svg_;
};

}  // namespace

Result<Scaling> measure_scaling(const SeriesResult& series, const std::string& parameter) {
  Scaling scaling;
  std::vector<const VariantResult*> good;
  for (const auto& variant : series) {
    if (variant.succeeded() && ranks_of(variant, parameter) && variant.seconds) good.push_back(&variant);
  }
  scaling.by_program = std::all_of(good.begin(), good.end(),
                                   [](const auto* variant) { return printed_time(*variant).has_value(); });
  for (const auto* variant : good) {
    const double seconds = scaling.by_program ? *printed_time(*variant) : *variant->seconds;
    if (seconds > 0)
      scaling.points.push_back({*ranks_of(*variant, parameter), node_names(variant->nodes), seconds});
  }
  if (scaling.points.size() < 2)
    return fail(ErrorKind::remote_io,
                "speed-up needs two sizes that ran to a good end; there is nothing to compare");
  std::sort(scaling.points.begin(), scaling.points.end(),
            [](const auto& a, const auto& b) { return a.ranks < b.ranks; });
  const double whole = scaling.points.front().seconds * static_cast<double>(scaling.points.front().ranks);
  for (auto& point : scaling.points) {
    point.speed_up = whole / point.seconds;
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
