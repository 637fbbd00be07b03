#include "ec2mpi/ops/job/queue_shell.hpp"

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/job/shell.hpp"

namespace ec2mpi::ops {

namespace {

/// With flock(1) the kernel holds the lock, and lets it go when its holder ends in any way. Without it the
/// lock is a link that names its holder: made in one step, and taken away by others only if that very process
/// is gone; only one at a time may look whether it is (.breaking), or a new holder's link could be taken for
/// the old one.
constexpr const char* kLock = R"sh(
umask 077
export LC_ALL=C
lock=$HOME/.ec2mpi/lock
take_lock() {
  if command -v flock >/dev/null; then
    exec 9>"$lock.file" && flock 9
    return
  fi
  read -r stat </proc/$$/stat
  set -- ${stat##*) }
  me="$$ ${20} $boot"
  until ln -s "$me" "$lock" 2>/dev/null; do
    alive $(readlink "$lock") || break_lock
    sleep 0.1
  done
  trap 'rm -f "$lock"' EXIT
  trap 'exit 1' HUP INT TERM
}
break_lock() {
  [ -z "$(find "$lock.breaking" -prune -mmin +1 2>/dev/null)" ] || rmdir "$lock.breaking"
  mkdir "$lock.breaking" 2>/dev/null || return
  holder=$(readlink "$lock") && { alive $holder || rm -f "$lock"; }
  rmdir "$lock.breaking"
}
)sh";

/// What is going on, a line for each thing; the first words sort as the decision below needs them. A queued
/// job that was cancelled ends here, for it has no supervisor that could.
constexpr const char* kLook = R"sh(
look() {
  cd "$jobs" || return
  for entry in */; do
    id=${entry%/}
    job_state "$jobs/$id"
    queued=
    { read -r second place series most np count form <"$id/queue"; } 2>/dev/null && queued=yes
    case $state$queued in
      running* | ending*)
        while read -r address slots; do echo "busy ${address%%:*}"; done <"$id/hosts"
        [ -z "$queued" ] || echo "runs $series" ;;
      lostyes)
        [ -s "$id/why" ] || echo "lost $detail" >"$id/why"
        while read -r address slots; do echo "busy ${address%%:*}"; done <"$id/hosts"
        echo "runs $series"
        echo "lost $id" ;;
      waitingyes)
        if [ -f "$id/cancelled" ]; then
          end_waiting "$id"
        else
          echo "waits $second $place $id $series $most $np $count"
          while read -r label address reach room; do echo "pool $id $label $address $reach $room"; done <"$id/pool"
        fi ;;
    esac
  done
} 2>/dev/null
)sh";

/// First come, first served. A job that has to wait for nodes keeps those it may need free for itself, so
/// that small jobs don't starve a large one; one that waits for its own series keeps nothing. Ranks are dealt
/// evenly, as place_ranks does it.
constexpr const char* kDecide = R"sh(
decide() {
  sort -s -k1,1 -k2,2n -k3,3n | awk '
    $1 == "busy" { busy[$2] }
    $1 == "runs" { runs[$2]++ }
    $1 == "lost" { print "clean", $2 }
    $1 == "pool" {
      k = ++size[$2]
      label[$2, k] = $3; address[$2, k] = $4; reach[$2, k] = $5; room[$2, k] = $6
    }
    $1 == "waits" { place_job($4, $5, $6, $7, $8) }
    function place_job(id, series, most, np, count,    k, n, have, least, chosen, ranks, left) {
      if (most > 0 && runs[series] >= most) return
      least = count > 0 ? int((np + count - 1) / count) : 1
      n = have = 0
      for (k = 1; k <= size[id] && (count > 0 ? n < count : have < np); k++) {
        if (address[id, k] in busy || room[id, k] < least) continue
        chosen[++n] = k
        have += room[id, k]
      }
      for (k = 1; k <= size[id]; k++) if (have < np || n < count) busy[address[id, k]]
      if (have < np || n < count) return
      runs[series]++
      left = np
      while (left > 0) for (k = 1; k <= n && left > 0; k++) if (ranks[k] < room[id, chosen[k]]) { ranks[k]++; left-- }
      print "start", id
      for (k = 1; k <= n; k++) {
        busy[address[id, chosen[k]]]
        if (ranks[k] > 0) print "host", id, label[id, chosen[k]], address[id, chosen[k]], reach[id, chosen[k]], ranks[k]
      }
      print "go", id
    }'
}
)sh";

/// The job counts as running from when its `pid` is there: written here already, for the next one to hold the
/// lock must see it. The supervisor writes the same. It must not inherit the lock.
constexpr const char* kCarryOut = R"sh(
tell_nodes() {
  numbers=
  while read -r label; do numbers=$numbers${numbers:+,}${label#node}; done <"$folder/placed"
  { grep -v '^nodes ' "$folder/meta"; echo "nodes $numbers"; } >"$folder/meta.new" && mv -f "$folder/meta.new" "$folder/meta"
}
supervise() {
  setsid sh "$folder/supervise" "$folder" $1 </dev/null >/dev/null 2>&1 9>&- &
  child=$!
  read -r stat <"/proc/$child/stat" || return
  set -- ${stat##*) }
  echo "$child ${20} $boot" >"$folder/pid.queue" && mv -f "$folder/pid.queue" "$folder/pid"
}
carry_out() {
  while read -r word id label address reach slots; do
    folder=$jobs/$id
    case $word in
      start)
        good=yes
        read -r second place series most np count form <"$folder/queue"
        case $form in :) joint=: ;; *) joint=' slots=' ;; esac
        for file in hosts nodes nodeIPaddress placed; do : >"$folder/$file.new" || good=; done ;;
      host)
        echo "$address$joint$slots" >>"$folder/hosts.new" && echo "$label $reach" >>"$folder/nodes.new" &&
          echo "$address" >>"$folder/nodeIPaddress.new" && echo "$label" >>"$folder/placed.new" || good= ;;
      go)
        [ -n "$good" ] && [ ! -e "$folder/exit" ] || continue
        grep -q ' local$' "$folder/nodes.new" || cat "$folder/always" >>"$folder/nodes.new" || continue
        for file in hosts nodes nodeIPaddress placed; do mv -f "$folder/$file.new" "$folder/$file" || continue 2; done
        tell_nodes
        supervise ;;
      clean) supervise clean ;;
    esac
  done
} 2>/dev/null
)sh";

}  // namespace

std::string schedule_script() {
  return "{\n" + job_functions() + kLock + kLook + kDecide + kCarryOut +
         "take_lock || exit\nlook | decide | carry_out\nexit 0\n}\n";
}

std::string keep_schedule_text() {
  return "printf %s " + quote_word(schedule_script()) +
         " >\"$HOME/.ec2mpi/schedule.$$\" && mv -f \"$HOME/.ec2mpi/schedule.$$\" \"$HOME/.ec2mpi/schedule\" "
         "|| "
         "give_up \"cannot write $HOME/.ec2mpi/schedule\"\n";
}

std::string call_schedule() {
  return "sh \"$HOME/.ec2mpi/schedule\" </dev/null >/dev/null 2>&1\n";
}

}  // namespace ec2mpi::ops
