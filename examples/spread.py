#!/usr/bin/env python3
"""Agents on a line spread out until all gaps are equal: one agent per MPI rank.

The agents start crowded together. In each step every agent tells its two neighbours where it stands and moves to the
middle between them; the first and the last stay at 0 and 1. Nobody knows the whole line, but the answer is known:
agent i of n ends at i / (n - 1). So the program can check itself, and with it the cluster: every rank has to be
there, in order, and to hear from its neighbours on the other machines.

    ec2mpi push spread.py .
    ec2mpi run -- python3 spread.py
    ec2mpi pull -w master spread_result.json .
"""

import json
import socket
import sys

from mpi4py import MPI

TOLERANCE = 1e-6
CHECK_EVERY = 20
MOST_STEPS = 200_000


def start_position(rank, count):
    """The ends in place, all others crowded near 0."""
    return float(rank == count - 1) if rank in (0, count - 1) else 0.01 * rank / count


def spread(comm):
    """Moves this rank's agent until no agent is farther than TOLERANCE from its place."""
    rank, count = comm.rank, comm.size
    left = rank - 1 if rank > 0 else MPI.PROC_NULL
    right = rank + 1 if rank < count - 1 else MPI.PROC_NULL
    goal = rank / (count - 1) if count > 1 else 0.0
    position = start_position(rank, count)
    for step in range(MOST_STEPS):
        if step % CHECK_EVERY == 0:
            error = comm.allreduce(abs(position - goal), op=MPI.MAX)
            if error < TOLERANCE:
                return step, position, error
        from_left = comm.sendrecv(position, dest=right, source=left)
        from_right = comm.sendrecv(position, dest=left, source=right)
        if 0 < rank < count - 1:
            position = (from_left + from_right) / 2
    return MOST_STEPS, position, comm.allreduce(abs(position - goal), op=MPI.MAX)


def main():
    comm = MPI.COMM_WORLD
    steps, position, error = spread(comm)
    positions = comm.gather(position, root=0)
    hosts = comm.gather(socket.gethostname(), root=0)
    correct = error < TOLERANCE
    if comm.rank == 0:
        result = {"agents": comm.size, "steps": steps, "error": error, "correct": correct,
                  "positions": positions, "hosts": hosts}
        with open("spread_result.json", "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
        print(f"spread: {comm.size} agents on {len(set(hosts))} hosts, {steps} steps, largest error {error:.1e}: "
              f"{'correct' if correct else 'WRONG'}", flush=True)
    return 0 if correct else 1


if __name__ == "__main__":
    sys.exit(main())
