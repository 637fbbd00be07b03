# Sends the signal $signal to the launchers of job $id, which forward USR1, USR2, TSTP and CONT to the ranks; in a job
# without a launcher, the job's processes get it. It stands behind functions.sh, find_job, and the functions that find
# marked processes.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # the text in front sets and reads these variables

job_state "$jobs/$id"
[ "$state" = running ] || [ "$state" = ending ] || give_up "$id is not running"
reached=
for p in $(marked); do
  read -r name <"/proc/$p/comm"
  case $name in mpirun* | mpiexec* | orterun* | prterun*) kill -"$signal" "$p" && reached=yes ;; esac
done 2>/dev/null
[ -n "$reached" ] || kill -"$signal" "$(cat "$jobs/$id/launcher")" 2>/dev/null || give_up "$id has nothing that takes signals"
echo "$id: SIG$signal sent"
