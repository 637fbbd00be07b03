"""Copies to many hosts, next to the usual tools for it. Runs on the laptop of a test cluster.

What is counted: wall time from the start of the tool to its end; bytes sent on the uplink's interface, acknowledgements of
what comes back included; the same without the headers of TCP, IP and Ethernet, which no tool can spare; and the CPU time of
the whole machine, as hosts, laptop and router share its cores.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import time

from measure import Sent, measure, say_load, show, table

SSH = ("ssh", "-i", "key.pem", "-l", "ubuntu", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
       "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-F", "none")
OPTIONS = SSH[5:]  # behind the user's name
OURS, RSYNC = "ec2mpi push", "rsync, at once"


def busy():
    """CPU seconds of the whole machine so far."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, soft = map(int, file.readline().split()[1:8])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def shell(command):
    return ["sh", "-c", command]


def each(hosts, command, parallel):
    """A command for each host, with {} for its address; one after the other, or all at once."""
    if parallel:
        return shell("\n".join(f"{command.format(host)} & p=\"$p $!\"" for host in hosts) + "\nfor i in $p; do wait $i || r=1; done; exit ${r:-0}")
    return shell(" && ".join(command.format(host) for host in hosts))


def tools(hosts, source, target, binary):
    """Name, program, command."""
    rsh, options = " ".join(SSH), " ".join(OPTIONS)
    scp = f"scp -q -r -i key.pem {options} {source} ubuntu@{{}}:{target}"
    rsync = f"rsync -a -e '{rsh}' {source} {{}}:{target}"
    with open("hosts", "w") as file:
        file.writelines(f"{host}\n" for host in hosts)
    return {
        OURS: (binary, [binary, "push", "-F", "none", "--list", "hosts", "-i", "key.pem", "-l", "ubuntu", source, target]),
        "clush --copy": ("clush", ["clush", "-S", "-l", "ubuntu", "-o", f"-i key.pem {options}", "-w", ",".join(hosts), "--copy", source,
                                   "--dest", f"/home/ubuntu/{target}"]),
        "pscp (pssh)": ("parallel-scp", ["parallel-scp", "-t", "0", "-h", "hosts", "-l", "ubuntu", "-x", f"-i key.pem {options}", source,
                                         f"/home/ubuntu/{target}"]),
        "scp, one by one": ("scp", each(hosts, scp, False)),
        "rsync, one by one": ("rsync", each(hosts, rsync, False)),
        RSYNC: ("rsync", each(hosts, rsync, True)),
    }


def slower(task, tool, measured, at_least):
    """A bar: how much slower than we a tool is at least."""
    return [[f"{task}: {tool} / ec2mpi", measured[tool][0] / measured[OURS][0], ">=", at_least]] if OURS in measured and tool in measured else []


def on_hosts(hosts, command):
    for host in hosts:
        subprocess.run([*SSH, host, command], check=True, stdin=subprocess.DEVNULL)


def compare(title, names, hosts, source, target, binary, payload, prepare):
    """Runs each tool once on the same task; a row for each, ratios to ours. Returns seconds and share of the uplink, by tool."""
    rows, ours, measured = [], None, {}
    for name in names:
        program, command = tools(hosts, source, target, binary)[name]
        if not shutil.which(program):
            print(f"{name}: not installed, so NOT compared")
            continue
        prepare()
        uplink, machine = Sent(), busy()
        cost = measure(command)
        (size, bare), machine = uplink.since(), busy() - machine
        if cost.status != 0:
            print(f"{name}: status {cost.status}: {cost.err.strip()[-300:]}")
            continue
        ours = ours or cost.wall
        measured[name] = (cost.wall, bare / payload)
        rows.append([name, show(cost.wall, ".2f"), show(cost.wall / ours, ".2f"), show(size / 1e6, ".2f"),
                     show(size / payload, ".3f"), show(bare / payload, ".3f"), show(cost.cpu, ".2f"), show(machine, ".1f")])
    print(f"\n{title}")
    table(["tool", "wall s", "x ec2mpi", "MB over the uplink", "x payload", "without headers", "CPU s", "CPU of all s"], rows)
    return measured


def random_file(name, size):
    with open(name, "wb") as file:
        for _ in range(size // 1_000_000):
            file.write(os.urandom(1_000_000))


def small_files(folder, count):
    """Text of 100 to 2000 bytes, 100 files a folder."""
    chance = random.Random(4)
    words = [("%x" % chance.getrandbits(40)) for _ in range(2000)]
    for i in range(count):
        path = os.path.join(folder, str(i // 100))
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, f"file-{i}.txt"), "w") as file:
            file.write(" ".join(chance.choices(words, k=chance.randint(10, 180))))


def change(folder, count):
    for i in range(count):
        with open(os.path.join(folder, str(i * 7), f"file-{i * 700}.txt"), "a") as file:
            file.write(f"changed at {time.time()}\n")


def big(hosts, binary, rate):
    payload = 64_000_000
    random_file("payload", payload)
    limit = payload * 8 / (rate * 1e6)
    measured = compare(f"64 MB to {len(hosts)} hosts, uplink {rate} Mbit/s; size / uplink is {limit:.2f} s",
                   [OURS, "clush --copy", "pscp (pssh)", "scp, one by one", "rsync, one by one"], hosts, "payload",
                   "payload", binary, payload, lambda: on_hosts(hosts, "rm -rf payload"))
    if OURS not in measured:
        return []
    seconds, uplink = measured[OURS]
    print(f"ec2mpi: {seconds / limit:.2f} x size/uplink")
    return [["64 MB to 8 hosts: seconds x uplink / size", seconds / limit, "<=", 1.10], ["bytes over the uplink / size", uplink, "<=", 1.01]]


def tree(hosts, binary, count):
    small_files("tree", count)
    names = [OURS, RSYNC]
    bars = []
    targets = {name: f"copy-{i}" for i, name in enumerate(names)}
    for title, prepare in (("cold", lambda: None), ("again, unchanged", lambda: None), ("again, 10 files changed", lambda: change("tree", 10))):
        prepare()
        rows = []
        for name in names:
            program, command = tools(hosts, "tree", targets[name] + "/", binary)[name]
            if not shutil.which(program):
                print(f"{name}: not installed, so NOT compared")
                continue
            uplink = Sent()
            cost = measure(command)
            rows.append((name, cost, uplink.since()[0]))
        print(f"\n{count} small files to {len(hosts)} hosts, {title}")
        table(["tool", "wall s", "x ec2mpi", "MB over the uplink", "CPU s", "status"],
              [[name, show(cost.wall, ".2f"), show(cost.wall / rows[0][1].wall, ".2f"), show(size / 1e6, ".2f"), show(cost.cpu, ".2f"),
                str(cost.status)] for name, cost, size in rows])
        bars += slower(f"{count} small files, {title}", RSYNC, {name: (cost.wall,) for name, cost, _ in rows if cost.status == 0}, 1.4)
    return bars


def long_link(hosts, binary):
    payload = 256_000_000
    random_file("payload", payload)
    measured = compare("256 MB to one host", [OURS, "scp, one by one", "rsync, one by one"], hosts[:1], "payload", "payload", binary,
            payload, lambda: on_hosts(hosts[:1], "rm -rf payload"))
    return slower("256 MB to one host", "scp, one by one", measured, 2.7)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("big", "tree", "long"))
    parser.add_argument("hosts", nargs="+")
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--count", type=int, default=20_000)
    args = parser.parse_args()
    binary = os.path.realpath("ec2mpi")
    say_load()
    if args.what == "big":
        bars = big(args.hosts, binary, args.rate)
    elif args.what == "tree":
        bars = tree(args.hosts, binary, args.count)
    else:
        bars = long_link(args.hosts, binary)
    with open("bars.json", "w") as file:
        json.dump(bars, file)


main()
