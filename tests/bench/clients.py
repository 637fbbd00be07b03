"""The tools that are compared, and the command by which each of them does the same."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass

from measure import TIME

CURVE = "curve25519"
DEFAULT = "default"


@dataclass
class Target:
    """hosts: a file with an address a line. listed: the same for ec2mpi, with ports."""
    hosts: str
    listed: str
    key: str
    port: int
    size: int


def ssh_options(target, exchange):
    """Host keys are neither looked up nor kept: the cheapest way for ssh. All else is as installed."""
    options = ["BatchMode=yes", "LogLevel=ERROR", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
               f"IdentityFile={target.key}", f"Port={target.port}"]
    if exchange == CURVE:
        options.append("KexAlgorithms=curve25519-sha256")
    return " ".join(f"-o {option}" for option in options)


class Ec2mpi:
    """Its default key exchange is curve25519 already, so it has no other row. Its host keys are checked and kept. It may
    take as long to log in as the others, which have no limit."""
    exchanges = (CURVE,)
    package = None

    def __init__(self, binary):
        self.name, self.binary = "ec2mpi", binary
        self.version = (self.binary, "--version")

    def command(self, target, _exchange, in_flight):
        fanout = ["-f", str(in_flight)] if in_flight else []
        return [self.binary, "exec-all", "-F", "none", "--list", target.listed, "-i", target.key, "-l", "ubuntu", "--json",
                "-t", "600", *fanout, "true"], {}

    def succeeded(self, cost, _size):
        try:
            nodes = json.loads(cost.out)["nodes"]
        except ValueError:
            return None
        return sum(node["outcome"] == "exit" and node["status"] == 0 for node in nodes)


class Peer:
    """`succeeded` is None where a tool that does not count says that not all was well."""
    exchanges = (CURVE, DEFAULT)

    def succeeded(self, cost, size):
        return size if cost.status == 0 else None


class Ssh(Peer):
    name, binary, package, version = "ssh", "ssh", "openssh-client", ("ssh", "-V")

    def command(self, target, exchange, _in_flight):
        with open(target.hosts) as file:
            host = file.readline().strip()
        return ["ssh", *ssh_options(target, exchange).split(), f"ubuntu@{host}", "true"], {}


class Pdsh(Peer):
    name, binary, package, version = "pdsh", "pdsh", "pdsh", ("pdsh", "-V")

    def command(self, target, exchange, in_flight):
        fanout = ["-f", str(in_flight)] if in_flight else []
        return (["pdsh", "-S", "-R", "ssh", "-l", "ubuntu", *fanout, "-w", "^" + target.hosts, "true"],
                {"PDSH_SSH_ARGS_APPEND": ssh_options(target, exchange)})


class Clush(Peer):
    name, binary, package, version = "clush", "clush", "clustershell", ("clush", "--version")

    def command(self, target, exchange, in_flight):
        fanout = ["-f", str(in_flight)] if in_flight else []
        return ["clush", "-S", "-l", "ubuntu", *fanout, "-o", ssh_options(target, exchange), "--hostfile", target.hosts, "true"], {}


class Pssh(Peer):
    name, binary, package, version = "pssh", "parallel-ssh", "pssh", ("parallel-ssh", "--version")

    def command(self, target, exchange, in_flight):
        fanout = ["-p", str(in_flight)] if in_flight else []
        return ["parallel-ssh", "-h", target.hosts, "-l", "ubuntu", *fanout, "-x", ssh_options(target, exchange), "true"], {}

    def succeeded(self, cost, _size):
        return len(re.findall(r"\[SUCCESS\]", cost.out))


def installed(peers):
    """Those of the peers that are there; says the versions of these, and which are missing."""
    present = []
    for client in peers:
        if not shutil.which(client.binary):
            print(f"{client.name}: not installed, so NOT compared (apt-get install {client.package})")
            continue
        done = subprocess.run(client.version, capture_output=True, text=True, timeout=30)
        words = (done.stdout + done.stderr).strip().splitlines()
        print(f"{client.name}: {words[0] if words else 'version unknown'}")
        present.append(client)
    if not shutil.which(TIME):
        print("time: not installed, so memory is NOT measured (apt-get install time)")
    return present
