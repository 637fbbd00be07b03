#include "ec2mpi/ops/watch/load.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::string_view kBegin = "ec2mpi-load ";
constexpr std::string_view kRanks = "ranks";
constexpr std::uint64_t kMostCores = 100'000;

/// Distances from the median that are worth a line. Nodes of one job differ by a few percent.
constexpr double kOddCpu = 0.3;              // of all cores
constexpr double kOddLoad = 1.5;             // processes for each core, and twice the usual
constexpr double kFullMemory = 0.9;          // beyond it Linux begins to end processes
constexpr double kOddMemory = 0.3;           // of the memory
constexpr double kOddNetwork = 5;            // times the usual
constexpr double kQuietNetwork = 5'000'000;  // bytes a second that any node may have
constexpr std::size_t kFewestForUsual = 3;

/// Nothing for negative, infinite and other odd numbers: a node may print anything.
std::optional<double> decimal(std::string_view text) {
  double value = 0;
  const auto* const end = text.end();
  const auto [rest, wrong] = std::from_chars(text.begin(), end, value);
  const bool good = wrong == std::errc() && rest == end && std::isfinite(value) && value >= 0;
  return good ? std::optional(value) : std::nullopt;
}

/// 0 for a field that the node's kernel does not have.
std::uint64_t number_in(const std::vector<std::string_view>& fields, std::size_t place) {
  return place < fields.size() ? parse_number(fields[place]).value_or(0) : 0;
}

/// "cpu user nice system idle iowait irq softirq steal guest guest_nice": guests are counted in user already.
void take_ticks(LoadSample& sample, const std::vector<std::string_view>& fields) {
  constexpr std::size_t kIdle = 4;
  constexpr std::size_t kWaitingForDisk = 5;
  constexpr std::size_t kSteal = 8;
  for (std::size_t i = 1; i <= kSteal; ++i) {
    const auto ticks = number_in(fields, i);
    sample.total += ticks;
    // A core that waits for a disk is free for other work.
    if (i != kIdle && i != kWaitingForDisk) sample.busy += ticks;
  }
}

/// Interfaces inside of the node forward bytes that another interface counts as well.
bool leads_out(std::string_view interface) {
  static constexpr std::array<std::string_view, 5> kInside = {"docker", "br-", "virbr", "veth", "cni"};
  return interface != "lo" &&
         std::ranges::none_of(kInside, [&](auto begin) { return interface.starts_with(begin); });
}

/// "  eth0: BYTES and seven numbers received, BYTES and seven numbers sent".
void take_interface(LoadSample& sample, std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !leads_out(trim(line.substr(0, colon)))) return;
  const auto fields = words(line.substr(colon + 1));
  sample.received += number_in(fields, 0);
  sample.sent += number_in(fields, 8);
}

/// `file` is the path that grep(1) prints in front of the line.
void take_line(LoadSample& sample, std::string_view file, std::string_view line) {
  const auto fields = words(line);
  if (fields.empty()) return;
  if (file == "/proc/uptime") sample.uptime = decimal(fields[0]).value_or(0);
  if (file == "/proc/loadavg") sample.load = decimal(fields[0]).value_or(0);
  if (file == "/proc/stat" && fields[0] == "cpu") take_ticks(sample, fields);
  if (file == "/proc/meminfo" && fields[0] == "MemTotal:") sample.memory = number_in(fields, 1) * 1024;
  if (file == "/proc/meminfo" && fields[0] == "MemAvailable:")
    sample.memory_free = number_in(fields, 1) * 1024;
  if (file == "/proc/self/net/dev") take_interface(sample, line);
}

/// "PATH:NAME=VALUE" for each variable, with NUL behind each. The children of a rank have its variables, too.
void take_ranks(LoadSample& sample, std::string_view text) {
  struct Marks {
    std::string job;
    std::optional<std::uint64_t> rank;
  };
  std::map<std::string_view, Marks> processes;
  for (const auto entry : split(text, '\0')) {
    const auto colon = entry.find(':');
    const auto equals = entry.find('=');
    if (colon == std::string_view::npos || equals == std::string_view::npos || equals < colon) continue;
    auto& marks = processes[entry.substr(0, colon)];
    const auto value = entry.substr(equals + 1);
    if (entry.substr(colon + 1, equals - colon - 1) == "EC2MPI_JOB")
      marks.job = printable(value);
    else if (!marks.rank)
      // Each launcher has its own variable for the rank; the first one counts.
      marks.rank = parse_number(value);
  }
  for (auto& [path, marks] : processes)
    // The rank's children have the same job and rank, so the set counts them once.
    if (marks.rank) sample.ranks.emplace(std::move(marks.job), *marks.rank);
}

double share(std::uint64_t part, std::uint64_t whole) {
  // Counters that are read one after the other need not fit exactly.
  return whole == 0 ? 0 : std::clamp(static_cast<double>(part) / static_cast<double>(whole), 0.0, 1.0);
}

/// A counter of an interface that is gone, or of a node that was booted, is smaller than before.
std::uint64_t growth(std::uint64_t before, std::uint64_t now) {
  return now > before ? now - before : 0;
}

/// In the unit in which nodes of different sizes can be compared.
double value_of(const NodeLoad& load, OddNode::Measure measure) {
  switch (measure) {
    case OddNode::Measure::cpu:
      return load.cpu.value_or(0);
    case OddNode::Measure::load:
      return load.load / std::max(load.cores, 1);
    case OddNode::Measure::memory:
      return load.memory_share();
    case OddNode::Measure::network:
      return load.received.value_or(0) + load.sent.value_or(0);
  }
  return 0;
}

/// Too much and too little of the CPU are odd; of all other measures only too much.
bool is_odd(OddNode::Measure measure, double value, double usual) {
  switch (measure) {
    case OddNode::Measure::cpu:
      return std::abs(value - usual) > kOddCpu;
    case OddNode::Measure::load:
      return value > kOddLoad && value > 2 * usual;
    case OddNode::Measure::memory:
      return value > usual + kOddMemory;
    case OddNode::Measure::network:
      return value > kQuietNetwork && value > kOddNetwork * usual;
  }
  return false;
}

/// Of at least one value; of an even number, the upper one of the two in the middle.
double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

/// "PATH:LINE" of the files in /proc, between a head with the cores and the variables of the ranks.
Result<LoadSample> parse_load(std::string_view printed) {
  LoadSample sample;
  for (const auto line : split(printed, '\n')) {
    if (line.starts_with(kBegin)) {
      const auto cores = parse_number(line.substr(kBegin.size())).value_or(0);
      sample.cores = static_cast<int>(std::min(cores, kMostCores));
    } else if (line.starts_with(kRanks)) {
      take_ranks(sample, line.substr(kRanks.size()));
    } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
      take_line(sample, line.substr(0, colon), line.substr(colon + 1));
    }
  }
  // Every Linux has these three, so the text is not the answer of load.sh.
  if (sample.cores > 0 && sample.total > 0 && sample.memory > 0) return sample;
  return fail(ErrorKind::remote_io,
              fmt::format("its load cannot be read; /proc says '{}'", printable(printed.substr(0, 80))));
}

double NodeLoad::memory_share() const {
  return share(memory_used, memory);
}

/// Rates need two samples; after a boot or without `before` they are empty.
NodeLoad load_between(const LoadSample* before, const LoadSample& now) {
  NodeLoad load{.cores = now.cores,
                .load = now.load,
                .memory = now.memory,
                .memory_used = growth(now.memory_free, now.memory),
                .ranks = now.ranks.size()};
  for (const auto& [job, rank] : now.ranks)
    if (!job.empty()) load.jobs.insert(job);
  // By the node's own clock: an answer that arrives late does not change the rates.
  const double seconds = before == nullptr ? 0 : now.uptime - before->uptime;
  if (seconds <= 0) return load;
  load.cpu = share(growth(before->busy, now.busy), growth(before->total, now.total));
  load.received = static_cast<double>(growth(before->received, now.received)) / seconds;
  load.sent = static_cast<double>(growth(before->sent, now.sent)) / seconds;
  return load;
}

std::string_view measure_name(OddNode::Measure measure) {
  static constexpr std::array<std::string_view, 4> kNames = {"cpu", "load", "memory", "network"};
  return kNames[static_cast<std::size_t>(measure)];
}

std::string OddNode::text() const {
  const auto percent = [](double of_one) { return fmt::format("{:.0f} %", 100 * of_one); };
  const auto bytes = [](double amount) { return format_bytes(static_cast<std::uint64_t>(amount)) + "/s"; };
  switch (measure) {
    case Measure::cpu:
      return fmt::format("node{}: CPU {}, usual here is {}", node, percent(value), percent(usual));
    case Measure::load:
      return fmt::format("node{}: {:.1f} processes for each core, usual here is {:.1f}", node, value, usual);
    case Measure::memory:
      return fmt::format("node{}: memory {} full, usual here is {}", node, percent(value), percent(usual));
    case Measure::network:
      return fmt::format("node{}: network {}, usual here is {}", node, bytes(value), bytes(usual));
  }
  return {};
}

std::vector<OddNode> find_odd_nodes(const std::vector<std::pair<int, NodeLoad>>& nodes) {
  using Measure = OddNode::Measure;
  std::map<Measure, double> usual;
  for (const auto measure : {Measure::cpu, Measure::load, Measure::memory, Measure::network}) {
    std::vector<double> values;
    for (const auto& [index, load] : nodes) values.push_back(value_of(load, measure));
    if (!values.empty()) usual[measure] = median(std::move(values));
  }
  // Of two nodes, nobody can say which one is unusual.
  const bool comparable = nodes.size() >= kFewestForUsual;
  std::vector<OddNode> odd;
  for (const auto& [index, load] : nodes) {
    for (const auto& [measure, middle] : usual) {
      const double value = value_of(load, measure);
      const bool full = measure == Measure::memory && value > kFullMemory;
      if (full || (comparable && is_odd(measure, value, middle)))
        odd.push_back({index, measure, value, middle});
    }
  }
  return odd;
}

/// Eight heights; also 0 has a bar, so that each sample shows.
std::string sparkline(const std::vector<double>& shares) {
  static constexpr std::array<std::string_view, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::string line;
  for (const double value : shares) {
    const double height = std::clamp(value, 0.0, 1.0) * static_cast<double>(kBars.size() - 1);
    line += kBars[static_cast<std::size_t>(std::lround(height))];
  }
  return line;
}

}  // namespace ec2mpi::ops
