"""Many sessions against the sshds of one machine. Runs on a host of the test cluster, as root, in a folder of its own.

The sshds are no children of what is measured, so their CPU is not counted; they compete for the cores, though, so
wall times here say little.
"""

import argparse
import os
import re
import subprocess
import time
from dataclasses import dataclass, field

import clients
from measure import measure, middle, say_load, show, table

PORT = 2222
LOG = os.path.realpath("sshd.log")
PID = os.path.realpath("sshd.pid")


@dataclass
class Case:
    """in_flight: 0 is the tool's own default."""
    client: object
    exchange: str
    size: int
    in_flight: int = 0
    costs: list = field(default_factory=list)
    succeeded: list = field(default_factory=list)
    logins: list = field(default_factory=list)
    agreed: set = field(default_factory=set)

    def cpu(self):
        """Milliseconds a session, the median of the runs."""
        return middle(1000 * cost.cpu / self.size for cost in self.costs)

    def good(self):
        """Every session of every run. Only then is a cost worth a comparison."""
        return all(count == self.size for count in (*self.succeeded, *self.logins))


# --- the far side --------------------------------------------------------------------------------------------------

def start_sshd():
    """As installed, but for more logins at once, each of which may wait long for its share of the cores. DEBUG1 names the
    key exchange of each session."""
    subprocess.run(["/usr/sbin/sshd", "-p", str(PORT), "-E", LOG, "-o", f"PidFile={PID}", "-o", "MaxStartups=4000",
                    "-o", "LoginGraceTime=600", "-o", "LogLevel=DEBUG1"], check=True)
    for _ in range(100):
        if os.path.exists(PID):
            break
        time.sleep(0.05)
    with open(PID) as file:
        return int(file.read())


def let_key_in():
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key"], check=True, stdin=subprocess.DEVNULL)
    with open("key.pub") as key, open("/home/ubuntu/.ssh/authorized_keys", "a") as keys:
        keys.write(key.read())
    return os.path.realpath("key")


def wait_until_idle(sshd):
    """Until the sessions of the run before are gone."""
    for _ in range(600):
        with open(f"/proc/{sshd}/task/{sshd}/children") as children:
            if not children.read().strip():
                return
        time.sleep(0.05)


def addresses_of(size):
    """The first of 198.18.0.1 to 198.18.0.250, 198.18.1.1 and so on: addresses for benchmarks (RFC 2544), and no list takes
    127.0.0.1 for a node. All lead to this host."""
    subprocess.run(["ip", "route", "replace", "local", "198.18.0.0/15", "dev", "lo"], check=True)
    return [f"198.{18 + i // 62500}.{i // 250 % 250}.{1 + i % 250}" for i in range(size)]


def target(size, key):
    addresses = addresses_of(size)
    for name, suffix in ((f"hosts{size}", ""), (f"listed{size}", f":{PORT}")):
        with open(name, "w") as file:
            file.writelines(f"{address}{suffix}\n" for address in addresses)
    return clients.Target(f"hosts{size}", f"listed{size}", key, PORT, size)


# --- measuring -----------------------------------------------------------------------------------------------------

def run_once(case, key, sshd):
    wait_until_idle(sshd)
    os.truncate(LOG, 0)
    command, env = case.client.command(target(case.size, key), case.exchange, case.in_flight)
    cost = measure(command, env)
    with open(LOG, errors="replace") as file:
        log = file.read()
    case.costs.append(cost)
    case.succeeded.append(case.client.succeeded(cost, case.size))
    case.logins.append(log.count("Accepted publickey"))
    case.agreed |= set(re.findall(r"kex: algorithm: (\S+)", log))
    if case.succeeded[-1] != case.size:
        print(f"{case.client.name}, {case.size} sessions: status {cost.status}; {cost.err.strip()[-300:]}", flush=True)


def worst(counts):
    return "?" if None in counts else str(min(counts))


def report(cases):
    """A case is compared with ec2mpi's of the same size that has most in flight."""
    ours = {case.size: case for case in cases if case.client.name == "ec2mpi"}
    rows = []
    for case in cases:
        ratio = case.cpu() / ours[case.size].cpu() if case.good() and ours[case.size].good() else None
        rows.append([case.client.name, " ".join(sorted(case.agreed)) or "?", str(case.size), str(case.in_flight or "default"),
                     worst(case.succeeded), worst(case.logins), show(case.cpu(), ".2f"),
                     show(min(1000 * cost.cpu / case.size for cost in case.costs), ".2f"),
                     show(ratio, ".1f"), show(middle(cost.rss for cost in case.costs), ".1f"),
                     show(middle(cost.wall for cost in case.costs), ".1f")])
    table(["client", "key exchange", "sessions", "in flight", "status 0", "logins", "CPU ms", "(min)", "x ec2mpi", "MB", "wall s"], rows)
    print("CPU: user + system of the client's processes for one session, median of the runs. MB: its largest process; pdsh, clush and")
    print("pssh have an ssh of their own for each session in flight beside it. status 0, logins (sshd's count): the worst run.")
    for size, base in ours.items():
        name_best_peer(base, [case for case in cases if case.size == size and case.client.name != "ec2mpi"])


def name_best_peer(ours, peers):
    same = [case for case in peers if case.good() and case.agreed == ours.agreed]
    if same and ours.good():
        best = min(same, key=Case.cpu)
        print(f"{ours.size} sessions, same key exchange: the best peer, {best.client.name}, takes {best.cpu() / ours.cpu():.1f} times "
              "ec2mpi's CPU")


def sessions(ec2mpi, peers, args):
    """Ours at every size, from few to many in flight; the peers at their own sizes, with both key exchanges."""
    cases = []
    for size in sorted({*args.sizes, *args.peer_sizes}):
        flights = sorted({min(count, size) for count in args.in_flight})
        cases += [Case(ec2mpi, clients.CURVE, size, count) for count in flights]
        if size in args.peer_sizes:
            cases += [Case(peer, exchange, size) for exchange in clients.Peer.exchanges for peer in peers]
    return cases


def fanout(ec2mpi, peers, args):
    """Everybody with its own fan-out, and the same key exchange."""
    return [Case(client, clients.CURVE, size) for size in args.sizes for client in (ec2mpi, *peers)]


def numbers(text):
    return [int(word) for word in text.split(",") if word]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("benchmark", choices=("sessions", "fanout"))
    parser.add_argument("--sizes", type=numbers)
    parser.add_argument("--peer-sizes", type=numbers)
    parser.add_argument("--in-flight", type=numbers)
    parser.add_argument("--runs", type=int)
    args = parser.parse_args()

    ec2mpi, *peers = clients.installed([clients.Ec2mpi(os.path.realpath("ec2mpi")), clients.Pdsh(), clients.Clush(), clients.Pssh()])
    cases = (sessions if args.benchmark == "sessions" else fanout)(ec2mpi, peers, args)
    key, sshd = let_key_in(), start_sshd()
    say_load()
    for _ in range(args.runs):  # everybody in turn, so that a change of load meets all
        for case in cases:
            run_once(case, key, sshd)
    report(cases)


if __name__ == "__main__":
    main()
