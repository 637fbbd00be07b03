#include "src/ops/series/shell.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/job/queue_shell.hpp"

namespace ec2mpi::ops {

namespace {

constexpr const char* kReport = R"sh(
export LC_ALL=C
read -r up rest </proc/uptime && echo "now $up"
cd "$jobs" 2>/dev/null || { echo 'ec2mpi-report end'; exit 0; }
number=0
for entry in */; do
  id=${entry%/}
  read -r second place series rest <"$id/queue" || continue
  case $series in
    "$wanted") ;;
    "$wanted"-run*) [ -n "$all_runs" ] || continue ;;
    *) continue ;;
  esac
  number=$((number + 1))
  [ "$number" -gt "$skip" ] && [ "$number" -le $((skip + count)) ] || continue
  job_state "$jobs/$id"
  echo "job $id"
  echo "series $series"
  echo "state $state $detail"
  while IFS= read -r line; do
    case $line in 'set '* | 'determinant '*) printf '%s\n' "$line" ;; esac
  done <"$id/meta"
  [ ! -f "$id/script.sum" ] || cksum <"$(cat "$id/script")" | cmp -s - "$id/script.sum" || echo 'determinant script changed'
  while read -r label; do echo "on $label"; done <"$id/placed"
  begun= ended=
  { read -r begun; read -r ended; } <"$id/clock"
  case $state in lost) begun= ;; esac
  [ -z "$begun" ] || echo "clock $begun${ended:+ $ended}"
  read -r why <"$id/why" && echo "why $why"
  case $outputs$state in
    yesended | yeslost) { tail -c 1500 "$id/out" | tail -n 20 | tr -d '\000\r'; echo; } | sed 's/^/| /' ;;
  esac
done 2>/dev/null
echo 'ec2mpi-report end'
)sh";

/// The mark comes first, so that the queue starts none of them any more; it is the queue that ends those that
/// wait. A supervisor may come to be between our look and its start: it is told when it is there.
constexpr const char* kCancel = R"sh(
cd "$jobs" 2>/dev/null || exit 0
for entry in */; do
  id=${entry%/}
  read -r second place series rest <"$id/queue" && [ "$series" = "$wanted" ] || continue
  [ -e "$id/exit" ] || : >"$id/cancelled"
done 2>/dev/null
[ ! -f "$HOME/.ec2mpi/schedule" ] || sh "$HOME/.ec2mpi/schedule" </dev/null >/dev/null 2>&1
for entry in */; do
  id=${entry%/}
  [ -f "$id/cancelled" ] && read -r second place series rest <"$id/queue" && [ "$series" = "$wanted" ] || continue
  job_state "$jobs/$id"
  case $state in running | ending) kill -TERM "$pid" ;; esac
done 2>/dev/null
)sh";

}  // namespace

std::string report_text(const ReportWish& wish) {
  return fmt::format(
      "wanted={}\nall_runs={}\noutputs={}\nskip={}\ncount={}\n[ ! -f \"$HOME/.ec2mpi/schedule\" ] || {}{}",
      quote_word(wish.series), wish.all_runs ? "yes" : "", wish.outputs ? "yes" : "", wish.skip, wish.count,
      call_schedule(), kReport);
}

std::string cancel_series_text(const std::string& series) {
  return "wanted=" + quote_word(series) + "\n" + kCancel;
}

}  // namespace ec2mpi::ops
