#include "ec2mpi/ops/process/sweep.hpp"

#include <fmt/format.h>
#include <optional>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/mpi/command.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/process/family_shell.hpp"

namespace ec2mpi::ops {

namespace {

constexpr const char* kTell = R"sh(
tell() { for p in $2; do n=$(cat /proc/$p/comm) && echo "$1 $p $n"; done; }
)sh";

constexpr const char* kQuietly = R"sh(
export LC_ALL=C
exec </dev/null 2>/dev/null
)sh";

/// A daemon whose launcher has just gone cleans up after itself, if it is given the time.
constexpr const char* kSweep = R"sh(
echo "ec2mpi-sweep 1"
all=$(family)
if [ -n "$all" ]; then
  sleep 0.5
  all=$(family)
fi
tell ended "$all"
for round in 1 2 3; do
  [ -z "$all" ] && break
  kill -KILL $all
  sleep 0.2
  all=$(family)
  [ -z "$all" ] && [ $round = 1 ] && sleep 0.8 && all=$(family)
done
tell left "$all"
echo "ec2mpi-sweep end"
)sh";

/// TERM, not INT, for MPICH's launcher wants INT twice. The job's own shell goes first, or it would start the
/// script's next line. Open MPI 5's launcher is called prterun whatever was typed.
constexpr const char* kEndLaunchers = R"sh(
launchers() {
  for p in $(marked); do
    case $(cat /proc/$p/comm) in mpirun*|mpiexec*|orterun*|prterun*|hydra_*) echo $p ;; esac
  done
}
shell=$(cat "$HOME/.ec2mpi/jobs/$id/launcher")
for p in $(marked); do [ "$p" = "$shell" ] && kill -TERM $p; done
tries=40
while [ $tries -gt 0 ]; do
  now=$(launchers)
  [ -z "$now" ] && exit 0
  for p in $now; do
    case " $told " in *" $p "*) ;; *) kill -TERM $p; told="$told $p" ;; esac
  done
  sleep 0.2
  tries=$((tries - 1))
done
kill -KILL $(family)
)sh";

std::string script(const std::string& id, const char* work) {
  return sweep_functions(id) + kQuietly + work;
}

std::optional<Process> parse_process(std::string_view text) {
  const auto gap = text.find(' ');
  if (gap == std::string_view::npos) return std::nullopt;
  const auto pid = parse_number(text.substr(0, gap));
  if (!pid || *pid > 1U << 30U) return std::nullopt;
  return Process{static_cast<int>(*pid), printable(text.substr(gap + 1))};
}

asio::awaitable<Result<ssh::ExitStatus>> sweep_node(NodeRun run, std::string id, int master,
                                                    std::map<int, Swept>& found) {
  if (run.node.index == master) {
    CO_TRY_AS(ended, co_await end_launchers(run.session, id, run.limit));
  }
  CO_TRY_AS(swept, co_await sweep(run.session, id, run.limit));
  found[run.node.index] = std::move(*swept);
  co_return ssh::ExitStatus{};
}

}  // namespace

std::string sweep_functions(const std::string& id) {
  return fmt::format("id={}\n{}{}", id, family_functions(fmt::format("{}={}", kJobMark, id)), kTell);
}
std::string end_launchers_text() {
  return std::string(kQuietly) + kEndLaunchers;
}
std::string sweep_script(const std::string& id) {
  return "{\n" + sweep_functions(id) + kQuietly + kSweep + "}\n";
}

std::string sweep_command(const std::string& id) {
  return script(id, kSweep);
}
std::string end_launchers_command(const std::string& id) {
  return script(id, kEndLaunchers);
}

Result<Swept> parse_swept(std::string_view printed) {
  Swept swept;
  bool begun = false;
  for (const auto line : split(trim(printed), '\n')) {
    if (line == "ec2mpi-sweep 1") {
      begun = true;
    } else if (begun && line == "ec2mpi-sweep end") {
      return swept;
    } else if (begun) {
      const bool left = line.starts_with("left ");
      const auto process =
          left || line.starts_with("ended ") ? parse_process(line.substr(left ? 5 : 6)) : std::nullopt;
      if (!process)
        return fail(ErrorKind::remote_io,
                    fmt::format("'{}' is no answer to a sweep", printable(line.substr(0, 80))));
      (left ? swept.left : swept.ended).push_back(*process);
    }
  }
  return fail(ErrorKind::remote_io, "the node did not finish looking for what the job left");
}

asio::awaitable<Result<void>> end_launchers(ssh::Session& session, std::string id, Limit limit) {
  CO_TRY_AS(answer, co_await capture(session, end_launchers_command(id), limit));
  co_return Result<void>{};
}

asio::awaitable<Result<Swept>> sweep(ssh::Session& session, std::string id, Limit limit) {
  CO_TRY_AS(answer, co_await capture(session, sweep_command(id), limit));
  co_return parse_swept(answer->out);
}

NodeTask sweep_task(std::string id, int master, std::map<int, Swept>& found) {
  return [id = std::move(id), master, &found](NodeRun run) { return sweep_node(run, id, master, found); };
}

}  // namespace ec2mpi::ops
