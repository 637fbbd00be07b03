#!/bin/sh
# On the master: TERM to the launchers of a job and to the shell that started them. The functions of find_marked.sh
# stand in front, and:
#   id     the job
#   child  its shell, if the caller has started that and not waited for it yet; or nothing
# Answers nothing. Returns when all of them have ended; after eight seconds all processes of the job get KILL.
#
# TERM, not INT: the launcher of MPICH ends only after two INT. The job's own shell gets its TERM first, otherwise it
# would start the next line of the script. The launcher of Open MPI 5 is called prterun, whatever the user typed.
# shellcheck disable=SC2154 # id and child come from the text in front
export LC_ALL=C
exec </dev/null 2>/dev/null

launchers() {
  for pid in $(marked); do
    read -r name <"/proc/$pid/comm"
    case $name in mpirun* | mpiexec* | orterun* | prterun* | hydra_*) echo "$pid" ;; esac
  done
}

shell=$(cat "$HOME/.ec2mpi/jobs/$id/launcher")
for pid in ${child:-$(marked)}; do [ "$pid" != "$shell" ] || kill -TERM "$pid"; done
asked=
tries=40
while [ $tries -gt 0 ]; do
  now=$(launchers)
  [ -n "$now" ] || marked | grep -qxF -e "$shell" || exit 0
  for pid in $now; do
    case " $asked " in *" $pid "*) continue ;; esac
    kill -TERM "$pid"
    asked="$asked $pid"
  done
  sleep 0.2
  tries=$((tries - 1))
done
# shellcheck disable=SC2046 # several pids
kill -KILL $(family)
