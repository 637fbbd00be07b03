"""The same tasks by ec2mpi and by all tools that can do them. Runs on the laptop of a test cluster; prints rows as JSON.

Each tool gets its best options: all hosts at once, no questions, host keys neither looked up nor kept. All use the key exchange
and the cipher that ec2mpi uses by default. The tools take turns, and a ratio is the median of those of the rounds. A row is {"task", "unit", "tools"}, and "tools" has for each
name {"value", "ratio"}, some {"note"}, or {"missing": why}.
"""

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

from measure import Sent, measure, self_costs

OPTIONS = [word for option in ("BatchMode=yes", "LogLevel=ERROR", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
                               "KexAlgorithms=curve25519-sha256", "Ciphers=chacha20-poly1305@openssh.com", "IdentityFile=key.pem")
           for word in ("-o", option)]
LINE = shlex.join(OPTIONS)
LIMIT = 120  # seconds for one command; a tool that takes more has no value in that row
COUNTING = 300  # the same under callgrind
NOTHING = "true"  # the program that does nothing: no program starts faster
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
    listed = f"hosts.{len(hosts)}"
    with open(listed, "w") as file:
        file.writelines(f"{host}\n" for host in hosts)
    ours = [os.path.realpath("ec2mpi")]
    access = ["-F", "none", "-t", str(LIMIT), "--list", listed, "-i", "key.pem", "-l", "ubuntu"]
    number = str(len(hosts))
    return {"ours": (ours, access), "pdsh": ["-R", "ssh", "-l", "ubuntu", "-f", number, "-w", ",".join(hosts)],
            "clush": ["clush", "-q", "-S", "-l", "ubuntu", "-f", number, "-o", LINE, "-w", ",".join(hosts)],
            "pssh": ["-t", "0", "-h", listed, "-l", "ubuntu", "-p", number, "-x", LINE],
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
    return [Tool(NOTHING, NOTHING, [NOTHING]), Tool("ec2mpi", os.path.realpath("ec2mpi"), [os.path.realpath("ec2mpi"), "--version"]),
            Tool("ssh", "ssh", ["ssh", "-V"]),
            Tool("rsync", "rsync", ["rsync", "--version"]),
            Tool("pdsh", "pdsh", ["pdsh", "-V"]),
            Tool("clush", "clush", ["clush", "--version"]),
            Tool("pssh", "parallel-ssh", ["parallel-ssh", "--version"]),
            Tool("ansible", "ansible", ["ansible", "--version"], ANSIBLE),
            Tool("GNU parallel", "parallel", ["parallel", "--version"])]


@dataclass
class Measured:
    """Of one task: tool -> turn -> (cost, bytes that left this machine), and why a tool has none."""
    costs: dict = field(default_factory=dict)
    missing: dict = field(default_factory=dict)

    def row(self, task, unit, value, middle=statistics.median):
        """`value` of a (cost, bytes), the middle of all turns. The ratio is that of the turns."""
        tools = {name: {"missing": why} for name, why in self.missing.items()}
        ours = {turn: value(*of) for turn, of in self.costs.get("ec2mpi", {}).items()}
        for name, turns in self.costs.items():
            values = {turn: value(*of) for turn, of in turns.items()}
            if name in self.missing or None in values.values():
                continue
            ratios = [each / ours[turn] for turn, each in values.items() if ours.get(turn)]
            tools[name] = {"value": middle(values.values()), "ratio": statistics.median(ratios) if ratios else None}
        return {"task": task, "unit": unit, "tools": tools}

    def seconds(self, task):
        return self.row(task, "s", lambda cost, _: cost.wall)


def measure_all(task, tools, runs, prepare=lambda: None):
    done = Measured()
    for turn in range(runs):
        for tool in tools:
            if tool.name in done.missing:
                continue
            if not shutil.which(tool.program):
                done.missing[tool.name] = "not installed"
                continue
            prepare()
            uplink = Sent()
            cost = measure(tool.argv, tool.env, limit=LIMIT)
            if cost.status != 0:
                print(f"{task}, {tool.name}: status {cost.status}: {(cost.err or cost.out).strip()[-300:]}", file=sys.stderr)
                done.missing[tool.name] = f"more than {LIMIT} s" if cost.status < 0 else f"failed with status {cost.status}"
                continue
            done.costs.setdefault(tool.name, {})[turn] = cost, uplink.since()[0]
    return done


def count(tool):
    """The instructions of a tool and all that it starts, by object; or why it can't be told."""
    if not shutil.which("valgrind") or not shutil.which(tool.program):
        return "not installed"
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as place:
        # Debian's pdsh is a script that gives another program this name, which callgrind does not do.
        os.symlink("/usr/bin/pdsh.bin", f"{place}/pdsh")
        argv = [f"{place}/pdsh" if tool.program == "pdsh" else tool.argv[0], *tool.argv[1:]]
        cost = measure(["valgrind", "-q", "--tool=callgrind", "--trace-children=yes", f"--callgrind-out-file={folder}/%p", *argv],
                       tool.env, limit=COUNTING)
        if cost.status != 0:
            print(f"callgrind, {tool.name}: status {cost.status}: {cost.err.strip()[-300:]}", file=sys.stderr)
            return f"more than {COUNTING} s under callgrind" if cost.status < 0 else f"failed with status {cost.status}"
        total = {}
        for name in os.listdir(folder):
            with open(f"{folder}/{name}", errors="replace") as file:
                for place, instructions in self_costs(file).items():
                    total[place] = total.get(place, 0) + instructions
        return total


def instructions(hosts):
    """What each node more costs a command, so that the start of a tool is no part of it."""
    tools = {}
    for few, many in zip(commands(hosts[:1]), commands(hosts)):
        if few.name == "ansible":
            tools[few.name] = {"missing": "not counted: it takes minutes"}
            continue
        less, more = count(few), count(many)
        if isinstance(less, str) or isinstance(more, str):
            tools[few.name] = {"missing": less if isinstance(less, str) else more}
            continue
        each = {place: (more[place] - less.get(place, 0)) / (len(hosts) - 1) for place in more}
        whole = sum(each.values())
        shares = {library: sum(cost for place, cost in each.items() if os.path.basename(place).startswith(library + ".so"))
                  for library in ("libssh", "libcrypto")}
        tools[few.name] = {"value": whole / 1e6, "libcrypto": shares["libcrypto"] / 1e6,
                           "note": ", ".join(f"{library} {100 * cost / whole:.0f} %" for library, cost in shares.items() if cost > 0)}
    ours = tools["ec2mpi"].get("value")
    for tool in tools.values():
        if "value" in tool:
            tool["ratio"] = tool["value"] / ours if ours else None
    row = {"task": "instructions for each node of a command", "unit": "M", "tools": tools}
    if ours and tools["ec2mpi"]["libcrypto"] > 0:
        row.update(limit=tools["ec2mpi"]["libcrypto"], limit_text=f"libcrypto alone: {tools['ec2mpi']['libcrypto']:.1f} M")
    return row


def remove(path):
    """The command that removes a tree, also while the far side of a killed tool still writes its last file there."""
    return f"for i in 1 2 3 4 5 6 7 8 9; do rm -rf {path} && exit; sleep 1; done; exec rm -rf {path}"


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
        start = measure_all("start of the program", starts(), 3 * args.runs).seconds("start of the program")
        limit = start["tools"].pop(NOTHING)["value"]
        rows.append({**start, "limit": limit, "limit_text": f"`{NOTHING}`: {1000 * limit:.1f} ms"})
        rows.append(measure_all("command, near", commands(args.hosts), 2 * args.runs).seconds("command, one node"))
    if args.what == "far":
        rows.append(measure_all("command, one node", commands(args.hosts[:1]), 2 * args.runs).seconds("command, one node"))
        every = measure_all("command, all nodes", commands(args.hosts), args.runs)
        rows += [every.seconds("command, all nodes"), every.row("memory of the largest process, the same", "MB", lambda cost, _: cost.rss, max)]
        small_files("tree", args.files)
        rows.append(measure_all("tree to all nodes", pushes(args.hosts, "tree"), args.runs,
                                lambda: on_hosts(args.hosts, remove("tree"))).seconds("tree to all nodes"))
        on_hosts(args.hosts, f"mkdir -p own/d && cd own/d && for i in $(seq {args.files}); do echo \"$i of $(uname -n)\" >$i; done")

        os.mkdir("got")

        def empty():  # ext4 makes files at a tenth of its speed for a minute after as many were removed
            os.rename("got", tempfile.mkdtemp(dir=".") + "/got")
            os.mkdir("got")

        rows.append(measure_all("tree from all nodes", pulls(args.hosts, "own"), args.runs, empty).seconds("tree from all nodes"))
        rows.append(instructions(args.hosts))
    if args.what == "slow":
        with open("big", "wb") as file:
            for _ in range(args.megabytes):
                file.write(os.urandom(1_000_000))
        sent = measure_all("big file to all nodes", pushes(args.hosts, "big"), args.runs, lambda: on_hosts(args.hosts, remove("big")))
        rows += [sent.seconds("big file to all nodes"),
                 sent.row("bytes over the uplink, the same", "x size", lambda _, size: size / args.megabytes / 1e6)]
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
