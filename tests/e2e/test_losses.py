"""What a job does when a part of it dies, under each MPI that the hosts have: it ends as failed, says what was lost, and leaves
nothing on any host. The ranks and their children ignore all that can be ignored; one child has hidden its environment."""

import json
import signal

import pytest

from local_cluster import HOSTS_ROOT, wait_until

HOSTS = (1, 2, 3, 4)
STUBBORN = "trap '' INT TERM HUP; sleep 27182 & env -i sleep 27182 & echo up; exec sleep 31415"
OURS = "[m]pirun|[m]piexec|[o]rted|[p]rte|[h]ydra|[s]leep (31415|27182)"

FLAVOURS = ["openmpi"] if HOSTS_ROOT else ["openmpi", "mpich"]
RANK = (3, "sleep 31415")
LAUNCHER = (1, "(/\\S+/)?(mpirun|mpiexec|prterun)(\\.\\S+)? ")
DAEMON = (3, "(/\\S+/)?(orted|prted|hydra_pmi_proxy) ")
LINK = (1, "(/\\S+/)?ssh .*10\\.0\\.0\\.13 ")


@pytest.fixture(params=FLAVOURS)
def flavour(request):
    return request.param


@pytest.fixture(autouse=True)
def clean(cluster4):
    yield
    cluster4.heal()
    for host in HOSTS:
        cluster4.host(host, "pkill -KILL -x sleep")


def of_the_job(cluster, host):
    return cluster.host(host, f"ps -eo pid,args | grep -v '[/]supervise' | grep -E '{OURS}'").out


def start(ec2mpi, flavour, command=STUBBORN):
    process = ec2mpi.start("run", "--mpirun", f"/usr/bin/mpirun.{flavour}", "--per-node", "1", "--", "sh", "-c", command)
    assert [process.stdout.readline() for _ in HOSTS] == ["up\n"] * 4
    return process


def kill(cluster, host, args, name="KILL"):
    """The oldest process of the user's whose words begin so."""
    done = cluster.host(host, f"pkill -{name} -o -u ubuntu -f '^{args}'")
    assert done.code == 0, f"host {host} has no {args}: " + cluster.host(host, "ps -eo pid,user,args").out


def assert_lost(ec2mpi, cluster, process):
    """The job has ended as failed, and nothing is left; returns its record and what was said."""
    out, err = process.communicate(timeout=150)
    assert not [host for host in HOSTS if of_the_job(cluster, host)], err
    assert process.returncode not in (0, 124, 130, 255), err
    record = json.loads(ec2mpi("jobs", "--json").out)[0]
    assert (record["state"], record["exit_code"]) == ("ended", process.returncode)
    return record, err


def test_a_killed_rank(ec2mpi, cluster4):
    process = start(ec2mpi, "openmpi")  # MPICH lets the others wait for it (docs/running.md)
    kill(cluster4, *RANK)
    _, err = assert_lost(ec2mpi, cluster4, process)
    assert process.returncode == 137
    assert "was killed (signal 9)" in err


def test_a_killed_launcher(ec2mpi, flavour, cluster4):
    process = start(ec2mpi, flavour)
    kill(cluster4, *LAUNCHER)
    assert_lost(ec2mpi, cluster4, process)
    assert process.returncode == 137


@pytest.mark.skipif(bool(HOSTS_ROOT), reason="Open MPI 4 says nothing, others may")
def test_a_launcher_that_somebody_ends(ec2mpi, cluster4):
    process = start(ec2mpi, "openmpi", "echo up; exec sleep 31415")
    kill(cluster4, *LAUNCHER, "TERM")
    record, err = assert_lost(ec2mpi, cluster4, process)
    assert record["why"] == "mpirun ended" and "mpirun ended with 1 and said nothing" in err, err


def test_a_killed_daemon_that_mpirun_notices(ec2mpi, cluster4):
    process = start(ec2mpi, "openmpi")
    kill(cluster4, *DAEMON)
    record, err = assert_lost(ec2mpi, cluster4, process)
    assert record["why"] == "", err


@pytest.mark.skipif(bool(HOSTS_ROOT), reason="the connections of Open MPI 5 end when its daemons run")
def test_a_node_whose_connection_is_lost_is_named(ec2mpi, cluster4):
    process = start(ec2mpi, "openmpi")
    done = cluster4.host(3, "pkill -KILL -f '^sshd: ubuntu'")
    assert done.code == 0, done
    record, err = assert_lost(ec2mpi, cluster4, process)
    assert "node3 or its connection was lost while the job ran" in err and "exec -w 3" in err, (record, err)



def test_a_daemon_that_cannot_end_when_another_is_lost(ec2mpi, cluster4):
    """mpirun ends the others, and would wait for the frozen one for ever."""
    process = start(ec2mpi, "openmpi")
    cluster4.fault("freeze", 4)
    cluster4.call("kill-sshd", 3)
    out, err = process.communicate(timeout=240)
    assert process.returncode not in (0, 124, 130, 255), err
    assert "mpirun lost its daemon on a node and did not return; it has been ended" in err and "node4" in err, err
    cluster4.call("thaw", 4)
    assert ec2mpi("cancel", "sh", timeout=90).code == 0
    assert not [host for host in HOSTS if of_the_job(cluster4, host)]


if "mpich" in FLAVOURS:
    @pytest.mark.parametrize("victim", [DAEMON, LINK], ids=["daemon", "ssh"])
    def test_a_lost_daemon_that_mpirun_does_not_notice(ec2mpi, victim, cluster4):
        """MPICH would wait for ever: the supervisor ends it. (Open MPI's daemons need no ssh once they run.)"""
        process = start(ec2mpi, "mpich")
        kill(cluster4, *victim)
        record, err = assert_lost(ec2mpi, cluster4, process)
        assert record["why"] == "daemon" and "mpirun lost its daemon on a node and did not return; it has been ended" in err


def test_a_cancel_while_the_daemons_cannot_report(ec2mpi, flavour, cluster4):
    cluster4.fault("firewall", None)  # as by a security group that lets only port 22 through
    process = ec2mpi.start("run", "--mpirun", f"/usr/bin/mpirun.{flavour}", "--per-node", "1", "--", "sleep", "31415")
    wait_until(lambda: cluster4.host(3, f"pgrep -u ubuntu -f '^{DAEMON[1]}'").code == 0, "the daemon has been started", 60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=90)
    assert (out, process.returncode) == ("", 130), err
    assert not [host for host in HOSTS if of_the_job(cluster4, host)], err


def test_a_master_that_crashes(ec2mpi, cluster4):
    """The daemons of Open MPI notice it by their keepalives; what they do not know of is ended when the master is back."""
    start(ec2mpi, "openmpi")
    cluster4.fault("stop", 1, "--hard")
    known = f"ps -eo args | grep -E '^{DAEMON[1]}|^sleep 31415'"
    wait_until(lambda: not any(cluster4.host(host, known).out for host in (2, 3, 4)), "the workers' ranks and daemons are gone", 150)
    cluster4.call("start", 1)
    done = ec2mpi("cancel", "sh", timeout=90)
    assert done.code == 0, done.err
    assert not [host for host in HOSTS if of_the_job(cluster4, host)]
    assert json.loads(ec2mpi("jobs", "--json").out)[0]["exit_code"] == 130
