"""What people bring along from ssh, mpirun, shells and schedulers: each habit against four real hosts."""

import json
import subprocess

from local_cluster import lines_of, wait_until

HOME = "/home/ubuntu"


# All ranks print the same traceback, and none ends before all have.
BOOM = """
import sys, traceback
from mpi4py import MPI
MPI.COMM_WORLD.barrier()
try:
    import nothing_of_this_name
except ImportError:
    traceback.print_exc()
MPI.COMM_WORLD.barrier()
sys.exit(1)
"""


def shell(ec2mpi, cluster, text, **options):
    """Shell text on the laptop, in the scratch folder; $EC2MPI is the program."""
    words = ["env", f"HOME={ec2mpi.home}", f"EC2MPI={ec2mpi.binary}", "sh", "-c", text]
    return cluster.exec(words, cwd=ec2mpi.folder, env=ec2mpi.environment, **options)


def on_all(cluster, name, text):
    for host in range(1, 5):
        cluster.host(host, f"cat >{HOME}/{name}", user="ubuntu", input=text)


# --- ssh ---

def test_login_forwards_a_port_as_ssh_does(cluster4, ec2mpi):
    login = ec2mpi.start("login", "-L", "7422:localhost:22", 2, "--", "echo up; cat", stdin=subprocess.PIPE)
    assert login.stdout.readline() == "up\n"
    greeting = shell(ec2mpi, cluster4, "exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/7422; head -c 7 <&3'")
    login.stdin.close()
    assert (greeting.out, login.wait(timeout=20)) == ("SSH-2.0", 0)


def test_login_with_a_forwarding_refuses_a_changed_host_key(cluster4, ec2mpi):
    assert ec2mpi("exec", "-w", 2, "true").code == 0
    known = ec2mpi.folder / ".ec2mpi" / "known_hosts"
    keys = known.read_text().split("\n")
    known.write_text(keys[0].replace("AAAAC3NzaC1lZDI1NTE5AAAAI", "AAAAC3NzaC1lZDI1NTE5AAAAIA")[:-1] + "\n")
    done = ec2mpi("login", "-A", 2, "--", "echo in")
    assert done.code not in (0, 127) and done.out == "" and "key" in done.err


# --- shells ---

def test_exec_in_a_loop_leaves_the_loop_its_input(cluster4, ec2mpi):
    done = shell(ec2mpi, cluster4, 'printf "1\\n2\\n3\\n" | while read -r node; do "$EC2MPI" exec -w "$node" "uname -n"; done')
    assert [line.split("\t")[0] for line in done.out.splitlines()] == ["node1", "node2", "node3"]


# --- copies ---

def test_pull_with_sudo_reads_the_files_of_root(cluster4, ec2mpi):
    cluster4.host(2, "mkdir -p /root/only && head -c 40000000 /dev/zero >/root/only/big && echo x >'/root/only/a b'")
    assert ec2mpi("pull", "-w", 2, "/root/only", "out/").code == 1
    done = ec2mpi("pull", "--sudo", "-w", 2, "/root/only", "out/")
    assert done.code == 0, done.err
    assert (ec2mpi.folder / "out/only/a b").read_text() == "x\n"
    assert (ec2mpi.folder / "out/only/big").stat().st_size == 40000000
    cluster4.host(2, "rm -rf /root/only")


def test_push_reports_its_progress_as_json_lines(cluster4, ec2mpi):
    (ec2mpi.folder / "file").write_text("x" * 100)
    done = ec2mpi("push", "--json-lines", "file", "json-lines/")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [events[0][key] for key in ("event", "schema", "nodes")] == ["begin", 1, 4]
    assert {event["node"] for event in events if event["event"] == "node" and event["ok"]} == {f"node{n}" for n in range(1, 5)}
    assert {"connecting", "running"} <= {event["phase"] for event in events if event["event"] == "phase"}
    assert [events[-1][key] for key in ("event", "ok", "failed", "exit_code")] == ["end", 4, 0, 0]


# --- help from others ---

def test_bugreport_has_versions_log_and_doctor_but_no_address(cluster4, ec2mpi):
    assert ec2mpi("exec-all", "echo secret").code == 0
    done = ec2mpi("bugreport", "-o", "report.txt")
    text = (ec2mpi.folder / "report.txt").read_text()
    assert done.code == 0 and "report.txt" in done.err
    for part in ("== versions ==\nec2mpi ", "== doctor ==\n{", "node4: ok after", "exec-all"):
        assert part in text, text
    for hidden in ("secret", "203.0.113.", "10.0.0.1", "i-0"):
        assert hidden not in text, text


# --- jobs ---

def test_job_of_a_local_script_is_called_ok(cluster4, ec2mpi):
    (ec2mpi.folder / "run_hello.sh").write_text("#!/bin/sh\necho hello\n")
    assert ec2mpi("run", "hello").out == "hello\n"
    job = next(job for job in json.loads(ec2mpi("jobs", "--json").out) if job["id"].startswith("hello-"))
    assert (job["outcome"], job["why"]) == ("ok", "")


def test_a_missing_interpreter_is_named_with_the_command_that_installs_it(cluster4, ec2mpi):
    (ec2mpi.folder / "run_odd.sh").write_text("#!/usr/bin/odd-shell\necho hello\n")
    done = ec2mpi("run", "odd")
    assert done.code == 127
    assert "ec2mpi exec -w 1 --sudo 'apt-get -y install odd-shell'" in done.err


def test_equal_tracebacks_are_shown_once_and_logs_has_all(cluster4, ec2mpi):
    on_all(cluster4, "boom.py", BOOM)
    done = ec2mpi("run", "-np", 4, "--per-node", 1, "--no-mpi4py-run", "--", "python3", "boom.py")
    assert done.code != 0
    assert done.err.count("ModuleNotFoundError: No module named 'nothing_of_this_name'") == 1, done.err
    logs = ec2mpi("logs")
    printed = logs.err.count("ModuleNotFoundError")
    assert printed > 1, logs.err  # else the test shows nothing
    assert "rank 0-3:" in done.err or f"{printed} ranks:" in done.err, done.err


def test_jobs_can_be_filtered_and_a_quiet_detached_job_prints_its_id_only(cluster4, ec2mpi):
    started = ec2mpi("run", "-d", "-q", "-np", 1, "--", "sleep", 600)
    job = started.out.strip()
    try:
        assert (started.code, started.err) == (0, "")
        assert [entry["id"] for entry in json.loads(ec2mpi("jobs", "--running", "--json").out)] == [job]
        assert [entry["id"] for entry in json.loads(ec2mpi("jobs", "--name", "sleep-", "--json").out)][0] == job
        assert ec2mpi("jobs", "--name", "nothing").err == "ec2mpi: no such job on the master\n"
    finally:
        ec2mpi("cancel", job)
    assert ec2mpi("jobs", "--running").out == ""
