"""Many nodes, some of them broken in four ways: is each reported with its fault, and no other node? Runs on a host of the
test cluster, as root, in a folder of its own; the nodes are the addresses of one machine.

Of the nodes, ten refuse the connection, ten accept it and say nothing, ten die while the command runs, and ten have
another host key than the one that is known. A row compares what was reported with that; `exact` counts the nodes of
which the report is right.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import threading

import loopback
from measure import measure, say_load, show, table

BROKEN = 10  # of each kind
DYING, REFUSING, SILENT = loopback.PORT + 1, loopback.PORT + 2, loopback.PORT + 3
LIMIT = 20  # seconds for a connection; a node that says nothing takes as long
# The kinds in the order of the list, with what is right to say of them: the kind of error, and words of its message.
KINDS = {"refuses": ("unreachable", "connection refused"), "silent": ("timeout", "its sshd says nothing"),
         "dies": ("unreachable", "connection closed by the node"), "changed key": ("host_key", "its host key has changed")}


def start_dying_sshd():
    """It runs the command that was asked for, and kills its own session after a second."""
    command = "sh -c \"$SSH_ORIGINAL_COMMAND\" & sleep 1; kill -KILL $PPID"
    subprocess.run(["/usr/sbin/sshd", "-p", str(DYING), "-E", "dying.log", "-o", "PidFile=none", "-o", "MaxStartups=4000",
                    "-o", "LoginGraceTime=600", "-o", f"ForceCommand={command}"], check=True)


def start_silent_listener():
    listener = socket.create_server(("0.0.0.0", SILENT), backlog=4096)
    kept = []

    def accept():
        while True:
            kept.append(listener.accept())
    threading.Thread(target=accept, daemon=True).start()


def write_nodes(size):
    """The list and the host keys that are known; returns the kind of each node, None for a whole one."""
    ports = {"refuses": REFUSING, "silent": SILENT, "dies": DYING}
    kinds = [kind for kind in KINDS for _ in range(BROKEN)]
    kinds += [None] * (size - len(kinds))
    make_key = "rm -f other*; ssh-keygen -q -t ed25519 -N '' -f other && cut -d' ' -f1,2 other.pub"
    other = subprocess.run(make_key, shell=True, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip()
    os.makedirs(".ec2mpi", mode=0o700, exist_ok=True)
    with open("nodes", "w") as nodes, open(".ec2mpi/known_hosts", "w") as known:
        os.chmod(".ec2mpi/known_hosts", 0o600)
        for address, kind in zip(loopback.addresses_of(size), kinds):
            nodes.write(f"{address}:{ports.get(kind, loopback.PORT)}\n")
            if kind == "changed key":
                known.write(f"[{address}]:{loopback.PORT} {other}\n")
    return kinds


def reported(node):
    """The kind that the report of a node means, or its own words."""
    if node["outcome"] == "exit" and node["status"] == 0:
        return None
    error = node.get("error", {"kind": "", "message": ""})
    return next((kind for kind, (name, words) in KINDS.items() if error["kind"] == name and words in error["message"]), str(node))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=loopback.numbers)
    args = parser.parse_args()
    key = loopback.let_key_in()
    loopback.start_sshd()
    start_dying_sshd()
    start_silent_listener()
    say_load()
    rows, wrong = [], 0
    for size in args.sizes:
        kinds = write_nodes(size)
        cost = measure([os.path.realpath("ec2mpi"), "exec-all", "-F", "none", "--list", "nodes", "-i", key, "-l", "ubuntu",
                        "-t", str(LIMIT), "--json", "sleep 3; echo done"])
        nodes = json.loads(cost.out)["nodes"]
        told = [reported(node) for node in nodes]
        exact = sum(said == kind for said, kind in zip(told, kinds)) if len(told) == size else 0
        for said, kind in zip(told, kinds):
            if said != kind and wrong < 10:
                print(f"  {kind or 'a whole node'} was reported as {said}", flush=True)
            wrong += said != kind
        rows.append([str(size), f"{exact} of {size}", str(cost.status), show(cost.wall, ".1f"), show(1000 * cost.cpu / size, ".2f"),
                     show(cost.rss, ".0f"), str(len(cost.err.splitlines()))])
    table(["nodes", "exact", "exit code", "wall s", "CPU ms a node", "MB", "lines of report"], rows)
    print(f"10 nodes of each kind: {', '.join(KINDS)}. Silent nodes take the limit of {LIMIT} s.")
    sys.exit(1 if wrong else 0)


main()
