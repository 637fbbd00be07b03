"""What a command on one far node takes, in round trips, from starting the tool to its end. Runs on the laptop."""

import argparse
import os
import socket
import statistics
import time

import clients
from measure import measure, say_load, show, table


def round_trip(address, runs):
    """Seconds; a TCP connection is there after one round trip."""
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        socket.create_connection((address, 22), timeout=10).close()
        times.append(time.perf_counter() - begin)
    return min(times)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("key")
    parser.add_argument("--runs", type=int)
    args = parser.parse_args()

    with open("hosts", "w") as file:
        file.write(args.address + "\n")
    target = clients.Target("hosts", "hosts", args.key, 22, 1)
    tools = clients.installed([clients.Ec2mpi(os.path.realpath("ec2mpi")), clients.Ssh(), clients.Pdsh(), clients.Clush(), clients.Pssh()])
    cases = [(client, exchange, []) for client in tools for exchange in client.exchanges]
    say_load()
    rtt = round_trip(args.address, args.runs)
    print(f"round trip, by opening a TCP connection: {1000 * rtt:.1f} ms, the least of {args.runs}", flush=True)
    for _ in range(args.runs):  # everybody in turn, so that a change of load meets all
        for client, exchange, walls in cases:
            command, env = client.command(target, exchange, 0)
            cost = measure(command, env, limit=60)
            if client.succeeded(cost, 1) == 1:
                walls.append(cost.wall)
            else:
                print(f"{client.name}: status {cost.status}; {cost.err.strip()[-300:]}", flush=True)
    report(cases, rtt)


def report(cases, rtt):
    ours = statistics.median(cases[0][2]) if cases[0][2] else None
    rows = []
    for client, exchange, walls in cases:
        median, least = (statistics.median(walls), min(walls)) if walls else (None, None)
        rows.append([client.name, exchange, str(len(walls)), show(least and 1000 * least, ".0f"), show(median and 1000 * median, ".0f"),
                     show(least and least / rtt, ".1f"), show(median and median / rtt, ".1f"),
                     show(median / ours if median and ours else None, ".2f")])
    table(["client", "key exchange", "good runs", "min ms", "median ms", "min rtts", "median rtts", "x ec2mpi"], rows)
    print("Cold: no connection is kept from run to run; the tool's start is included.")


main()
