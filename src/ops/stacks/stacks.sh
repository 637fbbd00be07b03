# Prints what the ranks of a job on this node do now. In front of this text stand:
#   mark  the mark of the job: NAME=VALUE
# The answer; each line but the first and the last begins with a rank and its pid:
#   ec2mpi-stacks 1
#   RANK PID state STATE PERCENT WCHAN SYSCALL   the letter of proc(5), the use of a processor, the place in the kernel
#   RANK PID tried TOOL                          a program that is there to read the stack
#   RANK PID by TOOL                             which program has read the stack: py-spy, gdb, eu-stack
#   RANK PID frame TEXT                          a function of the main thread, the innermost first
#   barred                                       this user may not look into processes
#   ec2mpi-stacks end
# A tool that reads a stack stops the process for that time. It has twenty seconds, and a process that it has left
# stopped continues.
# shellcheck shell=sh
# shellcheck disable=SC2154 # mark is set in front of this text
export LC_ALL=C
exec </dev/null 2>/dev/null
rank_of() {
  tr '\0' '\n' <"/proc/$1/environ" | sed -n -e 's/^OMPI_COMM_WORLD_RANK=\([0-9][0-9]*\)$/\1/p' \
    -e 's/^PMI_RANK=\([0-9][0-9]*\)$/\1/p' -e 's/^PMIX_RANK=\([0-9][0-9]*\)$/\1/p' | head -n 1
}
is_wrapper() {
  read -r name <"/proc/$1/comm"
  case $name in sh | dash | bash | busybox | env | timeout | time | numactl | taskset) return 0 ;; esac
  return 1
}
# after_name PID: prints the words of /proc/PID/stat behind the name, which may hold anything.
after_name() {
  stat=$(tr '\n' ' ' <"/proc/$1/stat") && echo "${stat##*) }"
}
# A rank has passed its number on to its children, and a shell that has started it has got the same number. Where no other
# program has that number, the innermost of the wrappers is the rank.
find_ranks() {
  # shellcheck disable=SC2013 # numbers
  for pid in $(grep -slzxF -e "$mark" /proc/[0-9]*/environ | cut -d/ -f3); do
    rank=$(rank_of "$pid")
    # shellcheck disable=SC2046 # words
    set -- $(after_name "$pid")
    if [ -z "$rank" ] || [ -z "$2" ]; then continue; fi
    if is_wrapper "$pid"; then kind=wrapper; else kind=program; fi
    echo "$pid $2 $rank $kind"
  done | awk '
    { parent[$1] = $2; rank[$1] = $3; kind[$1] = $4 }
    END {
      for (pid in rank) {
        if (kind[pid] == "program") has_program[rank[pid]]
        if ((parent[pid] in rank) && rank[parent[pid]] == rank[pid]) {
          has_child[parent[pid]]
          if (kind[parent[pid]] == "program") is_helper[pid]
        }
      }
      for (pid in rank) {
        is_rank = kind[pid] == "program" ? !(pid in is_helper) : !(rank[pid] in has_program) && !(pid in has_child)
        if (is_rank) print rank[pid] ":" pid
      }
    }'
}
ticks_of() {
  # shellcheck disable=SC2046 # words
  set -- $(after_name "$1") 0 0 0 0 0 0 0 0 0 0 0 0 0
  echo $((${12} + ${13}))
}
state_of() {
  # shellcheck disable=SC2046 # words
  set -- $(after_name "$1")
  echo "$1"
}
# Who may look into a process of the same user: proc(5) and ptrace(2).
choose_access() {
  access='' barred=''
  [ "$(cat /proc/sys/kernel/yama/ptrace_scope || echo 0)" = 0 ] && return
  [ "$(id -u)" = 0 ] && return
  # A sudo may allow the tools alone, or all but a shell.
  for try in 'gdb --version' 'eu-stack --version' 'py-spy --version' 'sh -c :'; do
    # shellcheck disable=SC2086 # words
    if sudo -n $try >/dev/null; then access='sudo -n' && return; fi
  done
  barred=yes
}
# The functions of the first thread that the tool prints; py-spy names the main one.
py_frames() {
  awk '/^Thread / { inside = index($0, "MainThread") } /^    / && inside { sub(/^ +/, ""); print "frame " $0 }'
}
gdb_frames() {
  awk '/^#[0-9]+ / {
    sub(/^#[0-9]+ +/, ""); sub(/^0x[0-9a-f]+ in /, "")
    name = $0; sub(/ \(.*/, "", name)
    place = match($0, / at [^ ]+:[0-9]+$/) ? substr($0, RSTART + 4) : ""
    sub(/.*\//, "", place)
    print "frame " name (place == "" ? "" : " (" place ")")
  }'
}
# A place without a name is another number in each rank, and would separate ranks that do the same.
eu_frames() {
  awk '/^TID / { threads++ } threads < 2 && /^#[0-9]+ +0x[0-9a-f]+ +[^ ]/ { sub(/^#[0-9]+ +0x[0-9a-f]+ +/, ""); print "frame " $0 }'
}
# shellcheck disable=SC2086 # $access is nothing or two words
stack_of() {
  [ -z "$barred" ] || return
  case $(readlink "/proc/$1/exe") in
    */python*)
      beside=$(tr '\0' '\n' <"/proc/$1/cmdline" | head -n 1)
      for spy in "$(command -v py-spy)" "${beside%/*}/py-spy" "$HOME/.local/bin/py-spy"; do
        [ -x "$spy" ] || continue
        echo 'tried py-spy'
        frames=$(timeout -k 1 20 $access "$spy" dump --pid "$1" | py_frames)
        [ -z "$frames" ] || { printf 'by py-spy\n%s\n' "$frames"; return; }
      done ;;
  esac
  if command -v gdb >/dev/null; then
    echo 'tried gdb'
    frames=$(DEBUGINFOD_URLS='' timeout -k 1 20 $access gdb -nx -batch -ex 'bt 60' -p "$1" | gdb_frames)
    [ -z "$frames" ] || { printf 'by gdb\n%s\n' "$frames"; return; }
  fi
  if command -v eu-stack >/dev/null; then
    echo 'tried eu-stack'
    frames=$(DEBUGINFOD_URLS='' timeout -k 1 20 $access eu-stack -1 -p "$1" | eu_frames)
    [ -z "$frames" ] || printf 'by eu-stack\n%s\n' "$frames"
  fi
}
# look RANK PID PERCENT: one line at a time, so that ranks that are looked at side by side do not mix theirs.
look() {
  before=$(state_of "$2")
  echo "state $before $3 $(cat "/proc/$2/wchan") $(cut -d ' ' -f 1 "/proc/$2/syscall")"
  stack_of "$2"
  case $before$(state_of "$2") in T? | t?) ;; ?T | ?t) kill -CONT "$2" ;; esac
}
echo 'ec2mpi-stacks 1'
choose_access
[ -z "$barred" ] || echo barred
ranks=$(for entry in $(find_ranks); do echo "$entry:$(ticks_of "${entry#*:}")"; done)
sleep 0.5
# A tick is a hundredth of a second.
ranks=$(for entry in $ranks; do
  pid=${entry#*:} ticks=${entry##*:}
  pid=${pid%:*}
  echo "${entry%:*}:$((($(ticks_of "$pid") - ticks) * 2))"
done)
most=$(nproc || echo 2) running=0
for entry in $ranks; do
  percent=${entry##*:} pid=${entry#*:} rank=${entry%%:*}
  pid=${pid%:*}
  look "$rank" "$pid" "$percent" | while IFS= read -r line; do printf '%s\n' "$rank $pid $line"; done &
  running=$((running + 1))
  [ $((running % most)) != 0 ] || wait
done
wait
echo 'ec2mpi-stacks end'
