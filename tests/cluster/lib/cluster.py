"""A cluster: its state on disk, how it comes up and how it goes away.

Everything of a cluster lives below one process, the keeper: the first process of a pid namespace, with a mount and a
network namespace of its own (the router). Hosts, laptop and delay line are born inside of it. So when the keeper dies, the
kernel takes away all the rest, and nothing of it was ever to be seen among the machine's own mounts and links.
While `up` runs, the keeper waits on a pipe, and dies with `up`.
"""

import contextlib
import datetime
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from . import addresses, groups, host as hosts_, image, network
from .linux import (MS_BIND, NEWIPC, NEWNET, NEWNS, NEWPID, NEWUTS, ClusterError, die_with_parent, kill_and_wait, launch,
                    make_mounts_private, mount, namespace_of, processes_in, run_inside, start_time, tool, unmount)

BASE = os.environ.get("EC2MPI_CLUSTER_DIR", "/tmp/ec2mpi-cluster")
SOURCES = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "native")
INSTANCE_LIST, KEY = "amazon_instances_info", "key.pem"
MARK = "EC2MPI_TEST_CLUSTER"  # in the environment of what runs on the laptop: the cluster's folder


@dataclass
class Host:
    """A view of one host's entry in the state."""
    entry: dict

    index = property(lambda self: self.entry["index"])
    faults = property(lambda self: self.entry["faults"])

    @property
    def pid(self):
        if self.entry["pid"] is None:
            raise ClusterError(f"host {self.index} is stopped")
        return self.entry["pid"]


class Cluster:
    def __init__(self, name):
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", name):
            raise ClusterError(f"not a name for a cluster: {name}")
        self.name = name
        self.folder = os.path.join(BASE, name)
        self.state = None

    keeper = property(lambda self: self.state["keeper"]["pid"])
    laptop = property(lambda self: self.state["laptop"]["pid"])
    hosts = property(lambda self: [Host(entry) for entry in self.state["hosts"]])
    disks = property(lambda self: f"{self.folder}/disks")
    image = property(lambda self: f"{self.folder}/disks/image")
    keys = property(lambda self: f"{self.folder}/keys")
    home = property(lambda self: f"{self.folder}/home")

    def disk(self, index):
        return f"{self.disks}/{index}"

    def laptop_argv(self, command):
        """The words that become `command` on the laptop, in the folder where they are executed."""
        foreign = [name for name in os.environ if name.startswith(("SSH_", "XDG_"))]
        return ["sh", "-c", f'exec nsenter --target={self.laptop} --net --uts --mount --wdns="$PWD" -- "$@"', "sh",
                "env", *(word for name in foreign for word in ("-u", name)), f"HOME={self.home}",
                f"{MARK}={self.folder}", *command]

    # --- state ---------------------------------------------------------------------------------------------------

    def load(self):
        """Reads the state of a cluster that is up."""
        self._read()
        if self.state is None:
            raise ClusterError(f"there is no cluster {self.name}; make it by: cluster --name {self.name} up N")
        if not self.alive() or not self.state["complete"]:
            raise ClusterError(f"the cluster {self.name} is broken or half made; clear it by: "
                               f"cluster --name {self.name} down")
        return self

    def _read(self):
        try:
            self.state = json.loads(image.read(f"{self.folder}/state.json"))
        except FileNotFoundError:
            self.state = None

    def save(self):
        path = f"{self.folder}/state.json"
        with open(path + ".new", "w") as file:
            json.dump(self.state, file, indent=1)
        os.replace(path + ".new", path)

    def alive(self):
        keeper = self.state["keeper"]
        return start_time(keeper["pid"]) == keeper["start"]

    @contextlib.contextmanager
    def locked(self, create=False):
        """Only one `up`, `down` or fault at a time. The lock is the folder itself, so that nothing has to stay behind."""
        while True:
            if create:
                os.makedirs(self.folder, mode=0o700, exist_ok=True)
            try:
                fd = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                raise ClusterError(f"there is no cluster {self.name}") from None
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(fd), os.stat(self.folder)):
                        yield
                        return
            finally:
                os.close(fd)

    # --- up ------------------------------------------------------------------------------------------------------

    def up(self, count, options):
        if not 1 <= count <= addresses.MOST_HOSTS:
            raise ClusterError(f"a cluster has 1 to {addresses.MOST_HOSTS} hosts")
        self._read()
        if self.state and self.alive() and self.state["complete"]:
            raise ClusterError(f"the cluster {self.name} is up already; cluster --name {self.name} down ends it")
        self._remove()  # what a killed `up` has left
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        try:
            self._build(count, options)
        except BaseException:
            self._remove()
            raise

    def _build(self, count, options):
        keys = self._make_keys(count, options)
        init = program("init")
        built = self._start_keeper(init)
        self.state.update(
            options=options, root=os.path.realpath(options["root"]), firewall={"all": False, "pairs": []},
            uplink={"rate": options["rate"], "rtt": options["rtt"], "cut": False, "pid": None},
            hosts=[{"index": i, "id": addresses.instance_id(self.name, i), "hostname": addresses.hostname(i),
                    "private": addresses.private(i), "public": addresses.public(i), "generation": 0,
                    "pid": None, "faults": {}} for i in range(1, count + 1)])
        network.configure_router(self.keeper)
        network.apply_rules(self.state, self.keeper)
        self._start_laptop(init)
        network.configure_laptop(self.keeper, self.laptop)
        network.set_uplink(self, lambda: program("delay_line"))
        for key in keys:
            if key.wait() != 0:
                raise ClusterError("ssh-keygen failed")
        self._publish_key()
        self._make_disks(count, options)
        self.boot(self.hosts)
        self.write_instance_list()
        self.state["complete"] = True
        self.save()
        os.write(built, b"!")

    def _start_keeper(self, init):
        """Returns the writing end of the pipe that the keeper waits on."""
        waiting, built = os.pipe()

        def keeper():
            make_mounts_private()
            os.makedirs(self.disks, exist_ok=True)
            mount("disks", self.disks, "tmpfs", options="mode=755")
            os.set_inheritable(waiting, True)
            os.execv(init, [f"cluster {self.name}", "--hold", str(waiting)])

        pid = launch(keeper, NEWPID | NEWNS | NEWNET | NEWUTS | NEWIPC).result()
        os.close(waiting)
        self.state = {"name": self.name, "complete": False, "keeper": {"pid": pid, "start": start_time(pid)},
                      "laptop": None}
        self.save()
        return built

    def _start_laptop(self, init):
        """The laptop shows the machine as it is, but for the network, the hostname and the home."""
        self._write_laptop_files()

        def laptop():
            make_mounts_private()
            unmount(self.disks)
            for file in ("passwd", "hosts", "resolv.conf"):
                if os.path.exists(f"/etc/{file}"):
                    mount(f"{self.folder}/laptop/{file}", os.path.realpath(f"/etc/{file}"), flags=MS_BIND)
            with open("/proc/sys/kernel/hostname", "w") as file:
                file.write("laptop")
            os.execv(init, ["laptop"])

        pid = launch(laptop, NEWNET | NEWNS | NEWUTS, inside=self.keeper).result()
        self.state["laptop"] = {"pid": pid, "net": namespace_of(pid, "net")}
        self.save()

    def _write_laptop_files(self):
        """ssh looks up the home in passwd, whatever HOME says."""
        os.makedirs(self.home, mode=0o700, exist_ok=True)
        people = [line.split(":") for line in image.read("/etc/passwd").splitlines() if line]
        for entry in people:
            if int(entry[2]) == os.getuid():
                entry[5] = self.home
        image.write(f"{self.folder}/laptop/passwd", "".join(":".join(e) + "\n" for e in people))
        image.write(f"{self.folder}/laptop/hosts", "127.0.0.1 localhost laptop\n::1 localhost\n")
        image.write(f"{self.folder}/laptop/resolv.conf", "")

    def _make_disks(self, count, options):
        def work():
            image.build_image(self.image, self.state["root"], self.keys, count, options["bare"])
            for index in range(1, count + 1):
                image.make_disk(self.disk(index), options["disk"], index, count, self.keys, options["bare"])
        if run_inside(self.keeper, work, kinds=("mnt", "pid")) != 0:
            raise ClusterError("the hosts' disks could not be made")
        shutil.rmtree(self.keys)

    def boot(self, hosts):
        """Boots hosts side by side and waits until their sshd answers."""
        init = program("init")
        births = [(host, hosts_.boot(self, host, init)) for host in hosts]
        for host, birth in births:
            host.entry["pid"] = birth.result()
        network.plug([host.index for host in hosts], self.keeper)
        for host in hosts:
            hosts_.wait_for_sshd(host.pid)
        self.save()

    # --- keys and the instance list ------------------------------------------------------------------------------

    def _make_keys(self, count, options):
        """Starts all key generation at once; the caller waits."""
        os.makedirs(self.keys, mode=0o700, exist_ok=True)
        kind = ["-t", "rsa", "-b", "2048", "-m", "PEM"] if options["key"] == "rsa" else ["-t", "ed25519"]
        running = [keygen(f"{self.keys}/login", kind, "ec2-key")]
        if not options["bare"]:
            running.append(keygen(f"{self.keys}/node_key", ["-t", "ed25519"], f"{image.USER}@{addresses.hostname(1)}"))
        for index in range(1, count + 1):
            running += [keygen(f"{self.keys}/host{index}_{kind}", ["-t", kind], f"root@{addresses.hostname(index)}")
                        for kind in image.HOST_KEY_TYPES]
        return running

    def _publish_key(self):
        """Like EC2: the private key only, readable by its owner only."""
        os.rename(f"{self.keys}/login", f"{self.folder}/{KEY}")
        os.rename(f"{self.keys}/login.pub", f"{self.keys}/authorized_keys")

    def write_instance_list(self):
        """The console's table as one pasted it in 2021."""
        zone = datetime.timezone(datetime.timedelta(hours=-7))
        started = datetime.datetime.now(zone).strftime("%Y/%m/%d %H:%M GMT-7")
        lines = []
        for entry in self.state["hosts"]:
            entry.setdefault("launched", started)
            lines.append(f"\u2013\t{entry['id']}\tc5n.large\t{entry['public']}\t{entry['launched']}\n")
        image.write(f"{self.folder}/{INSTANCE_LIST}", "".join(lines))

    # --- down ----------------------------------------------------------------------------------------------------

    def down(self):
        """Idempotent. Works on whatever there is."""
        if os.path.isdir(self.folder):
            with self.locked():
                self._read()
                self._remove()

    def _remove(self):
        if self.state:
            self._end_laptop_processes()
            if self.alive():
                kill_and_wait(self.keeper)
            for entry in self.state.get("hosts", []):  # an `up` that was killed early has none
                groups.remove(self.name, Host(entry).index)
        if os.path.isdir(self.folder):
            shutil.rmtree(self.folder)

    def _end_laptop_processes(self):
        """Processes that `exec` has brought into the laptop are not descendants of the keeper."""
        if not self.state["laptop"]:
            return
        net = self.state["laptop"]["net"]
        sure = self.alive() and namespace_of(self.laptop, "net") == net
        for pid in processes_in("net", net):
            # Once the laptop is gone its namespace's number may belong to someone else: then ask for our mark too.
            if pid != os.getpid() and (sure or self._marked(pid)):
                kill_and_wait(pid)

    def _marked(self, pid):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                return f"{MARK}={self.folder}".encode() in file.read().split(b"\0")
        except OSError:
            return False


def keygen(path, kind, comment):
    return subprocess.Popen(["ssh-keygen", "-q", *kind, "-N", "", "-C", comment, "-f", path],
                            stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)


def program(name):
    """The path of a program of native/, compiled when its source has changed. It may run under any C library."""
    source = next(f"{SOURCES}/{file}" for file in os.listdir(SOURCES) if file.startswith(name + "."))
    with open(source) as file:
        content = file.read()
    version = hashlib.sha256(content.encode()).hexdigest()[:12]
    path = f"{BASE}/.programs/{name}-{version}"
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        compiler = "cc" if source.endswith(".c") else "c++"
        kind = "-shared" if "constructor" in content else "-static"  # a library is loaded into other programs
        tool([compiler, "-O2", "-fPIC", kind, source, "-o", f"{path}.{os.getpid()}"])
        os.rename(f"{path}.{os.getpid()}", path)
    return path


def names():
    """All clusters there are, whole or broken."""
    if not os.path.isdir(BASE):
        return []
    return sorted(name for name in os.listdir(BASE) if not name.startswith("."))
