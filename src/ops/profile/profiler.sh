# Brings the profile's library to the nodes of a job, and the counters of its ranks back. It is a file in the job's
# folder on the master, where it runs as `sh profiler prepare` before mpirun and as `sh profiler collect` after all
# ranks have ended. In front of this text stand:
#   build, collect  the programs for each node (build_library.sh, collect.sh), filled in
#   folder          where the library and the counters lie on each node
#   receive         a command line that stores the library there from its input
# The file `nodes` of the folder has a line "LABEL ADDRESS" for each node; the address of the master is "local".
# `prepare` prints one line for a node that cannot take part, makes the file `unprepared` and fails; `collect` then only
# cleans up. Otherwise `collect` writes the file `profile`; it may be called again, for nodes that did not answer, and
# keeps the answers in collected/.
# shellcheck shell=sh
# shellcheck disable=SC2154 # build, collect, folder and receive are set in front of this text
umask 077
exec </dev/null
# on_node ADDRESS SECONDS: runs the program in its input there.
on_node() {
  if [ "$1" = local ]; then
    timeout "$2" sh -s
  else
    timeout "$2" ssh -o BatchMode=yes -o ConnectTimeout=8 -o ServerAliveInterval=4 -o LogLevel=ERROR "$1" 'exec sh -s'
  fi
}
# on_all PROGRAM SECONDS: keeps what the program prints on each node in answers/LABEL, and its status in
# answers/LABEL.status. Nodes that have been collected are left out.
on_all() {
  rm -rf answers
  mkdir answers || exit 1
  asked=0
  while read -r label address; do
    [ ! -f "collected/$label" ] || continue
    {
      printf '%s\n' "$1" | on_node "$address" "$2" >"answers/$label" 2>&1
      echo $? >"answers/$label.status"
    } &
    asked=$((asked + 1))
    [ $((asked % 32)) != 0 ] || wait
  done <nodes
  wait
}
status_of() { cat "answers/$1.status"; }
complain() {
  echo "ec2mpi: --profile: $1" >&2
  failed=1
}
# A node without a compiler gets the library of the master, whose MPI has the same version.
send_library() {
  [ -f "$folder/libprofile.so" ] ||
    { complain "$1 has no mpicc, and the master has none either; ec2mpi setup installs it"; return; }
  timeout 60 ssh -o BatchMode=yes -o ConnectTimeout=8 -o LogLevel=ERROR "$2" "$receive" <"$folder/libprofile.so" ||
    complain "$1 does not take the library"
}
prepare() {
  failed=0
  on_all "$build" 120
  while read -r label address; do
    case $(status_of "$label") in
      0) ;;
      3) send_library "$label" "$address" </dev/null ;;
      124) complain "$label: the library was not built within two minutes" ;;
      *) said=$(tail -n 1 "answers/$label") && complain "$label: ${said:-it cannot build the library, and does not say why}" ;;
    esac
  done <nodes
  rm -rf answers
  [ "$failed" = 0 ] || : >unprepared
  return $failed
}
collect() {
  on_all "$collect" 20
  mkdir -p collected
  while read -r label address; do
    [ ! -f "answers/$label" ] || [ "$(status_of "$label")" != 0 ] || mv -f "answers/$label" "collected/$label"
    echo "node $label"
    cat "collected/$label" 2>/dev/null || echo "lost $label"
  done <nodes >profile.new
  # Without the library no rank was started.
  if [ -f unprepared ]; then rm -f profile.new; else mv -f profile.new profile; fi
  rm -rf answers
}
"$1"
