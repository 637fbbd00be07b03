"""The same jobs under each MPI that the hosts have (Debian 12: Open MPI 4 and MPICH), on four real hosts. The ranks are shells: they
need nothing of an MPI but its launcher, and Debian's MPICH 4.0 hangs in MPI_Finalize now and then (docs/running.md)."""

import json

import pytest

from local_cluster import HOSTS_ROOT, Program, wait_until

HOSTS = (1, 2, 3, 4)
HOME = "/home/ubuntu"
SAYS_WHO = 'echo "${OMPI_COMM_WORLD_RANK:-$PMI_RANK} ${OMPI_COMM_WORLD_SIZE:-$PMI_SIZE} $(hostname)"'
STUBBORN = "trap '' INT TERM HUP; sleep 31415 & env -i sleep 27182 & echo up; while :; do sleep 31415; done"
WAITING = f"echo up; while [ ! -e {HOME}/go ]; do sleep 0.1; done; echo last; exit 3"


@pytest.fixture(params=["openmpi"] if HOSTS_ROOT else ["openmpi", "mpich"])
def flavour(request, cluster4):
    cluster4.host(1, f"rm -f {HOME}/go")
    return request.param


def run_flags(flavour):
    return ["--mpirun", f"/usr/bin/mpirun.{flavour}"]


def of_the_jobs(cluster, host):
    return cluster.host(host, "ps -eo pid,args | grep -v '[/]supervise' | grep -E '[m]pirun|[m]piexec|[o]rted|[h]ydra|[p]rte|[s]leep (31415|27182)'").out


def test_ranks_are_where_they_belong_and_their_status_comes_back(ec2mpi, flavour):
    done = ec2mpi("run", *run_flags(flavour), "--per-node", "2", "--", "sh", "-c", SAYS_WHO)
    assert done.code == 0, done.err
    assert sorted(done.out.splitlines()) == [f"{rank} 8 ip-10-0-0-1{rank // 2 + 1}" for rank in range(8)]
    assert {"openmpi": "Open MPI 5" if HOSTS_ROOT else "Open MPI 4", "mpich": "MPICH 4"}[flavour] in done.err
    failed = ec2mpi("run", *run_flags(flavour), "-np", "4", "--", "sh", "-c", "exit 9")
    assert failed.code == 9, failed.err


def test_the_lines_of_one_rank(ec2mpi, flavour):
    done = ec2mpi("run", "--tag", *run_flags(flavour), "--per-node", "1", "--", "sh", "-c", "echo; " + SAYS_WHO)
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 8 and all(line.startswith("[") for line in done.out.splitlines()), done.out
    assert ec2mpi("logs", "--rank", "2").out == "\n2 4 ip-10-0-0-13\n"
    assert ec2mpi("logs", "--rank", "4").out == ""


def test_cancel_leaves_nothing_on_any_host(ec2mpi, flavour, cluster4):
    job = ec2mpi("run", "--detach", *run_flags(flavour), "--per-node", "1", "--", "sh", "-c", STUBBORN).out.strip()
    wait_until(lambda: ec2mpi("logs", job).out.count("up\n") == 4, "all ranks are up", 60)
    assert of_the_jobs(cluster4, 4)
    done = ec2mpi("cancel", job)
    assert done.code == 0 and "stopped on 4 nodes" in done.err, done.err
    assert not any(of_the_jobs(cluster4, host) for host in HOSTS)


def test_a_detached_job_is_found_again_from_another_laptop(ec2mpi, flavour, cluster4, tmp_path):
    job = ec2mpi("run", "--detach", *run_flags(flavour), "-np", "1", "--", "sh", "-c", WAITING).out.strip()
    (tmp_path / "fresh").mkdir()
    fresh = Program(tmp_path / "fresh", cluster4)
    following = fresh.start("attach", job)
    assert following.stdout.readline() == "up\n"
    cluster4.host(1, f"touch {HOME}/go", user="ubuntu")
    out, err = following.communicate(timeout=60)
    assert (out, following.returncode) == ("last\n", 3), err
    record = next(each for each in json.loads(ec2mpi("jobs", "--json").out) if each["id"] == job)
    assert (record["state"], record["status"]) == ("ended", 3)
    assert not fresh.finish()
