#!/bin/sh
# Ends this machine when its life is over, or when it was idle for too long. It runs as root from the boot to the end:
#
#   keep_lifetime.sh FOLDER         watches until the end
#   keep_lifetime.sh FOLDER signal  as a user: sends the user's running jobs the signal that they want before the end
#   keep_lifetime.sh FOLDER finish  as a user: ends the user's jobs, so that their records are complete
#   keep_lifetime.sh FOLDER tell    as a user: reports to the other nodes that the cluster is in use
#
# install_lifetime.sh writes the files of FOLDER, each with one number:
#   end     the end of the life, in seconds since 1970
#   length  the seconds of a life
#   notice  the seconds before the end at which jobs get their signal
#   idle    the seconds without a job and without a login after which the machine ends, too; 0: any number
# and `boot`, the id of the boot in which `end` was written. A boot after the end begins a new life: the machine was
# stopped, and somebody has started it again.
#
# A user may change any file of a home, so root reads none there: what concerns jobs is done as their user. Nothing that
# could wait for a disk, a network or a terminal stands in the way of the end.
# shellcheck disable=SC2009 # pgrep is not on every image
folder=$1
mode=$2
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
cd "$folder" || exit 1
exec </dev/null >/dev/null 2>&1

# number FILE DEFAULT: sets $value.
number() {
  read -r value _ <"$1" || value=
  case $value in '' | *[!0-9]*) value=$2 ;; esac
}

# put FILE TEXT
put() { printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"; }

# warn TEXT: to every terminal. A terminal that takes no output must not delay the others.
warn() {
  for terminal in /dev/pts/[0-9]*; do
    # shellcheck disable=SC2016 # the inner shell expands its own words
    timeout -k 1 3 sh -c 'printf "\r\nec2mpi: %s\r\n" "$2" >"$1"' sh "$terminal" "$1" &
  done
}

# as_users MODE: this program in that mode, for each user who has run jobs here.
as_users() {
  getent passwd | while IFS=: read -r user _ _ _ _ home _; do
    timeout 5 test -d "$home/.ec2mpi" || continue
    timeout -k 5 300 su -s /bin/sh "$user" -c "exec sh $folder/keep $folder $1" &
  done &
}

# EC2 then ends or stops the instance, as its shutdown behaviour says. A supervisor that still completes its job's
# record gets some more seconds.
shut_down() {
  warn "this machine ends now: $1"
  grace=20
  while [ $grace -gt 0 ] && leads_job; do
    sleep 1
    grace=$((grace - 1))
  done
  shutdown -h now || poweroff
  sleep 90
  poweroff -f || echo o >/proc/sysrq-trigger
}

# --- the end of the life

span() {
  if [ "$1" -ge 120 ]; then echo "$(($1 / 60)) minutes"; else echo "$1 seconds"; fi
}

# look_at_end: sets $left, and $stage: 0 far from the end, 1 warned, 2 jobs have their signal, 3 jobs end, 4 the end.
look_at_end() {
  number notice 600
  notice=$value
  number end 0
  [ "$value" -gt "$least_end" ] || value=$least_end
  left=$((value - $(date +%s)))
  if [ "$left" -le 0 ]; then stage=4 next=1
  elif [ "$left" -le $((notice / 5)) ]; then stage=3 next=$left
  elif [ "$left" -le "$notice" ]; then stage=2 next=$((left - notice / 5))
  elif [ "$left" -le $((3 * notice)) ]; then stage=1 next=$((left - notice))
  else stage=0 next=$((left - 3 * notice)); fi
  [ "$next" -lt 30 ] || next=30
  [ "$next" -gt 0 ] || next=1
}

enter_stage() {
  case $1 in
    1) warn "this machine ends in $(span "$left"), at $(date -u -d "@$((left + $(date +%s)))" +%H:%M:%S) UTC. \`ec2mpi extend\` moves the end; results that only lie here may be lost." ;;
    2) warn "this machine ends in $(span "$left"): running jobs get their signal now. \`ec2mpi extend\` moves the end."
       as_users signal ;;
    3) warn "this machine ends in $(span "$left"): its jobs end now."
       as_users finish ;;
    4) shut_down "its life is over" ;;
  esac
}

# A full disk takes no new end, so it is also kept in $least_end.
begin_life() {
  least_end=0
  read -r boot </proc/sys/kernel/random/boot_id
  read -r known <boot || known=
  [ "$known" != "$boot" ] || return
  number end 0
  now=$(date +%s)
  if [ "$value" -le "$now" ]; then
    number length 28800
    least_end=$((now + value))
    put end "$least_end" && least_end=0
  fi
  put boot "$boot"
}

watch_end() {
  begin_life
  done_stage=0
  while :; do
    look_at_end
    [ "$stage" -ge "$done_stage" ] || done_stage=$stage # the end was moved
    while [ "$done_stage" -lt "$stage" ]; do
      done_stage=$((done_stage + 1))
      enter_stage "$done_stage"
    done
    [ "$stage" -lt 4 ] || done_stage=3 # it is tried again
    sleep "$next"
  done
}

# --- the jobs, as their user

# is_alive PID START BOOT: proc(5) has the state and the start in fields 3 and 22 of stat.
is_alive() {
  read -r boot </proc/sys/kernel/random/boot_id
  [ "$3" = "$boot" ] && read -r stat <"/proc/$1/stat" || return 1
  wanted=$2
  # shellcheck disable=SC2086 # the words behind the name
  set -- ${stat##*) }
  [ "$1" != Z ] && [ "${20}" = "$wanted" ]
}

# end_job FOLDER: its supervisor ends it as it ends a job whose time limit is over, and completes its record.
end_job() {
  : >"$1/timed_out"
  kill -TERM "$2"
}

# send_signal FOLDER NAME: to the launchers, which forward it to the ranks; without a launcher, to the job's processes.
send_signal() {
  reached=
  # shellcheck disable=SC2013 # no path of /proc has a blank
  for environment in $(grep -lszx "EC2MPI_JOB=${1##*/}" /proc/[0-9]*/environ); do
    process=${environment#/proc/}
    process=${process%/environ}
    read -r name <"/proc/$process/comm" || continue
    case $name in mpirun* | mpiexec* | orterun* | prterun*) kill -"$2" "$process" && reached=yes ;; esac
  done
  [ -n "$reached" ] || kill -"$2" "$(cat "$1/launcher")"
}

each_job() {
  for job in "$HOME"/.ec2mpi/jobs/*/; do
    job=${job%/}
    if [ ! -f "$job/meta" ] || [ -f "$job/exit" ]; then continue; fi
    pid=
    [ ! -f "$job/pid" ] || read -r pid start booted <"$job/pid"
    if [ -z "$pid" ]; then
      : >"$job/cancelled" # it waits, and must not begin now
      continue
    fi
    is_alive "$pid" "$start" "$booted" || continue
    wanted_signal=$(sed -n 's/^end_signal \([A-Z0-9]*\)$/\1/p' "$job/meta")
    if [ "$1" = finish ] || [ "${wanted_signal:-TERM}" = TERM ]; then
      [ -f "$job/timed_out" ] || end_job "$job" "$pid"
    else
      send_signal "$job" "$wanted_signal"
    fi
  done
}

# --- an idle machine

# sshd names a session by its user and terminal.
has_login() { ps -e -o args= | grep -q "^sshd[-a-z]*: [^ ]*@$1"; }
has_job() { grep -qsz '^EC2MPI_JOB=' /proc/[0-9]*/environ; }
leads_job() { ps -e -o args= | grep -q '/\.ec2mpi/jobs/[^ ]*/supervise'; }

# use_elsewhere: sets $value to the second of the last report from another node.
use_elsewhere() {
  value=$(getent passwd | cut -d: -f6 | sort -u | while read -r home; do
    timeout -k 1 5 stat -c %Y "$home/.ec2mpi/in_use"
  done | sort -n | tail -n 1)
  [ -n "$value" ] && [ "$value" -le "$(date +%s)" ] || value=0
}

# Of the nodes that a cluster uses, some may be free for hours, and must not end one by one: the node with the job's
# launcher, or with a person at a terminal, tells all others. setup has written them into /etc/hosts.
tell_others() {
  [ $((now - told)) -ge "$pause" ] && { leads_job || has_login pts/; } || return
  told=$now
  as_users tell
}
tell() {
  [ -d "$HOME/.ssh/ec2mpi" ] || return
  sed -n '/^# BEGIN ec2mpi/,/^# END ec2mpi/s/^\([0-9a-f][0-9a-f.:]*\)[[:blank:]].*/\1/p' /etc/hosts |
    xargs -P 16 -I '{}' timeout 30 ssh -o BatchMode=yes -o ConnectTimeout=8 -o LogLevel=ERROR '{}' \
      'mkdir -p .ec2mpi && : >.ec2mpi/in_use'
}

watch_idle() {
  used=$(date +%s)
  told=0
  while :; do
    number idle 0
    idle=$value
    now=$(date +%s)
    if [ "$idle" = 0 ] || has_login '' || has_job || leads_job; then used=$now; fi
    use_elsewhere
    [ "$value" -le "$used" ] || used=$value
    pause=$((idle / 4))
    [ "$pause" -lt 300 ] || pause=300
    [ "$idle" = 0 ] || tell_others
    [ $((now - used)) -lt "$idle" ] || [ "$idle" = 0 ] || shut_down "it was idle for $(span "$idle")"
    nap=$((idle / 10))
    [ "$nap" -lt 20 ] && [ "$idle" != 0 ] || nap=20
    [ "$nap" -gt 0 ] || nap=1
    sleep "$nap"
  done
}

case $mode in
  signal | finish) each_job "$mode" ;;
  tell) tell ;;
  '') watch_idle &
      watch_end ;;
esac
