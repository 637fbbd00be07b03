"""stacks against four real hosts: the rank that misses a call of all ranks is named, and no process stays stopped."""

import json

from local_cluster import wait_until
from test_profile import nothing_kept
from test_run import HOSTS, give

# Rank 2 never comes to the second barrier.
MISSED = """
import time
from mpi4py import MPI
comm = MPI.COMM_WORLD
comm.Barrier()
if comm.rank == 2:
    print("away", flush=True)
    time.sleep(600)
comm.Barrier()
"""

# The same in C, where gdb shows the functions.
MISSED_C = """
#include <mpi.h>
#include <stdio.h>
#include <unistd.h>
static void stay_away(void) { puts("away"); fflush(stdout); for (;;) sleep(1); }
int main(int argc, char **argv) {
  int rank;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 2) stay_away();
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Finalize();
  return 0;
}
"""

HEALTHY = """
import time
from mpi4py import MPI
comm = MPI.COMM_WORLD
end = time.time() + 600
while time.time() < end:
    comm.Barrier()
    if comm.rank == 0:
        print("round", flush=True)
    time.sleep(0.1)
"""


def states(cluster, name):
    return [cluster.host(host, f"ps -C {name} -o stat=").out[:1] for host in HOSTS]


def without_tools(cluster):
    """Hosts without programs that read a stack; heal() does not take it back, so that the caller does by with_tools."""
    for host in HOSTS:
        cluster.host(host, "for tool in gdb eu-stack; do ! command -v $tool || mount --bind /dev/null $(readlink -f /usr/bin/$tool); done")


def with_tools(cluster):
    for host in HOSTS:
        cluster.host(host, "for tool in gdb eu-stack; do umount $(readlink -f /usr/bin/$tool); done")


def test_the_rank_that_misses_a_call_is_named_by_its_counters_without_any_tool(cluster4, ec2mpi):
    give(cluster4, "missed.py", MISSED)
    without_tools(cluster4)
    try:
        assert ec2mpi("run", "-d", "-np", 4, "--profile", "--", "python3", "missed.py").code == 0
        wait_until(lambda: "away" in ec2mpi("logs").out, "rank 2 stays away", 60)
        told = {}

        def is_named():
            told.update(json.loads(ec2mpi("stacks", "--json").out))
            return told["sentence"]
        wait_until(is_named, "the others have waited for a second")
        assert told["sentence"].startswith("rank 2 (node3) has not come to Barrier, in which 3 ranks wait for "), told
        assert told["groups"][0]["ranks"] == [0, 1, 3] and told["groups"][1]["ranks"] == [2], told
        done = ec2mpi("stacks")
        assert "3 ranks: 0-1,3\n" in done.out and "rank 2 (node3)\n" in done.out, done.out
        assert "gdb is installed" in done.out, done.out
    finally:
        with_tools(cluster4)
        ec2mpi("cancel")
    nothing_kept(cluster4)


def test_gdb_shows_the_functions_and_leaves_no_rank_stopped(cluster4, ec2mpi):
    give(cluster4, "missed.c", MISSED_C, hosts=(1,))
    built = cluster4.host(1, "cd /home/ubuntu && mpicc -g -o missed missed.c", user="ubuntu", timeout=120)
    assert built.code == 0, built.err
    program = cluster4.host(1, "base64 /home/ubuntu/missed", user="ubuntu").out
    for host in HOSTS[1:]:
        done = cluster4.host(host, "base64 -d >missed && chmod 755 missed", user="ubuntu", input=program)
        assert done.code == 0, done.err
    assert ec2mpi("run", "-d", "-np", 4, "--", "./missed").code == 0
    wait_until(lambda: "away" in ec2mpi("logs").out, "rank 2 stays away", 60)
    try:
        told = {}

        def has_all_frames():  # gdb may take longer than its limit on a loaded machine
            told.update(json.loads(ec2mpi("stacks", "--json").out))
            return all(rank["frames"] for rank in told["ranks"])
        wait_until(has_all_frames, "gdb has read all stacks", 60)
        assert told["sentence"] == "rank 2 (node3) has not come to Barrier, in which 3 ranks wait; it sleeps outside of MPI", told
        waiting, away = told["groups"]
        assert waiting["ranks"] == [0, 1, 3] and waiting["lines"][-2].endswith("MPI_Barrier"), told
        assert away["ranks"] == [2] and any(line.startswith("stay_away (missed.c:") for line in away["lines"]), told
        assert not set(states(cluster4, "missed")) & {"T", "t", ""}, "all run, none is stopped"
        assert all(cluster4.host(host, "pgrep -x gdb").code == 1 for host in HOSTS)
    finally:
        ec2mpi("cancel")


def test_a_healthy_job_has_no_missing_rank(cluster4, ec2mpi):
    give(cluster4, "healthy.py", HEALTHY)
    without_tools(cluster4)
    try:
        assert ec2mpi("run", "-d", "-np", 4, "--profile", "--", "python3", "healthy.py").code == 0
        wait_until(lambda: "round" in ec2mpi("logs").out, "it runs", 60)
        done = ec2mpi("stacks")
        assert done.code == 0 and "4 ranks\n" in done.out and "has not come" not in done.out, done.out + done.err
    finally:
        with_tools(cluster4)
        ec2mpi("cancel")


def test_a_job_that_does_not_run_is_refused(cluster4, ec2mpi):
    done = ec2mpi("stacks")
    assert done.code == 2 and done.out == "", (done.out, done.err)
