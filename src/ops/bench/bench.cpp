#include "ec2mpi/ops/bench/bench.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/bench/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// Three seconds on a quiet node. With a tenth of a core, the slices that the program wants take ten seconds.
constexpr auto kPatience = std::chrono::seconds(90);
// Beyond these bounds a number is a fault of the node, and would overflow sums here.
constexpr std::uint64_t kMostCores = 100'000;
constexpr double kMostSpeed = 1e18;
/// Of equal hosts on one machine, one copied memory up to 22 % slower than another in the best of three
/// measurements (3 of 20 trials beside a throttled host); their cores differed by 6 %.
constexpr double kMemoryLimits = 3;
// Exit status 127 of the program below.
constexpr const char* kNoPython = "it has no python3, which measures it; ec2mpi setup installs it";

std::optional<double> decimal(std::string_view text, double most) {
  double value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  // The negation also refuses NaN.
  if (wrong != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= most))
    return std::nullopt;
  return value;
}

struct Field {
  std::string_view name;  ///< in the program's answer
  double NodeSpeed::*value;
  double most;
};

/// More is better; compared with the others.
constexpr Field kSpeeds[] = {{"one", &NodeSpeed::one_core, kMostSpeed},
                             {"all", &NodeSpeed::all_cores, kMostSpeed},
                             {"memory", &NodeSpeed::memory, kMostSpeed}};
/// Less is better; a share of the time of all cores.
constexpr Field kShares[] = {{"stolen", &NodeSpeed::stolen, 1},
                             {"throttled", &NodeSpeed::throttled, 1},
                             {"missing", &NodeSpeed::missing, 1},
                             {"others", &NodeSpeed::others, 1}};

/// False for a line that the program does not print.
bool take(NodeSpeed& speed, std::string_view line) {
  const auto [name, value] = first_word(line);
  if (name == "method") return speed.method = printable(value), true;
  if (name == "model") return speed.model = printable(value), true;
  if (name == "other") {
    const auto [pid, program] = first_word(value);
    if (!parse_number(pid)) return false;
    return speed.other = fmt::format("pid {} {}", pid, printable(program)), true;
  }
  if (name == "cores") {
    const auto cores = parse_number(value);
    return cores && *cores > 0 && *cores <= kMostCores && (speed.cores = static_cast<int>(*cores), true);
  }
  const auto take_field = [&](const Field& field) {
    if (field.name != name) return false;
    const auto number = decimal(value, field.most);
    if (number) speed.*field.value = *number;
    return number.has_value();
  };
  return std::ranges::any_of(kSpeeds, take_field) || std::ranges::any_of(kShares, take_field);
}

/// The program stands on the command line; a measurement is merged into those of earlier rounds.
asio::awaitable<Result<ssh::ExitStatus>> measure(NodeRun run, NodeSpeeds& speeds) {
  const auto limit = run.limit.at_most(kPatience);
  const auto program = "command -v python3 >/dev/null || exit 127\nexec python3 -I -c " +
                       quote_word(kBenchPy) + " </dev/null\n";
  CO_TRY_AS(answer, co_await capture(run.session, program, limit));
  if (answer->status.code == 127) co_return fail(ErrorKind::remote_io, kNoPython);
  CO_TRY_AS(speed, parse_speed(answer->out));
  const auto known = speeds.find(run.node.index);
  if (known == speeds.end())
    speeds.emplace(run.node.index, std::move(*speed));
  else
    merge_speed(known->second, *speed);
  co_return ssh::ExitStatus{};
}

/// 0 of no values.
double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// The median of the other nodes, so that one of two, or two of four, can be told from the rest. Programs of
/// different interpreters have different speeds; memory is the same for all. Nothing if there is no other
/// node.
std::optional<double> usual_of_others(const NodeSpeeds& speeds, int index, const Field& field) {
  const auto& own = speeds.at(index);
  std::vector<double> values;
  for (const auto& [other, speed] : speeds) {
    const bool comparable = field.most <= 1 || field.name == "memory" || speed.method == own.method;
    if (other != index && comparable) values.push_back(speed.*field.value);
  }
  if (values.empty()) return std::nullopt;
  return median(std::move(values));
}

std::string percent(double share) {
  return fmt::format("{:.0f} %", 100 * share);
}

/// The processor, where it explains a difference.
std::string model_note(const NodeSpeeds& speeds, int index) {
  const auto& own = speeds.at(index).model;
  for (const auto& [other, speed] : speeds)
    if (speed.model != own)
      return fmt::format("; its processor is {}, that of node{} {}", own, other, speed.model);
  return {};
}

/// By a share of the usual value, as speeds of different types of instances differ by factors.
std::optional<OffNode> slow_in(const NodeSpeeds& speeds, int index, const Field& field, double limit) {
  const auto usual = usual_of_others(speeds, index, field);
  const double value = speeds.at(index).*field.value;
  const double allowed = field.name == "memory" ? kMemoryLimits * limit : limit;
  if (!usual || value >= *usual * (1 - allowed)) return std::nullopt;
  const auto slower = percent(1 - value / *usual);
  OffNode off{
      .index = index, .measure = {}, .what = {}, .fix = "replace it: stop and start it, or launch another"};
  if (field.name == "memory") {
    off.measure = "memory";
    off.what = fmt::format("copies memory {} slower than the others ({}/s)", slower,
                           format_bytes(static_cast<std::uint64_t>(value)));
  } else {
    const bool one = field.name == "one";
    off.measure = one ? "one core" : "all cores";
    off.what = fmt::format("computes {} slower than the others{}{}", slower,
                           one ? "" : " when all its cores work", model_note(speeds, index));
  }
  return off;
}

/// By a difference and not by a share: usual are values near 0.
std::optional<OffNode> loses_time_in(const NodeSpeeds& speeds, int index, const Field& field, double limit) {
  const auto& own = speeds.at(index);
  const double value = own.*field.value;
  // A single node has no others, and should lose nothing.
  if (value <= usual_of_others(speeds, index, field).value_or(0) + limit) return std::nullopt;
  OffNode off{.index = index, .measure = std::string(field.name), .what = {}, .fix = {}};
  const auto lost = percent(value);
  if (field.name == "stolen") {
    off.what = fmt::format("the hypervisor takes {} of its time (steal)", lost);
    off.fix = "a T type without CPU credits does that; otherwise stop and start it, which moves it";
  } else if (field.name == "throttled") {
    off.what = fmt::format("a CPU limit (cgroup) takes {} of its time", lost);
    off.fix = fmt::format("ec2mpi exec -w {} 'systemctl show user.slice -p CPUQuotaPerSecUSec'", index);
  } else if (field.name == "missing") {
    off.what = fmt::format("programs get {} less of its processors than is free", lost);
  } else {
    off.what = fmt::format("other programs use {} of its {}{}", lost,
                           count_of(static_cast<std::size_t>(own.cores), "core"),
                           own.other.empty() ? "" : ", most of it " + own.other);
    off.fix = fmt::format("ec2mpi exec -w {} 'ps -eo pid,pcpu,args --sort=-pcpu | head'", index);
  }
  return off;
}

}  // namespace

Result<NodeSpeed> parse_speed(std::string_view printed) {
  NodeSpeed speed;
  bool begun = false;
  for (const auto line : split(printed, '\n')) {
    if (begun && line == "ec2mpi-bench end" && speed.cores > 0 && speed.one_core > 0 && speed.all_cores > 0 &&
        speed.memory > 0)
      return speed;
    if (begun && !take(speed, line))
      return fail(ErrorKind::remote_io, fmt::format("'{}' is no measurement", printable(line.substr(0, 80))));
    begun = begun || line == "ec2mpi-bench 1";
  }
  return fail(ErrorKind::remote_io, "the node did not finish its measurement");
}

NodeTask bench_task(NodeSpeeds& speeds) {
  return [&speeds](NodeRun run) { return measure(std::move(run), speeds); };
}

/// The name of the program that disturbed belongs to the measurement with the least disturbance.
void merge_speed(NodeSpeed& known, const NodeSpeed& next) {
  for (const auto& field : kSpeeds) known.*field.value = std::max(known.*field.value, next.*field.value);
  if (next.others < known.others) known.other = next.other;
  for (const auto& field : kShares) known.*field.value = std::min(known.*field.value, next.*field.value);
}

std::vector<OffNode> find_off_nodes(const NodeSpeeds& speeds, double limit) {
  std::vector<OffNode> off;
  for (const auto& [index, speed] : speeds) {
    for (const auto& field : kSpeeds)
      if (auto found = slow_in(speeds, index, field, limit)) off.push_back(std::move(*found));
    for (const auto& field : kShares)
      if (auto found = loses_time_in(speeds, index, field, limit)) off.push_back(std::move(*found));
  }
  return off;
}

std::string describe_speeds(const NodeSpeeds& speeds) {
  std::string text;
  for (const auto& field : kSpeeds) {
    std::vector<double> values;
    for (const auto& [index, speed] : speeds) values.push_back(speed.*field.value);
    if (values.empty()) return "nothing was measured";
    const auto [least, most] = std::ranges::minmax(values);
    const auto amount =
        field.name == "memory"
            ? fmt::format("memory {}/s", format_bytes(static_cast<std::uint64_t>(median(values))))
            : std::string(field.name == "one" ? "one core" : "all cores");
    text += fmt::format("{}{} within {}", text.empty() ? "" : ", ", amount, percent(1 - least / most));
  }
  return text;
}

}  // namespace ec2mpi::ops
