# Functions for every program on the master that deals with jobs; it stands in front of those programs. It sets $jobs,
# the folder of all jobs, and $boot. shell.hpp lists the files of a job's folder.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2115 # $id is never empty where a folder goes; the programs behind this text read and set these variables

jobs=$HOME/.ec2mpi/jobs made='' once='' silent='' cancel='' unended='' whole_name='' takes_series='' strange='' newline='
'
read -r boot </proc/sys/kernel/random/boot_id
# give_up TEXT [STATUS]: ends the program; a folder that is only half made goes.
give_up() {
  [ -z "$made" ] || rm -rf "$jobs/$id"
  echo "ec2mpi: on the master: $1" >&2
  exit "${2:-1}"
}
[ -z "${ec2mpi_no_home-}" ] || give_up "$ec2mpi_no_home, but jobs are kept there"
# need_jobs: ends the program if the jobs cannot be read, which is not the same as that there are none.
need_jobs() {
  for at in "$HOME/.ec2mpi" "$jobs"; do
    [ -e "$at" ] || [ -L "$at" ] || return 0
    [ -d "$at" ] || give_up "$at is not a folder, but the jobs belong there; move it away"
    { [ -r "$at" ] && [ -x "$at" ]; } ||
      give_up "$(id -un) may not read $at, where the jobs are: ec2mpi exec -w 1 'sudo chown -R \"\$(id -un)\" ~/.ec2mpi; chmod -R u+rwX ~/.ec2mpi'"
  done
}
# alive PID START BOOT: is that very process there? proc(5): state and start time are fields 3 and 22 of stat; the name
# in front of them may hold anything.
alive() {
  [ "$3" = "$boot" ] && read -r stat <"/proc/$1/stat" || return 1
  born=$2
  # shellcheck disable=SC2086 # the words behind the name
  set -- ${stat##*) }
  [ "$1" != Z ] && [ "${20}" = "$born" ]
} 2>/dev/null
# find_strange PLACE DEPTH: prints the paths of those files of jobs that cannot be read: folders, pipes and devices, which
# would hold a reader for ever, and texts of more than a MiB. One process for all jobs.
find_strange() {
  find -L "$1" -mindepth "$2" -maxdepth "$2" \( \
    \( -name meta -o -name times -o -name why -o -name exit -o -name pid -o -name queue -o -name nodes -o -name hosts \) \
    ! \( -type f -size -2049 \) -o \
    \( -name out -o -name err -o -name sizes -o -name stacks -o -name profile \) ! -type f \)
} 2>/dev/null
# strange ID: sets $part to a file of the job that cannot be read; false if there is none. $strange has the paths that
# find_strange has found.
strange() {
  case $strange in *"$jobs/$1/"*) part=${strange#*"$jobs/$1/"} part=${part%%"$newline"*}; return ;; esac
  for part in exit pid meta times why out err; do
    [ -r "$jobs/$1/$part" ] || [ ! -e "$jobs/$1/$part" ] || return 0
  done
  part=
  { [ -r "$jobs/$1" ] && [ -x "$jobs/$1" ]; } || [ ! -d "$jobs/$1" ] || part=folder
  [ -n "$part" ]
}
# need_files: ends the program if a file of job $id cannot be read.
need_files() {
  strange=$(find_strange "$jobs/$id" 1)
  ! strange "$id" ||
    give_up "the record of $id is damaged: its $part cannot be read; ec2mpi rm $id removes the job"
}
# is_old FOLDER: made more than a minute ago? By the uptime, for the clock that dates files may be another one (a home on
# a server), or may have been set. An older ec2mpi has not noted it.
is_old() (
  read -r made made_boot <"$1/made" || { [ -n "$(find "$1/meta" "$1" -prune -mmin +1)" ]; exit; }
  [ "$made_boot" = "$boot" ] || exit 0
  read -r now rest </proc/uptime
  [ $((${now%.*} - ${made%.*})) -gt 60 ]
)
# job_state FOLDER: sets $state and $detail. `exit` is read again when the supervisor is gone, because the supervisor
# may just have written it.
job_state() {
  detail=
  if [ -f "$1/exit" ] && read -r detail <"$1/exit"; then
    state=ended
  elif [ ! -d "$1" ]; then
    state=lost detail=gone
  elif ! { [ -f "$1/pid" ] && read -r pid start booted <"$1/pid"; }; then
    state=waiting
    # A job outside of the queue gets its supervisor at once, or never.
    [ -f "$1/queue" ] || ! is_old "$1" || state=lost detail=unstarted
    { [ ! -e "$1/pid" ] || { [ -f "$1/pid" ] && [ -r "$1/pid" ]; }; } && [ -x "$1" ] || state=lost detail=damaged
  elif alive "$pid" "$start" "$booted"; then
    state=running
    [ -f "$1/cancelled" ] || [ -f "$1/timed_out" ] && state=ending
  elif [ -f "$1/exit" ] && read -r detail <"$1/exit"; then
    state=ended
  else
    state=lost detail=killed
    [ "$booted" = "$boot" ] || detail=rebooted
  fi
} 2>/dev/null
# record ID: prints the job as parse_job_records reads it; of one with a strange file it is the state and "damaged FILE".
# $strange is that of find_strange.
record() {
  strange "$1"
  job_state "$jobs/$1"
  echo "job $1"
  echo "state $state $detail"
  [ -z "$part" ] || { echo "why damaged $part"; return; }
  for file in meta times why; do
    while IFS= read -r line; do printf '%s %s\n' "$file" "$line"; done <"$jobs/$1/$file"
  done 2>/dev/null
  case $state in running | ending) ;; *) return ;; esac
  read -r begun rest <"$jobs/$1/clock" && read -r now rest </proc/uptime &&
    echo "times ran $((${now%.*} - ${begun%.*}))"
}
# list_busy: "busy ADDRESS ID" for each node of each job that runs.
list_busy() {
  for entry in "$jobs"/*/pid; do
    entry=${entry%/pid}
    [ -f "$entry/pid" ] || continue
    [ -f "$entry/hosts" ] || continue
    [ ! -f "$entry/exit" ] || continue
    job_state "$entry"
    case $state in running | ending) ;; *) continue ;; esac
    while read -r address slots; do echo "busy ${address%%:*} ${entry##*/}"; done <"$entry/hosts"
  done
} 2>/dev/null
# has_room ID: is there room on the disk for the files of one more job, which waits in the queue? They are some two dozen
# small ones, and one or two for each node. If not, $said has the errors.
has_room() {
  room=$jobs/.room.$$
  size=$((4096 * (24 + 2 * $(wc -l <"$jobs/$1/pool"))))
  said=$( { mkdir -p "$room" && head -c "$size" /dev/zero 2>/dev/null | split -b 4096 - "$room/"; } 2>&1)
  full=$?
  rm -rf "$room"
  return $full
}
# looked_at LABEL: did the last look at this node reach its end?
looked_at() { grep -qx 'ec2mpi-sweep end' "$jobs/$id/swept/$1"; }
# say_on_both LINE...: ssh carries the two streams independently, so each gets the lines around the job's own bytes.
say_on_both() {
  printf '%s\n' "$@"
  printf '%s\n' "$@" >&2
}
# Says which job is meant, before any of its output.
introduce() {
  job_state "$jobs/$id"
  say_on_both "$nonce.job" "$id $state ${from_out:-0} ${from_err:-0}" "$nonce.job end"
}
# report_job: ends each stream of job $id by two lines with $nonce. Between those on standard error it prints the record
# of the job and the looks at its nodes.
report_job() {
  printf '%s\n' "$nonce" "$nonce end"
  { echo "$nonce"; print_record; echo "$nonce end"; } >&2
}
print_record() {
  strange=$(find_strange "$jobs/$id" 1)
  record "$id"
  [ -z "$part" ] || return
  while read -r label address; do
    [ -f "$jobs/$id/swept/$label" ] || continue
    echo "node $label"
    # Without another program: the user waits, and there may be many nodes.
    whole=
    while IFS= read -r line; do
      printf '%s\n' "$line"
      [ "$line" != 'ec2mpi-sweep end' ] || whole=yes
    done <"$jobs/$id/swept/$label"
    [ -n "$whole" ] || grep -v -e '^ec2mpi-sweep' -e '^usage ' "$jobs/$id/swept/$label" | sed -n '$s/^/trouble /p'
  done <"$jobs/$id/nodes"
} 2>/dev/null
# end_waiting ID: a job that has not started ends as cancelled.
end_waiting() {
  mkdir -p "$jobs/$1/spare"
  echo cancelled 1<>"$jobs/$1/spare/why" && mv -f "$jobs/$1/spare/why" "$jobs/$1/why"
  echo 130 1<>"$jobs/$1/spare/exit" && mv -f "$jobs/$1/spare/exit" "$jobs/$1/exit"
}
# Looks again at the nodes of job $id that could not be looked at when it ended; false if there are none. The supervisor
# of an older ec2mpi cannot do that.
look_again() {
  left=
  while read -r label address; do
    [ ! -f "$jobs/$id/swept/$label" ] || looked_at "$label" || left=yes
  done <"$jobs/$id/nodes"
  # shellcheck disable=SC2016 # the text of the program itself
  [ -n "$left" ] && grep -q '"$mode" = look' "$jobs/$id/supervise" || return
  sh "$jobs/$id/supervise" "$jobs/$id" look </dev/null >/dev/null
} 2>/dev/null
# newest_series NAME: sets $member to the folder of a job of the newest series of that name, or of its repeated runs;
# false if there is none.
newest_series() {
  member='' latest=''
  for entry in "$jobs"/*/queue; do
    { [ -f "$entry" ] && read -r second place series rest <"$entry"; } || continue
    case $series in "$1" | "$1"-run[0-9]*) ;; *) continue ;; esac
    [ -n "$latest" ] && [ "$second" -le "$latest" ] || member=${entry%/queue} latest=$second
  done 2>/dev/null
  [ -n "$member" ]
}
# find_job WORD: sets $id. WORD is empty (the newest job; with $unended the newest that waits or runs), an id, the name
# of a job (its newest, as above), or the beginning of exactly one id, which with $whole_name goes as far as the date.
# With $takes_series it ends the program with status 3 if WORD is the name of a series, and no job of that name is newer.
find_job() {
  id=
  need_jobs
  case $1 in
    */* | .*) give_up "'$1' is not a job's id" 2 ;;
    '') for meta in $(cd "$jobs" 2>/dev/null && ls -td -- */meta 2>/dev/null); do
          # A measurement of ours is nobody's newest job.
          [ -f "$jobs/$meta" ] && grep -qsx 'command ec2mpi net' "$jobs/$meta" && continue
          id=${meta%/meta}
          [ -n "$unended" ] || return 0
          job_state "$jobs/$id"
          case $state in ended | lost) ;; *) return 0 ;; esac
        done
        [ -n "$id" ] || give_up "there are no jobs" 2
        give_up "no job is running; ec2mpi jobs lists them" 2 ;;
  esac
  [ -d "$jobs/$1" ] && id=$1 && return
  over=
  # Not by the id: of jobs of one second it does not say which is newer.
  for folder in $(cd "$jobs" 2>/dev/null && ls -td -- "$1"-????????-??????-????/meta 2>/dev/null); do
    folder=${folder%/meta}
    [ -z "$unended" ] || job_state "$jobs/$folder"
    case $unended$state in yesended | yeslost) over=${over:-$folder} ;; *) id=$folder; break ;; esac
  done
  id=${id:-$over}
  if [ -n "$takes_series" ] && newest_series "$1"; then
    [ -n "$unended" ] && [ -n "$id" ] && [ "$id" != "$over" ] && return 0
    [ -n "$id" ] && [ -n "$(find "$jobs/$id/meta" -newer "$member/meta")" ] || exit 3
  fi
  [ -z "$id" ] || return 0
  matches=0 others=
  for folder in $(cd "$jobs" 2>/dev/null && ls -td -- "$1"*/ 2>/dev/null); do
    id=${folder%/} matches=$((matches + 1))
    [ "$matches" -gt 5 ] || others="$others $id"
  done
  [ -n "$id" ] || give_up "there is no job $1; ec2mpi jobs lists them" 2
  case $whole_name$1 in
    yes*-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]*) ;;
    yes*) give_up "there is no job $1; a shortened id needs its date here, as in $id" 2 ;;
  esac
  [ "$matches" -le 5 ] || others="$others and $((matches - 5)) more"
  [ "$matches" = 1 ] || give_up "$1 may be any of$others" 2
}
