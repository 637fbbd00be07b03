#!/bin/sh
# Defines `leftovers`, which prints `PID NAME` for each rank of an earlier job.
#
# A rank has a variable that Open MPI or Hydra sets for ranks, and one that names its job or its way to the launcher: a
# start-up file may set the first alone. It is left over if neither mpirun nor a daemon of mpirun is its ancestor, and
# its parent, or that of the rank that started it, is init, which has taken it over: what a shell of the user's has
# started is the user's own. It is not left over if a rank of the same job has a launcher: then the job lives and has
# set a child free. Jobs differ in ec2mpi's mark, or in Open MPI's own name for them.
# shellcheck disable=SC2013,SC2086 # pids are numbers
leftovers() {
  {
    for p in $(grep -slzE '^(OMPI_COMM_WORLD_RANK|PMI_RANK)=' /proc/[0-9]*/environ | cut -d/ -f3); do
      echo "rank $p $(tr '\0 ' '\n_' </proc/$p/environ | grep -E '^(EC2MPI_JOB|PMIX_NAMESPACE|OMPI_MCA_ess_base_jobid|PMI_FD|PMI_PORT)=' | sort | head -n 1)"
    done
    ps -A -o pid= -o ppid= -o stat= -o comm=
  } | awk '
    $1 == "rank" { if ($3 != "") job[$2] = $3 ~ /^PMI_/ ? "" : $3; next }
    $3 !~ /^Z/ { parent[$1] = $2; name[$1] = $4 }
    END {
      for (p in job) {
        if (!(p in parent)) continue
        for (a = parent[p]; a > 1 && name[a] !~ /^(orted|prted|mpirun|mpiexec|orterun|prterun|hydra_)/; a = parent[a]);
        if (a > 1) { if (job[p] != "") live[job[p]]; continue }
        for (a = parent[p]; a in job; a = parent[a]);
        if (a <= 1 || name[a] == "systemd") orphan[p]
      }
      for (p in orphan) if (!(job[p] in live)) print p, name[p]
    }'
}
