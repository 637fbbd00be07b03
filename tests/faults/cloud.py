"""The cells of `up` and `down`: EC2 fails (tests/ec2 is EC2 here), the disk of this machine fails, or the program is ended.

A moment is an event: EC2 has carried out a call, and holds its answer back until the fault is there."""

import contextlib
import fcntl
import pathlib
import re
import signal
import subprocess

import cell
from ec2_endpoint import ENDPOINT, Ec2, InTheCloud
from lib import cluster as clusters
from local_cluster import LIST, Cluster, wait_until

BOUND = 900  # seconds on a quiet machine; a guard against hangs: EC2 that never answers costs five tries of a minute for each call
FOREVER = 10**6
NAME = "cluster"


class Endpoint(Ec2):
    """EC2, which can be gone for a while, or silent."""

    def __init__(self, cluster, folder):
        super().__init__(cluster, folder, "--spare")
        self.argv = [ENDPOINT, "--cluster", cluster.name, "--state", self.state_file, "--spare", "--port", self.url.rpartition(":")[2]]
        self.is_gone = False

    @contextlib.contextmanager
    def at_rest(self):
        """While it changes nothing in its state."""
        with open(f"{self.state_file}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def go(self):
        with self.at_rest():
            self.close()
        self.is_gone = True

    def fall_silent(self):
        with self.at_rest():
            self.process.send_signal(signal.SIGSTOP)

    def heal(self):
        self.process.send_signal(signal.SIGCONT)
        self.change(faults=[], held=None)
        if self.is_gone:
            self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE, text=True)
            self.process.stdout.readline()
            self.is_gone = False

    def live(self):
        """The ids of the instances that cost money."""
        return {key for key, one in self.state()["instances"].items() if one["state"] not in ("terminated", "shutting-down")}

    def parts(self):
        state = self.state()
        return [f"{kind} {key}" for kind in ("groups", "keys", "placement") for key in state[kind]]


class Bed:
    """Two hosts that are places for instances. Each cell has its own account, and its own folder on a disk that can be full."""

    def __init__(self, folder):
        self.folder, self.number = folder, 0
        self.places = Cluster("faults-cloud").up(2, "--bare")

    def close(self):
        self.places.down()

    @contextlib.contextmanager
    def account(self):
        self.number += 1
        folder = self.folder / str(self.number)
        folder.mkdir()
        for index in (1, 2):
            if not self.places.is_running(index):
                self.places.call("start", index)
        account = Account(self.places, folder)
        try:
            yield account
        finally:
            account.close()


class Account:
    def __init__(self, places, folder):
        self.places, self.ec2 = places, Endpoint(places, folder)
        self.program = InTheCloud(folder, places, self.ec2)
        self.disk = self.program.folder  # as the laptop sees it: its own disk
        self.out, self.err = folder / "out", folder / "err"
        self.on_laptop(f"mount -t tmpfs -o size=4m none {self.disk}")

    def close(self):
        self.program.finish()
        self.ec2.heal()
        self.ec2.close()
        self.on_laptop(f"umount -l {self.disk}")

    def on_laptop(self, script):
        done = self.places.exec(["sh", "-c", script])
        assert done.code == 0, done
        return done.out

    def file(self, name):
        laptop = clusters.Cluster(self.places.name).load().laptop
        return pathlib.Path(f"/proc/{laptop}/root{self.disk}/{name}")

    def start(self, words):
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            return self.program.start(*words, stdout=out, stderr=err, env=self.ec2.environment)

    def heal(self):
        self.ec2.heal()
        self.on_laptop(f"mount -o remount,rw {self.disk} && rm -f {self.disk}/filler")

    def listed(self):
        """The ids in the list, which all other commands read."""
        return set(re.findall(r"\bi-[0-9a-f]+", self.file(LIST).read_text())) if self.file(LIST).exists() else set()


PLACE = {
    "EC2 is gone": lambda account, _process: account.ec2.go(),
    "EC2 is silent": lambda account, _process: account.ec2.fall_silent(),
    "EC2 throttles": lambda account, _process: account.ec2.fault("throttle", times=3),
    "EC2 answers garbage": lambda account, _process: account.ec2.fault("garbage", times=FOREVER),
    "an answer is lost": lambda account, _process: account.ec2.fault("drop"),
    "full disk": lambda account, _process: account.on_laptop(f"cat /dev/zero >{account.disk}/filler 2>/dev/null || :"),
    "read-only disk": lambda account, _process: account.on_laptop(f"mount -o remount,ro {account.disk}"),
    "Ctrl-C": lambda _account, process: process.send_signal(signal.SIGINT),
    "kill -9": lambda _account, process: process.send_signal(signal.SIGKILL),
}
OF_THE_PROGRAM = ("Ctrl-C", "kill -9")  # there is nothing to end before it has begun: it waits for the first answer


class Up:
    calls = {"before": "DescribeInstances", "middle": "RunInstances"}
    words = ("up", "2", "--type", "c5n.large", "--yes")
    again = ("down", "--cluster", NAME, "--yes", "--force")

    def __init__(self, account):
        self.account = account

    def prepare(self):
        pass

    def is_done(self):
        return len(self.account.ec2.live()) == 2 and self.account.ec2.live() <= self.account.listed()

    def is_as_before(self):
        return not self.account.ec2.live() and not self.account.ec2.parts()


class Down(Up):
    calls = {"before": "DescribeInstances", "middle": "TerminateInstances", "end": "DeleteSecurityGroup"}
    words = again = ("down", "--yes", "--force")

    def prepare(self):
        done = self.account.program(*Up.words)
        assert done.code == 0, done.err

    def is_done(self):
        return not self.account.ec2.live() and not self.account.ec2.parts()

    def is_as_before(self):
        return len(self.account.ec2.live()) == 2 and self.account.ec2.live() <= self.account.listed()


DRIVERS = {"up": Up, "down": Down}


def start_until(account, command, moment):
    """Starts it, and waits until it is there; at the end of `up` the instances run, and setup is at work."""
    action = command.calls.get(moment)
    if action:
        account.ec2.fault("hold", action)
    process = account.start(command.words)

    def is_there():
        return account.ec2.state().get("held") == action if action else account.listed()
    cell.wait_for(process, is_there, f"{command.words[0]}, {moment}")
    return process


def finish(account, process):
    try:
        process.wait(BOUND)
    except subprocess.TimeoutExpired:
        raise cell.Wrong(f"a hang: {account.err.read_text(errors='replace')[-1500:]}") from None
    return account.err.read_text(errors="replace"), process.returncode


def check(word, account, command, err, code):
    text = f"code {code}, live {account.ec2.live()}, parts {account.ec2.parts()}, listed {account.listed()}\n{err[-2500:]}"
    if word == "killed":
        cell.require(code == -signal.SIGKILL, text)
        return
    cell.require(code != cell.BUG and code >= 0, f"an exit code that means a bug: {text}")
    cell.require(code != 0 or command.is_done(), f"success is said: {text}")
    cell.require(code != 2 or command.is_as_before(), f"exit code 2, but not as before: {text}")
    cell.require("nothing of it is left" not in err or command.is_as_before(), f"something is left: {text}")
    forgotten = account.ec2.live() - account.listed()
    cell.require(not forgotten or "ec2mpi down" in err, f"forgotten: {forgotten}: {text}")
    cell.require(code == 0 or err.strip(), f"no reason is said: {text}")
    if word == "works":
        cell.require(code == 0, text)
    if word == "refuses":
        cell.require(code != 0 and command.is_as_before(), text)
    if word == "undoes":
        cell.require(code != 0 and command.is_as_before(), text)
    if word == "names":
        cell.require(code not in (0, 2) and re.search(r"ec2mpi (down|setup|status)", err), text)


def try_cell(bed, word, name, fault, moment):
    """Raises Wrong with what did not hold."""
    with bed.account() as account:
        command = DRIVERS[name](account)
        command.prepare()
        before = moment == "before" and fault not in OF_THE_PROGRAM
        if before:
            PLACE[fault](account, None)
        process = account.start(command.words) if before else start_until(account, command, moment)
        if not before:
            PLACE[fault](account, process)
        account.ec2.change(held=None)
        err, code = finish(account, process)
        account.heal()
        check(word, account, command, err, code)
        after = account.program(*command.again)
        told = f"{after.code} {after.err[-1500:]}\nbefore it: {code} {err[-1500:]}"
        cell.require(after.code == 0 or (after.code == 2 and "no instance" in after.err), f"the next `down` fails: {told}")
        cell.require(not account.ec2.live() and not account.ec2.parts(), f"left: {account.ec2.live()} {account.ec2.parts()}: {told}")
