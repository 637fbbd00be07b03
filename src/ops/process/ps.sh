#!/bin/sh
# Prints the processes of jobs on this node. In front of this text stands:
#   mark  the name of the variable that holds the job's id
#
#   ec2mpi-ps 1                                        the first line of the answer
#   PID JOB RANK PERCENT KILOBYTES SECONDS TICKS PEAK ARGUMENTS   a process; the rank is "-" where there is none; TICKS are
#                                                      hundredths of a second on processors, PEAK the highest KILOBYTES
#   usage JOB ...                                      what a job has used on this node, as sample_usage.awk has it
#   ec2mpi-ps end                                      the last line
#
# Open MPI and Hydra give each rank its number in the environment. A process that ends before ps looks at it is not shown.
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
  # shellcheck disable=SC2046 # three words
  set -- $(ps -o pcpu= -o rss= -o etimes= -p "$pid")
  [ $# = 3 ] || continue
  percent=$1 size=$2 age=$3
  stat=$(tr '\n' ' ' <"/proc/$pid/stat") # a name may hold line feeds
  [ -n "$stat" ] || continue
  # shellcheck disable=SC2086 # the words behind the name
  set -- ${stat##*) }
  peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
  # By printf, for echo would take a backslash in the arguments for the beginning of an escape.
  printf '%s\n' "$pid $job $rank $percent $size $age $((${12} + ${13})) ${peak:-$size} $(ps -o args= -p "$pid" | tr '\n' ' ')"
done
grep -shaozE '^EC2MPI_USAGE=[[:alnum:]._-]+ [0-9 ]+' /proc/[0-9]*/environ | tr '\0' '\n' | sed 's/^[^=]*=/usage /'
echo 'ec2mpi-ps end'
