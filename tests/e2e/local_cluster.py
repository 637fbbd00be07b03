"""The local test cluster and the program under test, as the fixtures of conftest.py hand them out."""

import importlib.machinery
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import time
import traceback
import types
from dataclasses import dataclass

TESTS = pathlib.Path(__file__).resolve().parent.parent
CLUSTER = TESTS / "cluster" / "cluster"
sys.path.insert(0, str(CLUSTER.parent))
from lib import cluster as clusters, host as hosts  # noqa: E402
from lib.linux import ClusterError  # noqa: E402

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOSTS_ROOT = os.environ.get("EC2MPI_HOSTS_ROOT")  # another distribution's tree for the hosts; see tests/run.sh --openmpi5
LIST, KEY = "amazon_instances_info", "key.pem"
SANITIZER_REPORT = "sanitizer-report"
SANITIZER_EXIT = 99
SLOWNESS = 4  # limits are guards against hangs, in seconds of a quiet machine; a busy one may take four times as long


@dataclass
class Result:
    """What a program printed and how it ended."""
    out: str
    err: str
    code: int


def text_of(data):
    return data.decode("utf-8", "surrogateescape")


class Process(subprocess.Popen):
    """A process whose limits are those of a quiet machine."""

    def communicate(self, input=None, timeout=None):
        return super().communicate(input, timeout and SLOWNESS * timeout)

    def wait(self, timeout=None):
        return super().wait(timeout and SLOWNESS * timeout)


def run(argv, *, input=None, timeout=60, **options):
    """Runs a program to its end; one that does not end in time is killed, and the test fails with what it said."""
    data = input.encode() if isinstance(input, str) else input
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    streams["stdin"] = subprocess.DEVNULL if data is None else subprocess.PIPE
    with Process(list(map(str, argv)), **(streams | options)) as process:
        try:
            out, err = process.communicate(data, timeout)
        except BaseException as trouble:
            process.kill()
            out, err = process.communicate()
            if not isinstance(trouble, subprocess.TimeoutExpired):
                raise
            raise AssertionError(f"{' '.join(map(str, argv))}: still running after {SLOWNESS * timeout} s\n"
                                 f"out: {text_of(out or b'')[-2000:]}\nerr: {text_of(err or b'')[-2000:]}") from None
    return Result(text_of(out or b""), text_of(err or b""), process.returncode)


cluster_program = types.ModuleType("cluster_program")
importlib.machinery.SourceFileLoader(cluster_program.__name__, str(CLUSTER)).exec_module(cluster_program)


def cluster_command(words, timeout):
    """What `tests/cluster/cluster WORDS` does, in a fork of this process: an interpreter's start costs more than the command."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            for stream in (1, 2):
                os.dup2(theirs, stream)
            os.closerange(3, 4096)  # processes that it leaves behind must not hold our descriptors
            sys.stdout = sys.stderr = open(1, "w", closefd=False)
            sys.argv = [str(CLUSTER), *words]
            code = cluster_program.main() or 0
        except ClusterError as error:
            print(f"cluster: {error}")
            code = 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(theirs)
    said, end = b"", time.monotonic() + SLOWNESS * timeout
    while select.select([ours], [], [], max(0, end - time.monotonic()))[0] and (block := os.read(ours, 65536)):
        said += block
    if time.monotonic() > end:
        os.kill(child, signal.SIGKILL)
    os.close(ours)
    return Result(text_of(said), "", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def wait_until(condition, what, seconds=20):
    """Polls until the condition holds, and returns what it returned."""
    end = time.monotonic() + SLOWNESS * seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"still not after {SLOWNESS * seconds} s: {what}"
        time.sleep(0.02)
    return value


class Cluster:
    """A local cluster under a name of its own. Taken down by `down`, and even if this process is killed."""

    def __init__(self, label):
        self.name = f"e2e-{os.getpid()}-{label}"
        self.size = 0
        self.programs = []  # that will run on its laptop as soon as it is up
        self._guard = None
        self._troubled = False

    def up(self, count, *options):
        """Makes `count` hosts; the options are those of `tests/cluster/cluster up`. Their root is HOSTS_ROOT, if set."""
        self._watch()
        self.call("up", count, *(["--root", HOSTS_ROOT] if HOSTS_ROOT else []), *options, timeout=120)
        self.size = count
        for program in self.programs:
            program.move_to(self)
        return self

    def _watch(self):
        """Leaves a process behind that takes the cluster down once we are gone, however we went."""
        if self._guard is None:
            self._guard = subprocess.Popen(["setsid", "--fork", "sh", "-c", 'read -r _; exec "$0" --name "$1" down', CLUSTER,
                                            self.name], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
            self._guard.wait()

    def down(self):
        if self._guard is not None:
            self.call("down", timeout=120)
            self._guard.stdin.close()
            self._guard = None

    def call(self, *words, timeout=60):
        """One command of tests/cluster/cluster; a failure is a broken test bed, not a finding."""
        words = ["--name", self.name, *map(str, words)]
        long_lived = words[2] in ("up", "down", "start")  # its processes are not to be forks of this one
        done = run([CLUSTER, *words], timeout=timeout) if long_lived else cluster_command(words, timeout)
        if done.code != 0:
            raise RuntimeError(f"cluster {' '.join(map(str, words))}: {done.code}\n{done.out}{done.err}")
        return done.out

    @property
    def folder(self):
        """Where amazon_instances_info and key.pem lie."""
        return pathlib.Path(clusters.Cluster(self.name).folder)

    def address(self, index):
        return (self.folder / LIST).read_text().splitlines()[index - 1].split("\t")[3]

    def exec(self, argv, **options):
        """Runs a program on the laptop. Options: input, timeout, cwd, env."""
        return run(self.exec_argv(argv), **options)

    # Tests run so many programs that an interpreter for each would cost more than the programs: so not by `call`.

    def exec_argv(self, argv):
        return clusters.Cluster(self.name).load().laptop_argv(list(map(str, argv)))

    def host(self, index, command, user="root", timeout=60, input=None):
        """Runs shell text (or a list of words) on a host, past its sshd."""
        words = ["sh", "-c", command] if isinstance(command, str) else command
        done = run(self.host_argv(index, words, user), timeout=timeout, input=input)
        return Result(done.out, done.err, hosts.shell_code(done.code))

    def host_argv(self, index, words, user="root"):
        host = clusters.Cluster(self.name).load().hosts[index - 1]
        return hosts.argv(host.pid, list(map(str, words)), user)

    def is_running(self, index):
        return clusters.Cluster(self.name).load().hosts[index - 1].entry["pid"] is not None

    def exists(self, index, path):
        """Whether an absolute path exists on a host; costs no process, for tests that wait for it."""
        return os.path.lexists(f"/proc/{clusters.Cluster(self.name).load().hosts[index - 1].pid}/root{path}")

    def share(self, path, indices):
        """A folder of the first host becomes that of the others, too, as an NFS server's would. Its file system is known to all:
        /proc/PID/root. Undone by `umount` on the others."""
        all_hosts = clusters.Cluster(self.name).load().hosts
        first = all_hosts[indices[0] - 1].pid
        for index in indices[1:]:
            code = (f"import ctypes, os; c = ctypes.CDLL(None, use_errno=True)\n"
                    f"a = os.open('/proc/{first}/ns/mnt', os.O_RDONLY)\n"
                    f"b = os.open('/proc/{all_hosts[index - 1].pid}/ns/mnt', os.O_RDONLY)\n"
                    f"assert c.setns(a, 0x20000) == 0\n"
                    f"tree = c.syscall(428, -100, b'{path}', 1); assert tree >= 0, ctypes.get_errno()\n"
                    f"assert c.setns(b, 0x20000) == 0\n"
                    f"assert c.syscall(429, tree, b'', -100, b'{path}', 4) == 0, ctypes.get_errno()\n")
            subprocess.run(["/usr/bin/python3", "-c", code], check=True)

    def login_attempts(self, index):
        """How often somebody has got as far as asking for a login on a host, by its sshd's log."""
        log = self.host(index, "cat /var/log/sshd.log").out
        return sum("Accepted " in line or "authenticating user" in line or "invalid user" in line.lower()
                   for line in log.splitlines())

    def fault(self, kind, hosts, *options):
        """One of the faults of tests/cluster/README.md, undone after the test."""
        self._troubled = True
        self.call(kind, *([] if hosts is None else [hosts]), *options)

    def uplink(self, *options):
        self._troubled = True
        self.call("uplink", *options)

    def heal(self):
        if self._troubled:
            self.call("heal", "all")
            self.call("open")
            self.call("uplink", "--rate", "none", "--rtt", "0", "--restore")
            self._troubled = False


class Program:
    """The program under test, in a scratch folder of its own. Calling it runs it to its end."""

    def __init__(self, folder, cluster=None):
        self.folder = folder / "work"
        self.home = folder / "home"
        self.cluster = cluster
        self._reports = folder / SANITIZER_REPORT
        self._started = []
        self.folder.mkdir()
        self.home.mkdir(mode=0o700)
        self.binary = os.path.abspath(os.environ.get("EC2MPI_BINARY", TESTS.parent / "build/dev/ec2mpi"))
        sanitizers = f"exitcode={SANITIZER_EXIT}:detect_leaks=1:log_path={self._reports}"
        self.environment = {"HOME": str(self.home), "PATH": PATH, "TERM": "dumb", "LANG": "C.UTF-8",
                            "ASAN_OPTIONS": sanitizers, "UBSAN_OPTIONS": "print_stacktrace=1"}
        if "EC2MPI_CLUSTER_DIR" in os.environ:
            self.environment["EC2MPI_CLUSTER_DIR"] = os.environ["EC2MPI_CLUSTER_DIR"]
        if cluster is not None:
            self.refresh()

    def move_to(self, cluster):
        self.cluster = cluster
        self.refresh()

    def refresh(self):
        """Puts the cluster's list and key into the scratch folder (anew, after a host has come back elsewhere)."""
        source = self.cluster.folder
        shutil.copy(source / LIST, self.folder)
        shutil.copy(source / KEY, self.folder)
        (self.folder / KEY).chmod(0o600)

    def argv(self, *args, env=None):
        """What to start for the program with these arguments; to be started in self.folder with self.environment."""
        # `cluster exec` gives the laptop's own home and takes SSH_* away; ours come after that.
        variables = {"HOME": self.environment["HOME"]} | (env or {})
        words = ["env", *(f"{name}={value}" for name, value in variables.items()), self.binary, *map(str, args)]
        if self.cluster is None:
            return ["unshare", "--net", *words]  # no network at all: every connection fails
        return self.cluster.exec_argv(words)

    def __call__(self, *args, input=None, timeout=60, cwd=None, env=None, **options):
        return run(self.argv(*args, env=env), input=input, timeout=timeout, cwd=cwd or self.folder, env=self.environment,
                   **options)

    def start(self, *args, env=None, **options):
        """Starts it for a test that talks to it or signals it: a process with pipes of text. It is killed at the end."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": self.folder,
                   "text": True}
        process = Process(self.argv(*args, env=env), env=self.environment, **(streams | options))
        self._started.append(process)
        return process

    def files(self):
        """All that lies in the scratch folder, .ec2mpi included."""
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*"))

    def finish(self):
        """Ends what still runs; returns what the sanitizers had to say."""
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            process.wait()
        reports = sorted(self._reports.parent.glob(SANITIZER_REPORT + ".*"))
        return "\n".join(report.read_text(errors="replace") for report in reports)


def lines_of(text, node):
    """What a node printed, by its label: exec puts `nodeN<TAB>` in front of every line."""
    return [line.split("\t", 1)[1] for line in text.splitlines() if line.split("\t", 1)[0] == f"node{node}"]


if os.geteuid() != 0:
    sys.exit("these tests make network namespaces: run them as root")
