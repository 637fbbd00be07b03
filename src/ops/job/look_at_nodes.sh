# Functions of the supervisor (supervise.sh, which stands behind them): a look at all nodes of the job that nothing is left
# there. They use its variables and its put, and find_swift.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # variables of supervise.sh
# shellcheck disable=SC2329 # it calls the functions

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
