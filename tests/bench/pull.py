"""What it takes to fetch files from far hosts: one big file from one, a tree of small ones from several. Runs on the laptop.

The tools take turns in the same run; the copied files are compared with those on the hosts.
"""

import argparse
import hashlib
import os
import shlex
import shutil
import statistics

import clients
from measure import measure, say_load, show, table


class Ec2mpi:
    name = "ec2mpi pull"

    def __init__(self, listed, key):
        self.common = [os.path.realpath("ec2mpi"), "pull", "-q", "-F", "none", "--list", os.path.realpath(listed), "-i", os.path.realpath(key)]

    def big(self, _hosts, name, to):
        return [*self.common, "-w", "1", name, to]

    def tree(self, hosts, name, to):
        return [*self.common, "-w", f"1-{len(hosts)}", f"{name}/.", to]


class Scp:
    name = "scp"

    def __init__(self, options):
        self.options = shlex.split(options)

    def big(self, hosts, name, to):
        return ["scp", "-q", *self.options, f"ubuntu@{hosts[0]}:{name}", to]


class Rsync:
    """To all hosts at once, each by a process of its own."""
    name = "rsync -a"

    def __init__(self, options):
        self.options = options

    def one(self, host, name, to):
        return ["rsync", "-a", "-e", f"ssh {self.options}", f"ubuntu@{host}:{name}", to]

    def big(self, hosts, name, to):
        return self.one(hosts[0], name, to)

    def tree(self, hosts, name, to):
        copies = [shlex.join(self.one(host, f"{name}/", f"{to}/node{i + 1}/")) for i, host in enumerate(hosts)]
        return ["sh", "-c", f"mkdir -p {to}; " + " & ".join(copies) + " & wait"]


def sum_of(path):
    """Of all names and contents below a folder, or of a file's content."""
    total = hashlib.sha256()
    names = [path] if os.path.isfile(path) else sorted(os.path.join(at, name) for at, _, files in os.walk(path) for name in files)
    for name in names:
        total.update(os.path.relpath(name, path).encode())
        with open(name, "rb") as file:
            total.update(file.read())
    return total.hexdigest()


class Row:
    def __init__(self, client, what):
        self.client, self.what, self.walls = client, what, []

    def cells(self, ours, megabytes):
        median = statistics.median(self.walls) if self.walls else None
        base = statistics.median(ours.walls) if ours.walls else None
        rate = megabytes / median if median and megabytes else None
        return [self.client.name, self.what, str(len(self.walls)), show(min(self.walls, default=None), ".2f"), show(median, ".2f"),
                show(rate, ".1f"), show(median / base if median and base else None, ".2f")]


def timed(row, command):
    cost = measure(command, limit=300)
    if cost.status != 0:
        print(f"{row.client.name}, {row.what}: status {cost.status}; {cost.err.strip()[-300:]}", flush=True)
    return cost


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def big_file(tools, args, hosts):
    rows = [Row(client, f"{args.megabytes} MB from one host") for client in tools]
    for _ in range(args.runs):
        sums = set()
        for row in rows:
            os.mkdir(fresh("big-out"))
            cost = timed(row, row.client.big(hosts, "big", "big-out/file"))
            if cost.status == 0:
                sums.add(sum_of("big-out/file"))
                row.walls.append(cost.wall)
        if len(sums) > 1:
            print("the tools brought DIFFERENT contents", flush=True)
    return [row.cells(rows[0], args.megabytes) for row in rows]


def tree(tools, args, hosts):
    tools = [client for client in tools if hasattr(client, "tree")]
    cases = [[Row(client, f"{args.files} files from {len(hosts)} hosts, {state}") for client in tools] for state in ("cold", "unchanged")]
    for _ in range(args.runs):
        sums = set()
        for place, client in enumerate(tools):
            fresh("tree-out")
            for rows in cases:
                cost = timed(rows[place], client.tree(hosts, "tree", "tree-out"))
                if cost.status == 0:
                    rows[place].walls.append(cost.wall)
            sums.add(sum_of("tree-out"))
        if len(sums) > 1:
            print("the tools brought DIFFERENT contents", flush=True)
    return [row.cells(rows[0], None) for rows in cases for row in rows]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("listed")
    parser.add_argument("key")
    parser.add_argument("--hosts", type=int)
    parser.add_argument("--megabytes", type=int)
    parser.add_argument("--files", type=int)
    parser.add_argument("--runs", type=int)
    args = parser.parse_args()

    hosts = [f"203.0.113.{11 + i}" for i in range(args.hosts)]
    options = clients.ssh_options(clients.Target("", "", os.path.realpath(args.key), 22, 1), clients.CURVE)
    tools = [Ec2mpi(args.listed, args.key), Scp(options), Rsync(options)]
    missing = [tool.name for tool in tools[1:] if not shutil.which(tool.name.split()[0])]
    for name in missing:
        print(f"{name}: not installed, so NOT compared", flush=True)
    tools = [tool for tool in tools if tool.name not in missing]
    say_load()
    rows = big_file(tools, args, hosts) + tree(tools, args, hosts)
    table(["client", "what", "good runs", "min s", "median s", "MB/s", "x ec2mpi"], rows)
    print("From the start of the program to its end. scp and rsync with curve25519, and host keys neither looked up nor kept.")


main()
