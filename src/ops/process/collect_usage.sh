# Prints what a job has used on this node, and ends sample_usage.awk, which has counted it. In front of this text
# stands:
#   id  the job
# The answer is one line, or none where nothing has counted:
#   usage RANKS CPU PEAK SWAP MEMORY SENT    as sample_usage.awk has them
# shellcheck shell=sh
# shellcheck disable=SC2154 # id is set in front of this text
collect_usage() (
  exec 2>/dev/null
  # Between two of its pauses there is a moment without an answer.
  tries=40
  while pids=$(grep -slzxF -e "EC2MPI_SAMPLER=$id" /proc/[0-9]*/environ | cut -d/ -f3) && [ -n "$pids" ]; do
    said=$(grep -shaozE "^EC2MPI_USAGE=$id [0-9 ]+" /proc/[0-9]*/environ | tr '\0' '\n' | head -n 1)
    if [ -n "$said" ] || [ $((tries -= 1)) -eq 0 ]; then break; fi
    sleep 0.05
  done
  [ -z "$said" ] || echo "usage ${said#* }"
  # shellcheck disable=SC2086 # several pids
  [ -z "$pids" ] || kill $pids
)
collect_usage
