"""A host: boot, sshd, and commands run in it from outside."""

import os
import signal
import stat
import subprocess
import time
import uuid

from . import addresses, image, network
from .linux import (MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, NEWIPC, NEWNET, NEWNS, NEWPID, NEWUTS,
                    ClusterError, launch, mount, pivot_root, run_inside, start_time)

SSHD = ["/usr/sbin/sshd", "-E", "/var/log/sshd.log"]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
LINKS = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}


def boot(cluster, host, init):
    """Starts the host's first process, which starts sshd. The caller plugs the wire in (network.plug)."""
    def first_process():
        program = os.open(init, os.O_RDONLY | os.O_CLOEXEC)
        disk, lower = cluster.disk(host.index), cluster.state["root"]
        network.configure_host(host.index, len(cluster.hosts), cluster.keeper)
        root = image.mount_root(disk, cluster.image, lower)
        mount_kernel_views(root)
        pivot_root(root)
        with open("/proc/sys/kernel/hostname", "w") as file:
            file.write(addresses.hostname(host.index))
        os.execve(program, ["/sbin/init", *SSHD], {"PATH": PATH, "TERM": "linux"})

    return launch(first_process, NEWNET | NEWNS | NEWUTS | NEWIPC | NEWPID, inside=cluster.keeper)


def mount_kernel_views(root):
    quiet = MS_NOSUID | MS_NOEXEC | MS_NODEV
    mount("proc", f"{root}/proc", "proc", quiet)
    mount("sysfs", f"{root}/sys", "sysfs", quiet | MS_RDONLY)
    mount("dev", f"{root}/dev", "tmpfs", MS_NOSUID, "mode=755,size=64k")
    mount("run", f"{root}/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    os.umask(0)
    for name, (major, minor) in DEVICES.items():
        os.mknod(f"{root}/dev/{name}", stat.S_IFCHR | 0o666, os.makedev(major, minor))
    for name, target in LINKS.items():
        os.symlink(target, f"{root}/dev/{name}")
    os.umask(0o022)
    for folder in ("dev/pts", "dev/shm", "run/sshd", "run/lock"):
        os.mkdir(f"{root}/{folder}")
    mount("devpts", f"{root}/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=666,mode=620,gid=5")
    mount("shm", f"{root}/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    # All hosts share a kernel, but two machines never share a boot; some MPIs and job managers look at this.
    image.write(f"{root}/run/boot_id", f"{uuid.uuid4()}\n", 0o444)
    mount(f"{root}/run/boot_id", f"{root}/proc/sys/kernel/random/boot_id", flags=MS_BIND)


def wait_for_sshd(pid, seconds=20):
    """Until the host's sshd listens: that is when it writes its pid file."""
    end = time.monotonic() + seconds
    while not os.path.exists(f"/proc/{pid}/root/run/sshd.pid"):
        if start_time(pid) is None or time.monotonic() > end:
            raise ClusterError(f"sshd of the host with process {pid} does not come up")
        time.sleep(0.003)


# --- commands in a host ------------------------------------------------------------------------------------------

def argv(pid, command, user="root"):
    """The words that run `command` in the host, with an environment of its own; to be executed as they are."""
    entries = {e[0]: e for e in (line.split(":") for line in image.read(f"/proc/{pid}/root/etc/passwd").splitlines())}
    if user not in entries:
        raise ClusterError(f"the host has no user {user}")
    _, _, uid, gid, _, home, shell = entries[user]  # read by hand: the C library knows this machine's users only
    environment = {"HOME": home, "USER": user, "LOGNAME": user, "SHELL": shell, "PATH": PATH,
                   "TERM": os.environ.get("TERM", "dumb")}
    return ["nsenter", f"--target={pid}", "--mount", "--net", "--uts", "--ipc", "--pid", "--",
            "setpriv", f"--reuid={uid}", f"--regid={gid}", f"--groups={gid}", "--",
            "env", "-i", f"--chdir={home}", *(f"{name}={value}" for name, value in environment.items()), *command]


def run(pid, command, user="root", **options):
    """Runs `command` in the host; returns its exit status as a shell has it. The options are subprocess.run's."""
    return shell_code(subprocess.run(argv(pid, command, user), **options).returncode)


def shell_code(returncode):
    return 128 - returncode if returncode < 0 else returncode


def sshd_listener(pid):
    """The listener's pid as the host counts, or None. A killed one leaves its file behind."""
    try:
        listener = int(image.read(f"/proc/{pid}/root/run/sshd.pid"))
    except (FileNotFoundError, ValueError):
        return None
    return listener if start_time(f"{pid}/root/proc/{listener}") is not None else None


def name_of(pid):
    """The name of a process as the machine knows it; empty if there is none."""
    try:
        return image.read(f"/proc/{pid}/comm").strip()
    except OSError:
        return ""


def signal_listener(pid, number):
    """Signals sshd's listener and leaves its open connections alone. False if there is no listener."""
    listener = sshd_listener(pid)
    return listener is not None and run_inside(pid, lambda: os.kill(listener, number)) == 0


def start_sshd(pid):
    """As a daemon, so that it becomes a child of the host's first process."""
    null = subprocess.DEVNULL
    if run(pid, SSHD, stdin=null, stdout=null, stderr=null, umask=0o022) != 0:
        raise ClusterError("sshd did not start; see /var/log/sshd.log on the host")
    wait_for_sshd(pid)


def stop_sshd(pid):
    """Ends the listener only. By force, which works on a frozen host too."""
    listener = sshd_listener(pid)
    if listener is None:
        return
    signal_listener(pid, signal.SIGKILL)
    while start_time(f"{pid}/root/proc/{listener}") is not None:
        time.sleep(0.003)
    os.remove(f"/proc/{pid}/root/run/sshd.pid")
