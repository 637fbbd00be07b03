"""The same tasks by ec2mpi and by everybody that does the same. Runs on the laptop of a test cluster; prints rows as JSON.

Each tool gets its best options: all hosts at once, no questions, host keys neither looked up nor kept. All use the key exchange
and the cipher that ec2mpi uses by default. The tools take turns, and a ratio is the median of those of the rounds.
"""

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass, field

from measure import measure

OPTIONS = [word for option in ("BatchMode=yes", "LogLevel=ERROR", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
                               "KexAlgorithms=curve25519-sha256", "Ciphers=chacha20-poly1305@openssh.com", "IdentityFile=key.pem")
           for word in ("-o", option)]
LINE = shlex.join(OPTIONS)
LIMIT = 120  # seconds for one command
PDSH = {"PDSH_SSH_ARGS_APPEND": LINE}
ANSIBLE = {"ANSIBLE_SSH_ARGS": LINE, "ANSIBLE_PIPELINING": "True", "ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_DEPRECATION_WARNINGS": "False",
           "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3", "ANSIBLE_FORKS": "64", "LC_ALL": "C.UTF-8"}


@dataclass
class Tool:
    name: str
    program: str  # that must be installed
    argv: list
    env: dict = field(default_factory=dict)


def each(hosts, command):
    """The command for every host at once, with {} for its address."""
    return ["sh", "-c", "\n".join(f"{command.format(host)} & p=\"$p $!\"" for host in hosts) + "\nfor i in $p; do wait $i || r=1; done; exit ${r:-0}"]


def parallel(hosts, command):
    return ["parallel", "--will-cite", "-j0", command, ":::", *hosts]


def common(hosts):
    """What all tools need to know of the hosts."""
    with open("hosts", "w") as file:
        file.writelines(f"{host}\n" for host in hosts)
    ours = [os.path.realpath("ec2mpi")]
    access = ["-F", "none", "--list", "hosts", "-i", "key.pem", "-l", "ubuntu"]
    number = str(len(hosts))
    return {"ours": (ours, access), "pdsh": ["-R", "ssh", "-l", "ubuntu", "-f", number, "-w", ",".join(hosts)],
            "clush": ["clush", "-q", "-S", "-l", "ubuntu", "-f", number, "-o", LINE, "-w", ",".join(hosts)],
            "pssh": ["-t", "0", "-h", "hosts", "-l", "ubuntu", "-p", number, "-x", LINE],
            "ansible": ["ansible", "all", "-i", ",".join(hosts) + ",", "-u", "ubuntu"]}


def commands(hosts):
    """`true` on each host."""
    to = common(hosts)
    ours, access = to["ours"]
    return [Tool("ec2mpi", ours[0], [*ours, "exec-all", *access, "--json", "true"]),
            Tool("ssh", "ssh", each(hosts, f"ssh {LINE} ubuntu@{{}} true")),
            Tool("pdsh", "pdsh", ["pdsh", "-S", *to["pdsh"], "true"], PDSH),
            Tool("clush", "clush", [*to["clush"], "true"]),
            Tool("pssh", "parallel-ssh", ["parallel-ssh", *to["pssh"], "true"]),
            Tool("ansible", "ansible", [*to["ansible"], "-m", "raw", "-a", "true"], ANSIBLE),
            Tool("GNU parallel", "parallel", parallel(hosts, f"ssh {LINE} ubuntu@{{}} true"))]


def pushes(hosts, source):
    """`source`, a file or a folder, into the home of each host."""
    to = common(hosts)
    ours, access = to["ours"]
    rsync = f"rsync -a -e '{'ssh ' + LINE}' {source} ubuntu@{{}}:"
    return [Tool("ec2mpi", ours[0], [*ours, "push", *access, source, source]),
            Tool("scp", "scp", each(hosts, f"scp -q -r {LINE} {source} ubuntu@{{}}:")),
            Tool("rsync", "rsync", each(hosts, rsync)),
            Tool("pdcp", "pdcp", ["pdcp", "-r", *to["pdsh"], source, "/home/ubuntu/"], PDSH),
            Tool("clush", "clush", [*to["clush"], "--copy", source, "--dest", "/home/ubuntu/"]),
            Tool("pssh", "parallel-scp", ["parallel-scp", "-r", *to["pssh"], source, "/home/ubuntu/"]),
            Tool("ansible", "ansible", [*to["ansible"], "-m", "copy", "-a", f"src={source} dest=/home/ubuntu/"], ANSIBLE),
            Tool("GNU parallel", "parallel", parallel(hosts, rsync))]


def pulls(hosts, source):
    """`source`, a folder, from each host into a folder of its own."""
    to = common(hosts)
    ours, access = to["ours"]
    rsync = f"mkdir -p got/{{}} && rsync -a -e '{'ssh ' + LINE}' ubuntu@{{}}:{source} got/{{}}/"
    twice = rsync.replace("{}", "{0}")
    return [Tool("ec2mpi", ours[0], [*ours, "pull", *access, source, "got/"]),
            Tool("scp", "scp", each(hosts, f"mkdir -p got/{{0}} && scp -q -r {LINE} ubuntu@{{0}}:{source} got/{{0}}/")),
            Tool("rsync", "rsync", each(hosts, twice)),
            Tool("pdcp", "rpdcp", ["rpdcp", "-r", *to["pdsh"], source, "got"], PDSH),
            Tool("clush", "clush", [*to["clush"], "--rcopy", source, "--dest", "got"]),
            Tool("pssh", "parallel-slurp", ["parallel-slurp", "-r", *to["pssh"], "-L", "got", source, source]),
            Tool("GNU parallel", "parallel", parallel(hosts, rsync))]


def starts():
    """The program alone, which says its version."""
    return [Tool("ec2mpi", os.path.realpath("ec2mpi"), [os.path.realpath("ec2mpi"), "--version"]),
            Tool("ssh", "ssh", ["ssh", "-V"]),
            Tool("rsync", "rsync", ["rsync", "--version"]),
            Tool("pdsh", "pdsh", ["pdsh", "-V"]),
            Tool("clush", "clush", ["clush", "--version"]),
            Tool("pssh", "parallel-ssh", ["parallel-ssh", "--version"]),
            Tool("ansible", "ansible", ["ansible", "--version"], ANSIBLE),
            Tool("GNU parallel", "parallel", ["parallel", "--version"])]


def compare(task, tools, runs, prepare=lambda: None):
    """{"task", "tools": {name: {"seconds", "ratio", "mb"}, or name: {"missing": why}}}"""
    costs, missing = {}, {}
    for turn in range(runs):
        for tool in tools:
            if tool.name in missing:
                continue
            if not shutil.which(tool.program):
                missing[tool.name] = "not installed"
                continue
            prepare()
            cost = measure(tool.argv, tool.env, limit=LIMIT)
            if cost.status != 0:
                print(f"{task}, {tool.name}: status {cost.status}: {(cost.err or cost.out).strip()[-300:]}", file=sys.stderr)
                missing[tool.name] = f"over {LIMIT} s" if cost.status < 0 else f"failed with status {cost.status}"
                continue
            costs.setdefault(tool.name, {})[turn] = cost
    rows = {name: {"missing": why} for name, why in missing.items()}
    for name, of_turn in costs.items():
        if name in missing:
            continue
        ours = costs.get("ec2mpi", {})
        ratios = [cost.wall / ours[turn].wall for turn, cost in of_turn.items() if turn in ours]
        rss = [cost.rss for cost in of_turn.values() if cost.rss is not None]
        rows[name] = {"seconds": statistics.median(cost.wall for cost in of_turn.values()),
                      "ratio": statistics.median(ratios) if ratios else None, "mb": max(rss) if rss else None}
    return {"task": task, "tools": rows}


def on_hosts(hosts, command):
    subprocess.run(each(hosts, f"ssh {LINE} ubuntu@{{}} {shlex.quote(command)}"), check=True, stdin=subprocess.DEVNULL)


def small_files(folder, count):
    for i in range(count):
        os.makedirs(f"{folder}/{i // 100}", exist_ok=True)
        with open(f"{folder}/{i // 100}/file-{i}.txt", "w") as file:
            file.write(f"{i} " * (10 + i % 300))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("far", "slow", "near"))
    parser.add_argument("hosts", nargs="+")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=32)
    parser.add_argument("--files", type=int, default=200)
    args = parser.parse_args()
    rows = []
    if args.what == "near":
        rows.append(compare("start of the program", starts(), 3 * args.runs))
    if args.what == "far":
        rows.append(compare("command, one node", commands(args.hosts[:1]), args.runs))
        rows.append(compare("command, all nodes", commands(args.hosts), args.runs))
        small_files("tree", args.files)
        rows.append(compare("tree to all nodes", pushes(args.hosts, "tree"), args.runs, lambda: on_hosts(args.hosts, "rm -rf tree")))
        on_hosts(args.hosts, f"mkdir -p own/d && cd own/d && for i in $(seq {args.files}); do echo \"$i of $(uname -n)\" >$i; done")

        def empty():
            shutil.rmtree("got", ignore_errors=True)
            os.mkdir("got")

        rows.append(compare("tree from all nodes", pulls(args.hosts, "own"), args.runs, empty))
    if args.what == "slow":
        with open("big", "wb") as file:
            for _ in range(args.megabytes):
                file.write(os.urandom(1_000_000))
        rows.append(compare("big file to all nodes", pushes(args.hosts, "big"), args.runs, lambda: on_hosts(args.hosts, "rm -rf big")))
    print(json.dumps(rows))


main()
