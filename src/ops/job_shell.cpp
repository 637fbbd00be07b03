#include "src/ops/job_shell.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/sweep.hpp"

namespace ec2mpi::ops {

namespace {

/// - alive PID START BOOT: that very process (proc(5): state and starttime are fields 3 and 22 of stat; what
///   stands in front, the name, may hold anything).
/// - job_state: sets $state and $detail. `exit` is looked at again when the supervisor is gone: it may just
///   have written it.
/// - find_job WORD: sets $id: the newest (with $unended, of those that wait or run); that very id; the newest
///   of that name; the only one that begins so.
constexpr const char* kFunctions = R"sh(
jobs=$HOME/.ec2mpi/jobs made= once= silent= cancel= unended=
read -r boot </proc/sys/kernel/random/boot_id
give_up() {
  [ -z "$made" ] || rm -rf "$jobs/$id"
  echo "ec2mpi: on the master: $1" >&2
  exit "${2:-1}"
}
alive() {
  [ "$3" = "$boot" ] && read -r stat <"/proc/$1/stat" || return 1
  born=$2
  set -- ${stat##*) }
  [ "$1" != Z ] && [ "${20}" = "$born" ]
} 2>/dev/null
job_state() {
  detail=
  if read -r detail <"$1/exit"; then
    state=ended
  elif ! read -r pid start booted <"$1/pid"; then
    state=waiting
  elif alive "$pid" "$start" "$booted"; then
    state=running
    [ -f "$1/cancelled" ] || [ -f "$1/timed_out" ] && state=ending
  elif read -r detail <"$1/exit"; then
    state=ended
  else
    state=lost detail=killed
    [ "$booted" = "$boot" ] || detail=rebooted
  fi
} 2>/dev/null
record() {
  job_state "$jobs/$1"
  echo "job $1"
  echo "state $state $detail"
  for part in meta times why; do
    while IFS= read -r line; do printf '%s %s\n' "$part" "$line"; done <"$jobs/$1/$part"
  done 2>/dev/null
}
tell() {
  echo "$nonce"
  record "$id"
  while read -r label address; do
    [ -f "$jobs/$id/swept/$label" ] || continue
    echo "node $label"
    cat "$jobs/$id/swept/$label"
    [ -s "$jobs/$id/swept/$label.err" ] && echo "trouble $(tail -n 1 "$jobs/$id/swept/$label.err")"
  done <"$jobs/$id/nodes" 2>/dev/null
  echo "$nonce end"
}
find_job() {
  id=
  case $1 in
    */* | .*) give_up "'$1' is not a job's id" 2 ;;
    '') for id in $(cd "$jobs" 2>/dev/null && ls -t -- */meta 2>/dev/null); do
          id=${id%/meta}
          [ -n "$unended" ] || return 0
          job_state "$jobs/$id"
          case $state in ended | lost) ;; *) return 0 ;; esac
        done
        [ -n "$id" ] || give_up "there are no jobs" 2
        give_up "no job is running; ec2mpi jobs lists them" 2 ;;
  esac
  [ -d "$jobs/$1" ] && id=$1 && return
  for folder in "$jobs/$1"-????????-??????-????; do [ ! -d "$folder" ] || id=${folder##*/}; done
  [ -z "$id" ] || return 0
  others=
  for folder in "$jobs/$1"*; do
    [ -d "$folder" ] || give_up "there is no job $1; ec2mpi jobs lists them" 2
    others="$others${id:+ $id}" id=${folder##*/}
  done
  [ -z "$others" ] || give_up "$1 may be any of$others $id" 2
}
)sh";

/// - watch_launcher ends a launcher that would never return, as Hydra without one of its daemons, or
///   Open MPI 5 now and then. Every five seconds it counts the launcher's connections and its ranks on this
///   node. Hydra (which has a file `rsh`) is given up after three looks with a connection less than it had,
///   or has made by `links`, for one may be lost before the first look; Open MPI keeps none once its daemons
///   run. Where a node has no ranks any more, though it had some, for four looks, the other nodes are asked;
///   if none has a rank, it is given up. Ranks too short for a look are known from `ranks`.
/// - Open MPI 5 returns 0 or 255 after it has lost a node; its words tell. With us 255 is a lost job. It also
///   tells in `ranks` which ranks it has started, a line each: it has been seen to start fewer than it was
///   told to, and to return 0.
/// - The job gets a session of its own: whatever it starts stays recognizable when its parents are gone.
/// - wait(1) returns early when TERM comes; the job's own status is had by waiting again.
/// - A helper that has just been forked still has our trap, and may lose a TERM with it: so nobody waits for
///   them, and they are told twice.
/// - TERM must not be ignored any more when the queue goes on: the next supervisor could not trap it.
constexpr const char* kSupervise = R"sh(
umask 077
folder=$1 mode=$2
cd "$folder" || exit 1
exec </dev/null
asked=
trap asked=yes TERM
read -r boot </proc/sys/kernel/random/boot_id
read -r stat </proc/$$/stat
set -- ${stat##*) }
[ -f out ] || : >out
[ -f err ] || : >err
echo "$$ ${20} $boot" >pid.new && mv -f pid.new pid || exit 1

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
ranks_elsewhere() {
  while read -r label address; do
    [ "$address" = local ] && continue
    timeout 20 ssh -n -o BatchMode=yes -o ConnectTimeout=8 -o LogLevel=ERROR "$address" "
      for p in \$(grep -slzxF -e $mark /proc/[0-9]*/environ | cut -d/ -f3); do
        read -r stat </proc/\$p/stat; set -- \${stat##*) }
        case \$(cat /proc/\$2/comm) in orted | prted | hydra_*) echo rank ;; esac
      done" 2>/dev/null || echo unknown
  done <nodes | wc -l
}
watch_launcher() {
  trap 'kill $nap; exit' TERM
  had_links=0 had_ranks=0 fewer=0 none=0
  while sleep 5 & nap=$!; wait $nap; do
    set -- $(look_at_launcher)
    case $1 in mpirun* | mpiexec* | prterun* | orterun*) ;; *) continue ;; esac
    [ ! -s ranks ] || had_ranks=1
    [ ! -s links ] || had_links=$(wc -l <links)
    [ "$2" -lt "$had_links" ] && fewer=$((fewer + 1)) || { fewer=0; had_links=$2; }
    [ "$3" = 0 ] && [ "$had_ranks" -gt 0 ] && none=$((none + 1)) || { none=0; had_ranks=$3; }
    [ ! -f rsh ] || [ $fewer -lt 3 ] || { echo daemon >hung; break; }
    [ $none -lt 4 ] || [ "$(ranks_elsewhere)" != 0 ] || { echo hung >hung; break; }
  done
  [ ! -f hung ] || end_launchers
}
sweep_node() {
  if [ "$2" = local ]; then
    sh ./sweep
  else
    timeout 20 ssh -o BatchMode=yes -o ConnectTimeout=8 -o ServerAliveInterval=4 -o LogLevel=ERROR "$2" 'exec sh -s' <sweep
  fi >"swept/$1" 2>"swept/$1.err" </dev/null
  [ -s "swept/$1.err" ] || rm -f "swept/$1.err"
}
sweep_nodes() {
  mkdir -p swept
  asking=0 askers=
  while read -r label address; do
    sweep_node "$label" "$address" &
    askers="$askers $!"
    asking=$((asking + 1))
    [ $((asking % 32)) != 0 ] || { wait $askers; askers=; }
  done <nodes
  [ -z "$askers" ] || wait $askers
}
end_helpers() {
  for one in $timer $watch; do kill "$one" 2>/dev/null; done
}

status=
timer=
watch=
if [ "$mode" = clean ]; then
  end_launchers
  status=255
elif [ -f cancelled ]; then
  echo cancelled >why
  status=130
else
  EC2MPI_JOB=$id setsid sh ./run >>out 2>>err &
  child=$!
  echo "$child" >launcher
  echo "started $(date +%s)" >>times
  read -r up rest </proc/uptime && echo "$up" >clock
  if [ -s limit ]; then
    { trap 'kill $nap; exit' TERM
      sleep "$(cat limit)" & nap=$!
      wait $nap && : >timed_out && kill -TERM $$; } &
    timer=$!
  fi
  watch_launcher >/dev/null 2>&1 &
  watch=$!
fi
ending=
while [ -z "$status" ]; do
  wait "$child"
  got=$?
  if [ -n "$asked" ] && [ -z "$ending" ]; then
    ending=yes
    if [ -f timed_out ] && [ ! -f cancelled ]; then echo timeout >why; else echo cancelled >why; fi
    end_launchers
    kill -0 "$child" 2>/dev/null && continue
  fi
  status=$got
done
trap '' TERM
end_helpers
case $status in
  0 | 255) ! tail -c 65536 err | grep -q 'has lost communication with a remote daemon' || status=205 ;;
esac
if [ "$status" = 0 ] && [ -s ranks ] && [ "$(grep -c '^(rank,' ranks)" -lt "$(sed -n 's/^np //p' meta)" ]; then
  [ -s why ] || echo 'ranks missing' >why
  status=205
fi
[ ! -s why ] && [ -f hung ] && cat hung >why
[ "$mode" = clean ] && [ ! -s why ] && echo cancelled >why
echo "ended $(date +%s)" >>times
read -r up rest </proc/uptime && echo "$up" >>clock
sweep_nodes
end_helpers
echo "$status" >exit.new && mv -f exit.new exit
trap - TERM
[ ! -f ../../schedule ] || sh ../../schedule >/dev/null 2>&1
)sh";

/// The two tails end with the supervisor. Standard input is read by a child, therefore `kill $$`.
constexpr const char* kFollow = R"sh(
tails=
exec 3<&0
trap 'kill $tails 2>/dev/null; exit 1' TERM
(while read -r word <&3; do [ "$word" != cancel ] || cancel; done; kill $$) >/dev/null 2>&1 &
exec 3<&- </dev/null
folder=$jobs/$id
[ -z "$cancel" ] || cancel
job_state "$folder"
while [ "$state" = waiting ] && [ -z "$once" ] && [ -d "$folder" ]; do
  sleep 0.1
  job_state "$folder"
done
on=
case $state$once in running | ending) on="-f -s 0.1 --pid=$pid" ;; esac
out=$folder/out err=$folder/err
[ -z "$silent" ] || out=/dev/null err=/dev/null
tail -c "+$((from_out + 1))" $on "$out" 2>/dev/null & tails=$!
tail -c "+$((from_err + 1))" $on "$err" >&2 2>/dev/null & tails="$tails $!"
for one in $tails; do wait $one; done
tell >&2
)sh";

/// A job whose supervisor is gone is cleaned up by a new one.
constexpr const char* kCancel = R"sh(
cancel() {
  job_state "$jobs/$id"
  [ "$state" != ended ] || return
  : >"$jobs/$id/cancelled"
  job_state "$jobs/$id"
  case $state in
    waiting) echo cancelled >"$jobs/$id/why"; echo 130 >"$jobs/$id/exit" ;;
    running | ending) kill -TERM "$pid" ;;
    lost)
      setsid sh "$jobs/$id/supervise" "$jobs/$id" clean </dev/null >/dev/null 2>&1 &
      tries=50
      while [ "$state" = lost ] && [ $((tries -= 1)) -gt 0 ]; do sleep 0.1; job_state "$jobs/$id"; done ;;
  esac
}
)sh";

}  // namespace

std::string job_functions() {
  return kFunctions;
}

std::string supervisor_script(const std::string& id) {
  return sweep_functions(id) + "end_launchers() (\n" + end_launchers_text() + ")\n" + kSupervise;
}

std::string start_supervisor() {
  return "setsid sh \"$jobs/$id/supervise\" \"$jobs/$id\" </dev/null >/dev/null 2>&1 &\n";
}

std::string follow_text(const std::string& nonce, std::uint64_t out_offset, std::uint64_t err_offset) {
  return fmt::format("nonce={}\nfrom_out={}\nfrom_err={}\n{}{}", nonce, out_offset, err_offset, kCancel,
                     kFollow);
}

std::string tell_text(const std::string& nonce) {
  return fmt::format("nonce={}\ntell >&2\n", nonce);
}

}  // namespace ec2mpi::ops
