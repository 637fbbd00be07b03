#pragma once
/// How a program scales: time, speed-up and efficiency by the number of ranks, as a table and as a plot.
/// Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/ops/series/result.hpp"

namespace ec2mpi::ops {

struct ScalePoint {
  long ranks = 0;
  std::string nodes;  ///< "node[1-2]"
  double seconds = 0;
  double speed_up = 0;    ///< over one rank; the fewest ranks measured of its line are taken to scale ideally
  double efficiency = 0;  ///< speed-up by ranks
  std::string line =
      {};  ///< the other parameters: "size=10 seed=1"; points of different lines do not compare
};

struct Scaling {
  std::vector<ScalePoint> points;  ///< by ranks, ascending
  bool by_program = false;         ///< times are those that the program printed as `time=SECONDS`
};

/// Of the variants that succeeded; `parameter` is the one that gives the ranks. Errors: remote_io, if there
/// is nothing to compare.
[[nodiscard]] Result<Scaling> measure_scaling(const SeriesResult& series, const std::string& parameter);

[[nodiscard]] std::vector<std::string> scaling_lines(const Scaling& scaling);

/// An SVG 1.1 picture, 720 by 480: speed-up over ranks, on logarithmic axes, with the ideal line.
[[nodiscard]] std::string scaling_svg(const Scaling& scaling, const std::string& title);

/// In each such picture.
inline constexpr std::string_view kScalingSvgMark = "<!-- drawn by ec2mpi -->";

}  // namespace ec2mpi::ops
