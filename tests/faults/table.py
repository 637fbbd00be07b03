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
TEST = "tests/faults/test_faults.py::test_what_the_table_says_holds"
CLOUD_TEST = "tests/faults/test_faults.py::test_what_the_table_says_of_the_cloud_holds"


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

# Of EC2, of this machine's disk, and of the program itself: cloud.py places them.
CLOUD_FAULTS = {
    "EC2 is gone": "EC2 refuses connections",
    "EC2 is silent": "EC2 takes connections and answers nothing",
    "EC2 throttles": "EC2 refuses three calls one after the other, because there are too many",
    "EC2 answers garbage": "each answer is text that is no answer of EC2",
    "an answer is lost": "EC2 carries out the call, and the connection ends before its answer",
    "full disk": "the disk of this machine's folder is full",
    "read-only disk": "nothing can be written into this machine's folder",
    "Ctrl-C": "the user interrupts ec2mpi",
    "kill -9": "ec2mpi is killed",
}

EXPECTATIONS = {
    "works": "The command does all of its work and exits with 0.",
    "named": "It does its work on all other nodes, names this one and no other, and exits with 1.",
    "refuses": "It starts nothing, names the node, and does not exit with 0.",
    "fails": "It ends its work everywhere, says what was lost, and does not exit with 0.",
    "reconnects": "It says that the connection is lost, and connects again until the node is back, or until Ctrl-C; then it prints all that "
                  "the job has printed meanwhile, and exits with the job's exit code, or says that the job was lost with the node.",
    "advises": "It ends its work everywhere, does not exit with 0, and names `ec2mpi doctor`, which names the node: mpirun does not say "
               "between which nodes packets are lost.",
    "logs": "It ends its work everywhere, does not exit with 0, and names `ec2mpi logs`, which shows mpirun's words: in a series, they are not "
            "read for hints.",
    "either": "It exits with 0 and has done all, or names the node and does not exit with 0: it depends on whether the work ended before "
              "the fault had an effect.",
}
CLOUD_EXPECTATIONS = {
    "works": "The command does all of its work and exits with 0.",
    "refuses": "It says the reason, does not exit with 0, and nothing in the account is changed.",
    "undoes": "It says the reason, does not exit with 0, and ends everything that it has started.",
    "names": "It says the reason, does not exit with 0 or 2, and names the command that continues or removes the rest.",
    "either": "It works, undoes or names: it depends on which call the fault meets.",
    "killed": "It can say nothing. Everything that it has started has the cluster's tag, so the next `ec2mpi down` ends it.",
}
CLOUD_ALWAYS = ("No command hangs, and none ends with 70 (a bug). After 0 all is done; after 2 nothing in the account is changed. An instance "
                "that runs is in the list, or the last words name `ec2mpi down --cluster NAME`. When the fault is over, `ec2mpi down` ends "
                "everything, also the groups and the keys.")
ALWAYS = ("No command hangs, and none ends by a signal or with 70 (a bug). Under its final name a file is whole or absent. The report "
          "is true. When the fault is over, the next run of the command succeeds, and no process and no temporary file of ec2mpi is left "
          "on any node. There are four exceptions. If a node has restarted while `setup` wrote there, `setup` succeeds two minutes later. "
          "`run --resume` of a series may first report the end of a job that the fault has killed; the run after that starts the job "
          "again. On a node that could not be looked at, processes of a job may be left until the `ec2mpi cancel` that the report names. "
          "On a node that was cut off, processes may be left until its kernel notices that the connections are lost, at most two minutes "
          "later.")
# Cells that were tried and do not hold yet: what was seen. They are tried too, and may fail.
OPEN = {}
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
}
CLOUD_COMMANDS = {
    "up": "two instances. Before: nothing is made yet; in the middle: EC2 has started the instances and not answered yet; at the end: the "
          "list is written, and setup is at work",
    "down": "two instances of `up`. Before: it looks for them; in the middle: EC2 ends them and has not answered yet; at the end: they "
            "have ended, and their security group is being removed",
}

# command -> kind of fault -> expectation at the three moments. CELLS below has single cells.
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
}
CELLS = {("run", "mtu", "before"): "advises", ("series", "mtu", "before"): "logs"}
NEVER_READ_ONLY = "not meant: Linux makes no disk read-only while a file on it is open for writing, as the log is"
NO_NODES = ("The faults of nodes and of EC2 are not crossed. Not tested, because `up` reaches nodes only in its last part, which is `setup`, and `down` "
            "reaches none; the other commands do not use EC2.")
CLOUD_ROWS = {
    "up": {"EC2 is gone": "refuses names either", "EC2 is silent": "refuses names either", "EC2 throttles": "works works works",
           "EC2 answers garbage": "refuses names either", "an answer is lost": "works works works",
           "full disk": "refuses undoes either", "read-only disk": "refuses none none", "Ctrl-C": "refuses undoes names",
           "kill -9": "killed killed killed"},
    "down": {"EC2 is gone": "refuses names names", "EC2 is silent": "refuses names names", "EC2 throttles": "works works works",
             "EC2 answers garbage": "refuses names names", "an answer is lost": "works works works",
             "full disk": "works either either", "read-only disk": "names none none", "Ctrl-C": "refuses names names",
             "kill -9": "killed killed killed"},
}


def expectation(command, fault, moment):
    """The word of EXPECTATIONS or CLOUD_EXPECTATIONS for a cell, or why there can be none."""
    if command in CLOUD_COMMANDS:
        word = CLOUD_ROWS[command][fault].split()[MOMENTS.index(moment)]
        return NEVER_READ_ONLY if word == "none" else word
    word = CELLS.get((command, fault, moment)) or ROWS[command][FAULTS[fault].kind].split()[MOMENTS.index(moment)]
    return ONE_NODE if word == "none" else word


def is_meant(command, fault, moment):
    return expectation(command, fault, moment) in (EXPECTATIONS if command in COMMANDS else CLOUD_EXPECTATIONS)


def cells():
    return [(command, fault, moment) for commands, faults in ((COMMANDS, FAULTS), (CLOUD_COMMANDS, CLOUD_FAULTS))
            for command in commands for fault in faults for moment in MOMENTS]


def rows_of(head, rows):
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def open_cells():
    if not OPEN:
        return []
    return ["", "## What does not hold yet", "",
            *rows_of(["command", "fault", "moment", "what happens"], ([c, f"`{f}`", m, seen] for (c, f, m), seen in OPEN.items()))]


def sections(commands, faults):
    lines = []
    for command, situation in commands.items():
        lines += ["", f"## {command}", "", situation[0].upper() + situation[1:] + ".", ""]
        lines += rows_of(["fault", *MOMENTS],
                         ([f"`{fault}`", *(expectation(command, fault, moment) for moment in MOMENTS)] for fault in faults))
    return lines


def page():
    lines = ["# Faults", "",
             "This page answers what each command does when a node, EC2, or this machine fails before the command, in the middle of it, or "
             "at its end.", "",
             "tests/faults tries the cells of this table with the real program on the local cluster (`tests/cluster`), and writes this "
             "page: `tests/faults/table.py --write`. `tests/faults/chaos.py` tries random faults, two at once, and ends ec2mpi by "
             "`kill -9`, too.", "",
             f"Each cell has its own test, named by the command, the fault and the moment: `pytest '{TEST}[exec cut middle]'`, and for "
             f"`up` and `down` `pytest '{CLOUD_TEST}[up full disk middle]'`.", "", "What always holds: " + ALWAYS, "", "## The words of the table", ""]
    lines += rows_of(["word", "what must hold"], EXPECTATIONS.items())
    lines += ["", "## The faults of nodes", ""]
    lines += rows_of(["fault", "what happens"], ((f"`{name}`", fault.meaning) for name, fault in FAULTS.items()))
    lines += [*open_cells(), *sections(COMMANDS, FAULTS)]
    lines += ["", "## The faults of `up` and `down`", "", NO_NODES, "", "What always holds: " + CLOUD_ALWAYS, ""]
    lines += rows_of(["word", "what must hold"], CLOUD_EXPECTATIONS.items())
    lines += ["", *rows_of(["fault", "what happens"], ((f"`{name}`", meaning) for name, meaning in CLOUD_FAULTS.items()))]
    return "\n".join(lines + sections(CLOUD_COMMANDS, CLOUD_FAULTS)) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page())
    else:
        print(page(), end="")
