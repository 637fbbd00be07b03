# Prints the files of job $id from the bytes $from_out and $from_err on until the job has ended, then its record on
# standard error between two lines with $nonce (introduce and report_job). With $once it does not wait for more output;
# with $silent it waits for the end only; with $cancel, or when it reads the line "cancel", it asks the supervisor to
# end the job. It ends early at the end of standard input, for then nobody reads its output.
# $lines limits it to the last lines of each file, $since to the output of the last seconds. It stands behind
# functions.sh and find_job.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # the text in front sets and reads these variables

# A job whose supervisor is gone gets a new one, which cleans up.
cancel() {
  job_state "$jobs/$id"
  [ "$state" != ended ] || return
  [ -e "$jobs/$id/cancelled" ] || : >"$jobs/$id/cancelled"
  job_state "$jobs/$id"
  case $state in
    waiting) end_waiting "$id" ;;
    running | ending) kill -TERM "$pid" ;;
    lost)
      [ -d "$jobs/$id" ] || return
      setsid sh "$jobs/$id/supervise" "$jobs/$id" clean </dev/null >/dev/null 2>&1 &
      tries=50
      while [ "$state" = lost ] && [ $((tries -= 1)) -gt 0 ]; do sleep 0.1; job_state "$jobs/$id"; done ;;
  esac
}

# A damaged job can be cancelled all the same.
[ -n "$cancel" ] || need_files
tails=
exec 3<&0
trap 'kill $tails 2>/dev/null; exit 1' TERM
# A child reads standard input; it ends this shell by its number, which is not $$ where this shell is a subshell.
self=$(exec sh -c 'echo "$PPID"')
(while read -r word <&3; do [ "$word" != cancel ] || cancel; done; kill "$self") >/dev/null 2>&1 &
exec 3<&- </dev/null
folder=$jobs/$id
# lines_begin FILE: prints the byte where the last $lines lines begin.
lines_begin() {
  size=$(wc -c <"$1") || size=0
  echo $((size - $(head -c "$size" "$1" | tail -n "$lines" | wc -c)))
} 2>/dev/null
# since_begins: prints the sizes of both files $since seconds ago, as far as the supervisor has noted them.
since_begins() {
  awk -v time="$(($(date +%s) - since))" '$1 <= time { out = $2; err = $3 } END { print out + 0, err + 0 }' "$folder/sizes"
} 2>/dev/null
if [ -n "$since" ]; then
  from=$(since_begins)
  from_out=${from% *} from_err=${from#* }
fi
[ -z "$lines" ] || from_out=$(lines_begin "$folder/out") from_err=$(lines_begin "$folder/err")
introduce
[ -z "$cancel" ] || cancel
job_state "$folder"
while [ "$state" = waiting ] && [ -z "$once" ] && [ -d "$folder" ]; do
  sleep 0.1
  job_state "$folder"
done
# Both tails end with the supervisor; the user waits for the interval at the end.
on=
case $state$once in running | ending) on="-f -s 0.04 --pid=$pid" ;; esac
out=$folder/out err=$folder/err
[ -z "$silent" ] || out=/dev/null err=/dev/null
[ -f "$out" ] || out=/dev/null
[ -f "$err" ] || err=/dev/null
# shellcheck disable=SC2086 # the options are several words
tail -c "+$((from_out + 1))" $on "$out" 2>/dev/null & tails=$!
# shellcheck disable=SC2086
tail -c "+$((from_err + 1))" $on "$err" >&2 2>/dev/null & tails="$tails $!"
for one in $tails; do wait "$one"; done
report_job
