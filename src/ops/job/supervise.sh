# The supervisor of one job, on the master: `sh supervise FOLDER [clean|look]`. FOLDER is the job's folder.
#   (no word)  starts the job, keeps its time limit, ends it on TERM, looks on all nodes that nothing is left, writes
#              the record and calls the queue
#   clean      for a job whose supervisor was killed: ends the launchers, then does the same from the look on
#   look       looks once more at the nodes whose last look has no whole answer
# It prints nothing: its answers are the files of the folder (shell.hpp lists them), and `exit` is the last of them.
# The text in front of this one defines $id, $mark, family() (find_marked.sh), end_launchers() and find_swift().
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
  while read -r label address; do reserve "$label" || return 1; done <nodes
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

# --- a launcher that does not return ---
# A launcher that has lost a daemon may wait for it for ever: Hydra always does, Open MPI 5 now and then. So every five
# seconds the launcher's connections and its ranks on this node are counted, and the launcher is ended in these cases:
# - Hydra: for three looks it has one connection fewer than it had, or than it has made by `links`, which only MPICH
#   writes: a connection may be lost before the first look.
# - Open MPI 4, which keeps its connections, too (orte_leave_session_attached): before any rank was seen, a connection
#   is missing for four looks.
# - This node had ranks, and has none for four looks; then the other nodes are asked, and none of them has a rank.
# - The connection of a daemon ended a minute ago: mpirun then ends the other daemons, and waits for one whose node is
#   frozen.
look_at_launcher() {
  ps -A -o pid= -o ppid= -o stat= -o comm= | awk -v top="$child" '
    $3 !~ /^Z/ { parent[$1] = $2; name[$1] = $4 }
    END {
      for (p in parent) {
        if (parent[p] == top && name[p] ~ /^hydra_pmi_proxy|^hydra_bstrap/) host[p]
        if (parent[p] == top && name[p] == "ssh") links++
      }
      host[top]
      for (p in parent) if ((parent[p] in host) && !(p in host) && name[p] != "ssh") ranks++
      print name[top], links + 0, ranks + 0
    }'
}
# shellcheck disable=SC2016 # expanded where it runs
count_ranks='
for p in $(grep -slzxF -e "$mark" /proc/[0-9]*/environ | cut -d/ -f3); do
  read -r stat <"/proc/$p/stat"
  set -- ${stat##*) }
  case $(cat "/proc/$2/comm") in orted | prted | hydra_*) echo rank ;; esac
done 2>/dev/null'
ranks_elsewhere() {
  while read -r label address; do
    [ "$address" = local ] && continue
    printf 'mark=%s\n%s\n' "$mark" "$count_ranks" |
      timeout 20 ssh -o BatchMode=yes -o ConnectTimeout=8 -o LogLevel=ERROR "$address" 'exec sh -s' 2>/dev/null ||
      echo unknown
  done <nodes | grep -c .
}
# How many connections Open MPI 4 keeps.
wanted_links() {
  while read -r address slots; do
    grep -q 'orte_leave_session_attached 1' run && grep -q " $address\$" nodes && echo "$slots"
  done <hosts | grep -c .
}
# note WORD SENTENCE: tells the user once.
note() {
  case " $noted " in *" $1 "*) return ;; esac
  noted="$noted $1"
  echo "ec2mpi: $2" >>err.pipe
}
# Open MPI says so when a firewall refuses a connection between two ranks, and drops the message. A job that needs the
# message waits for ever, and ranks that wait use the processor like ranks that compute. So the user is told at once,
# and the job ends only after ten minutes without a word. The page is the same for a rank that has ended before the
# others, which refuses connections, too. Open MPI 4.1 sometimes loses such a page between its
# processes, and only mpirun's complaint about that is left: then nobody knows what the page said.
unconnected() {
  if grep -q -s 'ORTE_ERROR_LOG: .* in file .*/show_help[.]c at line' err; then
    note lost 'Open MPI has lost a warning of its own; if the job does not go on, a firewall may refuse connections between ranks: ec2mpi doctor shows where'
  fi
  grep -q -s 'Open MPI failed to TCP connect to a peer MPI process' err || return
  case " $noted " in *' refused '*) return 0 ;; esac
  if [ $(($1 + $(ranks_elsewhere))) -lt "$(sed -n 's/^np //p' meta)" ]; then
    note refused 'a rank could not connect to another one, and some ranks have ended: if it was one of these, the job may wait for it without an end'
  else
    note refused 'a firewall refused a connection between two ranks; the job may wait for it without an end: ec2mpi doctor shows where'
  fi
}
# Whether a connection of Open MPI 4 to a daemon has ended (rsh.sh), except where the daemon has left it.
has_lost_daemon() { grep -sLx ec2mpi-daemon-stays daemon/*.look | grep -q .; }
# A daemon of Open MPI that could not start its ranks says so, and mpirun waits for them.
cannot_start_ranks() { grep -q -s 'ORTE_ERROR_LOG: .* in file .*odls' err; }
printed() { cat out err | wc -c; }
# For logs --since: the time and the sizes of both streams, one line for each look at which a size has changed.
note_sizes() {
  now="$(stat -c %s out) $(stat -c %s err)"
  [ "$now" = "$last_sizes" ] || echo "$(date +%s) $now" >>sizes
  last_sizes=$now
} 2>/dev/null
# [jobs] hang: a job that has printed nothing for that long, though a rank uses a processor. The program `look` prints
# the stacks of the ranks of a node (src/ops/stacks/stacks.sh); the answers of all nodes are kept in `stacks`.
keep_stacks() {
  mkdir -p looked
  askers=
  while read -r label address; do
    if [ "$address" = local ]; then
      timeout 120 sh ./look
    else
      timeout 120 ssh -o BatchMode=yes -o ConnectTimeout=8 -o ServerAliveInterval=4 -o LogLevel=ERROR "$address" \
        'exec sh -s' <look
    fi >"looked/$label" 2>/dev/null &
    askers="$askers $!"
  done <nodes
  # shellcheck disable=SC2086 # several pids
  wait $askers
  while read -r label address; do echo "node $label"; cat "looked/$label"; done <nodes >stacks.new
  mv -f stacks.new stacks
  rm -rf looked
}
hangs() {
  [ -s hang ] || return 1
  read -r now rest </proc/uptime
  now=${now%.*}
  if [ "$last_sizes" != "$silent_sizes" ]; then silent_sizes=$last_sizes silent_from=$now; fi
  [ $((now - silent_from)) -ge "$(cat hang)" ] || return 1
  keep_stacks
  if awk '$3 == "state" && $5 >= 20 { busy = 1 } END { exit !busy }' stacks; then return 0; fi
  # It waits for something else, such as a file or a license. The next look is after the same time.
  rm -f stacks
  silent_from=$now
  return 1
}
watch_launcher() {
  had_printed=0 silent=0 noted='' last_sizes='0 0' silent_sizes='' silent_from=0
  trap 'kill $nap; exit' TERM
  had_links=0 had_ranks=0 failing=0 fewer=0 none=0 gone=0 unborn=0 patience=12 wanted=$(wanted_links)
  while sleep 5 & nap=$!; wait $nap; do
    note_sizes
    # Some shells lose a TERM that comes just before `wait`.
    if [ -f cancelled ] || [ -f timed_out ]; then kill -TERM $$; fi
    if hangs; then put hung hang; break; fi
    # shellcheck disable=SC2046 # three words
    set -- $(look_at_launcher)
    case $1 in mpirun* | mpiexec* | prterun* | orterun*) ;; *) continue ;; esac
    [ ! -s ranks ] || had_ranks=1
    [ ! -s links ] || had_links=$(wc -l <links)
    if [ "$2" -lt "$had_links" ]; then fewer=$((fewer + 1)); else fewer=0 had_links=$2; fi
    if [ "$3" = 0 ] && [ "$had_ranks" -gt 0 ]; then none=$((none + 1)); else none=0 had_ranks=$3; fi
    [ "$2" = 0 ] || patience=4 # before its first connection mpirun may still be loading
    if [ "$had_ranks" = 0 ] && [ "$2" -lt "$wanted" ]; then unborn=$((unborn + 1)); else unborn=0; fi
    if [ -f links ] && [ $fewer -ge 3 ]; then put hung daemon; break; fi
    if unconnected "$3" && [ "$had_printed" = "$(printed)" ]; then silent=$((silent + 1)); else silent=0 had_printed=$(printed); fi
    if [ $silent -ge 120 ]; then put hung 'no connection'; break; fi
    if cannot_start_ranks; then failing=$((failing + 1)); fi
    if [ $failing -ge 3 ]; then put hung 'no ranks'; break; fi
    if [ $none -ge 4 ] && [ "$(ranks_elsewhere)" = 0 ]; then put hung hung; break; fi
    if [ $unborn -ge $patience ]; then
      if [ "$(ranks_elsewhere)" = 0 ]; then put hung 'no start'; break; fi
      wanted=0
    fi
    # The looks above know more precise reasons.
    if has_lost_daemon; then gone=$((gone + 1)); fi
    if [ $gone -ge 12 ]; then put hung daemon; break; fi
  done
  [ ! -f hung ] || end_launchers
}

# --- a look at all nodes that nothing is left ---
# An answer that has no last line says why there was none.
sweep_node() {
  if [ "$2" = local ]; then
    # shellcheck disable=SC2086 # several pids
    said=$(sh ./sweep $links 2>&1)
  else
    find_swift "$2"
    # shellcheck disable=SC2086 # several words
    said=$(timeout 20 ssh $swift -o BatchMode=yes -o ConnectTimeout=8 -o ServerAliveInterval=4 -o LogLevel=ERROR "$2" \
      'exec sh -s' 2>&1 <sweep)
  fi
  put "$1" "$said" "swept/$1"
}
# The counters of run --profile, and the end of their files on the nodes.
collect_profile() { [ ! -f profiler ] || sh ./profiler collect >/dev/null 2>&1; }
is_whole() { grep -q '^ec2mpi-sweep end$' "$1" 2>/dev/null; }
# The launcher's connections look at their nodes when the daemons have ended (rsh.sh). All together get about five
# seconds for it; a node without a whole answer is then asked over a new connection.
take_daemons_looks() {
  tries=200
  while read -r label address; do
    look=daemon/$address.look
    read -r pid <"daemon/$address.ssh" || continue
    while [ ! -f "$look" ] && kill -0 "$pid" && [ $((tries -= 1)) -gt 0 ]; do sleep 0.02; done
    # Between the end of ssh and the name of its answer is a moment.
    [ -f "$look" ] || sleep 0.02
    ! is_whole "$look" || mv -f "$look" "swept/$label"
  done <nodes
} 2>/dev/null
# A connection that is still there when its node has been asked another way leads nowhere.
end_links() {
  for pid in $links; do
    ! grep -qzxF -e "$mark" "/proc/$pid/environ" || kill -KILL "$pid"
  done
} 2>/dev/null
sweep_nodes() {
  mkdir -p swept
  asking=0 askers='' links=
  [ -n "$mode" ] || links=$(cat daemon/*.ssh 2>/dev/null)
  here=$(sed -n 's/ local$//p' nodes)
  if [ -n "$here" ] && ! is_whole "swept/$here"; then
    sweep_node "$here" local </dev/null &
    askers=$!
  fi
  [ -z "$links" ] || take_daemons_looks
  while read -r label address; do
    if [ "$address" = local ] || is_whole "swept/$label"; then continue; fi
    sweep_node "$label" "$address" </dev/null &
    askers="$askers $!"
    asking=$((asking + 1))
    # shellcheck disable=SC2086 # several pids
    [ $((asking % 32)) != 0 ] || { wait $askers; askers=; }
  done <nodes
  # shellcheck disable=SC2086
  [ -z "$askers" ] || wait $askers
  end_links
}
# A helper that has just been forked still has our trap, and may lose a TERM with it: so nobody waits for the helpers,
# and each of them gets TERM twice.
end_helpers() {
  for one in $timer $watch $holder; do kill "$one" 2>/dev/null; done
}

# --- how it ended ---
# mpirun returns 0 for a rank that aborts with 0 or a multiple of 256. Only the complete message of an MPI counts, line
# by line, because programs print such sentences, too. In front of it may stand text that a rank has printed without an
# end of line. A user's own script (named in the file `script`) has seen the status of its mpirun, so for a script only
# an abort that this status hid is reported.
aborted() {
  grep -q -e '^MPI_ABORT was invoked on rank ' -e ': application called MPI_Abort(' err || return 1
  awk -v all="$(cat script)" '
    function ends_in_dashes(line) { return length(line) > 50 && substr(line, length(line) - 49) ~ /^-+$/ }
    function count(code) { if (all == "" || code % 256 == 0) found = 1 }
    /^MPI_ABORT was invoked on rank [0-9]+ in communicator / { if (ends_in_dashes(last)) { in_block = 1; code = "" } }
    in_block && (/^with errorcode -?[0-9]+\.$/ || /^ +Errorcode: -?[0-9]+$/) { code = $NF + 0 }
    in_block && /^NOTE: invoking MPI_ABORT causes Open MPI to kill all MPI processes\.$/ { if (code != "") count(code); in_block = 0 }
    in_block && /^-+$/ { in_block = 0 }
    /^Abort\(-?[0-9]+\) on node [0-9]+ \(rank [0-9]+ in comm -?[0-9]+\): application called MPI_Abort\(.*, -?[0-9]+\) - process [0-9]+$/ {
      code = $1; gsub(/[^-0-9]/, "", code)
      again = $0; sub(/\) - process [0-9]+$/, "", again); sub(/.*, /, "", again)
      if (code == again && $4 == $NF) count(code + 0)
    }
    { last = $0 }
    END { exit !found }' err
}
# page_begins_with PATTERN: does a page of Open MPI, which stands between lines of dashes?
page_begins_with() {
  tail -c 65536 err | awk -v pattern="^($1)" '
    function ends_in_dashes(line) { return length(line) > 50 && substr(line, length(line) - 49) ~ /^-+$/ }
    ends_in_dashes(last) && $0 ~ pattern { found = 1 }
    { last = $0 }
    END { exit !found }'
}
# Open MPI 5 returns 0 or 255 after it has lost a node; its message shows that. In ec2mpi, 255 means a lost job.
lost_a_node() { page_begins_with '(ORTE|PRTE) has lost communication with a remote daemon[.]$'; }
# Open MPI returns an error number of its own (132 to 135), which looks like a signal of a rank.
not_started() { page_begins_with '[a-z]+ was unable to (launch|find|start|access|open) ' || not_executed; }
not_executed() { page_begins_with '[A-Za-z ]+ tried to fork a new process via the "execve" system call but$'; }
# If the system does not start a file that is there, its error ("No such file") is about the interpreter in the file's
# first line. Here that line is read, for hints.cpp.
explain_start() {
  program=$(tail -c 65536 err | sed -n -e 's/^  Application name:  //p' -e 's/.*execvp error on file \(.*\) ([^()]*)$/\1/p' | head -n 1)
  [ -n "$program" ] || return
  cd -- "$(cat workdir)" || return
  case $program in */*) ;; *) program=$(PATH=$ec2mpi_path && command -v "$program") ;; esac
  if [ -d "$program" ]; then
    echo "ec2mpi: $program is a folder"
    return
  fi
  IFS= read -r first <<END
$(head -c 512 "$program" | tr -d '\000' | head -n 1)
END
  cr=$(printf '\r')
  case $first in
    '#!'*"$cr") echo "ec2mpi: $program is a script with the line ends of Windows" ;;
    '#!'*)
      set -f
      # shellcheck disable=SC2086 # the first word
      set -- ${first#??}
      [ -z "$1" ] || [ -x "$1" ] || echo "ec2mpi: $program asks in its first line for $1, which is not on the master" ;;
  esac
} 2>/dev/null
# Open MPI has a page about each rank that makes it fail; without one, the status of KILL is that of mpirun itself. Only
# with this setting a rank may end with any status, and there is no page.
mpirun_killed() {
  [ ! -s script ] && grep -q '^mpi Open MPI' meta || return 1
  ! page_begins_with '([a-z]+ (noticed|detected) that |Primary job )' && ! grep -q -s abort_on_non_zero_status run environment
}
# The sentence of the first complete page of Open MPI about a rank that a signal ended.
crash_of_rank() {
  grep -q ' noticed that process rank ' err && awk '
    said != "" && /^-+$/ { sub(/[.]$/, "", said); print said; exit }
    { said = "" }
    length(last) > 50 && substr(last, length(last) - 49) ~ /^-+$/ &&
      /^[a-z]+ noticed that process rank [0-9]+ with PID [0-9]+ on node [^ ]+ exited on signal [0-9]+/ { said = $0 }
    { last = $0 }' err | head -c 300
}
# Open MPI 5 writes a line into `ranks` for each rank that it has started. Now and then it starts fewer ranks than it
# was told to, and returns 0.
ranks_missing() {
  [ -s ranks ] && [ "$(grep -c '^(rank,' ranks)" -lt "$(sed -n 's/^np //p' meta)" ]
}
# One line that jobs with the same fault have in common: the first exception in their output, else the first line about
# an error, else the status. A limit, a full disk, and that a job was cancelled or lost, are no such reasons.
failure_reason() {
  case $why in cancelled | timeout | hang | lost* | "no room") echo -; return ;; esac
  head -c 262144 err | tr -d '\000\r' | awk -v status="$status" '
    { sub(/^\[[0-9]+,[0-9]+\]<std(err|out|diag)>: ?/, ""); sub(/^\[[0-9]+\] /, "") }
    /^[A-Za-z_][A-Za-z0-9_.]*(Error|Exception|Interrupt|Exit)(: |$)/ { if (exception == "") exception = $0 }
    error == "" && /^[^-]/ && /[Ee]rror|ERROR|not found|[Nn]o such|denied|[Cc]annot|[Ff]ailed/ { error = $0 }
    END {
      reason = exception != "" ? exception : error != "" ? error : "exit " status
      print substr(reason, 1, 200)
    }'
}
# Runs the hook of the settings when the job is over. It is no part of the job: nobody waits for it, and its limits are
# a minute and 10 MiB in a file.
run_hook() {
  [ -s hook ] || return
  (
    exec >hook.log 2>&1
    hook=$PWD/hook
    ulimit -f 20480
    unset LC_ALL
    # shellcheck disable=SC1091 # make_folder.sh has made it
    . ./environment
    PATH=$ec2mpi_path HOME=${ec2mpi_home:-$HOME}
    unset ec2mpi_path ec2mpi_home
    cd && EC2MPI_JOB_ID=$id EC2MPI_STATUS=$status EC2MPI_WHY=$why exec setsid timeout -k 5 60 sh "$hook"
  ) &
}
# Sets $why, where there is none yet.
because() { [ -n "$why" ] || why=$1; }
judge() {
  case $status in
    0 | 255) ! lost_a_node || status=205 ;;
    13? | 1[4-9]? | 2??) ! not_started || status=1 ;;
  esac
  if [ "$status" != 0 ] && grep -q -e 'execvp error on file ' -e 'via the "execve" system call' err; then
    (explain_start) >>err
  fi
  if [ "$status" = 0 ] && ranks_missing; then
    because 'ranks missing'
    status=205
  fi
  if [ "$status" = 137 ] && mpirun_killed; then because 'mpirun killed'; fi
  if [ "$status" = 0 ] && aborted; then
    because aborted
    status=1
  fi
  if [ "$status" = 0 ] && [ -s script ]; then
    crash=$(crash_of_rank)
    [ -z "$crash" ] ||
      echo "ec2mpi: an mpirun of this script failed ($crash), but the script ended with 0; set -o pipefail or set -e shows it" >>err
  fi
  # Nobody has seen the writes of a script; a disk that is full at its end has not taken all of them.
  if [ -s script ]; then
    head -c 65536 /dev/zero 2>/dev/null >probe || mark_as lost_output
    rm -f probe
  fi
  if [ -f input.cut ]; then
    because 'input lost'
    [ "$status" != 0 ] || status=1
  fi
  if [ -f lost_output ]; then
    because 'output lost'
    [ "$status" != 0 ] || status=1
  fi
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
