#!/usr/bin/env python3
"""Programs and hosts with known faults: is each named, in time, and nobody else? known_faults.py [TIMES] prints counts.

    known_faults.py 10 --cases imbalance,missing        only these: imbalance, missing, healthy, throttled, link, overhead

Each runs TIMES times [3] on a local cluster of four hosts (tests/cluster), quiet, and again with two busy loops beside it. A
row is `CASE LOAD: RIGHT of TIMES`, with the output where it was wrong. It needs root, as the cluster does; `throttled` needs the CPU
controller of control groups (version 1).
`overhead` compares a ping-pong of 8 bytes over TCP by MPI_ and by PMPI_ calls, in pairs of rounds, with --profile and, to show what
the measurement is worth, without. It is right below 2 %, and always says what it measured.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from local_cluster import Cluster, Program  # noqa: E402

HOSTS = (1, 2, 3, 4)
GROUP = pathlib.Path("/sys/fs/cgroup/cpu") / f"ec2mpi-trial-{os.getpid()}"

# Rank 2 computes three times as long as the others, by processor time.
IMBALANCE = """
import time
from mpi4py import MPI
comm = MPI.COMM_WORLD
for i in range(5):
    end = time.process_time() + (0.3 if comm.rank == 2 else 0.1)
    while time.process_time() < end:
        pass
    comm.Barrier()
"""

MISSING = """
import time
from mpi4py import MPI
comm = MPI.COMM_WORLD
comm.Barrier()
if comm.rank == 2:
    print("away", flush=True)
    time.sleep(600)
comm.Barrier()
"""

# Two hundred lines: microseconds of a round trip by PMPI_, which no profile sees, and by MPI_. The rounds take turns in one
# process, so that whatever else differs between two runs counts for both.
PING_PONG = """
#include <mpi.h>
#include <stdio.h>
typedef int Send(const void *, int, MPI_Datatype, int, int, MPI_Comm);
typedef int Receive(void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Status *);
static double took(int rank, Send *send, Receive *receive) {
  char bytes[8] = {0};
  double begin = PMPI_Wtime();
  int i;
  for (i = 0; i < 1000; i++) {
    if (rank == 0) send(bytes, 8, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
    receive(bytes, 8, MPI_BYTE, 1 - rank, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (rank == 1) send(bytes, 8, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
  }
  return (PMPI_Wtime() - begin) * 1e3;
}
int main(int argc, char **argv) {
  int rank, round;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  for (round = 0; round < 200; round++) {
    double plain = took(rank, PMPI_Send, PMPI_Recv), profiled = took(rank, MPI_Send, MPI_Recv);
    if (rank == 0) printf("%.4f %.4f\\n", plain, profiled);
  }
  MPI_Finalize();
  return 0;
}
"""


def give(cluster, name, text):
    for host in HOSTS:
        done = cluster.host(host, f"cat >{name}", user="ubuntu", input=text)
        assert done.code == 0, done.err


def imbalance(cluster, ec2mpi):
    """Rank 2 is named by the profile. The hosts share two cores, so that the times of the ranks are not those of real nodes."""
    give(cluster, "imbalance.py", IMBALANCE)
    done = ec2mpi("run", "--profile", "-np", 4, "--", "python3", "imbalance.py", timeout=300)
    named = any(line.startswith("rank 2 (node3) computes ") for line in done.err.splitlines())
    return done.code == 0 and named, done.err[-400:]


def missing(cluster, ec2mpi):
    """Rank 2 is named by stacks, within five seconds."""
    give(cluster, "missing.py", MISSING)
    started = ec2mpi("run", "-d", "--profile", "-np", 4, "--", "python3", "missing.py", timeout=300)
    assert started.code == 0, started.err
    try:
        while "away" not in ec2mpi("logs").out:
            time.sleep(0.2)
        time.sleep(2)  # the others have to wait for a second
        begin = time.monotonic()
        told = json.loads(ec2mpi("stacks", "--json", timeout=300).out)
        took = time.monotonic() - begin
        named = told["sentence"].startswith("rank 2 (node3) has not come to Barrier, in which 3 ranks wait")
        return named and took < 5, f"{took:.1f} s: {told['sentence']}"
    finally:
        ec2mpi("cancel", timeout=300)


def named_by_bench(ec2mpi):
    """The nodes that each check of doctor --bench names."""
    done = ec2mpi("doctor", "--bench", "--json", timeout=600)
    checks = {check["check"]: check for check in json.loads(done.out)["checks"]}
    nodes = {name: sorted({node for finding in checks[name]["findings"] for node in finding["nodes"]}) for name in ("speed", "network")}
    said = [f"{finding['nodes']}: {finding['what']}" for name in nodes for finding in checks[name]["findings"]]
    return nodes, "; ".join(said) or str([checks[name]["summary"] for name in nodes])


def healthy(_cluster, ec2mpi):
    nodes, said = named_by_bench(ec2mpi)
    return nodes == {"speed": [], "network": []}, said


def throttled(cluster, ec2mpi):
    """Host 3 gets a tenth of a core: beside busy loops, a fifth is about what each host has anyway. On one machine the hosts do
    not see their control groups, as instances do, so that the controller is mounted there."""
    GROUP.mkdir(exist_ok=True)
    (GROUP / "cpu.cfs_period_us").write_text("50000")
    (GROUP / "cpu.cfs_quota_us").write_text("5000")
    listener = cluster.host(3, "pgrep -o -x sshd").out.strip()
    cluster.host(3, "mount -t sysfs sysfs /sys; mount -t tmpfs tmpfs /sys/fs/cgroup && mkdir /sys/fs/cgroup/cpu && "
                    "mount -t cgroup -o cpu cgroup /sys/fs/cgroup/cpu")
    cluster.host(3, f"echo {listener} >/sys/fs/cgroup/cpu/{GROUP.name}/cgroup.procs")
    try:
        nodes, said = named_by_bench(ec2mpi)
        return nodes["speed"] == [3] and set(nodes["network"]) <= {3}, said
    finally:
        cluster.host(3, "for pid in $(cat /sys/fs/cgroup/cpu/%s/cgroup.procs); do echo $pid >/sys/fs/cgroup/cpu/cgroup.procs; done" % GROUP.name)
        cluster.host(3, "umount /sys/fs/cgroup/cpu; umount /sys/fs/cgroup")
        with contextlib.suppress(OSError):
            GROUP.rmdir()


def link(cluster, ec2mpi):
    cluster.call("slow", 3, "--rate", "20mbit")
    try:
        nodes, said = named_by_bench(ec2mpi)
        return nodes == {"speed": [], "network": [3]}, said
    finally:
        cluster.call("fast", 3)


def round_trips(ec2mpi, *flags):
    """Microseconds of a round trip, and by how many percent MPI_ is slower than PMPI_: medians."""
    done = ec2mpi("run", *flags, "-w", "1,2", "--per-node", 1, "--", "./pingpong", timeout=300)
    assert done.code == 0, done.err
    rounds = [tuple(map(float, line.split())) for line in done.out.splitlines() if line[:1].isdigit()]
    assert len(rounds) == 200, done.out
    return statistics.median(plain for plain, _ in rounds), 100 * statistics.median(profiled / plain - 1 for plain, profiled in rounds)


def overhead(cluster, ec2mpi):
    """Without --profile the same program shows how far the measurement itself is off."""
    done = cluster.host(1, "mpicc -O2 -x c -o pingpong - && base64 pingpong", user="ubuntu", input=PING_PONG, timeout=120)
    assert done.code == 0, done.err
    cluster.host(2, "base64 -d >pingpong && chmod 755 pingpong", user="ubuntu", input=done.out)
    _, error = round_trips(ec2mpi)
    trip, cost = round_trips(ec2mpi, "--profile")
    return cost < 2, f"{trip:.2f} us a round trip; --profile {cost:+.2f} %, and without it {error:+.2f} %"


CASES = {case.__name__: case for case in (imbalance, missing, healthy, throttled, link, overhead)}


@contextlib.contextmanager
def busy_loops(number):
    loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("times", nargs="?", type=int, default=3)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--loads", default="0,2", help="busy loops beside it")
    options = parser.parse_args()
    cluster = Cluster("known-faults")
    wrong = 0
    try:
        cluster.up(4)
        with tempfile.TemporaryDirectory() as folder:
            ec2mpi = Program(pathlib.Path(folder), cluster)
            for name in options.cases.split(","):
                for loops in map(int, options.loads.split(",")):
                    right, said = 0, []
                    with busy_loops(loops):
                        for _ in range(options.times):
                            good, words = CASES[name](cluster, ec2mpi)
                            right += good
                            said += [] if good and name != "overhead" else [words]
                    wrong += options.times - right
                    print(f"{name} {'loaded' if loops else 'quiet'}: {right} of {options.times}", *said, sep="\n    ", flush=True)
    finally:
        cluster.down()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
