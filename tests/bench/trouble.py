"""A push to many hosts, of which one gets into trouble in the middle. The ssh processes on the hosts show which host feeds which.

The uplink is slow until all links stand, and then fast: times count from there. A host has the file when it gets its name, which is
its last change (ctime); all hosts have one clock.
"""

import os
import re
import subprocess
import time

from measure import Sent

SIZE = 64_000_000
RATE, SLOW = 100, 5  # Mbit/s
FAULTS = ("none", "slow", "frozen", "lost")
LINK = re.compile(r"-- (10\.0\.0\.\d+) .* -c \+(\d+)\s*$", re.S)


class Push:
    def __init__(self, cluster, folder, hosts):
        self.cluster, self.hosts = cluster, range(1, hosts + 1)
        self.laptop = [cluster.command(), "--name", cluster.name, "exec", "--"]
        with open(os.path.join(folder, "payload"), "wb") as file:
            file.write(os.urandom(SIZE))
        cluster.call("uplink", "--rate", "2mbit")
        self.sent = Sent(self.laptop)
        self.process = subprocess.Popen([*self.laptop, "./ec2mpi", "push", "-q", "-F", "none", "--list", "amazon_instances_info", "-i", "key.pem",
                                         "-l", "ubuntu", "payload", "."], cwd=folder, stdin=subprocess.DEVNULL)

    def on(self, host, command):
        return subprocess.run([self.cluster.command(), "--name", self.cluster.name, "host", str(host), "--", "sh", "-c", command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout

    def feeder(self, host):
        """(host that feeds it, its first byte from there), or None."""
        link = LINK.search(self.on(host, "pgrep -a -x ssh"))
        return (int(link[1].split(".")[3]) - 10, int(link[2])) if link else None

    def tree(self):
        """host -> its feeder, when all but one are fed by another host."""
        for _ in range(600):
            links = {host: self.feeder(host) for host in self.hosts}
            feeders = {host: link[0] for host, link in links.items() if link}
            if len(feeders) == len(links) - 1:
                return feeders
            time.sleep(0.1)
        raise SystemExit("the hosts did not feed each other")

    def arrived(self, host):
        """Bytes of the file in the stage of a host."""
        return int(self.on(host, "stat -c %s /home/ubuntu/.ec2mpi-push.*/0 2>/dev/null").strip() or 0)

    def seconds(self, host, began):
        """Until the host had the file; for ever if it has none."""
        end = self.on(host, "stat -c %.9Z /home/ubuntu/payload 2>/dev/null").strip()
        return float(end) - began if end else float("inf")


def push(cluster, folder, hosts, fault):
    """The result of a push with this fault."""
    run = Push(cluster, folder, hosts)
    feeders = run.tree()
    relay = next(feeder for feeder in feeders.values() if feeder in feeders)
    leaf = next(host for host in feeders if host not in feeders.values())
    odd = {"none": None, "lost": relay}.get(fault, leaf)
    if fault == "slow":
        cluster.call("slow", str(leaf), "--rate", f"{SLOW}mbit")
    began = time.time()
    cluster.call("uplink", "--rate", f"{RATE}mbit")
    offsets = {}
    if fault == "frozen":
        time.sleep(2)
        cluster.call("freeze", str(leaf))
    if fault == "lost":
        children = [host for host, feeder in feeders.items() if feeder == relay]
        while min(run.arrived(host) for host in children) < SIZE / 20:
            time.sleep(0.1)
        had = {host: run.arrived(host) for host in children}
        cluster.call("stop", str(relay), "--hard")
        while len(offsets) < len(children) and run.process.poll() is None:
            for host in children:
                link = run.feeder(host)
                if link and link[0] != relay:
                    offsets[host] = link[1] / had[host]
    run.process.wait(600)
    if fault == "frozen":
        cluster.call("thaw", str(leaf))
    ends = {host: run.seconds(host, began) for host in run.hosts if host != relay or fault != "lost"}
    return {"others": max(end for host, end in ends.items() if host != odd), "odd": ends.get(odd), "uplink": run.sent.since()[1] / SIZE,
            "offset": min(offsets.values(), default=0)}


def bars(fault, found, undisturbed):
    """Rows: what, measured, how it compares, with what."""
    name = {"none": "all links stand", "slow": f"a child at {SLOW} Mbit/s", "frozen": "a frozen child", "lost": "a lost relay"}[fault]
    rows = [[f"{name}: bytes over the uplink / size", found["uplink"], "<=", 1.01]]
    if fault == "slow":
        rows.append([f"{name}: seconds of the others / without it", found["others"] / undisturbed["others"], "<=", 1.2])
        rows.append([f"{name}: its own seconds x its rate / size", found["odd"] * SLOW * 1e6 / 8 / SIZE, "<=", 1.2])
    if fault == "lost":
        rows.append([f"{name}: its children continue at / bytes that they had", found["offset"], ">=", 0.99])
    if fault in ("frozen", "lost"):
        rows.append([f"{name}: seconds of the others (inf: not all have it)", found["others"], "<=", 600])
    return rows
