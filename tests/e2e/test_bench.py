"""What nodes give and jobs use, against four real hosts: the slow node is named, the numbers of a job are there, and
nothing that counts stays behind."""

import json
import re

from local_cluster import wait_until
from test_run import HOSTS, give

SPEED = "speed"

# Bytes first, then processor time: the look once a second has seen all of the first and most of the other.
WORK = """
import time
from mpi4py import MPI
comm = MPI.COMM_WORLD
if comm.rank == 1:
    comm.Send([bytearray(20000000), MPI.BYTE], 0)
elif comm.rank == 0:
    comm.Recv([bytearray(20000000), MPI.BYTE], 1)
while time.process_time() < 4:
    pass
print("worked", flush=True)
"""

# Rank 2 never comes to the barrier; the others wait in it, which uses their processors.
HANGS = """
import time
from mpi4py import MPI
comm = MPI.COMM_WORLD
print("begun", flush=True)
if comm.rank == 2:
    time.sleep(600)
comm.Barrier()
"""


def samplers(cluster):
    return [cluster.host(host, "grep -slz ^EC2MPI_SAMPLER= /proc/[0-9]*/environ").out for host in HOSTS]


def slow_down(cluster, host):
    """Python really takes several times as long there. By a flag: ec2mpi's own takes no setting from the environment."""
    wrapper = "#!/bin/sh\nexec /usr/bin/python3 -X tracemalloc=20 \"$@\"\n"
    cluster.host(host, "cat >/usr/local/bin/python3 && chmod 755 /usr/local/bin/python3", input=wrapper)


def test_the_numbers_of_a_job_are_there_at_its_end_and_nothing_counts_any_more(cluster4, ec2mpi):
    give(cluster4, "work.py", WORK)
    done = ec2mpi("run", "-d", "-np", 4, "--", "python3", "work.py")
    assert done.code == 0, done.err
    shown = {}

    def is_counted():
        shown["ps"] = json.loads(ec2mpi("ps", "--json").out)
        return any(process.get("job_on_node", {}).get("ranks") == 1 for process in shown["ps"])
    wait_until(is_counted, "the job is counted", 60)
    assert all(process["peak"] >= process["rss"] > 0 for process in shown["ps"]), shown
    job = json.loads(ec2mpi("wait", "--json").out)["job"]
    assert job["exit_code"] == 0, job
    usage = job["usage"]
    assert sorted(usage) == ["node1", "node2", "node3", "node4"], usage
    for numbers in usage.values():
        assert numbers["ranks"] == 1 and numbers["cpu_time"] > 1 and numbers["swapped"] == 0, usage
        assert 5_000_000 < numbers["peak_memory"] < numbers["memory"], usage
    assert usage["node2"]["sent"] > 20_000_000 > usage["node3"]["sent"], usage
    # One that nobody ends goes on for a minute; a sleep(1) that it had just begun may be left for a second.
    wait_until(lambda: not any(samplers(cluster4)), "no program counts any more", 20)


def test_the_slow_node_is_named_before_the_job_and_nothing_starts(cluster4, ec2mpi):
    give(cluster4, "never.py", "print('started')\n")
    slow_down(cluster4, 3)
    try:
        done = ec2mpi("run", "--guard", "25%", "-np", 4, "--", "python3", "never.py")
        assert done.code == 2 and "started" not in done.out, done
        assert "node3: computes" in done.err and "slower than the others" in done.err, done.err
        # The hosts share a machine: if it is busy, another one may be slow as well.
        assert re.search(r"--exclude \S*3", done.err), done.err
        # On request the job runs without it. The others count as equal up to a limit that a busy machine does not reach.
        done = ec2mpi("run", "--guard", "45%", "--without-slow", "--", "sh", "-c", "hostname")
        assert done.code == 0 and "--without-slow" in done.err, done
        hosts = set(done.out.split())
        assert hosts and cluster4.host(3, "hostname").out.strip() not in hosts, done
        told = json.loads(ec2mpi("doctor", "--bench", "--json").out)
        speed = next(check for check in told["checks"] if check["check"] == SPEED)
        slow = [each["nodes"] for each in speed["findings"] if each["what"].startswith("computes ")]
        assert speed["verdict"] == "failed" and [3] in slow, speed
        assert [node["index"] for node in told["bench"]] == [1, 2, 3, 4], told["bench"]
    finally:
        cluster4.host(3, "rm /usr/local/bin/python3")


def test_a_guard_that_is_no_percentage_is_refused_before_anything_connects(offline):
    done = offline("run", "--guard", "fast", "--", "true")
    assert done.code == 2 and "10%" in done.err, done.err


def test_a_silent_job_that_uses_processors_ends_as_hang_with_its_stacks(cluster4, ec2mpi):
    give(cluster4, "hangs.py", HANGS)
    (ec2mpi.folder / "ec2mpi.toml").write_text("[jobs]\nhang = '5s'\n")
    done = ec2mpi("run", "-np", 4, "--profile", "--", "python3", "hangs.py")
    assert done.code not in (0, 2, 255), done
    assert "printed nothing for the time of [jobs] hang" in done.err, done.err
    job = json.loads(ec2mpi("jobs", "--json").out)[0]
    assert job["outcome"] == "hang", job
    told = json.loads(ec2mpi("stacks", job["id"], "--json").out)
    assert told["sentence"].startswith("rank 2 (node3) has not come to Barrier"), told
    assert sorted(rank["rank"] for rank in told["ranks"]) == [0, 1, 2, 3], told


def test_a_rank_that_is_a_shell_hangs_as_well(cluster4, ec2mpi):
    (ec2mpi.folder / "ec2mpi.toml").write_text("[jobs]\nhang = '5s'\n")
    done = ec2mpi("run", "-np", 2, "--", "sh", "-c", "while :; do :; done")
    assert done.code not in (0, 2, 255) and "printed nothing for the time of [jobs] hang" in done.err, done
    kept = ec2mpi("stacks", json.loads(ec2mpi("jobs", "--json").out)[0]["id"], "--json")
    assert sorted(rank["rank"] for rank in json.loads(kept.out)["ranks"]) == [0, 1], kept
