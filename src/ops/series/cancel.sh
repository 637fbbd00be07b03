# Cancels all jobs of the series $wanted. The mark comes first, so that the queue starts none of them any more; the queue
# itself ends those that wait. A supervisor may start between the two loops: the second loop finds it. It stands behind
# functions.sh.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # the text in front sets these variables

cd "$jobs" 2>/dev/null || exit 0
for entry in */; do
  id=${entry%/}
  { [ -f "$id/queue" ] && read -r second place series rest <"$id/queue"; } || continue
  [ "$series" = "$wanted" ] || continue
  [ -e "$id/exit" ] || [ -e "$id/cancelled" ] || : >"$id/cancelled"
done 2>/dev/null
[ ! -f "$HOME/.ec2mpi/schedule" ] || sh "$HOME/.ec2mpi/schedule" </dev/null >/dev/null 2>&1
for entry in */; do
  id=${entry%/}
  [ -f "$id/cancelled" ] || continue
  { [ -f "$id/queue" ] && read -r second place series rest <"$id/queue"; } || continue
  [ "$series" = "$wanted" ] || continue
  job_state "$jobs/$id"
  case $state in running | ending) kill -TERM "$pid" ;; esac
done 2>/dev/null
