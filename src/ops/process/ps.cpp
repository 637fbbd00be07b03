#include "ec2mpi/ops/process/ps.hpp"

#include <fmt/format.h>
#include <charconv>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/mpi/command.hpp"
#include "ec2mpi/ops/node/remote.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kPatience = std::chrono::seconds(20);

/// The rank is what Open MPI or Hydra tells its ranks by the environment. A process may be gone before it is
/// asked about: then it isn't shown.
constexpr const char* kPsScript = R"sh(
export LC_ALL=C
exec </dev/null 2>/dev/null
echo "ec2mpi-ps 1"
for p in $(grep -slz '^@MARK@=' /proc/[0-9]*/environ | cut -d/ -f3); do
  job= rank=-
  while IFS= read -r line; do
    case $line in
      @MARK@=*) job=${line#*=} ;;
      OMPI_COMM_WORLD_RANK=* | PMI_RANK=* | PMIX_RANK=*) rank=${line#*=} ;;
    esac
  done <<END
$(tr '\0\n' '\n?' </proc/$p/environ)
END
  set -- $(ps -o pcpu= -o rss= -o etimes= -p "$p")
  [ $# = 3 ] && echo "$p $job $rank $1 $2 $3 $(ps -o args= -p "$p" | tr '\n' ' ')"
done
echo "ec2mpi-ps end"
)sh";

std::optional<double> parse_amount(std::string_view text) {
  double value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (wrong != std::errc() || end != text.data() + text.size() || !(value >= 0)) return std::nullopt;
  return value;
}

/// The words in front of the command.
enum Field { kPid, kJob, kRank, kCpu, kRss, kAge, kFields };

std::optional<JobProcess> parse_process(std::string_view line) {
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
  if (!pid || *pid > 1U << 30U || !cpu || !rss || *rss > 1ULL << 50U || !age || *age > 1ULL << 40U)
    return std::nullopt;
  JobProcess process;
  process.pid = static_cast<int>(*pid);
  process.job = printable(fields[kJob]);
  const auto rank = parse_number(fields[kRank]);
  if (rank && *rank < 1U << 30U) process.rank = static_cast<int>(*rank);
  process.cpu = *cpu;
  process.rss = *rss * 1024;
  process.age = static_cast<std::int64_t>(*age);
  process.command = printable(trim(line));
  return process;
}

std::string script() {
  std::string text = kPsScript;
  for (auto at = text.find("@MARK@"); at != std::string::npos; at = text.find("@MARK@"))
    text.replace(at, 6, kJobMark);
  return text;
}

asio::awaitable<Result<ssh::ExitStatus>> look(NodeRun run, std::map<int, std::vector<JobProcess>>& found) {
  const auto limit = run.limit.at_most(kPatience);
  CO_TRY_AS(answer, co_await capture(run.session, script(), limit));
  CO_TRY_AS(processes, parse_processes(answer->out));
  found[run.node.index] = std::move(*processes);
  co_return ssh::ExitStatus{};
}

}  // namespace

Result<std::vector<JobProcess>> parse_processes(std::string_view printed) {
  std::vector<JobProcess> processes;
  bool begun = false;
  for (const auto line : split(trim(printed), '\n')) {
    if (line == "ec2mpi-ps end" && begun) return processes;
    if (begun) {
      auto process = parse_process(line);
      if (!process)
        return fail(ErrorKind::remote_io, fmt::format("'{}' is no process", printable(line.substr(0, 80))));
      processes.push_back(std::move(*process));
    }
    begun = begun || line == "ec2mpi-ps 1";
  }
  return fail(ErrorKind::remote_io, "the node did not finish telling of its processes");
}

NodeTask ps_task(std::map<int, std::vector<JobProcess>>& found) {
  return [&found](NodeRun run) { return look(run, found); };
}

}  // namespace ec2mpi::ops
