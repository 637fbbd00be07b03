#!/bin/sh
# Prints the processes of jobs on this node. In front of this text stands:
#   mark  the name of the variable that holds the job's id
#
#   ec2mpi-ps 1                                        the first line of the answer
#   PID JOB RANK PERCENT KILOBYTES SECONDS ARGUMENTS   a process; the rank is "-" where there is none
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
  [ $# = 3 ] && echo "$pid $job $rank $1 $2 $3 $(ps -o args= -p "$pid" | tr '\n' ' ')"
done
echo 'ec2mpi-ps end'
