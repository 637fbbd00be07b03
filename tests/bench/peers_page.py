"""The table of `run peers`, and the page of it. Pure."""

NAMES = ["ec2mpi", "ssh", "scp", "rsync", "pdsh", "pdcp", "clush", "pssh", "ansible", "GNU parallel"]


def cell(tool):
    if tool is None:
        return "–"
    if "missing" in tool:
        return tool["missing"]
    time = f"{tool['seconds']:.2f} s" if tool["seconds"] >= 0.1 else f"{1000 * tool['seconds']:.0f} ms"
    return time if tool["ratio"] is None or tool["ratio"] == 1 else f"{time} (x {tool['ratio']:.2f})"


def verdict(row):
    """How near ec2mpi is to the limit, and which peer is ahead of it."""
    ours = row["tools"].get("ec2mpi", {})
    if "seconds" not in ours:
        return "not measured"
    near = f"{ours['seconds'] / row['limit']:.2f} x the limit" if row.get("limit") else ""
    ahead = [name for name, tool in row["tools"].items() if tool.get("ratio") is not None and tool["ratio"] < 0.97]
    return "; ".join(filter(None, [near, "behind " + ", ".join(ahead) if ahead else ""]))


def table(rows):
    """Lines of Markdown."""
    lines = ["| | limit | " + " | ".join(NAMES) + " | how near |", "|---" * (len(NAMES) + 3) + "|"]
    for row in rows:
        lines.append(f"| {row['task']} | {row.get('limit_text', '')} | " + " | ".join(cell(row["tools"].get(name)) for name in NAMES) +
                     f" | {verdict(row)} |")
    memory = next((row for row in rows if row["task"] == "command, all nodes"), None)
    if memory:
        cells = [f"{memory['tools'][name]['mb']:.0f} MB" if memory["tools"].get(name, {}).get("mb") else "–" for name in NAMES]
        lines.append("| memory of the largest process, command on all nodes | | " + " | ".join(cells) + " | |")
    return lines


def page(found):
    """docs/performance.md."""
    return "\n".join([
        "# Performance", "",
        "This page shows what the same tasks take with ec2mpi and with other tools, and how near that is to what is possible.",
        "`sudo tests/bench/run peers` measures it and writes this page; `--json FILE` gives the numbers.", "",
        f"{found['machine']}. {found['hosts']} hosts on this machine; load before: {found['load']}.", "",
        *table(found["rows"]), "",
        "In brackets is the time as a multiple of ec2mpi's, the median over rounds in which the tools took turns. All tools reach all",
        "hosts at once, with the same key exchange (curve25519) and cipher (chacha20-poly1305); nothing is kept between commands.",
        "A dash: the tool does not do that. Ansible fetches single files only.", "",
        "- **Round trips**: a command over ssh takes six of them at least: TCP, versions, algorithms, keys, login, and the command.",
        "  All hosts together take no more.",
        "- **Size / uplink**: a file for all hosts has to leave this machine once. Tools that send it to each host need that once for",
        "  each host; ec2mpi lets the hosts pass it on.",
        "- **mpirun**: the very line that `ec2mpi run` starts, typed on the master, with 0 ms between here and the hosts.",
        "- Hosts, links and tools share the processors of one machine, so where a row needs much CPU time its limit is that, and",
        "  ratios of such rows are smaller than over a real network.", ""])
