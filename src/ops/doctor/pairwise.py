"""Latency and bandwidth between all pairs of ranks: ping-pong, half of the round trip, as osu_latency counts it.

    mpirun ... python3 pairwise.py [serial]      one rank on each node

The pairs of a round are disjoint (circle method), so that N ranks take N rounds and no link carries two pairs;
`serial` measures one pair at a time. Rank 0 says `round K OF` while it measures, and in the end for each pair
`pair A B MICROSECONDS BYTES_PER_SECOND`.
"""

import sys
import time

from mpi4py import MPI

SMALL, LARGE = 8, 1 << 20  # bytes
TIMES, TIMES_SLOW = 10, 3  # the number of tries, of which the best counts: a disturbance only makes a try slower
BUDGET = 0.03  # seconds for each of them; what takes longer is slow
MOST = 50  # exchanges in each

world = MPI.COMM_WORLD
rank, size = world.Get_rank(), world.Get_size()


def exchange(peer, first, buffer, count):
    """`count` round trips; returns the seconds that one of them took."""
    begin = time.perf_counter()
    for _ in range(count):
        if first:
            world.Send([buffer, MPI.BYTE], peer)
            world.Recv([buffer, MPI.BYTE], peer)
        else:
            world.Recv([buffer, MPI.BYTE], peer)
            world.Send([buffer, MPI.BYTE], peer)
    return (time.perf_counter() - begin) / count


def half_round_trip(peer, first, length):
    """The first exchange, which also opens the connection, is not counted; the second shows how many fit."""
    buffer = bytearray(length)
    exchange(peer, first, buffer, 1)
    once = exchange(peer, first, buffer, 1)
    once = max(once, world.sendrecv(once, peer, source=peer), 1e-9)  # both count alike
    count = max(1, min(MOST, int(BUDGET / once)))
    times = TIMES if once < BUDGET else TIMES_SLOW
    return min(exchange(peer, first, buffer, count) for _ in range(times)) / 2


def rounds(serial):
    """Lists of disjoint pairs that together are all pairs."""
    everybody = list(range(size)) + ([None] if size % 2 else [])
    for turn in range(len(everybody) - 1):
        half = len(everybody) // 2
        pairs = [(a, b) for a, b in zip(everybody[:half], reversed(everybody[half:])) if a is not None and b is not None]
        if serial:
            for pair in pairs:
                yield [pair]
        else:
            yield pairs
        everybody.insert(1, everybody.pop())


def main():
    serial = "serial" in sys.argv[1:]
    everything = list(rounds(serial))
    mine = []
    for number, pairs in enumerate(everything, 1):
        world.Barrier()
        if rank == 0:
            print("round", number, len(everything), flush=True)
        for pair in pairs:
            if rank not in pair:
                continue
            first = rank == min(pair)
            peer = pair[1] if rank == pair[0] else pair[0]
            latency = half_round_trip(peer, first, SMALL)
            transfer = half_round_trip(peer, first, LARGE)
            if first:
                mine.append((rank, peer, latency * 1e6, LARGE / transfer))
    found = world.gather(mine)
    if rank == 0:
        for a, b, latency, bandwidth in sorted(sum(found, [])):
            print("pair", a, b, "%.3f %.0f" % (latency, bandwidth))
        print("measured", flush=True)


main()
