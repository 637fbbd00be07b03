"""Tries one cell of the table: the command, the fault at its moment, what is said, and the run after it."""

import re
import subprocess

from commands import DRIVERS, NODES
from local_cluster import SLOWNESS, wait_until
from table import EXPECTATIONS, FAULTS, expectation

BOUND = 150  # seconds on a quiet machine; a guard against hangs
BUG = 70  # an exit code; below 0 it is a signal that nobody sent


class Wrong(AssertionError):
    pass


def place(bed, fault, host):
    words = FAULTS[fault].words
    bed.cluster.fault(words[0], None if words[0] == "firewall" else host, *words[1:])


def wait_for(process, event, what):
    wait_until(lambda: process.poll() is not None or event(), what, 60)


def is_reconnecting(bed):
    """The follower of a job or of a series waits for its master without an end, and says so."""
    return re.search("connecting again|the connection to the master is lost", bed.err.read_text(errors="replace"))


def finish(process, bed):
    """What it printed and its exit code. A command that connects again gets the node back."""
    try:
        wait_until(lambda: process.poll() is not None or is_reconnecting(bed), "an end", BOUND)
    except AssertionError:
        raise Wrong(f"a hang: still running after {SLOWNESS * BOUND} s\n{said(bed)}") from None
    if process.poll() is None:
        bed.cluster.heal()
        bed.make_marks()
        try:
            process.wait(BOUND)
        except subprocess.TimeoutExpired:
            raise Wrong(f"a hang, though the node is back: {said(bed)}") from None
    return bed.out.read_text(errors="replace"), bed.err.read_text(errors="replace"), process.returncode


def said(bed):
    return f"out: {bed.out.read_text(errors='replace')[-1500:]}\nerr: {bed.err.read_text(errors='replace')[-1500:]}"


def names(text, node):
    """Whether a text names a node: by its label, in a group of labels, or by an address."""
    address = 10 + node
    if re.search(rf"\bnode{node}\b|203\.0\.113\.{address}\b|10[.-]0[.-]0[.-]{address}\b", text):
        return True
    return any(node in members(group) for group in re.findall(r"\bnode\[([\d,-]+)\]", text))


def members(group):
    return {n for part in group.split(",") for first, _, last in [part.partition("-")] for n in range(int(first), int(last or first) + 1)}


def require(holds, what):
    if not holds:
        raise Wrong(what)


def check(word, command, out, err, code):
    victim, done, text = command.victim, command.done_on(out), f"code {code}\nout: {out[-1500:]}\nerr: {err[-2500:]}"
    all_nodes = {victim} if command.words()[0] == "login" else set(NODES)
    others = all_nodes - {victim}
    require(code != BUG and code >= 0, f"an exit code that means a bug: {text}")
    if word == "advises":
        require(code not in (0, 2) and "ec2mpi doctor" in err, f"`ec2mpi doctor` is not named: {text}")
        return
    if word == "logs":
        require(code not in (0, 2) and "ec2mpi logs" in err, f"`ec2mpi logs` is not named: {text}")
        return
    require(not command.half(), f"half files under their final names: {command.half()}\n{text}")
    if code == 0:
        require(word not in ("named", "refuses", "fails"), f"success is said: {text}")
        require(done == all_nodes, f"success is said, but all is done only on {done}: {text}")
        return
    require(word != "works", f"it must work: {text}")
    require(names(out + err, victim) or (victim == 1 and "master" in err), f"node{victim} is not named: {text}")
    require(not re.search(r": *$", next((line for line in err.splitlines() if names(line, victim)), "")), f"no reason is said: {text}")
    if word == "named":
        require(code == 1, text)
        failed = re.search(r"failed: (\S+)", out + err)
        require(not failed or not any(names(failed[1], node) for node in others), f"another node is named: {text}")
        require(command.words()[0] == "doctor" or others <= done, f"not done on the others, only on {done}: {text}")


def run_again(bed, command):
    """None while a node still has the lock of a setup from before its restart, which ends after two minutes; and after a series that
    has followed a job of the run before: the fault may have ended that one, and only the next --resume starts it again."""
    after = bed.program(*command.again(), timeout=BOUND)
    is_early = "another ec2mpi holds" in after.err or (after.code == 1 and "submitted before" in after.err)
    return None if is_early else after


def require_doctor_names(bed, victim):
    """While the fault is there, `ec2mpi doctor` must find the node."""
    found = bed.program("doctor", timeout=BOUND)
    require(names(found.out + found.err, victim), f"doctor does not name node{victim}: {found.code}\n{found.out}\n{found.err}")


def end_what_may_run(bed, err):
    """What the report of a job tells the user to do when a node could not be looked at."""
    if advice := re.search(r"ec2mpi (cancel \S+) looks again", err):
        done = bed.program(*advice[1].split())
        require(done.code == 0, f"{advice[0]} fails: {done.code} {done.err}")


def try_cell(bed, name, fault, moment):
    """Raises Wrong with what did not hold."""
    word = expectation(name, fault, moment)
    assert word in EXPECTATIONS
    command = DRIVERS[name](bed)
    command.prepare()
    try:
        if moment == "before":
            place(bed, fault, command.victim)
        process = bed.start(*command.words())
        if moment != "before":
            wait_for(process, command.has_begun, f"{name} has begun")
        if moment == "end":
            command.finish_work()
            wait_for(process, command.is_ending, f"{name} is about to end")
        if moment != "before":
            place(bed, fault, command.victim)
        command.release()
        result = finish(process, bed)
        if word == "advises":
            require_doctor_names(bed, command.victim)
    finally:
        bed.program.finish()
        bed.cluster.heal()
    check(word, command, *result)  # now, because the disk of a stopped host is not seen
    bed.make_marks()
    after = wait_until(lambda: run_again(bed, command), "a run that nothing from before hinders", 60)
    if name != "attach" or FAULTS[fault].kind not in ("lost", "memory", "closed"):  # a job may have been lost, and attach says so
        require(after.code == 0, f"the next run fails: code {after.code}\nout: {after.out[-1500:]}\nerr: {after.err[-1500:]}\n"
                                 f"before it: {result[2]}\n{result[1][-1500:]}")
    end_what_may_run(bed, result[1])
    bed.end_lost_connections()
    try:
        wait_until(lambda: not bed.leftovers(), "nothing is left", 10)
    except AssertionError:
        raise Wrong(f"left behind: {bed.leftovers()}\nerr: {result[1][-1500:]}") from None
