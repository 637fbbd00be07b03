#pragma once
/// The rank that mpirun puts in front of a line of output, if it was asked to.

#include <optional>
#include <string_view>

namespace ec2mpi::ops {

/// "[1,3]<stdout>:" or "[3] " at the beginning of a line.
struct RankTag {
  int rank = 0;
  std::size_t size = 0;
  bool of_open_mpi = false;
};

[[nodiscard]] std::optional<RankTag> rank_tag(std::string_view line);

}  // namespace ec2mpi::ops
