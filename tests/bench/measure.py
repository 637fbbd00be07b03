"""What a command costs its own side: CPU of its process tree, memory, time."""

import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass

TIME = "/usr/bin/time"


@dataclass
class Cost:
    """cpu: user + system seconds of the command and of all that it waited for. rss: MB of its largest process, None if unknown."""
    wall: float
    cpu: float
    rss: float | None
    status: int
    out: str
    err: str


def measure(argv, env=None, limit=900):
    """Runs a command to its end, or kills it and all that it started after `limit` seconds: its status is then below zero."""
    mark = f"EC2MPI_BENCH_MARK={uuid.uuid4()}"
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.NamedTemporaryFile() as rss:
        begin = time.perf_counter()
        process = subprocess.Popen(_with_rss(argv, rss.name), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   env={**os.environ, **(env or {}), **dict([mark.split("=")])}, start_new_session=True)
        killer = threading.Timer(limit, _kill_marked, (mark.encode(),))
        killer.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        killer.cancel()
        killer.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        return Cost(wall, usage.ru_utime + usage.ru_stime, _megabytes(rss.read()), process.returncode, _text(out), _text(err))


def _kill_marked(mark):
    """Kills every process with `mark` in its environment, until none is there: some tools start processes in groups of their own."""
    found = True
    while found:
        found = False
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    if mark in file.read():
                        os.kill(int(pid), signal.SIGKILL)
                        found = True
            except OSError:
                pass  # it ended, or it is somebody else's


def _with_rss(argv, file):
    """A child of Python begins with Python's own peak, so a small process has to stand between for a true one."""
    return [TIME, "-q", "-o", file, "-f", "%M", *argv] if shutil.which(TIME) else argv


def _megabytes(kilobytes):
    return int(kilobytes) / 1024 if kilobytes.strip().isdigit() else None


def _text(file):
    file.seek(0)
    return file.read().decode(errors="replace")


class Sent:
    """What leaves by any interface but lo, from now on. `where`: the words in front of a command that run it there."""

    HEADERS = 20 + 32  # IPv4, and TCP with timestamps

    def __init__(self, where=()):
        self.where = where
        self.before = self._counts()
        links = self._read("ip", "-o", "link").splitlines()
        self.headers = {line.split()[1].rstrip(":").split("@")[0]: self.HEADERS + (14 if "link/ether" in line else 0) for line in links}

    def since(self):
        """Bytes at the interface, and those of them that are not headers: the bytes that were written into TCP. The kernel cuts big
        packets up behind the counter and counts their headers once, in the bytes and in the packets."""
        now = self._counts()
        size = sum(counts[0] - self.before[name][0] for name, counts in now.items())
        headers = sum((counts[1] - self.before[name][1]) * self.headers[name] for name, counts in now.items())
        return size, size - headers

    def _read(self, *command):
        return subprocess.run([*self.where, *command], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout

    def _counts(self):
        rows = [line.split(":") for line in self._read("cat", "/proc/net/dev").splitlines() if ":" in line]
        return {name.strip(): tuple(map(int, counts.split()[8:10])) for name, counts in rows if name.strip() != "lo"}


def self_costs(file):
    """object -> instructions, of a file of callgrind. Names stand there once, behind a number; the line behind `calls=` has what a call
    costs inside."""
    names, costs, here, skip = {}, {}, "", False
    for line in file:
        if line.startswith(("ob=", "cob=")):
            number, _, name = line.partition("=")[2].strip().partition(" ")
            names.setdefault(number, name)
            if line[0] == "o":
                here = names[number]
        elif line.startswith("calls="):
            skip = True
        elif line[0] in "0123456789+-*":
            if not skip:
                costs[here] = costs.get(here, 0) + int(line.split()[1])
            skip = False
    return costs


def middle(values):
    """The median of those that are known."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def show(value, form):
    return "?" if value is None else format(value, form)


def table(header, rows):
    """Columns as wide as their widest cell; the first is aligned to the left."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    for row in [header, *rows]:
        first, *rest = (cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths)))
        print("  ".join([first, *rest]), flush=True)


def say_load():
    """The machine's load of the last 1, 5 and 15 minutes."""
    print("load before: " + " ".join(f"{load:.2f}" for load in os.getloadavg()) + f", on {os.cpu_count()} cores", flush=True)
