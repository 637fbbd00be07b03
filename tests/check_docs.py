#!/usr/bin/env python3
"""Do the pages fit the program? check_docs.py PROGRAM prints the faults; exit 1 if there are any.

- Each command and flag of ec2mpi that a page names is there, and a flag that takes a value has one. The pages are those of docs/
  and the READMEs, and the table of other tools' words.
- docs/environment.md has each environment variable of the source, and no other.
- Each link of a page to a file of the project leads somewhere.
- Each test and each file of tests/ that a page names is there, and each claim of docs/security.md names a test.
- Each command with --json has a row in docs/json.md.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples/README.md",
         ROOT / "packaging/README.md", ROOT / "CONTRIBUTING.md", ROOT / "tests/bench/README.md", ROOT / "tests/cluster/README.md"]
VARIABLES = "docs/environment.md"
CLAIMS = "docs/security.md"
OTHER_WORDS = ROOT / "src/cli/session/other_words.txt"
DOCUMENTS = "docs/json.md"
SHOWN_FLAGS = {"-h", "--help", "-np", "--"}  # of all commands, or made out of another flag
TEST = r"`([A-Z]\w+\.[A-Z]\w+|test_\w+)`"
READ = r'(?:getenv|variable|environment_?|xdg_folder|file_of)\((?:environment, )?"([A-Z_]+)"'


def flags_by_command(tree):
    common = SHOWN_FLAGS | {name for option in tree["options"] for name in option["names"]}
    return {command["name"]: common | {name for option in command["options"] for name in option["names"]}
            for command in tree["commands"]}


def flags_with_values(tree):
    return {command["name"]: {name for option in [*tree["options"], *command["options"]] if option["value"]
                              for name in option["names"]}
            for command in tree["commands"]}


def command_lines(text):
    """Our commands in a page: in blocks a line each, and in the text what stands in one pair of backticks."""
    blocks = re.findall(r"^ *```.*?^ *```", text, re.M | re.S) + re.findall(r"(?:^    .*\n)+", text, re.M)
    for block in blocks:
        yield from re.findall(r"^ *(?:\$ )?(?:\S+=\S+ )*ec2mpi (.*)", block, re.M)
        text = text.replace(block, "")
    yield from re.findall(r"`ec2mpi ([^`]+)`", text)


def own_words(line):
    """The words up to a pipe, a comment, or the -- behind which the words belong to a program; words in quotes are no flags."""
    words = re.sub(r"'[^']*'|\"[^\"]*\"", "QUOTED", line)
    return re.split(r"\s#|\||;|\s--(?:\s|$)|\s{3,}", words)[0].split()


def lines_instead():
    """Our command lines in the last column of the table of other tools' words."""
    for row in OTHER_WORDS.read_text().splitlines():
        if row.startswith("#") or row.count("|") != 2:
            continue
        ours, _, line = (cell.strip() for cell in row.split("|"))
        if "{}" in line:
            yield from (line.replace("{}", command) for command in ours.split())
        elif line.split()[0] == "ec2mpi":
            yield line.removeprefix("ec2mpi ")


def wrong_commands(page, lines, flags, with_value):
    name = page.relative_to(ROOT)
    for line in lines:
        command, *words = own_words(line) or [""]
        if command not in flags:
            if re.fullmatch(r"[a-z][a-z-]+", command) and command != "help":
                yield f"{name}: there is no command '{command}': ec2mpi {line}"
            continue
        for word in words:
            flag = word.split("=")[0].rstrip(",.:")
            if re.match(r"--?[a-z]", flag, re.I) and flag not in flags[command]:
                yield f"{name}: {command} has no {flag}: ec2mpi {line}"
        for word, value in zip(words, [*words[1:], "--"]):
            if word in with_value[command] and re.match(r"-[-a-z]", value, re.I):
                yield f"{name}: {word} has no value: ec2mpi {line}"


def wrong_variables():
    sources = "\n".join(file.read_text() for folder in ("src", "include") for file in sorted((ROOT / folder).rglob("*.*")))
    page = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", (ROOT / VARIABLES).read_text()))
    ours = set(re.findall(r"\bEC2MPI_[A-Z_]*[A-Z]\b", sources)) - {"EC2MPI_VERSION"}
    read = {name for name in re.findall(READ, sources) if not name.startswith("AWS_")}
    yield from (f"{VARIABLES}: {name} is missing" for name in sorted((ours | read) - page))
    yield from (f"{VARIABLES}: the source has no {name}" for name in sorted(page - ours - read))


def wrong_documents(flags):
    """Each command with --json has a row in docs/json.md, and no other command has."""
    rows = re.findall(r"^\|([^|]*)\|", (ROOT / DOCUMENTS).read_text(), re.M)
    named = {word for row in rows for word in re.findall(r"`([a-z-]+)", row)}
    with_json = {command for command, names in flags.items() if "--json" in names}
    yield from (f"{DOCUMENTS}: {command} has --json and is missing" for command in sorted(with_json - named))
    yield from (f"{DOCUMENTS}: {command} has no --json" for command in sorted((set(flags) - with_json) & named))


def wrong_links(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        if not (page.parent / target).exists():
            yield f"{page.relative_to(ROOT)}: {target} is not there"


def tests_there():
    units = "\n".join(file.read_text() for file in sorted((ROOT / "tests/unit").rglob("*.cpp")))
    tests = {".".join(names) for names in re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", units, re.M)}
    for file in (ROOT / "tests/e2e").glob("*.py"):
        tests |= set(re.findall(r"^def (test_\w+)", file.read_text(), re.M))
    return tests


def missing_tests(page, tests):
    name, text = str(page.relative_to(ROOT)), page.read_text()
    yield from (f"{name}: there is no test {test}" for test in re.findall(TEST, text)
                if test not in tests and (name == CLAIMS or test.startswith("test_")))
    yield from (f"{name}: {file} is not there" for file in re.findall(r"[` \[(](tests/[\w./]*\w)\b", text)
                if not (ROOT / file).exists() and not re.search("ROOM|NAME", file))


def claims_without_tests():
    """A claim without its test is only a promise."""
    for line in (ROOT / CLAIMS).read_text().splitlines():
        cells = line.split(" | ")
        if len(cells) == 3 and not line.startswith(("| claim |", "|---")) and not re.search(TEST, cells[2]):
            yield f"{CLAIMS}: this claim names no test: {cells[0].strip('| ')}"


def main(program):
    tree = json.loads(subprocess.run([program, "option-tree"], stdout=subprocess.PIPE, check=True).stdout)
    flags, with_value = flags_by_command(tree), flags_with_values(tree)
    tests = tests_there()
    wrong = [*wrong_variables(), *wrong_documents(flags), *claims_without_tests(),
             *wrong_commands(OTHER_WORDS, lines_instead(), flags, with_value)]
    for page in PAGES:
        wrong += [*wrong_commands(page, command_lines(page.read_text()), flags, with_value), *wrong_links(page),
                  *missing_tests(page, tests)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
