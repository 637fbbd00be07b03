#include "ec2mpi/ops/process/ps.hpp"

#include <fmt/format.h>
#include <charconv>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/mpi/command.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/process/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// For one node; ps.sh reads /proc, which takes long only on a frozen machine.
constexpr auto kPatience = std::chrono::seconds(20);

std::optional<double> parse_amount(std::string_view text) {
  double value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  // The negation also refuses NaN.
  if (wrong != std::errc() || end != text.data() + text.size() || !(value >= 0)) return std::nullopt;
  return value;
}

/// The words in front of the command.
enum Field { kPid, kJob, kRank, kCpu, kRss, kAge, kTicks, kPeak, kFields };

constexpr double kTicksInSecond = 100;  // on every Linux
constexpr std::string_view kUsage = "usage ";

/// Reads one line of ps.sh; nothing for a line that ps.sh cannot have printed.
std::optional<JobProcess> parse_process(std::string_view line) {
  // The command comes last, since it may hold blanks.
  std::string_view fields[kFields];
  for (auto& field : fields) {
    const auto gap = line.find(' ');
    if (gap == std::string_view::npos) return std::nullopt;
    field = line.substr(0, gap);
    line.remove_prefix(gap + 1);
  }
  const auto pid = parse_number(fields[kPid]);
  const auto cpu = parse_amount(fields[kCpu]);
  const auto rss = parse_number(fields[kRss]);
  const auto age = parse_number(fields[kAge]);
  const auto ticks = parse_number(fields[kTicks]);
  const auto peak = parse_number(fields[kPeak]);
  // Numbers of a node: bounded, so that the sums and products made of them cannot overflow.
  if (!pid || *pid > 1U << 30U || fields[kJob].empty() || !cpu || !rss || *rss > 1ULL << 50U || !age ||
      *age > 1ULL << 40U || !ticks || *ticks > 1ULL << 50U || !peak || *peak > 1ULL << 50U)
    return std::nullopt;
  JobProcess process;
  process.pid = static_cast<int>(*pid);
  process.job = printable(fields[kJob]);
  // ps.sh prints "-" for a process without a rank.
  const auto rank = parse_number(fields[kRank]);
  if (rank && *rank < 1U << 30U) process.rank = static_cast<int>(*rank);
  process.cpu = *cpu;
  // ps.sh prints KiB.
  process.rss = *rss * 1024;
  process.age = static_cast<std::int64_t>(*age);
  process.cpu_time = static_cast<double>(*ticks) / kTicksInSecond;
  process.peak = *peak * 1024;
  process.command = printable(trim(line));
  return process;
}

asio::awaitable<Result<ssh::ExitStatus>> look(NodeRun run, std::map<int, NodeProcesses>& found) {
  const auto limit = run.limit.at_most(kPatience);
  auto program = set_variables({{"mark", kJobMark}}).append(kPsSh);
  CO_TRY_AS(answer, co_await capture(run.session, std::move(program), limit));
  CO_TRY_AS(processes, parse_processes(answer->out));
  found[run.node.index] = std::move(*processes);
  co_return ssh::ExitStatus{};
}

}  // namespace

Result<NodeProcesses> parse_processes(std::string_view printed) {
  NodeProcesses found;
  bool begun = false;
  for (const auto line : split(trim(printed), '\n')) {
    if (line == "ec2mpi-ps end" && begun) return found;
    if (begun && line.starts_with(kUsage)) {
      const auto [job, numbers] = first_word(line.substr(kUsage.size()));
      if (const auto usage = parse_usage(numbers)) found.usage[printable(job)] = *usage;
    } else if (begun) {
      auto process = parse_process(line);
      if (!process)
        return fail(ErrorKind::remote_io, fmt::format("'{}' is no process", printable(line.substr(0, 80))));
      found.processes.push_back(std::move(*process));
    }
    begun = begun || line == "ec2mpi-ps 1";
  }
  return fail(ErrorKind::remote_io, "the node did not finish the list of its processes");
}

NodeTask ps_task(std::map<int, NodeProcesses>& found) {
  return [&found](NodeRun run) { return look(run, found); };
}

}  // namespace ec2mpi::ops
