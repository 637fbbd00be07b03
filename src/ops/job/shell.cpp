#include "ec2mpi/ops/job/shell.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/process/sweep.hpp"
#include "src/ops/job/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// - alive PID START BOOT: that very process (proc(5): state and starttime are fields 3 and 22 of stat; what
///   stands in front, the name, may hold anything).
/// - job_state: sets $state and $detail. `exit` is looked at again when the supervisor is gone: it may just
///   have written it.
/// - end_waiting ID: a job that has not begun ends as cancelled.
/// - look_again: looks at those nodes of job $id that could not be looked at when it ended; false if there
/// are
///   none. A supervisor that an older ec2mpi has left does not know how.
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
looked_at() { grep -qx 'ec2mpi-sweep end' "$jobs/$id/swept/$1"; }
introduce() {
  job_state "$jobs/$id"
  echo "$nonce.job"
  echo "$id $state"
  echo "$nonce.job end"
}
tell() {
  echo "$nonce"
  record "$id"
  while read -r label address; do
    [ -f "$jobs/$id/swept/$label" ] || continue
    echo "node $label"
    cat "$jobs/$id/swept/$label"
    looked_at "$label" || grep -v '^ec2mpi-sweep' "$jobs/$id/swept/$label" | sed -n '$s/^/trouble /p'
  done <"$jobs/$id/nodes" 2>/dev/null
  echo "$nonce end"
}
end_waiting() {
  mkdir -p "$jobs/$1/spare"
  echo cancelled 1<>"$jobs/$1/spare/why" && mv -f "$jobs/$1/spare/why" "$jobs/$1/why"
  echo 130 1<>"$jobs/$1/spare/exit" && mv -f "$jobs/$1/spare/exit" "$jobs/$1/exit"
}
look_again() {
  left=
  while read -r label address; do
    [ ! -f "$jobs/$id/swept/$label" ] || looked_at "$label" || left=yes
  done <"$jobs/$id/nodes"
  [ -n "$left" ] && grep -q '"$mode" = look' "$jobs/$id/supervise" || return
  sh "$jobs/$id/supervise" "$jobs/$id" look </dev/null >/dev/null
} 2>/dev/null
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

/// The two tails end with the supervisor. Standard input is read by a child, therefore `kill $$`.
constexpr const char* kFollow = R"sh(
tails=
exec 3<&0
trap 'kill $tails 2>/dev/null; exit 1' TERM
(while read -r word <&3; do [ "$word" != cancel ] || cancel; done; kill $$) >/dev/null 2>&1 &
exec 3<&- </dev/null
introduce >&2
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
    waiting) end_waiting "$id" ;;
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
  return sweep_functions(id) + "end_launchers() (\n" + end_launchers_text() + ")\n" +
         std::string(kSuperviseSh);
}

std::string start_supervisor() {
  return "setsid sh \"$jobs/$id/supervise\" \"$jobs/$id\" </dev/null >/dev/null 2>&1 &\n";
}

std::string follow_text(const std::string& nonce, std::uint64_t out_offset, std::uint64_t err_offset) {
  return fmt::format("nonce={}\nfrom_out={}\nfrom_err={}\n{}{}", nonce, out_offset, err_offset, kCancel,
                     kFollow);
}

std::string tell_text(const std::string& nonce) {
  return fmt::format("nonce={}\nintroduce >&2\ntell >&2\n", nonce);
}

}  // namespace ec2mpi::ops
