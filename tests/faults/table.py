#!/usr/bin/python3
"""What must hold when a fault meets a command: the table that test_faults.py tries and docs/faults.md shows.

    table.py           prints the page
    table.py --write   writes docs/faults.md
"""

import pathlib
import sys
from dataclasses import dataclass

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/faults.md"
MOMENTS = ("before", "middle", "end")


@dataclass(frozen=True)
class Fault:
    """One fault of tests/cluster. `words`: the command of the local cluster and its options; the host is put behind the first."""
    words: tuple
    kind: str
    meaning: str


FAULTS = {
    "stop": Fault(("stop",), "lost", "the node shuts down: its connections close"),
    "stop --hard": Fault(("stop", "--hard"), "lost", "the node loses its power: silence"),
    "freeze": Fault(("freeze",), "lost", "no process of the node runs any more; its kernel still takes connections"),
    "cut": Fault(("cut",), "lost", "every packet from and to the node is lost"),
    "refuse": Fault(("refuse",), "refused", "sshd refuses new connections; open ones continue"),
    "rekey": Fault(("rekey",), "refused", "the node has other host keys"),
    "kill-sshd": Fault(("kill-sshd",), "closed", "sshd and all of its sessions are killed, and sshd starts again"),
    "fill": Fault(("fill",), "disk", "the node's disk is full"),
    "readonly": Fault(("readonly",), "disk", "/home and /tmp of the node are read-only"),
    "noinodes": Fault(("noinodes",), "disk", "the node's disk has room, but not for one more file"),
    "oom": Fault(("oom",), "memory", "the node has hardly any memory left, and its kernel kills processes"),
    "slow": Fault(("slow", "--rate", "2mbit"), "slow", "the node's link has 2 Mbit/s"),
    "throttle": Fault(("throttle",), "slow", "the node's processes share 5 % of a processor"),
    "clock": Fault(("clock",), "clock", "the node's clock is a day late"),
    "firewall": Fault(("firewall",), "between", "between the nodes only port 22 is open"),
    "mtu": Fault(("mtu",), "between", "packets of more than 1500 bytes between the node and the others are lost"),
}

EXPECTATIONS = {
    "works": "The command does all of its work and exits with 0.",
    "named": "It does its work on all other nodes, names this one and no other, and exits with 1.",
    "refuses": "It starts nothing, names the node, and does not exit with 0.",
    "fails": "It ends its work everywhere, says what was lost, and does not exit with 0.",
    "reconnects": "It says that the connection is lost, and connects again until the node is back, or until Ctrl-C; then it prints all that "
                  "the job has printed meanwhile, and exits with the job's exit code, or says that the job was lost with the node.",
    "either": "It exits with 0 and has done all, or names the node and does not exit with 0: it depends on what came first.",
}
ALWAYS = ("No command hangs, and none ends by a signal or with 70 (a bug). Under its final name a file is whole or absent. What the "
          "report says is so. When the fault is over, the next run of the command succeeds (`setup` two minutes later, if a node has "
          "restarted while it wrote there), and no process and no temporary file of ec2mpi is left on any node (of a job on a node "
          "that could not be looked at: after the `ec2mpi cancel` that the report names).")
# Cells that were tried and do not hold yet: what was seen. They are tried too, and may fail.
OPEN = {(command, fault, moment): "after the fault, the receiving program and its stage stay on the node until its sshd notices that "
                                 "the connection is gone; the next push works beside them"
        for command, fault, moment in [("push", "cut", "middle"), ("push", "cut", "end")]}
OPEN |= {(command, "mtu", "before"): "the report names no node; its hint, `ec2mpi doctor`, does" for command in ("run", "series", "net")}
ONE_NODE = "not meant: the command uses one node only, and the fault is between nodes"

COMMANDS = {
    "exec": "a command that waits on three nodes; the fault meets node2",
    "push": "a tree of files to three nodes; the fault meets node2",
    "pull": "a tree of files from three nodes; the fault meets node2",
    "setup": "three nodes without trust among them; the fault meets node2",
    "run": "a job with a rank on each of three nodes; the fault meets node2, a worker",
    "attach": "a job with a rank on each of three nodes; the fault meets node1, the master",
    "series": "`run` of three jobs one after the other, each on all nodes; the fault meets node2",
    "doctor": "three nodes; the fault meets node2",
    "net": "three nodes; the fault meets node2",
    "login": "a command on node2, which the fault meets",
    "up": "two instances of the EC2 endpoint of the tests; the fault meets the second",
    "down": "the same instances; the fault meets the second",
}

UNTRIED = {"up", "down"}  # their rows say what must hold; tests/faults has no driver for them yet

# command -> kind of fault -> expectation at the three moments. A cell of its own stands in CELLS below.
ROWS = {
    "exec": {"lost": "named named either", "refused": "named works works", "closed": "works named either", "disk": "works works works",
             "memory": "either either either", "slow": "works works works", "clock": "works works works",
             "between": "works works works"},
    "push": {"lost": "named named either", "refused": "named either either", "closed": "works either either",
             "disk": "named either either", "memory": "either either either", "slow": "works works works",
             "clock": "works works works", "between": "works works works"},
    "pull": {"lost": "named named either", "refused": "named either either", "closed": "works either either",
             "disk": "works works works", "memory": "either either either", "slow": "works works works",
             "clock": "works works works", "between": "works works works"},
    "setup": {"lost": "named either either", "refused": "named either either", "closed": "works either either",
              "disk": "named either either", "memory": "either either either", "slow": "works works works",
              "clock": "works works works", "between": "either either either"},
    "run": {"lost": "refuses fails either", "refused": "refuses either either", "closed": "works either either",
            "disk": "either either either", "memory": "either either either", "slow": "works works works",
            "clock": "works works works", "between": "fails either either"},
    "attach": {"lost": "fails reconnects reconnects", "refused": "fails either either", "closed": "either reconnects reconnects",
               "disk": "either either either", "memory": "either either either", "slow": "works works works",
               "clock": "works works works", "between": "works works works"},
    "series": {"lost": "refuses fails either", "refused": "refuses either either", "closed": "works either either",
               "disk": "either either either", "memory": "either either either", "slow": "works works works",
               "clock": "works works works", "between": "fails either either"},
    "doctor": {"lost": "named either either", "refused": "named either either", "closed": "works either either",
               "disk": "named either either", "memory": "either either either", "slow": "works works works",
               "clock": "named either either", "between": "named either either"},
    "net": {"lost": "refuses either either", "refused": "refuses either either", "closed": "works either either",
            "disk": "either either either", "memory": "either either either", "slow": "works works works",
            "clock": "works works works", "between": "fails either either"},
    "login": {"lost": "fails fails either", "refused": "fails works works", "closed": "works fails either",
              "disk": "works works works", "memory": "either either either", "slow": "works works works",
              "clock": "works works works", "between": "none none none"},
    "up": {"lost": "either either either", "refused": "either either either", "closed": "works either either",
           "disk": "either either either", "memory": "either either either", "slow": "works works works",
           "clock": "either either either", "between": "either either either"},
    "down": {"lost": "works works works", "refused": "works works works", "closed": "works works works", "disk": "works works works",
             "memory": "works works works", "slow": "works works works", "clock": "works works works",
             "between": "works works works"},
}
CELLS = {}


def expectation(command, fault, moment):
    """The word of EXPECTATIONS for a cell, or why there can be none."""
    word = CELLS.get((command, fault, moment)) or ROWS[command][FAULTS[fault].kind].split()[MOMENTS.index(moment)]
    return ONE_NODE if word == "none" else word


def is_meant(command, fault, moment):
    return expectation(command, fault, moment) in EXPECTATIONS


def cells():
    return [(command, fault, moment) for command in COMMANDS for fault in FAULTS for moment in MOMENTS]


def rows_of(head, rows):
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def open_cells():
    if not OPEN:
        return []
    return ["", "## What does not hold yet", "",
            *rows_of(["command", "fault", "moment", "what happens"], ([c, f"`{f}`", m, seen] for (c, f, m), seen in OPEN.items()))]


def page():
    lines = ["# Faults", "",
             "This page answers what each command does when a node fails before the command, in the middle of it, or at its end.", "",
             "tests/faults tries the cells of this table with the real program on the local cluster (`tests/cluster`), and writes this "
             "page: `tests/faults/table.py --write`.", "", "What always holds: " + ALWAYS, "", "## The words of the table", ""]
    lines += rows_of(["word", "what must hold"], EXPECTATIONS.items())
    lines += ["", "## The faults", ""]
    lines += rows_of(["fault", "what happens"], ((f"`{name}`", fault.meaning) for name, fault in FAULTS.items()))
    lines += open_cells()
    for command, situation in COMMANDS.items():
        lines += ["", f"## {command}", "", situation[0].upper() + situation[1:] + "." + (" No test tries these cells yet." if command in UNTRIED else ""), ""]
        lines += rows_of(["fault", *MOMENTS],
                         ([f"`{fault}`", *(expectation(command, fault, moment) for moment in MOMENTS)] for fault in FAULTS))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page())
    else:
        print(page(), end="")
