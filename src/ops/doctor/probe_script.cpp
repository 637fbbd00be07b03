#include "src/ops/doctor/probe_script.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/node/facts.hpp"
#include "ec2mpi/ops/node/metadata_script.hpp"

namespace ec2mpi::ops {

namespace {

/// The clock comes first, so that its line arrives when it is read. Not every date(1) knows %N. The empty
/// line ends a greeting that doesn't end its own.
constexpr const char* kClock = R"sh(
export LC_ALL=C
exec </dev/null 2>/dev/null
now=$(date +%s.%N)
case $now in *[!0-9.]*) now=$(date +%s) ;; esac
echo
echo "ec2mpi-probe 1"
echo "clock $now"
)sh";

/// Ranks of which neither mpirun nor a daemon of it is an ancestor, unless one that has such an ancestor
/// belongs to the same job: then it is a child that such a job has set free, and not left over. Ranks are
/// told by the variables that Open MPI and Hydra set for them, jobs by our mark or by Open MPI's own name for
/// them.
constexpr const char* kLeftovers = R"sh(
leftovers() {
  {
    for p in $(grep -slzE '^(OMPI_COMM_WORLD_RANK|PMI_RANK)=' /proc/[0-9]*/environ | cut -d/ -f3); do
      echo "rank $p $(tr '\0 ' '\n_' </proc/$p/environ | grep -m 1 -E '^(EC2MPI_JOB|PMIX_NAMESPACE|OMPI_MCA_ess_base_jobid)=')"
    done
    ps -A -o pid= -o ppid= -o stat= -o comm=
  } | awk '
    $1 == "rank" { job[$2] = $3; next }
    $3 !~ /^Z/ { parent[$1] = $2; name[$1] = $4 }
    END {
      for (p in job) {
        if (!(p in parent)) continue
        for (a = parent[p]; a > 1 && name[a] !~ /^(orted|prted|mpirun|mpiexec|orterun|prterun|hydra_)/; a = parent[a]);
        if (a > 1) { if (job[p] != "") live[job[p]] }
        else orphan[p]
      }
      for (p in orphan) if (!(job[p] in live)) print p, name[p]
    }'
}
)sh";

constexpr const char* kProbe = R"sh(
limited() { if command -v timeout >/dev/null; then timeout "$@"; else shift; "$@"; fi; }
free_kb() { df -Pk "$1" | awk 'NR == 2 { print $4 }'; }
sum_of() { sha256sum | cut -d' ' -f1; }
file_state() {
  if [ -d "$1" ]; then (cd "$1" && find . -type f -exec sha256sum {} + | sort -k 2 | sum_of)
  elif [ -r "$1" ]; then sum_of <"$1"
  elif [ -e "$1" ]; then echo unreadable
  else echo missing
  fi
}

{ metadata instance-id instance-type placement/availability-zone placement/group-name | sed 's/^/metadata /'; } &

echo "user $(id -un)"
seen=
IFS=:
for folder in $PATH; do
  program=${folder:-.}/mpirun
  [ -f "$program" ] && [ -x "$program" ] || continue
  file=$(readlink -f "$program")
  case "$seen" in *"|$file|"*) continue ;; esac
  seen="$seen|$file|"
  echo "mpirun $program"
  limited 10 "$program" --version | sed -n '1,8s/^/says /p'
done
unset IFS

python=$(command -v python3)
if [ -n "$python" ]; then
  if said=$(limited 20 "$python" -c '
import mpi4py
mpi4py.rc.initialize = False
from mpi4py import MPI
print("mpi4py", mpi4py.__version__)
print("library", MPI.Get_library_version().split("\n")[0])' 2>&1); then
    echo "$said" | tail -n 2
  else
    echo "mpi4py_error $(echo "$said" | tail -n 1 | cut -c 1-300)"
  fi
fi

before=$(date +%s%N)
limited 12 getent hosts "$(hostname)" >/dev/null && known=yes || known=no
after=$(date +%s%N)
case $before$after in *[!0-9]*) took=0 ;; *) took=$(((after - before) / 1000000)) ;; esac
echo "own_name $known $took"

echo "home_free $(free_kb "$HOME")"
echo "tmp_free $(free_kb /tmp)"
echo "shm_free $(free_kb /dev/shm)"
# Where Open MPI keeps its sessions: below a folder whose name is made of the host and the user.
temp=${TMPDIR:-${TEMP:-${TMP:-/tmp}}}
echo "temp $temp"
if said=$(mktemp -d "$temp/ec2mpi-XXXXXX" 2>&1); then rmdir "$said"
else echo "temp_error ${said##*: }"
fi
echo "temp_inodes $(df -Pi "$temp" | awk 'NR == 2 && $2 > 0 { print $4 }')"
echo "temp_type $(stat -f -c %T "$temp")"
for session in "$temp"/ompi.*."$(id -u)"; do
  [ ! -e "$session" ] || [ -O "$session" ] || echo "foreign_session $session"
done
awk '$1 == "MemTotal:" { print "memory", $2 } $1 == "MemAvailable:" { print "memory_available", $2 }' /proc/meminfo
echo "open_files $(ulimit -n)"
echo "locked_memory $(ulimit -l)"
ip -4 -o addr show | while read -r number name family address rest; do
  echo "interface $name $address $(cat "/sys/class/net/$name/mtu")"
done
leftovers | sed 's/^/leftover /'
for file in "$@"; do
  echo "file $(file_state "$file")"
done
wait
echo "ec2mpi-probe end"
)sh";

/// Only once nobody has ended them in between, for a pid may be another's by then.
constexpr const char* kEndLeftovers = R"sh(
export LC_ALL=C
exec </dev/null 2>/dev/null
pids() { leftovers | cut -d' ' -f1; }
for signal in TERM KILL KILL; do
  found=$(pids)
  [ -z "$found" ] && exit 0
  kill -$signal $found
  for tick in 1 2 3 4 5; do
    [ -z "$(pids)" ] && exit 0
    sleep 0.2
  done
done
exit 1
)sh";

}  // namespace

std::string probe_script(const std::vector<std::string>& files) {
  return fmt::format("{}(\n{}\n)\nset -- {}\n{}{}{}", kClock, facts_script(), quote_words(files),
                     kMetadataFunction, kLeftovers, kProbe);
}

std::string end_leftovers_script() {
  return std::string(kLeftovers) + kEndLeftovers;
}

}  // namespace ec2mpi::ops
