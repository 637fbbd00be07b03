#include "ec2mpi/ops/process/stop.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/process/family_shell.hpp"

namespace ec2mpi::ops {

namespace {

/// In POSIX sh, after family_functions(). The list is made again before each signal because processes fork
/// meanwhile. The grace goes by the clock, for on a busy node a look may take long, and we don't wait for
/// ever.
constexpr const char* kStopScript = R"sh(
self=$$
look() {
  seen=$(aged_family)
  pids=; for one in $seen; do pids="$pids ${one%:*}"; done
}
send() { [ -z "$pids" ] || kill -"$1" $pids 2>/dev/null; }
look; before=$(echo $pids | wc -w)
send TERM; send CONT; look
read -r now rest </proc/uptime
over=$((${now%.*} + @GRACE@ + 1))
while [ ${now%.*} -lt $over ] && [ -n "$pids" ]; do sleep 0.1; look; read -r now rest </proc/uptime; done
for again in 1 2 3 4 5; do
  [ -n "$pids" ] || break
  send KILL; sleep 0.1; look
done
echo "before $before"
for pid in $pids; do echo "left $pid $(cat /proc/$pid/comm 2>/dev/null)"; done
echo "end"
)sh";

/// Runs the look above, as root where that is possible without asking and needed: when somebody else's
/// process began after our connection, for that may be a sudo of ours, which only root can see through.
constexpr std::string_view kChooser = R"sh(
look=@LOOK@
strangers() {
  ps -e -o uid= -o etimes= -o pid= -o ppid= -o comm= |
    awk -v me="$(id -u)" -v age="$(ps -o etimes= -p $PPID)" '
      $1 != me && $2 <= age + 0 && $3 != 2 && $4 != 2 && $5 !~ /^sshd/ { found = 1 } END { exit !found }'
}
[ "$(id -u)" = 0 ] || ! strangers || ! sudo -n true 2>/dev/null || exec sudo -n sh -c "$look"
exec sh -c "$look"
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
  return family_functions(mark) + replace(kStopScript, "@GRACE@", std::to_string(grace_seconds));
}

Result<StopProof> parse_stop_proof(std::string_view printed) {
  StopProof proof;
  bool begun = false;
  bool whole = false;
  for (const auto line : split(printed, '\n')) {
    const auto fields = words(line);
    if (fields.size() == 2 && fields[0] == "before") {
      const auto count = parse_number(fields[1]);
      begun = count && *count < 1'000'000'000;
      proof.ended = begun ? static_cast<int>(*count) : 0;
    } else if (fields.size() >= 2 && fields[0] == "left") {
      const auto name = fields.size() > 2 ? " " + printable(fields[2]) : std::string();
      proof.left.push_back(fmt::format("pid {}{}", printable(fields[1]), name));
    } else if (fields.size() == 1 && fields[0] == "end") {
      whole = true;
    }
  }
  if (!begun || !whole) return fail(ErrorKind::protocol, "the node did not say what is left running");
  proof.ended = std::max(0, proof.ended - static_cast<int>(proof.left.size()));
  return proof;
}

asio::awaitable<Result<StopProof>> stop_marked(ssh::Session& session, std::string mark, bool sudo,
                                               std::string password, Limit limit) {
  constexpr int kGraceSeconds = 2;
  const auto look = quote_word(stop_script(mark, kGraceSeconds));
  auto command = sudo ? (password.empty() ? "exec sudo -n sh -c " : "exec sudo -S -p '' sh -c ") + look
                      : replace(std::string(kChooser), "@LOOK@", look);
  if (!password.empty()) password += '\n';
  CO_TRY_AS(captured, co_await capture(session, std::move(command), limit, std::move(password)));
  if (!captured->status.ok() && captured->out.empty()) {
    co_return fail(ErrorKind::remote_io, "cannot look: " + printable(trim(captured->err)));
  }
  co_return parse_stop_proof(captured->out);
}

}  // namespace ec2mpi::ops
