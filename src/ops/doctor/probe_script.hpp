#pragma once

#include <string>
#include <vector>

namespace ec2mpi::ops {

inline constexpr const char* kProbeBegin = "ec2mpi-probe 1";
inline constexpr const char* kProbeEnd = "ec2mpi-probe end";

/// POSIX sh: the facts, then what doctor asks beyond them.
[[nodiscard]] std::string probe_script(const std::vector<std::string>& files);

[[nodiscard]] std::string end_leftovers_script();

}  // namespace ec2mpi::ops
