#!/usr/bin/python3
"""Random faults during push, pull, setup, run and series on real hosts, kill -9 of the program included.

    chaos.py [--minutes M] [SEED...]       as long for each seed; without one, a fresh seed, which it prints
    chaos.py --most 1                      one fault at a time, not two
    chaos.py --round N SEED                only this round of the seed
    chaos.py --without between             no fault between nodes: mpirun takes minutes to notice some of them
    EC2MPI_FAULT_HOSTS=8 chaos.py          with more hosts than three; a seed has other rounds then

It prints each round; a seed makes the same choices again. After each round the faults are undone and the same command runs again.
Then must hold: it succeeds, no file under its final name is half, no process and no temporary file of ec2mpi is left on any host or
here, and every job on the master has ended. The first round after which one of these does not hold ends the program with 1.
"""

import argparse
import pathlib
import random
import re
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cell  # noqa: E402
import commands  # noqa: E402
from local_cluster import wait_until  # noqa: E402
from table import FAULTS  # noqa: E402

COMMANDS = ("push", "pull", "setup", "run", "series")
KILL = "kill -9"  # of the program itself


class Round:
    """The choices of one round, made at once, so that they depend on the seed only."""

    def __init__(self, seed, number, without=(), most=2):
        chance = random.Random(f"{seed} {number}")
        faults = [name for name, fault in FAULTS.items() if fault.kind not in without]
        self.name = chance.choice(COMMANDS)
        self.moment = chance.choice(("before", "middle", "end"))
        self.faults = chance.sample([*faults, KILL], chance.randint(1, most))
        self.victims = [chance.choice(commands.NODES) for _ in self.faults]

    def meets_disk_of(self, host):
        return any(fault != KILL and FAULTS[fault].kind == "disk" and victim == host for fault, victim in zip(self.faults, self.victims))

    def __str__(self):
        faults = ", ".join(fault if fault == KILL else f"{fault} on node{victim}" for fault, victim in zip(self.faults, self.victims))
        return f"{self.name}, {self.moment}: {faults}"


def place(bed, choices):
    # A full disk comes last: other faults write a file on the host.
    def is_of_disk(pair):
        return pair[0] != KILL and FAULTS[pair[0]].kind == "disk"

    for fault, victim in sorted(zip(choices.faults, choices.victims), key=is_of_disk):
        if fault != KILL and bed.root(victim):  # one that the other fault has stopped has no more to lose
            cell.place(bed, fault, victim)


def try_round(bed, choices):
    command = commands.DRIVERS[choices.name](bed)
    command.prepare()
    try:
        if choices.moment == "before":
            place(bed, choices)
        process = bed.start(*command.words())
        if choices.moment != "before":
            cell.wait_for(process, command.has_begun, "it has begun")
        if choices.moment == "end":
            command.finish_work()
            cell.wait_for(process, command.is_ending, "it is about to end")
        if choices.moment != "before":
            place(bed, choices)
        if KILL in choices.faults:
            process.send_signal(signal.SIGKILL)
        command.release()
        if choices.name == "series" and choices.meets_disk_of(1):
            heal_after_first_job(bed, process)
        _, _, code = cell.finish(process, bed)
    finally:
        bed.program.finish()
        bed.cluster.heal()
    cell.require(code != cell.BUG and (code >= 0 or KILL in choices.faults), f"exit code {code}\n{cell.said(bed)}")
    cell.require(not command.half(), f"half files: {command.half()}\n{cell.said(bed)}")
    bed.make_marks()
    command.victim = None
    after = wait_until(lambda: cell.run_again(bed, command), "a run that nothing from before hinders", 60)
    cell.require(after.code == 0, f"the next run fails: {after.code}\n{after.out[-1500:]}\n{after.err[-1500:]}\nbefore: {cell.said(bed)}")
    cell.require(not command.half(), f"half files after the next run: {command.half()}")
    cell.end_what_may_run(bed, bed.err.read_text(errors="replace"))
    end_jobs(bed)
    bed.end_lost_connections()
    try:
        # On a node that the job's end did not reach, usage is counted for a minute after the last process.
        wait_until(lambda: not bed.leftovers(), "nothing is left", 90)
    except AssertionError:
        raise cell.Wrong(f"left behind: {bed.leftovers()}\nbefore: {cell.said(bed)}") from None
    return code


def heal_after_first_job(bed, process):
    """The queue cannot start a job while the master's disk refuses to be written, and waits for it without an end."""
    cell.wait_for(process, lambda: re.search(r"^steps-\S+: (done|exit|lost|cancelled)", bed.err.read_text(errors="replace"), re.M), "a job's end")
    bed.cluster.heal()
    bed.make_marks()


def end_jobs(bed):
    """A job that a killed program has left may still run: that is what jobs are for. It must come to a true end."""
    wait_until(lambda: "running" not in bed.program("jobs").out, "every job has ended", 60)


def try_seed(bed, seed, options):
    """Rounds for some minutes, or only one of them. The number of rounds, or None after a wrong one."""
    end, number, only = time.monotonic() + 60 * options.minutes, 0, options.round
    while time.monotonic() < end:
        number = only or number + 1
        choices = Round(seed, number, options.without, options.most)
        print(f"{seed} {number}: {choices}", end="", flush=True)
        begin = time.monotonic()
        try:
            print(f" -> {try_round(bed, choices)} ({time.monotonic() - begin:.0f} s)", flush=True)
        except AssertionError as wrong:
            words = "".join(f" --without {kind}" for kind in options.without) + f" --most {options.most}"
            print(f" -> WRONG\n{wrong}\nAgain: EC2MPI_FAULT_HOSTS={len(commands.NODES)} tests/faults/chaos.py{words} --round {number} {seed}",
                  flush=True)
            return None
        if only:
            return only
    print(f"seed {seed}: {number} rounds, nothing wrong", flush=True)
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", nargs="*", metavar="SEED", help="a number, or `fresh`")
    parser.add_argument("--minutes", type=float, default=10, help="for each seed [10]; the last round comes to its end")
    parser.add_argument("--round", type=int, help="only this one")
    parser.add_argument("--most", type=int, choices=(1, 2), default=2, help="faults at a time [2]")
    parser.add_argument("--without", action="append", default=[], metavar="KIND", help="of fault, as table.py names it")
    options = parser.parse_args()
    seeds = [random.SystemRandom().randrange(10**6) if seed == "fresh" else int(seed) for seed in options.seeds or ["fresh"]]
    with tempfile.TemporaryDirectory() as folder:
        bed = commands.Bed(pathlib.Path(folder), f"chaos-{seeds[0]}")
        try:
            # A key that is met for the first time is believed: no fault may come before that.
            assert bed.program("exec-all", "true").code == 0
            well = all(try_seed(bed, seed, options) for seed in seeds)
        finally:
            said = bed.close()
    print(said, end="")
    return 0 if well and not said else 1


if __name__ == "__main__":
    sys.exit(main())
