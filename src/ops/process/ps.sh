#!/bin/sh
# Prints the processes of jobs on this node. In front of this text stands:
#   mark  the name of the variable that holds the job's id
#
#   ec2mpi-ps 1      the first line of the answer
#   PID JOB RANK PERCENT KILOBYTES SECONDS TICKS PEAK ARGUMENTS
#                    a process; the rank is "-" where there is none; TICKS are hundredths of a second on processors,
#                    PEAK is the highest KILOBYTES
#   usage JOB ...    the resources that a job has used on this node, as sample_usage.awk has them
#   ec2mpi-ps end    the last line
#
# Open MPI and Hydra give each rank its number in the environment. A process that ends before ps sees it is left out.
# shellcheck disable=SC2154 # mark is set in front of this text
export LC_ALL=C
exec </dev/null 2>/dev/null
echo 'ec2mpi-ps 1'
# shellcheck disable=SC2013 # numbers
for pid in $(grep -slz "^$mark=" /proc/[0-9]*/environ | cut -d/ -f3); do
  job='' rank=-
  while IFS= read -r line; do
    case $line in
      "$mark="*) job=${line#*=} ;;
      OMPI_COMM_WORLD_RANK=* | PMI_RANK=* | PMIX_RANK=*) rank=${line#*=} ;;
    esac
  done <<END
$(tr '\0\n' '\n?' <"/proc/$pid/environ")
END
  stat=$(tr '\n' ' ' <"/proc/$pid/stat") # a name may hold line feeds
  # A process that has ended meanwhile has no environment, and is a zombie with a stat until its parent has looked.
  if [ -z "$job" ] || [ -z "$stat" ]; then continue; fi
  # shellcheck disable=SC2086 # the words behind the name
  set -- ${stat##*) }
  ticks=$((${12} + ${13}))
  # proc(5): the begin, in hundredths of a second since the start of the machine.
  age=$(awk -v begin="${20}" '{ age = int($1 - begin / 100); print age < 0 ? 0 : age }' /proc/uptime)
  percent=$((ticks * 10 / (age > 0 ? age : 1)))
  size=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
  peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
  # By printf, for echo would take a backslash in the arguments for the beginning of an escape.
  printf '%s\n' "$pid $job $rank $((percent / 10)).$((percent % 10)) ${size:-0} $age $ticks ${peak:-${size:-0}} $(tr '\0\n' '  ' <"/proc/$pid/cmdline")"
done
grep -shaozE '^EC2MPI_USAGE=[[:alnum:]._-]+ [0-9 ]+' /proc/[0-9]*/environ | tr '\0' '\n' | sed 's/^[^=]*=/usage /'
echo 'ec2mpi-ps end'
