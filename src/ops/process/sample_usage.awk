# Counts what a job uses on this node while it runs: awk -v id=JOB. The job's processes are found by their mark.
#
# The numbers stand in the environment of the program's own sleep(1), where collect_usage.sh and ps.sh read them; so no
# file is written, and nothing stays when it ends:
#   EC2MPI_USAGE=ID RANKS CPU PEAK SWAP MEMORY SENT
# CPU in hundredths of a second; PEAK is the sum of the greatest sizes of the processes, and SWAP what the disk has of
# them, both at their highest, and MEMORY what the node has, in KiB; SENT in bytes, of the whole node.
#
# It looks once a second, so the last second of a process that nobody waits for is missing. It ends a minute after it
# has seen the last process of the job, or when the look at the job's end (collect_usage.sh) ends it.
# A look took 4 ms of a processor for 16 ranks.

function memory_of_node(    line, parts) {
  while ((getline line < "/proc/meminfo") > 0)
    if (index(line, "MemTotal:") == 1) split(line, parts, " ")
  close("/proc/meminfo")
  return parts[2] + 0
}

# Interfaces inside of the node forward bytes that another interface counts as well.
function sent_bytes(    line, parts, sum) {
  while ((getline line < "/proc/self/net/dev") > 0) {
    sub(/:/, " ", line)
    if (split(line, parts, " ") < 17 || parts[1] ~ /^(lo|docker|br-|virbr|veth|cni)/) continue
    sum += parts[10]
  }
  close("/proc/self/net/dev")
  return sum
}

function find_processes(    command, line, at, pid, name, value, job, rank, seen, count) {
  command = "grep -saozE '^(EC2MPI_JOB|OMPI_COMM_WORLD_RANK|PMI_RANK|PMIX_RANK)=[[:alnum:]._-]+$' " \
            "/proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
  while ((command | getline line) > 0) {
    if (substr(line, 1, 6) != "/proc/" || !(at = index(line, ":"))) continue
    pid = substr(line, 7) + 0
    line = substr(line, at + 1)
    name = substr(line, 1, index(line, "=") - 1)
    value = substr(line, index(line, "=") + 1)
    if (name == "EC2MPI_JOB") job[pid] = value
    else rank[pid] = value
  }
  close(command)
  for (pid in job) {
    if (job[pid] != id) continue
    known[pid]
    # The children of a rank have its number, too.
    if (pid in rank) seen[rank[pid]]
  }
  for (value in seen) count++
  if (count > ranks) ranks = count
}

# The time of a child that has ended is part of its parent's, if the parent has waited for it and is still there.
# Otherwise it is kept in `ended`. grep reads, for it passes by a process that ends meanwhile, of which some awks die.
function measure(    command, pid, line, parts, now, size, swapped, alive, lost) {
  now = size = swapped = processes = lost = 0
  command = "cd /proc && LC_ALL=C grep -sHE '\\) [A-Z] |^VmHWM:|^VmSwap:' /dev/null"
  for (pid in known) command = command " " pid "/stat " pid "/status"
  while ((command | getline line) > 0) {
    pid = substr(line, 1, index(line, "/") - 1)
    if (line ~ /^[0-9]+\/stat:/) {
      sub(/^.*\) /, "", line)
      # The start, so that another process of the same number is not taken for it.
      if (split(line, parts, " ") < 20 || ((pid in start) && start[pid] != parts[20])) continue
      start[pid] = parts[20]
      parent[pid] = parts[2]
      used[pid] = parts[12] + parts[13] + parts[14] + parts[15]
      alive[pid]
      now += used[pid]
      processes++
    } else if ((pid in alive) && split(line, parts, " ") > 1) {
      if (line ~ /:VmHWM:/) size += parts[2]
      else swapped += parts[2]
    }
  }
  close(command)
  for (pid in known) {
    if (pid in alive) continue
    if (!(parent[pid] in alive)) ended += used[pid]
    lost++
    delete known[pid]
    delete start[pid]
    delete used[pid]
    delete parent[pid]
  }
  if (ended + now > cpu) cpu = ended + now
  if (size > peak) peak = size
  if (swapped > swap) swap = swapped
  return lost
}

BEGIN {
  memory = memory_of_node()
  sent_before = sent_bytes()
  changed = 1
  for (look = 0; quiet < 60; look++) {
    # Ranks come in the first seconds; later ones are found within ten.
    if (look < 20 || changed || look % 10 == 0) find_processes()
    changed = measure()
    pause = look < 5 ? 0.2 : 1
    quiet = processes > 0 ? 0 : quiet + pause
    sent = sent_bytes() - sent_before
    usage = sprintf("%s %d %.0f %.0f %.0f %.0f %.0f", id, ranks, cpu, peak, swap, memory, sent > 0 ? sent : 0)
    if (system("EC2MPI_USAGE='" usage "' exec sleep " pause) != 0) exit
  }
}
