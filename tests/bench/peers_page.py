"""The table of `run peers`, and the page of it. Pure."""

NAMES = ["ec2mpi", "ssh", "scp", "rsync", "pdsh", "pdcp", "clush", "pssh", "ansible", "GNU parallel"]


# Why a tool may be ahead of ec2mpi.
REASONS = {
    "start of the program": "nine tenths of its start is the system's loader, for 19 libraries",
    "memory of the largest process, the same": "theirs is one of as many processes of ssh as there are nodes, and ec2mpi's is the only one",
}


def amount(value, unit):
    if unit == "s":
        return f"{value:.2f} s" if value >= 0.1 else f"{1000 * value:.1f} ms"
    return f"{value:.1f} {unit}".rstrip() if value < 100 else f"{value:.0f} {unit}".rstrip()


def cell(tool, unit):
    if tool is None or "missing" in tool:
        return "–"
    words = [amount(tool["value"], unit)]
    if tool["ratio"] not in (None, 1):
        words.append(f"(x {tool['ratio']:.2f})")
    if tool.get("note"):
        words.append(f"[{tool['note']}]")
    return " ".join(words)


def verdict(row):
    """How near ec2mpi is to the limit, which tool is ahead of it, and why."""
    ours = row["tools"].get("ec2mpi", {})
    if "value" not in ours:
        return "not measured"
    near = f"{ours['value'] / row['limit']:.2f} x the limit" if row.get("limit") else ""
    ahead = [name for name, tool in row["tools"].items() if tool.get("ratio") is not None and tool["ratio"] < 0.97]
    behind = f"behind {', '.join(ahead)}: {REASONS.get(row['task'], 'no reason is known')}" if ahead else ""
    return "; ".join(filter(None, [near, behind]))


def round_trips(near, far, rtt):
    """A row of those by which two links differ, for nothing else depends on the link."""
    tools = {}
    for name, tool in far["tools"].items():
        other = near["tools"].get(name, {})
        if "value" in tool and "value" in other:
            tools[name] = {"value": (tool["value"] - other["value"]) / rtt, "ratio": None}
        else:
            tools[name] = tool if "missing" in tool else other
    return {"task": "round trips, command on one node", "unit": "", "tools": tools}


def table(rows):
    """Lines of Markdown."""
    lines = ["| | limit | " + " | ".join(NAMES) + " | how near |", "|---" * (len(NAMES) + 3) + "|"]
    for row in rows:
        lines.append(f"| {row['task']} | {row.get('limit_text', '')} | " +
                     " | ".join(cell(row["tools"].get(name), row["unit"]) for name in NAMES) + f" | {verdict(row)} |")
    return lines + missing(rows)


def missing(rows):
    """Why cells have a dash: a line for each reason and tool, with its tasks."""
    tasks = {}
    for row in rows:
        for name, tool in row["tools"].items():
            if "missing" in tool:
                tasks.setdefault((tool["missing"], name), []).append(row["task"])
    return [""] * bool(tasks) + [f"- {name}, {why}: {'; '.join(where)}" for (why, name), where in tasks.items()]


def page(found):
    """docs/performance.md."""
    return "\n".join([
        "# Performance", "",
        "This page shows what the same tasks take with ec2mpi and with other tools, and how near that is to what is possible.",
        "`sudo tests/bench/run peers` measures it and writes this page; `--json FILE` gives the numbers.", "",
        f"{found['date']}, {found['machine']}: {found['hosts']} hosts on this machine, {found['files']} files in a tree, a big file of "
        f"{found['megabytes']} MB, the tools took turns {found['runs']} times; load before: {found['load']}.", "",
        *table(found["rows"]), "",
        "In brackets is the time as a multiple of ec2mpi's, the median over rounds in which the tools took turns. All tools reach all",
        "hosts at once, with the same key exchange (curve25519) and cipher (chacha20-poly1305); nothing is kept between commands.",
        "A dash means that the tool does not do that, unless a line under the table gives another reason. Ansible fetches single files only. Debian has no package of mscp, so it is not compared.", "",
        "- **Round trips**: a command over ssh takes six of them at least: TCP, versions, algorithms, keys, login, and the command.",
        "  All hosts together take no more.",
        "- **Size / uplink**: a file for all hosts has to leave this machine once. Tools that send it to each host need that once for",
        "  each host; ec2mpi lets the hosts relay it.",
        "- **Instructions** are counted by callgrind, which knows no noise: those of the tool and of all that it starts on this machine,",
        "  for each node more. In square brackets is the part of them inside libssh and libcrypto. No session needs less than the",
        "  arithmetic of its key exchange, its login and its cipher, which libcrypto does.",
        "- **mpirun**: the very line that `ec2mpi run` starts, typed on the master, with 0 ms between here and the hosts.",
        "- Hosts, links and tools share the processors of one machine, so where a row needs much CPU time its limit is that, and",
        "  ratios of such rows are smaller than over a real network.", ""])
