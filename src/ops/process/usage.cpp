#include "ec2mpi/ops/process/usage.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "src/ops/process/programs.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::uint64_t kTicksInSecond = 100;        // on every Linux
constexpr std::uint64_t kMostNumber = 1ULL << 50U;   // so that sums and products cannot overflow
constexpr std::uint64_t kMuchSwapped = 16ULL << 20;  // bytes; pages of a start that are never used again
constexpr double kFull = 0.9;                        // of the memory; beyond it Linux begins to end processes
/// A rank that waits in MPI uses its processor as one that computes, so that only a rank that is blocked is
/// that far below the others.
constexpr double kIdle = 0.3;
constexpr double kFewSeconds = 10;  // of a processor, for each rank; in a short job the start counts most
/// Of two nodes, nobody can say which is the odd one.
constexpr std::size_t kFewestForUsual = 3;

double cpu_of_rank(const NodeUsage& usage) {
  return usage.cpu / usage.ranks;
}

/// The median of the nodes that have ranks; 0 where there are too few to compare.
double usual_cpu(const std::map<std::string, NodeUsage>& nodes) {
  std::vector<double> values;
  for (const auto& [label, usage] : nodes)
    if (usage.ranks > 0) values.push_back(cpu_of_rank(usage));
  if (values.size() < kFewestForUsual) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::optional<NodeUsage> parse_usage(std::string_view text) {
  const auto fields = words(text);
  if (fields.size() != 6) return std::nullopt;
  std::uint64_t numbers[6];
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto number = parse_number(fields[i]);
    if (!number || *number > kMostNumber) return std::nullopt;
    numbers[i] = *number;
  }
  constexpr std::uint64_t kKibi = 1024;
  return NodeUsage{.ranks = static_cast<int>(std::min<std::uint64_t>(numbers[0], 1'000'000)),
                   .cpu = static_cast<double>(numbers[1]) / kTicksInSecond,
                   .peak = numbers[2] * kKibi,
                   .swapped = numbers[3] * kKibi,
                   .memory = numbers[4] * kKibi,
                   .sent = numbers[5]};
}

std::string sampler_script() {
  return set_variables({{"program", kSampleUsageAwk}}).append(kStartSamplerSh);
}

/// Swapping explains a full memory, so of these two only the first is reported.
std::vector<std::string> describe_odd_usage(const std::map<std::string, NodeUsage>& nodes) {
  std::vector<std::string> lines;
  const double usual = usual_cpu(nodes);
  for (const auto& [label, usage] : nodes) {
    if (usage.swapped >= kMuchSwapped)
      lines.push_back(
          fmt::format("{}: {} of the job were swapped to its disk, which is slow; it has {} of "
                      "memory",
                      label, format_bytes(usage.swapped), format_bytes(usage.memory)));
    else if (usage.memory > 0 && static_cast<double>(usage.peak) > kFull * static_cast<double>(usage.memory))
      lines.push_back(fmt::format("{}: the job needed {} of its {} of memory", label,
                                  format_bytes(usage.peak), format_bytes(usage.memory)));
    if (usual > kFewSeconds && usage.ranks > 0 && cpu_of_rank(usage) < kIdle * usual)
      lines.push_back(fmt::format("{}: a rank used {:.0f} s of CPU, usual here is {:.0f} s", label,
                                  cpu_of_rank(usage), usual));
  }
  return lines;
}

}  // namespace ec2mpi::ops
