"""The end of life that instances keep themselves, the idle rule, prices, and what must not be lost, against the endpoint in tests/ec2."""

import base64
import json
import signal
import subprocess
import time

import pytest

from ec2_endpoint import SECRET, Ec2, InTheCloud
from local_cluster import Cluster, wait_until

CONFIG = """[prices]
"c5n.large" = 0.5
[jobs]
end_signal = "USR1"
[jobs.saving]
command = ["sh", "-c", "trap 'echo saved; exit 0' USR1; while :; do sleep 0.2; done"]
np = 1
[jobs.keeping]
command = ["sh", "-c", "echo 42 >answer"]
np = 1
pull = ["answer"]
"""


@pytest.fixture(scope="module")
def pasted():
    hosts = Cluster("cloud-life")
    try:
        yield hosts.up(2)
    finally:
        hosts.down()


@pytest.fixture(scope="module")
def ec2(pasted, tmp_path_factory):
    endpoint = Ec2(pasted, tmp_path_factory.mktemp("endpoint"))
    yield endpoint
    endpoint.close()


@pytest.fixture
def ec2mpi(pasted, ec2, tmp_path):
    program = InTheCloud(tmp_path, pasted, ec2)
    (program.folder / "ec2mpi.toml").write_text(CONFIG)
    yield program
    assert SECRET not in program.said
    assert not program.finish()


def ids_of(ec2mpi):
    return ",".join(line.split("\t")[1] for line in (ec2mpi.cluster.folder / "amazon_instances_info").read_text().splitlines())


def states(ec2mpi):
    shown = json.loads(ec2mpi("status", "--json").out)
    return {one["state"] for one in shown}


def start_again(ec2mpi):
    done = ec2mpi("start", "--yes", "--ids", ids_of(ec2mpi))
    assert done.code == 0, done.err


def test_no_job_and_no_result_is_lost_by_stop_or_down(ec2mpi):
    ids = ids_of(ec2mpi)
    done = ec2mpi("run", "keeping", "-d")
    assert done.code == 0, done.err
    job = done.out.strip()
    wait_until(lambda: ec2mpi.cluster.exists(1, f"/home/ubuntu/.ec2mpi/jobs/{job}/exit"), "the job's end")
    done = ec2mpi("down", "--yes", "--ids", ids)
    assert done.code == 2 and f"`ec2mpi attach {job}` brings them" in done.err, done.err
    assert ec2mpi("attach", job).code == 0
    assert list((ec2mpi.folder / "results" / job).rglob("answer"))
    running = ec2mpi("run", "-d", "-np", "1", "--", "sleep", "100").out.strip()
    for verb in ("stop", "down"):
        done = ec2mpi(verb, "--yes", "--ids", ids)
        assert done.code == 2 and f"`ec2mpi cancel {running}` ends it" in done.err, done.err
    assert ec2mpi.ec2.calls("StopInstances") == 1 and ec2mpi.ec2.calls("TerminateInstances") == 2, "dry runs only"
    assert ec2mpi("cancel", running).code == 0


def test_free_nodes_stay_while_a_job_runs_and_all_stop_when_they_are_idle(ec2mpi):
    assert ec2mpi("setup").code == 0
    assert ec2mpi("run", "-d", "-np", "1", "--", "sh", "-c", "while [ ! -e go ]; do sleep 0.2; done").code == 0
    done = ec2mpi("extend", "1h", "--idle", "12s=stop", "--yes", "--ids", ids_of(ec2mpi))
    assert done.code == 0 and "have their end of life at" in done.err, done.err
    time.sleep(16)  # node2 has no rank of the job, and nobody logs in
    assert states(ec2mpi) == {"running"}
    ec2mpi.cluster.host(1, ["touch", "go"], user="ubuntu")
    wait_until(lambda: states(ec2mpi) == {"stopped"}, "stopped instances", 60)
    assert "Instance initiated shutdown" in ec2mpi("status").out


def test_at_the_end_of_life_terminals_are_warned_and_jobs_get_their_signal(ec2mpi):
    start_again(ec2mpi)
    ids = ids_of(ec2mpi)
    assert ec2mpi("exec-all", "--retries", "5", "true").code == 0
    job = ec2mpi("run", "saving", "-d").out.strip()
    other = ec2mpi("run", "-d", "-np", "1", "--", "sh", "-c", "trap '' USR1; sleep 300").out.strip()
    words = ["ssh", "-tt", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR", "-i", ec2mpi.cluster.folder / "key.pem",
             f"ubuntu@{ec2mpi.cluster.address(2)}", "cat"]
    login = subprocess.Popen(ec2mpi.cluster.exec_argv([str(word) for word in words]), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    done = ec2mpi("extend", "30s", "--idle", "off", "--yes", "--ids", ids)
    assert done.code == 0, done.err
    assert {one["tags"]["ec2mpi:idle"] for one in ec2mpi.ec2.state()["instances"].values() if one["state"] == "running"} == {""}
    status = ec2mpi("status")
    assert "ENDS in 0 min: ec2mpi extend moves the end" in status.out and "1.00 an hour" in status.err, status.err
    wait_until(lambda: states(ec2mpi) == {"stopped"}, "stopped instances", 60)
    assert b"this machine ends in" in login.communicate(timeout=20)[0]
    start_again(ec2mpi)
    assert "ends in" in ec2mpi("status").out or "ENDS in" in ec2mpi("status").out, "a start after the end begins a new life"
    assert ec2mpi("extend", "8h", "--yes", "--ids", ids).code == 0
    records = {one["id"]: one for one in json.loads(ec2mpi("jobs", "--json").out)}
    assert (records[job]["state"], records[job]["exit_code"]) == ("ended", 0)
    assert "saved" in ec2mpi("logs", job).out
    assert (records[other]["state"], records[other]["exit_code"]) == ("ended", 124)


def test_run_then_stop_stops_the_instances_after_a_job_that_was_left_alone(ec2mpi):
    done = ec2mpi("run", "keeping", "-d", "--then", "down")
    assert done.code == 2 and "--then stop" in done.err, "instances of other origin are not ended"
    done = ec2mpi("run", "keeping", "-d", "--then", "stop")
    assert done.code == 0, done.err
    job = done.out.strip()
    wait_until(lambda: states(ec2mpi) == {"stopped"}, "stopped instances", 60)
    done = ec2mpi("down", "--yes", "--ids", ids_of(ec2mpi))
    assert done.code == 2 and "the master cannot be asked" in done.err, done.err
    start_again(ec2mpi)
    assert ec2mpi("exec-all", "--retries", "5", "true").code == 0
    done = ec2mpi("run", "keeping", "--then", "stop")
    assert done.code == 0, done.err
    assert states(ec2mpi) == {"stopped"}
    start_again(ec2mpi)
    assert ec2mpi("exec-all", "--retries", "5", "true").code == 0
    assert ec2mpi("attach", job).code == 0


def test_up_gives_each_instance_its_end_and_no_secret(pasted, tmp_path):
    ended = InTheCloud(tmp_path, pasted, Ec2(pasted, tmp_path))
    try:
        assert ended("down", "--yes", "--force", "--ids", ids_of(ended)).code == 0
    finally:
        ended.ec2.close()
    places = tmp_path / "places"
    places.mkdir()
    program = InTheCloud(places, pasted, Ec2(pasted, places, "--spare"))
    try:
        for file in program.folder.iterdir():
            file.unlink()
        words = ("up", "2", "--type", "c5n.large", "--idle", "1h=stop,7d=down")
        done = program("-vv", *words, "--budget", "20", "--dry-run")
        assert done.code == 0, done.err
        assert "0.22 an hour, 20.0" in done.err and "ec2mpi's table of" in done.err, done.err
        done = program("-vvv", *words, "--ttl", "12h", "--yes")
        assert done.code == 0, done.err
        for one in program.ec2.state()["instances"].values():
            data = base64.b64decode(one["user_data"]).decode()
            assert data.startswith("#!/bin/sh\n") and SECRET not in data and "PRIVATE KEY" not in data
            assert one["on_shutdown"] == "stop"
            assert (one["tags"]["ec2mpi:ttl"], one["tags"]["ec2mpi:idle"]) == ("12h", "1h=stop,7d=down")
            assert pasted.exists(one["host"], "/var/lib/ec2mpi-lifetime/end")
        assert "ends in 11 h 5" in program("status").out
        program.ec2.fault("hold", "TerminateInstances")
        process = program.start("down", "--yes", "--force", env=program.ec2.environment)
        wait_until(lambda: program.ec2.state().get("held") == "TerminateInstances", "the call")
        process.send_signal(signal.SIGINT)
        program.ec2.release()
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130 and "again does the rest" in err, err
        assert "\trunning\t" not in (program.folder / "amazon_instances_info").read_text(), "EC2 has done it nevertheless"
        assert program("down", "--yes", "--force").code == 0, "the disks of these hosts have jobs of other tests"
        assert SECRET not in program.said
    finally:
        program.ec2.close()
        assert not program.finish()
