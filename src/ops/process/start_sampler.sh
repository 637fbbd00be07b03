# Starts sample_usage.awk on this node, in the background, unless it counts for this job already. In front of this text
# stand:
#   id       the job
#   program  the text of sample_usage.awk
# It has its own session, so that no look at the job's processes takes it for one of them. Everything is in a subshell,
# for this text also stands in front of a launcher's daemon.
# shellcheck shell=sh
# shellcheck disable=SC2154 # id and program are set in front of this text
(
  {
    PATH=/usr/local/bin:/usr/bin:/bin:$PATH
    if grep -sqzxF -e "EC2MPI_SAMPLER=$id" /proc/[0-9]*/environ; then exit; fi
    export EC2MPI_SAMPLER="$id" LC_ALL=C
    exec setsid awk -v id="$id" "$program"
  } </dev/null >/dev/null 2>&1 &
)
