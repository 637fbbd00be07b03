#!/bin/sh
# Reports the load of this node. It has no arguments. For each line of standard input it prints:
#   ec2mpi-load CORES
#   FILE:LINE            lines of files in /proc
#   ranks...             one line: PATH:NAME=VALUE for each variable that names a job or a rank, NUL behind each
#   ec2mpi-load end
# and ends with its input. An answer takes two processes, some milliseconds. The environment of other users' processes
# cannot be read, so their ranks are not shown.
export LC_ALL=C
exec 2>/dev/null
cores=$(grep -c '^cpu[0-9]' /proc/stat)
while read -r _; do
  echo "ec2mpi-load $cores"
  grep -E '^(cpu |MemTotal:|MemAvailable:|[0-9]+[.]| *[a-z0-9.@_-]+: *[0-9]+ .* [0-9]+$)' \
    /proc/uptime /proc/loadavg /proc/stat /proc/meminfo /proc/self/net/dev
  printf 'ranks'
  grep -saozE '^(EC2MPI_JOB|OMPI_COMM_WORLD_RANK|PMI_RANK|PMIX_RANK)=[[:alnum:]._-]+$' /proc/[0-9]*/environ
  printf '\nec2mpi-load end\n'
done
