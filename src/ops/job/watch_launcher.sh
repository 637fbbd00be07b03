# Functions of the supervisor (supervise.sh, which stands behind them): a launcher that does not return is ended, and so is a
# job that hangs. They use its variables and its put and mark_as.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # variables of supervise.sh
# shellcheck disable=SC2329 # it calls the functions

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
