# Reports the jobs of the series $wanted: at most $count, of those whose ids sort behind $after. With $all_runs also the jobs
# of its repeated runs, and what each was made of; with $outputs the last lines of each that has ended. A queue that cannot
# write starts no job: where one waits, `trouble TEXT` says why nothing can be written. It stands behind functions.sh.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # the text in front sets these variables

export LC_ALL=C
read -r up rest </proc/uptime && echo "now $up"
cd "$jobs" 2>/dev/null || { echo 'ec2mpi-report end'; exit 0; }
number=0 waits=''
for entry in */; do
  id=${entry%/}
  # shellcheck disable=SC3012 # dash, bash and busybox compare texts
  [ "$id" \> "$after" ] || continue
  { [ -f "$id/queue" ] && read -r second place series rest <"$id/queue"; } || continue
  case $series in
    "$wanted") ;;
    "$wanted"-run*) [ -n "$all_runs" ] || continue ;;
    *) continue ;;
  esac
  number=$((number + 1))
  [ "$number" -le "$count" ] || break
  job_state "$jobs/$id"
  [ "$state" != waiting ] || waits=$id
  echo "job $id"
  echo "series $series"
  echo "state $state $detail"
  if [ -n "$all_runs" ] && [ -f "$id/meta" ]; then
    while IFS= read -r line; do
      case $line in 'set '* | 'determinant '* | 'per_node '*) printf '%s\n' "$line" ;; esac
    done <"$id/meta"
    [ ! -f "$id/script.sum" ] || cksum <"$(cat "$id/script")" | cmp -s - "$id/script.sum" || echo 'determinant script changed'
  fi
  [ ! -f "$id/placed" ] || while read -r label; do echo "on $label"; done <"$id/placed"
  begun="" ended=""
  [ ! -f "$id/clock" ] || { read -r begun; read -r ended; } <"$id/clock"
  case $state in lost) begun= ;; esac
  [ -z "$begun" ] || echo "clock $begun${ended:+ $ended}"
  [ -f "$id/why" ] && read -r why <"$id/why" && echo "why $why"
  [ -f "$id/reason" ] && read -r reason <"$id/reason" && echo "reason $reason"
  case $outputs$state in
    yesended | yeslost) [ ! -f "$id/out" ] || { tail -c 1500 "$id/out" | tail -n 20 | tr -d '\000\r'; echo; } | sed 's/^/| /' ;;
  esac
done 2>/dev/null
if [ -n "$waits" ]; then
  has_room "$waits" || printf '%s\n' "$said" | sed -n '1s/.*: /trouble /p'
fi
echo 'ec2mpi-report end'
