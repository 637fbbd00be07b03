# ~/.ec2mpi/schedule: starts the jobs of the queue whose nodes are free, without arguments and without output. It stands
# behind functions.sh. Every submission, every end of a job and every report about a series runs it.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # functions.sh sets and reads these variables

umask 077
export LC_ALL=C
# The kernel holds the lock, and releases it however this program ends.
take_lock() { exec 9>"$HOME/.ec2mpi/lock.file" && flock 9; }
# The paths, from ./ on, of those files below that awk cannot read: a pipe or a device would hold it for ever, and some
# awks end where they read a folder.
strange_paths() {
  find -L . -mindepth 2 -maxdepth 2 \( -name exit -o -name pid -o -name queue -o -name hosts -o -name batch \
    -o -name reason -o -name pool -o -name cancelled \) ! -type f
}
# Prints the state of all jobs, a line for each thing; the first words sort as choose_starts needs them. The states are
# those of job_state (functions.sh), found by one awk: each end of a job looks at all jobs, and a shell takes a tenth of
# a millisecond for each.
list_work() {
  cd "$jobs" || return
  { strange_paths; printf '%s\n' *; } | awk -v boot="$boot" '
    function first_line(file,    line) {
      if ((getline line <file) <= 0) line = ""
      close(file)
      return line
    }
    function is_there(file,    line, got) {
      got = getline line <file
      close(file)
      return got >= 0
    }
    function is_alive(pid, start, booted,    stat, of) {
      if (booted != boot) return 0
      stat = first_line("/proc/" pid "/stat")
      sub(/^.*\) /, "", stat)
      split(stat, of, " ")
      return stat != "" && of[1] != "Z" && of[20] == start
    }
    function print_busy(file,    line) {
      while ((getline line <file) > 0) {
        sub(/[: ].*/, "", line)
        print "busy", line
      }
      close(file)
    }
    function pool_of(file,    line, text) {
      while ((getline line <file) > 0) text = text " " line
      close(file)
      return text
    }
    function word(text, instead) { return text != "" ? text : instead }
    /^\.\// { split($0, path, "/"); strange[path[2]]; next }
    !($0 in strange) {
      id = $0
      status = first_line(id "/exit")
      pid = status == "" ? first_line(id "/pid") : ""
      if (pid != "") {
        split(pid, process, " ")
        alive = is_alive(process[1], process[2], process[3])
        if (!alive) status = first_line(id "/exit") # it may just have ended
      }
      queue = first_line(id "/queue")
      if (status == "" && pid != "" && (alive || queue != "")) print_busy(id "/hosts")
      if (queue == "") next
      split(queue, of, " ") # second, place, series, most, np, count, form, spare
      batch = first_line(id "/batch")
      if (status != "") {
        if (batch != "") print "over", batch, status, word(status == 0 ? "" : first_line(id "/reason"), "-")
      } else if (pid != "") {
        print "runs", of[3]
        if (!alive) print "lost", id, process[3] == boot ? "killed" : "rebooted"
      } else if (is_there(id "/cancelled"))
        print "cancelled", id
      else
        print "waits", of[1], of[2], id, of[3], of[4], of[5], of[6], of[8] + 0, word(batch, "-"), "pool" pool_of(id "/pool")
    }'
} 2>/dev/null
# First come, first served. A job that has to wait for nodes reserves the free nodes that it may need, so that small
# jobs don't starve a large one; a job that waits for its own series reserves nothing. When the jobs of a batch that
# have ended all failed for one reason, and are three or more, those that wait are not started: they would fail as well.
# Ranks are dealt evenly, as by place_ranks, and slots for spawned ranks go where the most room is left, as by
# leave_slots_free; with -1 each node has all its slots, for mpirun's --map-by. Jobs have the same pool very often: one
# without a free node is not looked at again.
choose_starts() {
  sort -s -k1,1 -k2,2n -k3,3n | awk '
    $1 == "busy" { busy[$2] }
    $1 == "cancelled" { print "end", $2 }
    $1 == "runs" { runs[$2]++ }
    $1 == "lost" { print "clean", $2, $3 }
    $1 == "over" {
      over[$2]++
      key = $0
      sub(/^over [^ ]* /, "", key)
      gsub(/[0-9]+/, "#", key)
      if ($3 == 0 || $4 == "-" || ($2 in failure && failure[$2] != $3 key)) differs[$2]
      failure[$2] = $3 key
    }
    $1 == "waits" && $10 != "-" && over[$10] >= 3 && !($10 in differs) { print "end", $4; next }
    $1 == "waits" {
      pool = substr($0, index($0, " pool") + 5)
      if (!(pool in full) && !($6 > 0 && runs[$5] >= $6)) place_job($4, $5, $7, $8, $9)
    }
    function label(k) { return $(8 + 4 * k) }
    function address(k) { return $(9 + 4 * k) }
    function reach(k) { return $(10 + 4 * k) }
    function room(k) { return $(11 + 4 * k) }
    function place_job(id, series, np, count, spare,    size, k, n, have, least, chosen, ranks, left, best) {
      size = int((NF - 11) / 4)
      least = count > 0 ? int((np + count - 1) / count) : 1
      n = have = 0
      for (k = 1; k <= size && (count > 0 ? n < count : have < np); k++) {
        if (address(k) in busy || room(k) < least) continue
        chosen[++n] = k
        have += room(k)
      }
      if (have < np || n < count) {
        for (k = 1; k <= size; k++) busy[address(k)]
        full[pool]
        return
      }
      runs[series]++
      left = np
      while (left > 0) for (k = 1; k <= n && left > 0; k++) if (ranks[k] < room(chosen[k])) { ranks[k]++; left-- }
      if (spare < 0) for (k = 1; k <= n; k++) ranks[k] = room(chosen[k])
      for (; spare > 0; spare--) {
        best = 1
        for (k = 2; k <= n; k++) if (room(chosen[k]) - ranks[k] > room(chosen[best]) - ranks[best]) best = k
        ranks[best]++
      }
      print "start", id
      for (k = 1; k <= n; k++) {
        busy[address(chosen[k])]
        if (ranks[k] > 0) print "host", id, label(chosen[k]), address(chosen[k]), reach(chosen[k]), ranks[k]
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
        has_room "$id" || continue
        grep -q ' local$' "$folder/nodes.new" || cat "$folder/always" >>"$folder/nodes.new" || continue
        for file in hosts nodes nodeIPaddress placed; do mv -f "$folder/$file.new" "$folder/$file" || continue 2; done
        write_nodes
        supervise ;;
      clean)
        [ -s "$folder/why" ] || { echo "lost $label" >"$folder/why.new" && mv -f "$folder/why.new" "$folder/why"; }
        supervise clean ;;
      end) end_waiting "$id" ;;
    esac
  done
} 2>/dev/null
take_lock || exit
list_work | choose_starts | start_chosen
exit 0
