#include "src/ops/mpi/rank_tag.hpp"

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

std::optional<RankTag> rank_tag(std::string_view line) {
  const auto end = line.find(']');
  if (!line.starts_with('[') || end == std::string_view::npos) return std::nullopt;
  const auto inside = line.substr(1, end - 1);
  // "[JOB,RANK]<stdout>:" is Open MPI's tag, "[RANK] " is that of MPICH and Intel MPI.
  const auto comma = inside.rfind(',');
  const auto rank = parse_number(comma == std::string_view::npos ? inside : inside.substr(comma + 1));
  if (!rank || *rank > 1'000'000) return std::nullopt;
  RankTag tag{.rank = static_cast<int>(*rank)};
  const auto rest = line.substr(end + 1);
  if (comma == std::string_view::npos) {
    tag.size = end + 2;
    return rest.starts_with(' ') ? std::optional(tag) : std::nullopt;
  }
  for (const std::string_view stream : {"<stdout>:", "<stderr>:", "<stddiag>:"}) {
    if (!rest.starts_with(stream)) continue;
    tag.size = end + 1 + stream.size();
    tag.of_open_mpi = true;
    return tag;
  }
  return std::nullopt;
}

}  // namespace ec2mpi::ops
