"""How each command of the table is driven on the local cluster: what it does, when it has visibly begun, when it is about to end,
and what it leaves where. A moment is an event that is seen (a file on a host, a line of output), never a time."""

import json
import os
import pathlib
import random
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "e2e"))
from local_cluster import Cluster, Program, lines_of, wait_until  # noqa: E402
from lib import cluster as clusters  # noqa: E402

NODES = tuple(range(1, int(os.environ.get("EC2MPI_FAULT_HOSTS", "3")) + 1))
MARKS = "/run/faults"  # on its own file system: a full or read-only disk does not matter to it
HOME = "/home/ubuntu"
STEPS = (f": >{MARKS}/begun; echo begun; while [ -e {MARKS}/gate ]; do sleep 0.05; done; : >{MARKS}/ending; "
         f"while [ -e {MARKS}/last ]; do sleep 0.05; done; echo done")


class Bed:
    """The hosts, the program in a scratch folder, and the fault at work."""

    def __init__(self, folder, label="faults"):
        self.cluster = Cluster(label).up(len(NODES))
        self.program = Program(folder, self.cluster)
        self.folder = self.program.folder
        self.environment = {}

    def close(self):
        said = self.program.finish()
        self.cluster.down()
        return said

    def root(self, host):
        """The host's root as a folder of this machine, or None if the host is stopped."""
        pid = clusters.Cluster(self.cluster.name).load().hosts[host - 1].entry["pid"]
        return pid and pathlib.Path(f"/proc/{pid}/root")

    def open_gate(self, name, hosts=NODES):
        for host in hosts:
            if root := self.root(host):
                (root / f"{MARKS}/{name}"[1:]).unlink(missing_ok=True)

    def exists(self, host, path):
        """Whether a path is on a host; on a stopped one nothing is."""
        root = self.root(host)
        return bool(root) and os.path.lexists(f"{root}{path}")

    def marked(self, host, name):
        return self.exists(host, f"{MARKS}/{name}")

    def make_marks(self):
        """The folder of the marks with the gates open: a host that was stopped has lost it."""
        for host in range(1, self.cluster.size + 1):
            self.cluster.host(host, f"mkdir -p {MARKS} && chmod 777 {MARKS} && rm -f {MARKS}/gate {MARKS}/last")

    def clean(self):
        """Each host as it was at first, with the gates shut."""
        for host in range(1, self.cluster.size + 1):
            self.cluster.host(host, f"pkill -KILL -u ubuntu; chmod -R u+w {HOME}/[!.]* 2>/dev/null; cd {HOME} && rm -rf -- * .ec2mpi*; "
                                    f"rm -rf {MARKS} /tmp/* /tmp/.ec2mpi*; mkdir -m 777 {MARKS}; touch {MARKS}/gate {MARKS}/last; "
                                    f"chmod 666 {MARKS}/*; : >/var/log/sshd.log")

    def start(self, *words):
        """Its output goes into files, so that it never waits for a reader."""
        self.out, self.err = self.folder.parent / "out", self.folder.parent / "err"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            return self.program.start(*words, stdout=out, stderr=err, env=self.environment)

    def logins(self, host):
        root = self.root(host)
        return root and (root / "var/log/sshd.log").read_text(errors="replace").count("Accepted publickey")

    def has_process(self, host, *names):
        """Whether a process with one of these names runs on the host; costs no process."""
        root = self.root(host)
        for entry in (root / "proc").iterdir() if root else ():
            try:
                if entry.name.isdigit() and (entry / "comm").read_text().startswith(names):
                    return True
            except OSError:
                pass
        return False

    def leftovers(self):
        """Processes of the account and temporary files, a line each."""
        found = []
        for host in range(1, self.cluster.size + 1):
            said = self.cluster.host(host, "ps -u ubuntu -o args= | grep -v '^sshd'; "
                                           "find /home /tmp /srv \\( -name '.ec2mpi-pu*' -o -name '.ec2mpi-lock*' \\)")
            found += [f"node{host}: {line[:160]}" for line in said.out.splitlines()]
        return found + [str(path) for path in self.folder.rglob("*.tmp")]

    def end_lost_connections(self):
        """The connections that an outage has cut. A node's kernel notices their loss at its next packet, which may be two minutes
        later; here it notices at once."""
        for host in range(1, self.cluster.size + 1):
            self.cluster.host(host, "ss --kill --tcp sport = :22")


class Command:
    """One row of the table."""
    victim = 2

    def __init__(self, bed):
        self.bed = bed

    def prepare(self):
        self.bed.clean()

    def has_begun(self):
        return self.bed.marked(self.victim, "begun")

    def is_ending(self):
        return self.bed.marked(self.victim, "ending")

    def finish_work(self):
        """Lets the command's work come to its end."""
        self.bed.open_gate("gate")

    def release(self):
        self.bed.open_gate("gate")
        self.bed.open_gate("last")

    def again(self):
        """The run that follows when the fault is over."""
        return self.words()

    def done_on(self, out):
        """The nodes on which all of it is done."""
        raise NotImplementedError

    def half(self):
        """Files that stand under their final name and are not whole."""
        return []


class Exec(Command):
    def words(self):
        return ["exec-all", STEPS]

    def done_on(self, out):
        return {node for node in NODES if lines_of(out, node)[-1:] == ["done"]}


class Copy(Command):
    """One large file and many small ones; the uplink is so slow that the middle can be seen."""
    big, small = 1_500_000, 60

    def prepare(self):
        self.bed.clean()
        self.bed.cluster.host(1, f"rm -rf {self.bed.folder}/tree {self.bed.folder}/got")
        self.bed.program.folder.joinpath("tree").mkdir(exist_ok=True)
        noise = random.Random(1)
        self.files = {"big": noise.randbytes(self.big)} | {f"small{i:02}": noise.randbytes(300) for i in range(self.small)}
        for name, data in self.files.items():
            (self.bed.folder / "tree" / name).write_bytes(data)
        self.bed.cluster.uplink("--rate", "6mbit")

    def finish_work(self):
        pass

    def release(self):
        self.bed.cluster.uplink("--rate", "none")

    def whole(self, folder):
        return all(path.is_file() and path.read_bytes() == data for path, data in self.files_in(folder))

    def files_in(self, folder):
        return [(folder / name, data) for name, data in self.files.items()]

    def half(self):
        return [str(path) for folder in self.folders() for path, data in self.files_in(folder)
                if path.is_file() and path.read_bytes() != data]

    def folders(self):
        return [self.folder_of(node) for node in NODES if self.bed.root(node)]

    def done_on(self, _out):
        return {node for node in NODES if self.bed.root(node) and self.whole(self.folder_of(node))}


class Push(Copy):
    def words(self):
        return ["push", "--relay", "never", "tree/.", "got/"]

    def folder_of(self, node):
        return self.bed.root(node) / f"{HOME}/got"[1:]

    def has_begun(self):
        root = self.bed.root(self.victim)
        return root and any((root / HOME[1:]).rglob(".ec2mpi-pu*"))

    def is_ending(self):
        return (self.folder_of(self.victim) / "small00").exists()


class Pull(Copy):
    def prepare(self):
        super().prepare()
        for node in NODES:
            folder = self.bed.root(node) / f"{HOME}/tree"[1:]
            folder.mkdir()
            for path, data in self.files_in(folder):
                path.write_bytes(data)
        for path in sorted((self.bed.folder / "got").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()

    def words(self):
        return ["pull", "tree/.", "got/"]

    def folder_of(self, node):
        return self.bed.folder / f"got/node{node}"

    def has_begun(self):
        return any(path.is_file() and path.stat().st_size for path in (self.bed.folder / "got").rglob("*"))

    def is_ending(self):
        return (self.folder_of(self.victim) / "small00").exists()

    def folders(self):
        return [self.folder_of(node) for node in NODES]

    def done_on(self, _out):
        return {node for node in NODES if self.whole(self.folder_of(node))}


class Setup(Command):
    def prepare(self):
        self.bed.clean()
        done = self.bed.program("setup", "--undo")
        assert done.code == 0, done.err

    def words(self):
        return ["setup"]

    def has_begun(self):
        return self.bed.exists(self.victim, f"{HOME}/.ssh/ec2mpi")

    def is_ending(self):
        return self.bed.exists(self.victim, f"{HOME}/.ssh/ec2mpi/config")

    def finish_work(self):
        pass

    def done_on(self, _out):
        return {node for node in NODES if self.bed.exists(node, f"{HOME}/.ssh/ec2mpi/key")}


class Run(Command):
    def words(self):
        return ["run", "--per-node", "1", "--", "sh", "-c", STEPS]

    def prepare(self):
        self.bed.clean()
        done = self.bed.program("setup")
        assert done.code == 0, done.err

    def has_begun(self):
        return all(self.bed.marked(node, "begun") for node in NODES)

    def done_on(self, out):
        return set(NODES) if out.splitlines().count("done") == len(NODES) else set()


class Attach(Run):
    victim = 1

    def prepare(self):
        super().prepare()
        done = self.bed.program("run", "--detach", "--per-node", "1", "--", "sh", "-c", STEPS)
        assert done.code == 0, done.err
        wait_until(super().has_begun, "the job has begun")

    def words(self):
        return ["attach"]

    def has_begun(self):
        return self.bed.out.read_text().count("begun") == len(NODES)


class Series(Run):
    def prepare(self):
        super().prepare()
        self.job = {"command": ["sh", "-c", STEPS + " {n}"], "per_node": 1, "np": len(NODES), "sweep": {"n": [1, 2, 3]}}
        (self.bed.folder / "ec2mpi.toml").write_text(
            f"[jobs.steps]\ncommand = {json.dumps(self.job['command'])}\nper_node = 1\nnp = {len(NODES)}\nsweep = {{ n = [1, 2, 3] }}\n")

    def words(self):
        return ["run", "steps"]

    def again(self):
        return ["run", "steps", *(["--resume"] if self.bed.cluster.host(1, f"ls {HOME}/.ec2mpi/jobs | grep -q steps").code == 0 else [])]

    def done_on(self, out):
        rows = [row.split() for row in out.splitlines() if row.strip()]
        return set(NODES) if len(rows) >= 3 and not any("fail" in word for row in rows for word in row) else set()


class Doctor(Command):
    def words(self):
        return ["doctor"]

    def has_begun(self):
        return self.bed.logins(self.victim)

    def is_ending(self):
        return self.bed.has_process(self.victim, "python3")

    def prepare(self):
        Run.prepare(self)
        self.bed.cluster.host(self.victim, ": >/var/log/sshd.log")

    def done_on(self, out):
        return set(NODES) if "FAIL" not in out and "ok    ssh" in out else set()


class Net(Doctor):
    def words(self):
        return ["net"]

    def is_ending(self):
        return self.bed.has_process(self.victim, "python3", "mpirun", "orted")

    def done_on(self, out):
        return set(NODES) if "method: " in out else set()


class Login(Command):
    def words(self):
        return ["login", str(self.victim), "--", STEPS]

    def done_on(self, out):
        return {self.victim} if out.splitlines()[-1:] == ["done"] else set()


DRIVERS = {"exec": Exec, "push": Push, "pull": Pull, "setup": Setup, "run": Run, "attach": Attach, "series": Series,
           "doctor": Doctor, "net": Net, "login": Login}
