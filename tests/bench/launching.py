"""What `ec2mpi run` costs over mpirun: until all ranks run, and until the command has ended.

All clocks are one here: begin and end are read beside the command (not around the tool that puts it onto a host), and each rank
prints when it runs. A round trip more shows as the difference between two links, for nothing else depends on the link.
"""

import shlex
import statistics
import subprocess

from measure import say_load, show, table

COLD, WARM = "ec2mpi run, cold", "ec2mpi run, warm"
NOW = "date +%s.%N"


def timed(command):
    return ["sh", "-c", f"{NOW}; {command}; code=$?; {NOW}; exit $code"]


def times_of(argv, **options):
    """(seconds until the last rank runs, seconds until the end)"""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, **options)
    if done.returncode != 0:
        raise SystemExit(f"{shlex.join(argv)}: {done.returncode}\n{done.stderr}")
    begin, *ranks, end = map(float, done.stdout.split())
    return max(ranks) - begin, end - begin


def measure_launch(cluster, folder, hosts, runs):
    """tool -> its times; the tools take turns."""
    laptop = [cluster.command(), "--name", cluster.name, "exec", "--"]
    master = [cluster.command(), "--name", cluster.name, "host", "1", "--user", "ubuntu", "--"]
    flags = f"-q -F none --list amazon_instances_info -i key.pem -l ubuntu --per-node 1 -np {hosts}"
    program = shlex.join(["date", "+%s.%N"])
    explained = subprocess.run([*laptop, "sh", "-c", f"./ec2mpi run {flags} --explain -- {program}"], cwd=folder, check=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout
    words = shlex.split(explained.splitlines()[0])
    hostfile = words[words.index("--hostfile") + 1]
    if "plm_rsh_agent" in words:  # a script in the folder of the job, which --explain does not make; without it mpirun starts ssh itself
        at = words.index("plm_rsh_agent")
        del words[at - 1:at + 2]
    line = shlex.join(words)
    subprocess.run([*master, "sh", "-c", f"mkdir -p $(dirname {hostfile}); cat >{hostfile}"], check=True, text=True,
                   input="".join(f"10.0.0.{10 + i} slots=1\n" for i in range(1, hosts + 1)))
    commands = {"mpirun": [*master, *timed(f"{line} </dev/null")]}
    for tool, persist in ((COLD, 0), (WARM, 600)):
        commands[tool] = [*laptop, *timed(f"./ec2mpi run {flags} --persist {persist} -- {program}")]
    say_load()
    subprocess.run([*laptop, "sh", "-c", f"./ec2mpi run {flags} --persist 600 -- true"], cwd=folder, check=True, stdin=subprocess.DEVNULL)
    measured = {tool: [] for tool in commands}
    for _ in range(runs):
        for tool, argv in commands.items():
            measured[tool].append(times_of(argv, cwd=folder))
    subprocess.run([*laptop, "sh", "-c", "./ec2mpi disconnect"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    return measured


def report(measured, rtt, hosts):
    middle = {(link, tool, part): statistics.median(times[part] for times in runs)
              for link, tools in measured.items() for tool, runs in tools.items() for part in (0, 1)}
    rows = []
    for part, name in enumerate(("all ranks run", "end")):
        for tool in ("mpirun", COLD, WARM):
            near, far = middle[0, tool, part], middle[rtt, tool, part]
            rows.append([f"{tool}, until {'the ' * part}{name}", show(1000 * near, ".0f"), show(1000 * far, ".0f"),
                         show((far - near) * 1000 / rtt, ".1f")])
        for tool in (COLD, WARM):
            added = [middle[link, tool, part] - middle[link, "mpirun", part] for link in (0, rtt)]
            rows.append([f"  what {tool} adds", show(1000 * added[0], ".0f"), show(1000 * added[1], ".0f"),
                         show((added[1] - added[0]) * 1000 / rtt, ".1f")])
    print(f"{hosts} hosts, a rank on each; medians of {len(measured[0]['mpirun'])}")
    table(["", "ms at 0 ms", f"ms at {rtt} ms", "round trips"], rows)
    print("Cold: every run logs in to all hosts. Warm: over connections that an earlier run with --persist has left.")
