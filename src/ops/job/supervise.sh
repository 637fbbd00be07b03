# The supervisor of one job, on the master: `sh supervise FOLDER [clean|look]`. FOLDER is the job's folder.
#   (no word)  starts the job, keeps its time limit, ends it on TERM, looks on all nodes that nothing is left, writes
#              the record and calls the queue
#   clean      for a job whose supervisor was killed: ends the launchers, then does the same from the look on
#   look       looks once more at the nodes whose last look has no whole answer
# It prints nothing: its answers are the files of the folder (shell.hpp lists them), and `exit` is the last of them.
# The text in front of this one defines $id, $mark, family() (find_marked.sh), end_launchers(), find_swift(), and the functions of
# watch_launcher.sh, look_at_nodes.sh and judge_end.sh.
# shellcheck shell=sh
# shellcheck disable=SC2154 # $id and $mark are defined in front of this text

# A start-up file may leave TERM ignored (trap '' TERM). A shell cannot trap it then, and nothing that it starts dies of it.
case $(sed -n 's/^SigIgn://p' "/proc/$$/status") in
  *[4-7cdef]???)
    env --default-signal=TERM true && exec env --default-signal=TERM sh "$0" "$@"
    perl -e 1 && exec perl -e '$SIG{TERM} = "DEFAULT"; exec @ARGV' sh "$0" "$@" ;;
esac 2>/dev/null
umask 077
folder=$1 mode=$2
cd "$folder" || exit 1
exec </dev/null
asked='' launched='' ending='' status='' child=
# TERM ends the job, from within its trap: one that comes just before `wait` would otherwise be seen when the job is
# over. A process that has been forked and is no program yet, which the mark shows, would lose a TERM.
end_job() {
  asked=yes
  [ -n "$launched" ] && [ -z "$ending$status" ] || return
  ending=yes
  if [ -f timed_out ] && [ ! -f cancelled ]; then why=timeout; else why=cancelled; fi
  tries=250
  until has_ended "$child" || grep -qszxF -e "$mark" "/proc/$child/environ" || [ $((tries -= 1)) -lt 0 ]; do
    sleep 0.02
  done
  end_launchers
}
# has_ended PID: it is gone, or a zombie.
has_ended() {
  read -r stat <"/proc/$1/stat" || return 0
  case ${stat##*) } in Z*) return 0 ;; esac
  return 1
} 2>/dev/null
trap end_job TERM
read -r boot </proc/sys/kernel/random/boot_id
read -r stat </proc/$$/stat
# shellcheck disable=SC2086 # the words behind the name
set -- ${stat##*) }

# --- files that find room on a full disk ---
# A reserved file is written in place, cut to its length and renamed: none of the three needs room. Markers are
# empty files, which need none either, but an inode: they are only renamed.
reserve() {
  for name; do [ -s "spare/$name" ] || printf '%512s' '' >"spare/$name" || return 1; done
}
# put NAME TEXT [FILE]
put() {
  length=$((${#2} + 1))
  printf '%s\n' "$2" 1<>"spare/$1" || return 1
  dd if=/dev/null of="spare/$1" bs=1 seek="$length" 2>/dev/null
  mv -f "spare/$1" "${3:-$1}"
}
mark_as() { mv -f "spare/$1" "$1" 2>/dev/null || : >"$1"; }
reserve_all() {
  mkdir -p spare swept && reserve exit why times clock hung launcher reason || return 1
  for name in timed_out lost_output; do [ -f "$name" ] || : >"spare/$name" || return 1; done
  while read -r label rest; do reserve "$label" || return 1; done <nodes
}

# --- output ---
# What the job prints goes through a process of ours, which sees when the disk takes no more: mpirun drops such
# output and returns 0. cat(1) continues with the next bytes, because there may be room again.
write_stream() {
  trap 'kill $copy; exit' TERM
  exec 3<&0
  while cat <&3 >>"$1" & copy=$!; ! wait $copy; do
    [ -f lost_output ] || mark_as lost_output
    sleep 0.02
  done
} 2>/dev/null
# A user's own script writes straight to the files: an ssh in it would make the pipes nonblocking for all its programs,
# which then lose output.
open_streams() {
  rm -f out.pipe err.pipe
  if [ -s script ]; then
    : >>out && : >>err && ln -s out out.pipe && ln -s err err.pipe
    return
  fi
  mkfifo out.pipe err.pipe || return 1
  write_stream out <out.pipe >/dev/null &
  writers=$!
  write_stream err <err.pipe >/dev/null &
  writers="$writers $!"
}
# The job's input is /dev/null, or a pipe if the client is going to write into it (feed.sh). Until that client has
# begun, a writer of ours keeps the pipe open, so that the job sees no early end; and it waits for a client that is gone
# no longer than half a minute.
open_input() {
  input=/dev/null
  [ -f input ] && mkfifo in.pipe || return 0
  input=in.pipe
  hold_input >/dev/null 2>&1 &
  holder=$!
}
hold_input() {
  trap 'kill $nap; exit' TERM
  exec 4>in.pipe
  tries=150
  while [ ! -f input.begun ] && [ $((tries -= 1)) -gt 0 ]; do
    sleep 0.2 4>&- & nap=$!
    wait $nap
  done
  [ -f input.begun ] || grep -qx typed input || : >input.cut
}
open_writers() {
  open=
  for one in $writers; do kill -0 "$one" 2>/dev/null && open=yes; done
  echo "$open"
  [ -n "$open" ]
}
# After the sweep no process of the job holds the pipes open, except one that could not be ended. What is printed into
# them when the time is over is lost.
close_streams() {
  tries=500
  while open=$(open_writers) && [ $((tries -= 1)) -gt 0 ]; do sleep 0.02; done
  [ -z "$open" ] || mark_as lost_output
  for one in $writers; do kill "$one" 2>/dev/null; done
  rm -f out.pipe err.pipe in.pipe
}

# A helper that has just been forked still has our trap, and may lose a TERM with it: so nobody waits for the helpers,
# and each of them gets TERM twice.
end_helpers() {
  for one in $timer $watch $holder; do kill "$one" 2>/dev/null; done
}

if [ "$mode" = look ]; then
  mkdir -p spare
  sweep_nodes
  collect_profile
  rm -rf spare
  exit 0
fi
[ -f out ] || : >out
[ -f err ] || : >err
echo "$$ ${20} $boot" >pid.new && mv -f pid.new pid || exit 1

begun=
timer=
watch=
holder=
writers=
why=
if [ "$mode" = clean ]; then
  reserve_all
  end_launchers
  status=255
  # The queue has written how the supervisor was lost, or that one how the job ended.
  if [ -f cancelled ]; then why=cancelled; elif [ -s why ]; then why=$(cat why); else why='lost killed'; fi
elif [ -f cancelled ]; then
  reserve_all
  why=cancelled
  status=130
elif started=$(date +%s) && ! { reserve_all && echo "started $started" >>./times && open_streams; } 2>/dev/null; then
  why='no room'
  status=1
else
  read -r begun rest </proc/uptime
  open_input
  # Its own session: every process of the job stays recognizable after its parents have ended.
  EC2MPI_JOB=$id setsid sh ./run <"$input" >>out.pipe 2>>err.pipe &
  child=$!
  put launcher "$child"
  launched=yes
  [ -z "$asked" ] || end_job
  sh ./sampler
  put clock "$begun"
  reserve clock
  if [ -s limit ]; then
    { trap 'kill $nap; exit' TERM
      sleep "$(cat limit)" & nap=$!
      wait $nap && mark_as timed_out && kill -TERM $$; } &
    timer=$!
  fi
  watch_launcher >/dev/null 2>&1 &
  watch=$!
fi
# wait(1) returns early when TERM comes, and behind it the trap ends the job: its own status is had by waiting again.
if [ -z "$status" ]; then
  wait "$child"
  got=$?
  while [ -n "$ending" ] && ! has_ended "$child"; do wait "$child"; done
  again=$got
  if [ -n "$ending" ]; then wait "$child"; again=$?; fi
  status=$again
  [ "$again" != 127 ] || status=$got # it was waited for already
fi
trap '' TERM
end_helpers
[ -z "$why" ] && [ -f hung ] && read -r why <hung
case $why$status in hang0 | 'no ranks'*) status=1 ;; esac
# The user waits for what follows, so the nodes are looked at meanwhile.
sweep_nodes &
sweeper=$!
read -r up rest </proc/uptime
# Somebody may have set the clock meanwhile.
if [ -n "$begun" ]; then ended=$((started + ${up%.*} - ${begun%.*})); else ended=$(date +%s); fi
ended=$(cat times && echo "ended $ended")
clock=$(cat clock 2>/dev/null; echo "$up")
wait "$sweeper"
collect_profile
close_streams
[ ! -f copy ] || rm -f "$(cat copy)" copy
[ "$mode" = clean ] || judge
end_helpers
[ -z "$why" ] || put why "$why"
[ "$status" = 0 ] || put reason "$(failure_reason)"
put times "$ended"
[ ! -f clock ] || put clock "$clock" # a job that did not begin has no time
put exit "$status"
# TERM must not be ignored when the queue continues: the next supervisor could not trap it.
trap - TERM
run_hook
# The user waits for the end of this process, but not for these two.
{
  rm -rf spare
  [ ! -f ../../schedule ] || sh ../../schedule
} >/dev/null 2>&1 &
