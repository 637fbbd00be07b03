"""A start that can't succeed ends at once and says why; doctor finds each of the causes, and its fix, typed as it stands, helps."""

import contextlib
import json
import shlex

import pytest

HOME = "/home/ubuntu"
START = ("run", "-w", "1-2", "--per-node", "1", "--", "hostname")
FIREWALL = ("nft add table inet own; nft add chain inet own in '{ type filter hook input priority 0; }'; "
            "nft add rule inet own in iif lo accept; nft add rule inet own in ct state established,related accept; "
            "nft add rule inet own in tcp dport 22 accept; "
            "nft add rule inet own in meta l4proto tcp reject with icmpx type admin-prohibited")

# host, how it is broken, how that is undone, what the run says, doctor's check, what doctor says
CAUSES = {
    "tmp that only root can write": (
        2, "chmod 755 /tmp", "chmod 1777 /tmp", "could not make /tmp/ompi.", "temp", "nothing can be made in /tmp: Permission denied"),
    "a session folder of another's": (
        2, "mkdir -m 700 /tmp/ompi.$(hostname).1000", "rm -rf /tmp/ompi.*", "could not make /tmp/ompi.", "temp",
        "belongs to another user"),
    "a session folder that is closed to its owner": (
        2, "install -d -o ubuntu -m 0 /tmp/ompi.$(hostname).1000", "rm -rf /tmp/ompi.*", "could not make /tmp/ompi.", "temp",
        "does not let its own user write"),
    "a TMPDIR that is not there": (
        2, f"cp {HOME}/.bashrc {HOME}/.bashrc.first && sed -i '1i export TMPDIR=/scratch/ubuntu' {HOME}/.bashrc",
        f"mv {HOME}/.bashrc.first {HOME}/.bashrc; rm -rf /scratch", "could not make /scratch", "temp",
        "nothing can be made in /scratch/ubuntu: No such file or directory"),
    "no inodes left": (
        2, "mount -t tmpfs -o nr_inodes=2,mode=1777 tmpfs /tmp && touch /tmp/one", "umount /tmp", "the file system of /tmp on node2 is full", "temp",
        "only 0 inodes free in /tmp"),
    "a firewall on the master": (1, FIREWALL, "nft delete table inet own", "do not reach each other's ports", "ports", "no route to host"),
}


@contextlib.contextmanager
def broken(cluster, host, how, undo):
    cluster.host(host, "rm -rf /tmp/ompi.*")
    done = cluster.host(host, how)
    assert done.code == 0, done.err
    try:
        yield
    finally:
        cluster.host(host, undo)


@pytest.mark.parametrize("cause", CAUSES)
def test_a_start_that_cannot_succeed_ends_with_the_reason_and_doctor_has_the_fix(ec2mpi, cluster4, cause):
    host, how, undo, said, check, found = CAUSES[cause]
    with broken(cluster4, host, how, undo):
        done = ec2mpi(*START, timeout=20)
        assert done.code not in (0, 124, 130, 255), done.err
        hint = next((line for line in done.err.splitlines() if line.startswith("hint: ")), done.err)
        assert said in hint and ("ec2mpi doctor" in hint or f"ec2mpi exec -w {host} 'df -h /tmp; df -i /tmp'" in hint)
        record = json.loads(ec2mpi("jobs", "--json").out)[0]
        assert (record["state"], record["exit_code"]) == ("ended", done.code)

        diagnosis = {each["check"]: each for each in json.loads(ec2mpi("doctor", "--json").out)["checks"]}[check]
        assert diagnosis["verdict"] == "failed", diagnosis
        finding = diagnosis["findings"][0]
        assert found in finding["what"], finding
        fix = finding["fix"][finding["fix"].index("ec2mpi "):]
        assert f"-w {host} " in fix
        fixed = ec2mpi(*shlex.split(fix)[1:])
        assert fixed.code == 0, fix + fixed.err
        assert ec2mpi(*START, timeout=20).code == 0, fix


def test_a_node_whose_shell_ends_before_the_daemon_is_not_waited_for(ec2mpi, cluster4):
    """As seen by mpirun only: ssh returns 0 and there is no daemon, as with `exit` in ~/.bashrc for connections of the master."""
    line = "case $SSH_CONNECTION in 10.*) exit 0 ;; esac"
    undo = f"mv {HOME}/.bashrc.first {HOME}/.bashrc"
    with broken(cluster4, 2, f"cp {HOME}/.bashrc {HOME}/.bashrc.first && sed -i '1i {line}' {HOME}/.bashrc", undo):
        done = ec2mpi(*START, timeout=60)
        assert done.code not in (0, 124, 130, 255)
        assert "daemon on a node ended at its start" in done.err and "ec2mpi doctor" in done.err


COMPUTE = """
import time
from mpi4py import MPI
world, end = MPI.COMM_WORLD, time.monotonic() + 32
if world.rank == 0:
    world.isend("nobody waits for this", 1)
while time.monotonic() < end:
    world.Iprobe()
print("computed", world.rank, flush=True)
world.Abort(7)
"""

# Open MPI 4.1 loses its page now and then, more often on a busy machine.
LOST = "Open MPI has lost a warning of its own"
COMPLAINT = ("[ip-10-0-0-11:00134] [[50985,0],0] ORTE_ERROR_LOG: Data unpack would read past end of buffer "
             "in file ../../../orte/util/show_help.c at line 501")


def test_a_warning_that_open_mpi_loses_is_mentioned(ec2mpi, cluster4):
    done = ec2mpi("run", "-w", "1", "--per-node", "1", "--", "sh", "-c", f"echo '{COMPLAINT}' >&2; sleep 12", timeout=60)
    assert done.code == 0 and done.err.count(LOST) == 1, done.err


def test_a_job_that_does_not_need_a_refused_connection_goes_on(ec2mpi, cluster4):
    """It says nothing for more than half a minute after Open MPI's warning; its own end is in the status."""
    (ec2mpi.folder / "compute.py").write_text(COMPUTE)
    assert ec2mpi("push", "-w", "1-2", "compute.py", "./").code == 0
    firewall = FIREWALL.replace("meta l4proto tcp", "ip saddr 10.0.0.11 tcp dport != 22")
    with broken(cluster4, 2, firewall, "nft delete table inet own"):
        done = ec2mpi("run", "-w", "1-2", "--per-node", "1", "--", "python3", "compute.py", timeout=60)
    assert sorted(done.out.split()) == ["0", "1", "computed", "computed"], done
    assert "a firewall refused a connection between two ranks" in done.err or LOST in done.err, done.err
    assert "ec2mpi doctor" in done.err
    assert done.code == 7, done.err
