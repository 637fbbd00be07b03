#!/usr/bin/env python3
"""Do the man pages and completions fit the program's help? check_manual.py PROGRAM FOLDER, where FOLDER has the built files.

- Each command and flag that --help shows is in ec2mpi(1) and in the completions of bash, zsh and fish.
- groff formats both man pages without a warning.
- bash and fish offer the commands, flags, nodes, groups and jobs that there are, and run no text of a file's name. zsh reads its
  completion without an error.
It prints what is wrong; exit 1 if anything is.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

LIST = "203.0.113.11\n203.0.113.12\n"
SETTINGS = '[groups]\nbig = "1-2"\n[jobs.spread]\ncommand = "x"\n[jobs.spread.env]\na = "1"\n[jobs.ring]  # a ring\ncommand = "y"\n[jobs."程序"]\ncommand = "z"\n'
OFFERS = [  # the line that is typed, and words that must be offered
    ("ec2mpi ru", {"run"}), ("ec2mpi exec -w ", {"all", "master", "workers", "failed", "1", "2", "@big"}),
    ("ec2mpi exec -w 1,w", {"1,workers"}), ("ec2mpi push --rel", {"--relay"}), ("ec2mpi push --relay a", {"auto", "always"}),
    ("ec2mpi run ", {"spread", "ring", "old", "程序", "測試"}), ("ec2mpi signal ", {"wave-1", "spread", "USR1", "TERM"}), ("ec2mpi logs s", {"spread"}), ("ec2mpi attach ring-", {"ring-2026"}),
    ("ec2mpi exec -w no", {"node1", "node2"}), ("ec2mpi cancel wave", {"wave-1", "wave-2"}), ("ec2mpi report wave-2", {"wave-2"}),
    ("ec2mpi stacks wave-1", {"wave-1"}), ("ec2mpi profile s", {"spread"}), ("ec2mpi help att", {"attach"})]
BASH = """source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ec2mpi; printf '%s\\n' "${COMPREPLY[@]}" """
FISH = "source $argv[1]; complete -C $argv[2]"


def output(*words, **options):
    return subprocess.run(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options).stdout


def flags_of(help_text):
    """The flags at the beginnings of the lines of a help text."""
    found = set()
    for line in help_text.splitlines():
        if line.startswith("  ") and (names := re.match(r"\s+(-[\w?-]+(?:,-[\w-]+)*)(?:\s|$)", line)):
            found |= set(names[1].split(","))
    return found


def commands_of(help_text):
    return re.findall(r"^  ([a-z][a-z-]+) {2,}\S", help_text.split("\nOptions:")[1], re.M)


def bash_line(folder, line, **options):
    return output("bash", "-c", BASH, "bash", folder / "ec2mpi.bash", *re.split(" ", line), **options).split()


def bash_offers(folder, line, **options):
    return set(bash_line(folder, line, **options))


def fish_offers(folder, line, **options):
    return {offer.split("\t")[0] for offer in output("fish", "-c", FISH, folder / "ec2mpi.fish", line, **options).splitlines()}


def wrong_flags(program, folder):
    manual = re.sub(r"\\f.|\\", "", (folder / "ec2mpi.1").read_text())
    sections = {part.split("\n", 1)[0]: part for part in re.split(r"^\.SS ", manual, flags=re.M)[1:]}
    general = manual.split(".SH COMMANDS")[0] + manual[manual.find(".SH OPTIONS:"):]
    zsh, fish = (folder / "_ec2mpi").read_text(), (folder / "ec2mpi.fish").read_text()
    for command in commands_of(output(program, "--help")):
        if command not in sections:
            yield f"ec2mpi(1) has no {command}"
            continue
        zsh_part = re.search(rf"^    {command}\) .*", zsh, re.M)[0]
        bash = output("bash", "-c", '. "$1"; _ec2mpi_flags "$2"', "bash", folder / "ec2mpi.bash", command).split()
        for flag in sorted(flags_of(output(program, command, "--help")) - {"-h", "--help"}):
            fish_name = f"-l {flag[2:]} " if flag.startswith("--") else f"-s {flag[1:]} "
            fish_lines = [line for line in fish.splitlines() if f"from {command}'" in line]
            places = {"ec2mpi(1)": re.search(rf"(?<![\w-]){flag}(?![\w-])", sections[command] + general),
                      "the completion of zsh": f"'*{flag}[" in zsh_part,
                      "the completion of bash": flag in bash,
                      "the completion of fish": any(fish_name in line for line in fish_lines)}
            yield from (f"{place} has no {flag} of {command}" for place, found in places.items() if not found)


def wrong_format(folder):
    for page in ("ec2mpi.1", "ec2mpi.toml.5"):
        for line in output("groff", "-ww", "-man", "-Tutf8", "-z", folder / page).splitlines():
            yield f"{page}: {line}"
    for shell, file in (("bash", "ec2mpi.bash"), ("zsh", "_ec2mpi"), ("fish", "ec2mpi.fish")):
        if said := output(shell, "-n", folder / file):
            yield f"{file}: {said}"


def wrong_offers(program, folder):
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        work = scratch / "work"
        (work / "results/ring-2026").mkdir(parents=True)
        (work / ".ec2mpi").mkdir()
        (work / ".ec2mpi/jobs").write_text("wave-2 ended ok\nwave-1\n$(touch hacked) ended\n")
        (work / "amazon_instances_info").write_text(LIST)
        (work / "ec2mpi.toml").write_text(SETTINGS)
        (work / "run_old.sh").touch()
        (work / "run_spread.sh").touch()
        (work / "run_測試.sh").touch()
        (work / "run_$(touch hacked).sh").touch()
        (scratch / "ec2mpi").symlink_to(program)
        options = {"cwd": work, "env": {"HOME": str(scratch), "PATH": f"{scratch}:{os.environ['PATH']}", "TERM": "dumb", "LANG": "C.UTF-8"}}
        for shell, offers_of in (("bash", bash_offers), ("fish", fish_offers)):
            for line, wanted in OFFERS:
                if missing := wanted - (offered := offers_of(folder, line, **options)):
                    yield f"{shell}: '{line}' offers {sorted(offered)}, and not {sorted(missing)}"
            if shell == "bash" and bash_line(folder, "ec2mpi cancel wave-", **options) != ["wave-1", "wave-2"]:
                yield "bash: the job that runs is not offered first"
            if shell == "bash" and bash_line(folder, "ec2mpi run s", **options) != ["spread"]:
                yield "bash: a job with a script is offered twice"
            if offers_of(folder, "ec2mpi run ", **options) != {"spread", "ring", "old", "程序", "測試"}:
                yield f"{shell}: 'ec2mpi run ' offers more than jobs"
            if offers_of(folder, "ec2mpi login ", **options) != {"master", "1", "2", "node1", "node2"}:
                yield f"{shell}: 'ec2mpi login ' offers more than single nodes"
        if (work / "hacked").exists():
            yield "a completion ran text out of a file's name"


def main(program, folder):
    program, folder = pathlib.Path(program).resolve(), pathlib.Path(folder).resolve()
    wrong = [*wrong_flags(program, folder), *wrong_format(folder), *wrong_offers(program, folder)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
