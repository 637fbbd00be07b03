"""The kernel calls a cluster is made of: namespaces, mounts, and processes born inside them."""

import ctypes
import os
import select
import signal
import subprocess
import traceback

NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x00020000, 0x04000000, 0x08000000, 0x20000000, 0x40000000
KINDS = {"mnt": NEWNS, "uts": NEWUTS, "ipc": NEWIPC, "pid": NEWPID, "net": NEWNET}

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.CDLL(None, use_errno=True)


class ClusterError(Exception):
    """Expected trouble, told to the user as one line."""


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def unshare(flags):
    _check(_libc.unshare(flags), "unshare")


def enter(pid, *kinds):
    """Joins namespaces of process `pid`. "pid" counts for children only. Opens all first: /proc may change on the way."""
    fds = [(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC), KINDS[kind]) for kind in kinds]
    for fd, flag in fds:
        _check(_libc.setns(fd, flag), f"setns to process {pid}")
        os.close(fd)


def mount(source, target, kind=None, flags=0, options=None):
    def text(value):
        return None if value is None else os.fsencode(value)
    _check(_libc.mount(text(source), text(target), text(kind), ctypes.c_ulong(flags), text(options)), f"mount {target}")


def unmount(target):
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), f"unmount {target}")


def make_mounts_private():
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def pivot_root(new_root):
    """Makes the mount `new_root` the root and lets go of the old one."""
    os.chdir(new_root)
    _check(_libc.syscall(SYS_PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def reset_signals():
    """Undoes what Python does to signals, so that an executed program starts as from a shell."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


# --- processes ---------------------------------------------------------------------------------------------------

def fork(work):
    """Runs `work` in a child and returns the child's pid; the child never returns into the caller's code."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # whatever it is, it must not unwind into the parent's frames
        traceback.print_exc()
    finally:
        os._exit(status)


class Birth:
    """A process on its way: `Birth.result()` waits until it has executed its program and gives its pid."""

    def __init__(self, reader, helper):
        self._reader, self._helper = reader, helper

    def result(self):
        with os.fdopen(self._reader) as pipe:
            pid, _, error = pipe.read().partition("\n")
        os.waitpid(self._helper, 0)
        if error or not pid:
            raise ClusterError(f"a process of the cluster could not be started:\n{error}")
        return int(pid)


def launch(work, unshare_flags, inside=None):
    """Starts a process detached from this one; `work` has to end in an exec.

    With `inside` it is born in all namespaces of that process, so that it dies with that pid namespace.
    """
    reader, writer = os.pipe()

    def helper():
        os.close(reader)
        if inside is None:
            return middle()
        enter(inside, "pid", "net", "uts", "ipc", "mnt")
        os.waitpid(fork(middle), 0)  # a pid namespace is entered by being born

    def middle():
        unshare(unshare_flags)
        fork(newborn)

    def newborn():
        try:
            os.setsid()
            # The /proc seen here is the machine's, so this is the pid the machine knows.
            os.write(writer, os.readlink("/proc/self").encode() + b"\n")
            null = os.open("/dev/null", os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            os.umask(0o022)
            reset_signals()
            work()
        except BaseException:
            os.write(writer, traceback.format_exc().encode())

    pid = fork(helper)
    os.close(writer)
    return Birth(reader, pid)


def run_inside(pid, work, kinds=("net", "mnt", "uts", "ipc", "pid")):
    """Runs `work` in a child inside the namespaces of `pid` and waits. Returns the exit status as a shell has it."""
    def outer():
        enter(pid, *kinds)
        inner = fork(work)
        _, status = os.waitpid(inner, 0)
        os._exit(shell_status(status))

    _, status = os.waitpid(fork(outer), 0)
    return shell_status(status)


def shell_status(wait_status):
    return 128 + os.WTERMSIG(wait_status) if os.WIFSIGNALED(wait_status) else os.WEXITSTATUS(wait_status)


def tool(command, net=None, text=None, check=True):
    """Runs one of the machine's tools, in the network namespace of process `net` if given; trouble is an error."""
    done = subprocess.run(command, input=text, text=True, capture_output=True,
                          preexec_fn=(lambda: enter(net, "net")) if net else None)
    if check and done.returncode != 0:
        raise ClusterError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def die_with_parent():
    _check(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")


def start_time(pid):
    """With the pid the identity of a process; None if there is none or it is a zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def kill_and_wait(pid):
    """Ends a process. For a first process this ends its whole pid namespace, and returns when all of it is gone."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        select.select([fd], [], [])
    except ProcessLookupError:
        pass
    finally:
        os.close(fd)


def is_killed(pid):
    """Whether a process has got SIGKILL and is still there."""
    try:
        with open(f"/proc/{pid}/status") as file:
            pending = [int(line.split()[1], 16) for line in file if line.startswith(("SigPnd:", "ShdPnd:"))]
    except OSError:
        return False
    return any(signals >> signal.SIGKILL - 1 & 1 for signals in pending)


def processes_in(kind, namespace):
    """The machine's pids of all processes whose namespace of that kind is `namespace` (as from namespace_of)."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and namespace_of(name, kind) == namespace]


def namespace_of(pid, kind):
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return None
