"""An exec that is ended leaves no process on the nodes, or says which ones."""

import random
import re
import signal

import pytest

from local_cluster import Cluster, Program, wait_until

HOSTS = range(1, 9)
BOUND = 45  # seconds; a guard against hangs


@pytest.fixture(scope="module")
def eight():
    hosts = Cluster("eight")
    try:
        yield hosts.up(8)
    finally:
        hosts.down()


@pytest.fixture
def ec2mpi(tmp_path, eight):
    program = Program(tmp_path, eight)
    yield program
    said = program.finish()
    eight.heal()
    assert not said, f"a sanitizer found something:\n{said}"


@pytest.fixture
def token(eight):
    """A word in the arguments of all processes that the test starts; those that still run at its end are killed."""
    word = f"1000.{random.randrange(10**8, 10**9)}"
    yield word
    eight.heal()
    for host in HOSTS:
        eight.host(host, f"pgrep -f {word} | grep -vx $$ | xargs -r kill -9")


def left_on(eight, host, token):
    return [line for line in eight.host(host, ["ps", "-e", "-o", "pid=,user=,args="]).out.splitlines() if token in line]


def left(eight, token, hosts=HOSTS):
    return {host: lines for host in hosts if (lines := left_on(eight, host, token))}


def begin(ec2mpi, *arguments, nodes=8):
    process = ec2mpi.start("exec-all", *arguments)
    begun = [process.stdout.readline() for _ in range(nodes)]
    assert all(line.endswith("\tbegun\n") for line in begun), begun + [process.stderr.read()]
    return process


def plain(token):
    return f"echo begun; sleep {token} & sleep {token}"


def evasive(token):
    """Another way to get out of sight on every host."""
    ways = [
        f"setsid sleep {token} & sleep {token}",
        f"nohup sleep {token} >/dev/null 2>&1 & sleep {token}",
        f"(setsid sh -c '(sleep {token} &)' &); sleep {token}",
        f"trap '' TERM INT HUP; sleep {token} & sleep {token}",
        f"trap '' TERM; while :; do sleep {token} & sleep 0.05; done",
        f"sh -c 'trap \"\" TERM; while :; do sleep {token} & wait; done' & while :; do sleep {token} & wait; done",
        f"env -i sh -c 'trap \"\" TERM; sleep {token}; :' & sleep {token}",
        f"kill -STOP $$; sleep {token}",
    ]
    return "echo begun; case {index} in " + " ".join(f"{i}) {way};;" for i, way in enumerate(ways, 1)) + " esac"


USERS = [(), ("-l", "root")]


@pytest.mark.parametrize("user", USERS, ids=["user", "root"])
@pytest.mark.parametrize("command", [plain, evasive])
def test_an_interrupt_leaves_no_process(ec2mpi, eight, token, command, user):
    process = begin(ec2mpi, *user, command(token))
    wait_until(lambda: len(left(eight, token)) == 8, "all have begun")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=BOUND)
    assert left(eight, token) == {}
    assert (out, process.returncode) == ("", 130)
    assert "node[1-8] (8): interrupted; nothing left running\n" in err


@pytest.mark.parametrize("user", USERS, ids=["user", "root"])
@pytest.mark.parametrize("command", [plain, evasive])
def test_the_limit_of_a_node_leaves_no_process(ec2mpi, eight, token, command, user):
    done = ec2mpi("exec-all", "-u", "1", *user, command(token), timeout=BOUND)
    assert left(eight, token) == {}
    assert done.code == 124
    assert "node[1-8] (8): time limit reached; nothing left running\n" in done.err


def test_a_node_without_ps_is_looked_at_all_the_same(ec2mpi, eight, token):
    assert eight.host(2, "mount --bind /dev/null /usr/bin/ps").code == 0
    try:
        done = ec2mpi("exec", "-w", 2, "-u", 2, f"sleep {token}", timeout=BOUND)
    finally:
        eight.host(2, "umount /usr/bin/ps")
    assert "time limit reached" in done.err, done
    assert not left_on(eight, 2, token), done.err


def test_the_limit_of_the_whole_leaves_no_process(ec2mpi, eight, token):
    done = ec2mpi("exec-all", "--timeout", "3", plain(token), timeout=BOUND)
    assert left(eight, token) == {}
    assert done.code == 124
    assert "node[1-8] (8): time limit reached; nothing left running\n" in done.err


def test_others_on_the_node_are_left_alone(ec2mpi, eight, token):
    """The same user's same program, but not ours."""
    eight.host(1, f"setsid sleep {token}9 >/dev/null 2>&1 </dev/null &", user="ubuntu")
    process = begin(ec2mpi, plain(token))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=BOUND)
    assert [line.split()[2:] for line in left_on(eight, 1, token)] == [["sleep", f"{token}9"]]
    assert left(eight, token, range(2, 9)) == {}


def test_a_frozen_host_is_named_as_not_looked_at(ec2mpi, eight, token):
    process = begin(ec2mpi, plain(token))
    eight.fault("freeze", 3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=BOUND)
    assert process.returncode == 130
    assert "node[1-2,4-8] (7): interrupted; nothing left running\n" in err
    assert re.search(r"^node3: interrupted; it may still run: no look was possible \(.+\)$", err, re.M)
    assert left(eight, token, [1, 2, 4, 5, 6, 7, 8]) == {}
    assert left_on(eight, 3, token)  # the report is true


@pytest.mark.parametrize("command", ["sudo sleep {token}", "sudo sleep {token} & sudo -u nobody sleep {token}",
                                     "(setsid sudo sleep {token} &); sleep {token}"])
def test_what_sudo_started_is_ended_where_sudo_asks_nothing(ec2mpi, eight, token, command):
    process = begin(ec2mpi, "-w", "1-2", "echo begun; " + command.replace("{token}", token), nodes=2)
    wait_until(lambda: len(left(eight, token)) == 2, "both have begun")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=BOUND)
    assert left(eight, token) == {}
    assert "node[1-2] (2): interrupted; nothing left running\n" in err


def test_what_cannot_be_ended_is_named(ec2mpi, eight, token):
    """sudo may start one program as root there, and may not end it: it hears no TERM, and KILL is not allowed."""
    rule = "ubuntu ALL=(root) NOPASSWD: /usr/bin/env"
    eight.host(2, f"mkdir /root/kept && mv /etc/sudoers.d/* /root/kept; cp /etc/sudoers /root/sudoers; echo '{rule}' >/etc/sudoers")
    try:
        process = begin(ec2mpi, "-w", "1-2", f"echo begun; sudo env sh -c 'trap \"\" TERM; sleep {token}; :'", nodes=2)
        wait_until(lambda: len(left(eight, token)) == 2, "both have begun")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=BOUND)
        still = left_on(eight, 2, token)
        assert still and left_on(eight, 1, token) == []
        assert "node1: interrupted; nothing left running\n" in err
        told = re.search(r"^node2: interrupted; still running: (.*)$", err, re.M).group(1)
        assert all(f"pid {line.split()[0]} " in told for line in still)
    finally:
        eight.host(2, "cp /root/sudoers /etc/sudoers; mv /root/kept/* /etc/sudoers.d; rmdir /root/kept")


def test_a_second_interrupt_leaves_at_once_and_says_where_it_may_still_run(ec2mpi, eight, token):
    process = begin(ec2mpi, plain(token))
    eight.fault("freeze", 3)
    process.send_signal(signal.SIGINT)
    others = [host for host in HOSTS if host != 3]
    wait_until(lambda: left(eight, token, others) == {}, "the first interrupt is at work")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=BOUND)
    assert process.returncode == 130
    where = re.search(r"left at once\. It may still run on node\[?([\d,-]+)", err)
    assert where, err
    ranges = [tuple(map(int, part.split("-"))) for part in where[1].split(",")]
    assert any(part[0] <= 3 <= part[-1] for part in ranges), err
