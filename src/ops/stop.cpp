#include "ec2mpi/ops/stop.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/remote.hpp"

namespace ec2mpi::ops {

namespace {

/// In POSIX sh. `marked` lists the living that bear the mark, then adds their descendants until none are new:
/// a child may have cleared its environment. Zombies bear no environment and count as gone. The lists are
/// made again before each signal because processes fork meanwhile.
constexpr std::string_view kScript = R"sh(
mark=@MARK@ grace=@GRACE@
marked() {
  found=$(grep -slzxF -e "$mark" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 | tr '\n' ' ')
  [ -n "$found" ] || return 0
  ps -e -o pid= -o ppid= -o stat= | awk -v found="$found" -v self=$$ '
    BEGIN { n = split(found, f, " "); for (i = 1; i <= n; i++) mine[f[i]] = 1 }
    { parent[$1] = $2; if ($3 ~ /^Z/) dead[$1] = 1 }
    END {
      do { more = 0; for (p in parent) if (!(p in mine) && (parent[p] in mine)) { mine[p] = 1; more = 1 } } while (more)
      for (p in mine) if (!(p in dead) && p != self && (p in parent)) print p
    }'
}
send() { pids=$(marked); [ -z "$pids" ] || kill -"$1" $pids 2>/dev/null; }
before=$(marked | wc -l)
send TERM; send CONT
tries=0
while [ $tries -lt $((grace * 10)) ] && [ -n "$(marked)" ]; do sleep 0.1; tries=$((tries + 1)); done
for again in 1 2 3 4 5; do
  [ -n "$(marked)" ] || break
  send KILL
  sleep 0.1
done
echo "before $before"
for pid in $(marked); do echo "left $pid $(cat /proc/$pid/comm 2>/dev/null)"; done
echo "end"
)sh";

std::string replace(std::string text, std::string_view what, std::string_view by) {
  text.replace(text.find(what), what.size(), by);
  return text;
}

}  // namespace

std::string StopProof::describe() const {
  if (left.empty()) return "nothing left running";
  std::string all;
  for (const auto& process : left) all += (all.empty() ? "" : ", ") + process;
  return "still running: " + all;
}

std::string stop_script(const std::string& mark, int grace_seconds) {
  auto text = replace(std::string(kScript), "@MARK@", quote_word(mark));
  return replace(std::move(text), "@GRACE@", std::to_string(grace_seconds));
}

Result<StopProof> parse_stop_proof(std::string_view printed) {
  StopProof proof;
  bool whole = false;
  for (const auto line : split(printed, '\n')) {
    const auto fields = words(line);
    if (fields.size() == 2 && fields[0] == "before") {
      proof.ended = static_cast<int>(parse_number(fields[1]).value_or(0));
    } else if (fields.size() >= 2 && fields[0] == "left") {
      const auto name = fields.size() > 2 ? printable(fields[2]) : std::string();
      proof.left.push_back(trim(fmt::format("pid {} {}", printable(fields[1]), name)).data());
    } else if (fields.size() == 1 && fields[0] == "end") {
      whole = true;
    }
  }
  if (!whole) return fail(ErrorKind::protocol, "the node did not say what is left running");
  proof.ended = std::max(0, proof.ended - static_cast<int>(proof.left.size()));
  return proof;
}

asio::awaitable<Result<StopProof>> stop_marked(ssh::Session& session, std::string mark, bool sudo,
                                               Limit limit) {
  constexpr int kGraceSeconds = 2;
  auto command =
      "exec " + std::string(sudo ? "sudo -n " : "") + "sh -c " + quote_word(stop_script(mark, kGraceSeconds));
  auto captured = co_await capture(session, std::move(command), limit);
  if (!captured) co_return std::unexpected(captured.error());
  if (!captured->status.ok() && captured->out.empty()) {
    co_return fail(ErrorKind::remote_io, "cannot look: " + printable(trim(captured->err)));
  }
  co_return parse_stop_proof(captured->out);
}

}  // namespace ec2mpi::ops
