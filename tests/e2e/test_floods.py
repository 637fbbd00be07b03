"""Limits, Ctrl-C, memory and the other nodes' lines hold, whatever a node sends and however long."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from local_cluster import SLOWNESS, wait_until
from test_persist import daemon

SOON = 3  # seconds from the signal or the limit to the end
MOST = 100  # MB
LATE = 5  # seconds that a flood may delay another node's line: a second on a quiet machine
BEGUN = 1 << 20  # bytes of a flood that is on its way
KINDS = ("new", "kept")


def peak(pid):
    """The most memory that a process has had, in MB; with a sanitizer's shadow it says nothing."""
    if "EC2MPI_SANITIZED" in os.environ:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", open(f"/proc/{pid}/status").read())
    return int(found[1]) / 1024 if found else 0


class Drain(threading.Thread):
    """Reads a pipe to its end, so that a flood never waits for its reader."""

    def __init__(self, pipe):
        super().__init__(daemon=True)
        self.count, self._pipe = 0, pipe
        self.start()

    def run(self):
        while block := os.read(self._pipe, 1 << 20):
            self.count += len(block)


class Flood:
    """The program while a node floods it."""

    def __init__(self, program, *arguments, into=subprocess.PIPE):
        self.begun = time.monotonic()
        self.process = program.start(*arguments, text=False, bufsize=0, stdout=into)
        self.out = Drain(self.process.stdout.fileno()) if self.process.stdout else None

    def flows(self):
        wait_until(lambda: self.out.count > BEGUN or self.process.poll() is not None, "the flood is on its way")
        assert self.process.poll() is None, self.process.stderr.read()
        return self

    def signal(self, number):
        self.begun = time.monotonic()
        self.process.send_signal(number)
        return self

    def ends_within(self, seconds):
        """Returns the exit code and standard error. A flood that is not held is ended before it fills the machine."""
        while self.process.poll() is None:
            try:
                assert peak(self.process.pid) < MOST, "MB"
            except OSError:  # it has just ended
                continue
            assert time.monotonic() < self.begun + SLOWNESS * seconds, f"still running after {SLOWNESS * seconds} s"
            time.sleep(0.02)
        return self.process.returncode, self.process.stderr.read().decode()


@pytest.fixture(params=KINDS)
def connected(request, ec2mpi):
    """The program, over new connections or over such as an earlier command has kept."""
    if request.param == "kept":
        assert ec2mpi("exec-all", "--persist", "600", "true").code == 0
    yield ec2mpi
    if request.param == "kept":
        assert ec2mpi("disconnect").code == 0


# --- signals and limits ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_flood(connected, number):
    code, err = Flood(connected, "exec-all", "yes").flows().signal(number).ends_within(SOON)
    assert (code, "interrupted; nothing left running" in err) == (130, True), err


@pytest.mark.parametrize("limit", ["-u", "--timeout"])
def test_a_time_limit_ends_a_flood(connected, limit):
    """Into /dev/null, which never lets it wait."""
    flood = Flood(connected, "exec-all", "-w", "3", limit, "2", "yes " + 40 * "a", into=subprocess.DEVNULL)
    ended, err = flood.ends_within(2 + SOON)
    assert (ended, "time limit reached; nothing left running" in err) == (124, True), err


def test_a_signal_ends_a_flood_into_files(connected):
    flood = Flood(connected, "exec", "-w", "3", "--outdir", "out", "yes")
    folder = connected.folder / "out"
    wait_until(lambda: sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) > BEGUN, "the flood is on its way")
    code, err = flood.signal(signal.SIGINT).ends_within(SOON)
    assert code == 130, err


def test_a_signal_ends_a_job_that_floods(connected):
    flood = Flood(connected, "run", "--per-node", "1", "--", "yes").flows()
    code, err = flood.signal(signal.SIGINT).ends_within(4 * SOON)  # the job is ended on all nodes first
    assert code == 130, err


ENDLESS_TAR = """#!/usr/bin/python3
import sys, tarfile
if "--version" in sys.argv: print("GNU"); sys.exit(0)
out = sys.stdout.buffer
info = tarfile.TarInfo(sys.stdin.buffer.read().split(b"\\0")[0].decode())
info.size = 1 << 40
out.write(info.tobuf(tarfile.GNU_FORMAT))
while True: out.write(bytes(1 << 16))
"""


def test_the_limit_of_a_node_ends_the_pull_of_a_file_without_end(connected, cluster4):
    cluster4.host(3, "echo hi >/home/ubuntu/small; cat >/usr/local/bin/tar; chmod 755 /usr/local/bin/tar", input=ENDLESS_TAR)
    try:
        code, err = Flood(connected, "pull", "-w", "3", "-u", "2", "small", "got/").ends_within(2 + SOON)
    finally:
        cluster4.host(3, "rm /usr/local/bin/tar; pkill -f /usr/local/bin/[t]ar")
    assert code == 1 and "node3: " in err, err
    assert not [f for f in (connected.folder / "got").rglob("small") if f.is_file()]


@pytest.mark.parametrize("words", [("push", "small", "small"), ("pull", "small", "got/"), ("exec-all", "true")],
                         ids=lambda words: words[0])
def test_the_limit_of_a_node_holds_where_its_login_shell_prints_without_end(ec2mpi, cluster4, words):
    (ec2mpi.folder / "small").write_text("small")
    cluster4.host(3, "cd /home/ubuntu && mv .bashrc kept && echo yes >.bashrc")
    try:
        command, *rest = words
        code, err = Flood(ec2mpi, command, "-w", "3", "-u", "2", *rest).ends_within(2 + SOON)
    finally:
        cluster4.host(3, "cd /home/ubuntu && mv kept .bashrc; pkill -x yes")
    assert code == 124 and "node3: time limit reached; " in err, err


def test_a_second_signal_ends_the_program_even_if_its_output_is_stuck(ec2mpi):
    """Nobody reads the socket, which can't be opened anew as pipes and terminals are: the loop itself waits in a write."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = ec2mpi.start("exec", "-w", "3", "yes", stdout=theirs)
        wait_until(lambda: waiting(ours) == waiting(ours) > 0, "it is stuck")
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)  # two that come at once are one
        assert process.wait(SOON) == 130
        assert "left at once" in process.stderr.read()


def waiting(link):
    time.sleep(0.3)
    return len(link.recv(1 << 22, socket.MSG_PEEK))


# --- the other nodes -----------------------------------------------------------------------------------------------

ONE_FLOODS = "if [ {index} = 3 ]; then exec yes; fi; for i in 1 2 3 4 5; do date +now.%s.%N; sleep 0.2; done"
STAMP = re.compile(rb"now\.(\d+)\.(\d+)")


def latest(descriptor, stamps):
    """Reads until `stamps` time stamps have come; by how many seconds the latest of them was late."""
    worst, rest, end = 0, b"", time.monotonic() + SLOWNESS * 20
    while stamps > 0:
        assert time.monotonic() < end, f"{stamps} lines have not come; the latest so far: {worst} s"
        rest += os.read(descriptor, 1 << 20)
        now = time.time()
        whole, _, rest = rest.rpartition(b"\n")
        for found in STAMP.finditer(whole):
            stamps -= 1
            worst = max(worst, now - float(b"%b.%b" % found.groups()))
    return worst


@pytest.mark.parametrize("where", ["pipe", "terminal"])
def test_a_flood_does_not_delay_the_lines_of_other_nodes(connected, where):
    near, far = os.openpty() if where == "terminal" else os.pipe()
    process = connected.start("exec-all", ONE_FLOODS, stdout=far, stderr=far)
    os.close(far)
    try:
        late = latest(near, 3 * 5)
        threading.Thread(target=lambda: [None for _ in iter(lambda: read_or_nothing(near), b"")], daemon=True).start()
        process.send_signal(signal.SIGINT)
        assert process.wait(SOON) == 130
    finally:
        process.kill()
    print(f"{late:.3f} s")
    assert late < SLOWNESS * LATE


def read_or_nothing(descriptor):
    try:
        return os.read(descriptor, 1 << 20)
    except OSError:  # how a terminal ends
        return b""


def test_a_flood_does_not_delay_other_nodes_ends_in_json(connected):
    done = connected("exec-all", "--json", "-u", "3", "if [ {index} = 3 ]; then exec yes; fi; sleep 1")
    took = {node["node"]: node["seconds"] for node in json.loads(done.out)["nodes"]}
    flooded = took.pop("node3")
    assert max(took.values()) < 1 + SLOWNESS * LATE and flooded < 3 + SLOWNESS * SOON, took


# --- who keeps connections -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("leaves", [signal.SIGSTOP, signal.SIGKILL])
def test_what_keeps_a_connection_stays_small_when_its_command_does_not_read(ec2mpi, leaves):
    assert ec2mpi("exec", "-w", "3", "--persist", "600", "true").code == 0
    pid = daemon(ec2mpi)
    flood = Flood(ec2mpi, "exec", "-w", "3", "yes").flows()
    flood.process.send_signal(leaves)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert peak(pid) < MOST
        time.sleep(0.1)
    assert ec2mpi("exec", "-w", "3", "true", timeout=10).code == 0
    assert peak(pid) < MOST
    assert ec2mpi("disconnect").code == 0


# --- before the login ----------------------------------------------------------------------------------------------

SERVER = r"""
import os, socket, struct, sys, threading
lines = b"not yet\r\n" * 2000
text = os.urandom(8000)
payload = b"\2" + struct.pack(">I", len(text)) + text
padding = 4 + -(5 + len(payload) + 4) % 8
packet = struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + bytes(padding)
floods = {"lines": (b"", lines), "packets": (b"SSH-2.0-OpenSSH_9.2p1\r\n", packet)}
def serve(client):
    greeting, flood = floods[sys.argv[1]]
    try:
        client.sendall(greeting)
        while True: client.sendall(flood)
    except OSError:
        pass
door = socket.create_server(("", 22))
print("here", flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
while True: threading.Thread(target=serve, args=(door.accept()[0],), daemon=True).start()
"""


@pytest.fixture(params=["lines", "packets"])
def flooding_sshd(request, cluster4):
    """What listens in place of host 3's sshd: lines without end instead of a banner, or packets instead of a key exchange."""
    cluster4.fault("refuse", 3)
    words = cluster4.host_argv(3, ["python3", "-c", SERVER, request.param])
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"here\n"
        yield request.param
        server.stdin.close()


def test_an_sshd_that_sends_without_end_does_not_hold_the_handshake(ec2mpi, flooding_sshd):
    code, err = Flood(ec2mpi, "exec-all", "-w", "3", "-t", "2", "hostname").ends_within(2 + SOON)
    says = {"lines": "sends other things than the greeting of an sshd", "packets": "the key exchange did not end"}
    assert code == 1 and re.search(f"^node3: .*{says[flooding_sshd]}", err, re.M), err


def test_a_signal_ends_a_handshake_with_an_sshd_that_sends_without_end(ec2mpi, flooding_sshd):
    flood = Flood(ec2mpi, "exec-all", "-w", "3", "hostname")
    time.sleep(1)  # nothing shows that it is in the middle of it
    code, err = flood.signal(signal.SIGINT).ends_within(SOON)
    assert code == 130, err
