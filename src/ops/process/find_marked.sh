#!/bin/sh
# Functions that find the processes that ec2mpi has started on this node: by a mark in the environment, and by kinship
# with a marked process; never by the name of a program. In front of this text stand:
#   mark  NAME=VALUE. It is never exported: no process of ours may carry the mark by which it kills.
#   self  empty, or the pid of a shell that sshd has started for us. The other processes that sshd has started on the
#         same connection then belong to the family, but not that shell: a sudo among them hides its environment.
#   seen  what aged_family printed before, or nothing. These processes are found again by pid and age, also when their
#         parents have ended.
#   spared  pids, or nothing. They and what they have started do not belong to the family.
#
#   marked       prints the pids whose environment holds exactly the mark, as far as this user may read it (proc(5);
#                a zombie has none)
#   family       prints the pids of all live processes that belong to the mark, one a line
#   aged_family  prints the same as PID:AGE, the age in seconds; it fails if it could not look
#   name_all WORD PIDS  prints "WORD PID NAME" for each process that is still there
#
# A descendant may have cleared its environment, and its parent may have died before it: then it still shares a session
# with the family. A session counts only if its leader is gone or belongs to the family; otherwise the session is a
# login of the user, in which a marked process was started.
# shellcheck disable=SC2154 # mark, self, seen and spared are set in front of this text

marked() { grep -slzxF -e "$mark" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }

# PID PPID SESSION AGE STATE NAME of each process, from /proc/PID/stat (proc(5)), for not every node has a ps that can
# tell. The kernel counts in hundredths of a second there. A name may hold anything; its blanks become underscores. grep
# reads, and names the file in front of each line: it passes by a process that ends meanwhile, of which some awks die.
processes() {
  LC_ALL=C grep -sH '' /proc/[0-9]*/stat | awk '
    BEGIN { getline uptime <"/proc/uptime"; split(uptime, now, " ") }
    function show() {
      if (!match(text, /.*\)/)) return
      name = substr(text, 1, RLENGTH - 1)
      sub(/^[^(]*\(/, "", name)
      gsub(/[[:space:]]/, "_", name)
      split(substr(text, RLENGTH + 1), field, " ")
      age = int(now[1] - field[20] / 100)
      print pid, field[2], field[4], age < 0 ? 0 : age, field[1], name
    }
    {
      split($0, path, "/")
      if (path[3] != pid) { show(); text = ""; pid = path[3] }
      text = text substr($0, index($0, ":") + 1) " "
    }
    END { show() }'
}

# The shells and sudo between our shell and sshd belong to us, too.
aged_family() {
  {
    marked
    for one in $seen; do echo "$one"; done
    processes
  } | awk -v self="$self" -v here="$$" -v spared="$spared" '
    NF == 1 && split($1, was, ":") == 2 { before[was[1]] = was[2]; next }
    NF == 1 { ours[$1]; next }
    $5 !~ /^Z/ { parent[$1] = $2; session[$1] = $3; age[$1] = $4; name[$1] = $6 }
    END {
      if (!(here in parent)) exit 1
      count = split(spared, list, " ")
      for (i = 1; i <= count; i++) exempt[list[i]]
      for (p in before) if (p in age && age[p] >= before[p]) ours[p]
      if (self in parent) {
        us = self
        while (name[parent[us]] ~ /^(sudo|sh|dash|bash|busybox)$/) us = parent[us]
        if (name[parent[us]] ~ /^sshd/) for (p in parent) if (parent[p] == parent[us] && p != us) ours[p]
      }
      do {
        for (p in parent) {
          s = session[p]
          if (p in ours && s > 1 && (s in ours || !(s in parent))) whole[s]
        }
        more = 0
        for (p in parent) {
          if ((parent[p] in exempt) && !(p in exempt)) { exempt[p]; more = 1 }
          if (p in ours || !(parent[p] in ours || session[p] in whole)) continue
          ours[p]
          more = 1
        }
      } while (more)
      for (p in ours) if (p in parent && p != self && !(p in exempt)) print p ":" age[p]
    }'
}

family() { aged_family | cut -d: -f1; }

name_all() {
  for pid in $2; do read -r name <"/proc/$pid/comm" && printf '%s %s %s\n' "$1" "$pid" "$name"; done 2>/dev/null
}
