"""run --profile against four real hosts: programs with a known fault, the sentence about it, and nothing left on the nodes."""

import json

from local_cluster import wait_until
from test_run import HOSTS, give, nothing_left

# Each rank computes for its own time in each of ten rounds. Sleep stands for computing: other work on the machine does not
# change it.
ROUNDS = """
import sys, time
from mpi4py import MPI
comm = MPI.COMM_WORLD
slow, seconds = int(sys.argv[1]), float(sys.argv[2])
for i in range(10):
    time.sleep(seconds if comm.rank == slow else 0.05)
    comm.Barrier()
"""

# All wait for rank 1, and no rank comes to MPI_Finalize.
KILLED = """
import os, time
from mpi4py import MPI
comm = MPI.COMM_WORLD
if comm.rank == 1:
    time.sleep(2)
    print("slept", flush=True)
    time.sleep(600)
comm.recv(source=1)
"""

FORTRAN = """
program ring
  use mpi
  integer :: rank, size, error, value, status(MPI_STATUS_SIZE)
  call MPI_Init(error)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, error)
  call MPI_Comm_size(MPI_COMM_WORLD, size, error)
  value = rank
  call MPI_Sendrecv_replace(value, 1, MPI_INTEGER, mod(rank + 1, size), 0, mod(rank + size - 1, size), 0, &
                            MPI_COMM_WORLD, status, error)
  call MPI_Allreduce(MPI_IN_PLACE, value, 1, MPI_INTEGER, MPI_SUM, MPI_COMM_WORLD, error)
  if (rank == 0) print *, 'sum', value
  call MPI_Finalize(error)
end program
"""
FORTRAN_08 = FORTRAN.replace("use mpi\n", "use mpi_f08\n  type(MPI_Status) :: status\n").replace(", status(MPI_STATUS_SIZE)", "")

# Four threads of each rank call MPI at the same time.
THREADS = """
#include <mpi.h>
#include <pthread.h>
static void *work(void *number) {
  int value = 0, i, tag = (int)(long)number;
  for (i = 0; i < 500; i++) {
    MPI_Request request;
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Isend(&i, 1, MPI_INT, 1 - rank, tag, MPI_COMM_WORLD, &request);
    MPI_Recv(&value, 1, MPI_INT, 1 - rank, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
  }
  return 0;
}
int main(int argc, char **argv) {
  int given;
  long i;
  pthread_t threads[4];
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &given);
  for (i = 0; i < 4; i++) pthread_create(&threads[i], 0, work, (void *)i);
  for (i = 0; i < 4; i++) pthread_join(threads[i], 0);
  MPI_Finalize();
  return given != MPI_THREAD_MULTIPLE;
}
"""

# Counts how often the profile's library asks the kernel's clock during a thousand barriers: all calls of clock_gettime come
# through the program.
CLOCKS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <mpi.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static int counts, asked;
int clock_gettime(clockid_t clock, struct timespec *time) {
  Dl_info caller;
  if (counts && dladdr(__builtin_return_address(0), &caller) && strstr(caller.dli_fname, "libprofile.so")) asked++;
  return (int)syscall(SYS_clock_gettime, clock, time);
}
int main(int argc, char **argv) {
  int i;
  MPI_Init(&argc, &argv);
  counts = 1;
  for (i = 0; i < 1000; i++) MPI_Barrier(MPI_COMM_SELF);
  counts = 0;
  printf("asked %d\\n", asked);
  return MPI_Finalize();
}
"""
CLOCK = "/sys/devices/system/clocksource/clocksource0/current_clocksource"


def nothing_kept(cluster):
    nothing_left(cluster)
    for host in HOSTS:
        assert cluster.host(host, "ls -A /home/ubuntu/.ec2mpi/profile 2>/dev/null").out == ""


def profile(ec2mpi):
    done = ec2mpi("profile", "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def calls(rank):
    return {call["name"]: call for call in rank["calls"]}


def test_a_slow_rank_is_named_with_its_node_and_the_waiting_ranks(cluster4, ec2mpi):
    give(cluster4, "rounds.py", ROUNDS)
    done = ec2mpi("run", "-np", 8, "--per-node", 2, "--profile", "--", "python3", "rounds.py", 5, "0.2")
    assert done.code == 0, done.err
    assert "rank 5 (node3) computes 2." in done.err.splitlines()[-1], done.err
    assert "where the others need 0." in done.err.splitlines()[-1], done.err
    assert "; 7 ranks wait for it" in done.err.splitlines()[-1], done.err
    told = profile(ec2mpi)
    assert [rank["rank"] for rank in told["ranks"]] == list(range(8))
    assert [rank["node"] for rank in told["ranks"]] == [f"node{1 + rank // 2}" for rank in range(8)]
    assert all(calls(rank)["Barrier"]["count"] == 10 for rank in told["ranks"]), told
    nothing_kept(cluster4)


def test_a_balanced_job_gets_no_sentence_about_a_slow_rank(cluster4, ec2mpi):
    give(cluster4, "rounds.py", ROUNDS)
    done = ec2mpi("run", "-np", 4, "--profile", "--", "python3", "rounds.py", 1, "0.05")
    assert done.code == 0, done.err
    assert "wait for it" not in done.err and "the ranks compute" in done.err.splitlines()[-1], done.err


def test_a_job_that_is_killed_has_its_counters(cluster4, ec2mpi):
    give(cluster4, "killed.py", KILLED)
    assert ec2mpi("run", "-d", "-np", 4, "--profile", "--", "python3", "killed.py").code == 0
    wait_until(lambda: "slept" in ec2mpi("logs").out, "rank 1 has slept", 60)
    assert "has not ended" in ec2mpi("profile").err
    assert ec2mpi("cancel").code == 0
    told = profile(ec2mpi)
    assert [rank["finalized"] for rank in told["ranks"]] == [False] * 4
    assert told["sentence"].startswith("rank 1 (node2) computes"), told
    assert max(call["seconds"] for call in told["ranks"][2]["calls"]) > 1, told
    nothing_kept(cluster4)


def test_both_fortran_bindings_are_counted(cluster4, ec2mpi):
    for name, text in (("mpi", FORTRAN), ("mpi_f08", FORTRAN_08)):
        give(cluster4, "ring.f90", text, hosts=(1,))
        built = cluster4.host(1, "cd /home/ubuntu && mpif90 -o ring ring.f90", user="ubuntu", timeout=120)
        assert built.code == 0, built.err
        done = ec2mpi("run", "-np", 2, "-w", 1, "--slots", 2, "--profile", "--", "./ring")
        assert done.code == 0 and "sum           1" in done.out, (name, done.out, done.err)
        for rank in profile(ec2mpi)["ranks"]:
            assert calls(rank)["Sendrecv_replace"]["count"] == calls(rank)["Allreduce"]["count"] == 1, (name, rank)
            assert calls(rank)["Sendrecv_replace"]["bytes"] == 4, (name, rank)


def test_calls_of_many_threads_are_all_counted(cluster4, ec2mpi):
    give(cluster4, "threads.c", THREADS, hosts=(1,))
    built = cluster4.host(1, "cd /home/ubuntu && mpicc -pthread -o threads threads.c", user="ubuntu", timeout=120)
    assert built.code == 0, built.err
    done = ec2mpi("run", "-np", 2, "-w", 1, "--slots", 2, "--profile", "--", "./threads")
    assert done.code == 0, done.err
    for rank in profile(ec2mpi)["ranks"]:
        assert calls(rank)["Recv"]["count"] == calls(rank)["Isend"]["count"] == 2000, rank
        assert calls(rank)["Isend"]["bytes"] == 8000, rank


def test_the_counter_of_the_processor_is_used_only_where_it_is_the_kernels_clock(cluster4, ec2mpi):
    give(cluster4, "clocks.c", CLOCKS, hosts=(1,))
    built = cluster4.host(1, "cd /home/ubuntu && mpicc -rdynamic -o clocks clocks.c -ldl", user="ubuntu", timeout=120)
    assert built.code == 0, built.err
    for clock, asked in (("tsc", 0), ("hpet", 2000)):
        assert cluster4.host(1, f"echo {clock} > /tmp/clock && mount --bind /tmp/clock {CLOCK}").code == 0
        try:
            done = ec2mpi("run", "-np", 1, "-w", 1, "--profile", "--", "./clocks")
        finally:
            cluster4.host(1, f"umount {CLOCK}")
        assert (done.code, done.out) == (0, f"asked {asked}\n"), (clock, done.err)
        assert calls(profile(ec2mpi)["ranks"][0])["Barrier"]["count"] == 1000


def test_a_node_without_a_compiler_gets_the_library_of_the_master_and_without_any_the_job_does_not_start(cluster4, ec2mpi):
    give(cluster4, "rounds.py", ROUNDS)
    hidden = []
    try:
        for host in (2, 3, 4):
            assert cluster4.host(host, "mount --bind /dev/null /usr/bin/mpicc").code == 0
            hidden.append(host)
        done = ec2mpi("run", "-np", 4, "--profile", "--", "python3", "rounds.py", 0, "0.05")
        assert done.code == 0, done.err
        assert len(profile(ec2mpi)["ranks"]) == 4
        assert cluster4.host(1, "mount --bind /dev/null /usr/bin/mpicc").code == 0
        hidden.append(1)
        done = ec2mpi("run", "-np", 4, "--profile", "--", "python3", "rounds.py", 0, "0.05")
        assert done.code == 1, done.err
        assert "node3 has no mpicc, and the master has none either; ec2mpi setup installs it" in done.err, done.err
    finally:
        for host in hidden:
            cluster4.host(host, "umount /usr/bin/mpicc")
    nothing_kept(cluster4)


def test_a_node_that_cannot_prepare_the_profile_says_why(ec2mpi, cluster4):
    cluster4.fault("readonly", 2)
    try:
        done = ec2mpi("run", "--profile", "-np", "4", "--", "hostname")
    finally:
        cluster4.fault("writable", 2)
    assert done.code == 1 and "--profile: node2: cannot make " in done.err and ": Read-only file system" in done.err, done.err
    assert "no rank has counted" not in done.err and "a node could not prepare it" in done.err, done.err
