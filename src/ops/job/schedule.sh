# ~/.ec2mpi/schedule: starts the jobs of the queue whose nodes are free, without arguments and without output. It stands
# behind functions.sh. Every submission, every end of a job and every report about a series runs it.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # functions.sh sets and reads these variables

umask 077
export LC_ALL=C
# The kernel holds the lock, and releases it however this program ends.
take_lock() { exec 9>"$HOME/.ec2mpi/lock.file" && flock 9; }
# Prints the state of all jobs, a line for each thing; the first words sort as choose_starts needs them. A cancelled job of
# the queue ends here, because it has no supervisor that could end it.
list_work() {
  cd "$jobs" || return
  for entry in */; do
    id=${entry%/}
    job_state "$jobs/$id"
    queued=
    { read -r second place series most np count form spare <"$id/queue"; } 2>/dev/null && queued=yes
    case $state$queued in
      running* | ending*)
        while read -r address slots; do echo "busy ${address%%:*}"; done <"$id/hosts"
        [ -z "$queued" ] || echo "runs $series" ;;
      lostyes)
        [ -s "$id/why" ] || echo "lost $detail" >"$id/why"
        while read -r address slots; do echo "busy ${address%%:*}"; done <"$id/hosts"
        echo "runs $series"
        echo "lost $id" ;;
      endedyes)
        batch=
        read -r batch <"$id/batch"
        [ -n "$batch" ] || continue
        [ "$detail" = 0 ] || read -r reason <"$id/reason" || reason=-
        echo "over $batch $detail $reason" ;;
      waitingyes)
        if [ -f "$id/cancelled" ]; then
          end_waiting "$id"
        else
          batch=
          read -r batch <"$id/batch"
          echo "waits $second $place $id $series $most $np $count ${spare:-0} $batch"
          while read -r label address reach room; do echo "pool $id $label $address $reach $room"; done <"$id/pool"
        fi ;;
    esac
  done
} 2>/dev/null
# First come, first served. A job that has to wait for nodes reserves the free nodes that it may need, so that small jobs
# don't starve a large one; a job that waits for its own series reserves nothing. When the jobs of a batch that have ended
# all failed for one reason, and are three or more, those that wait are not started: they would fail as well. Ranks are dealt evenly, as by place_ranks,
# and slots for spawned ranks go where the most room is left, as by leave_slots_free; with -1 each node has all its slots, for
# mpirun's --map-by.
choose_starts() {
  sort -s -k1,1 -k2,2n -k3,3n | awk '
    $1 == "busy" { busy[$2] }
    $1 == "runs" { runs[$2]++ }
    $1 == "lost" { print "clean", $2 }
    $1 == "pool" {
      k = ++size[$2]
      label[$2, k] = $3; address[$2, k] = $4; reach[$2, k] = $5; room[$2, k] = $6
    }
    $1 == "over" {
      over[$2]++
      key = $0
      sub(/^over [^ ]* /, "", key)
      gsub(/[0-9]+/, "#", key)
      if ($3 == 0 || $4 == "-" || ($2 in failure && failure[$2] != $3 key)) differs[$2]
      failure[$2] = $3 key
    }
    $1 == "waits" && $10 != "" && over[$10] >= 3 && !($10 in differs) { print "end", $4; next }
    $1 == "waits" { place_job($4, $5, $6, $7, $8, $9) }
    function place_job(id, series, most, np, count, spare,    k, n, have, least, chosen, ranks, left, best) {
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
      if (spare < 0) for (k = 1; k <= n; k++) ranks[k] = room[id, chosen[k]]
      for (; spare > 0; spare--) {
        best = 1
        for (k = 2; k <= n; k++) if (room[id, chosen[k]] - ranks[k] > room[id, chosen[best]] - ranks[best]) best = k
        ranks[best]++
      }
      print "start", id
      for (k = 1; k <= n; k++) {
        busy[address[id, chosen[k]]]
        if (ranks[k] > 0) print "host", id, label[id, chosen[k]], address[id, chosen[k]], reach[id, chosen[k]], ranks[k]
      }
      print "go", id
    }'
}
# Writes the numbers of the job's nodes into its record.
write_nodes() {
  numbers=
  while read -r label; do numbers=$numbers${numbers:+,}${label#node}; done <"$folder/placed"
  { grep -v '^nodes ' "$folder/meta"; echo "nodes $numbers"; } >"$folder/meta.new" && mv -f "$folder/meta.new" "$folder/meta"
}
# supervise [clean]: starts the supervisor of $folder. The job counts as running from when its file `pid` is there; this
# program writes the file already, because the next holder of the lock must see it, and the supervisor writes the same.
# The supervisor must not inherit the lock (descriptor 9).
supervise() {
  setsid sh "$folder/supervise" "$folder" ${1:+"$1"} </dev/null >/dev/null 2>&1 9>&- &
  child=$!
  read -r stat <"/proc/$child/stat" || return
  # shellcheck disable=SC2086 # the words behind the name
  set -- ${stat##*) }
  echo "$child ${20} $boot" >"$folder/pid.queue" && mv -f "$folder/pid.queue" "$folder/pid"
}
start_chosen() {
  while read -r word id label address reach slots; do
    folder=$jobs/$id
    case $word in
      start)
        good=yes
        read -r second place series most np count form spare <"$folder/queue"
        case $form in :) joint=: ;; *) joint=' slots=' ;; esac
        for file in hosts nodes nodeIPaddress placed; do : >"$folder/$file.new" || good=; done ;;
      host)
        echo "$address$joint$slots" >>"$folder/hosts.new" && echo "$label $reach" >>"$folder/nodes.new" &&
          echo "$address" >>"$folder/nodeIPaddress.new" && echo "$label" >>"$folder/placed.new" || good= ;;
      go)
        [ -n "$good" ] || continue
        [ ! -e "$folder/exit" ] || continue
        grep -q ' local$' "$folder/nodes.new" || cat "$folder/always" >>"$folder/nodes.new" || continue
        for file in hosts nodes nodeIPaddress placed; do mv -f "$folder/$file.new" "$folder/$file" || continue 2; done
        write_nodes
        supervise ;;
      clean) supervise clean ;;
      end) end_waiting "$id" ;;
    esac
  done
} 2>/dev/null
take_lock || exit
list_work | choose_starts | start_chosen
exit 0
