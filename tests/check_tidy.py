#!/usr/bin/python3
"""Does clang-tidy find faults (.clang-tidy says which), or clang warn? Prints them; exit 1 if there are any.

    check_tidy.py [FILE...]     FILE: under src/; without one: all

Most of clang-tidy's time goes into the declarations of Asio and of the standard library, which it visits again for every
unit that it gets. So files whose private names do not clash are checked together, as one unit that includes them;
if such a unit does not compile, its halves are checked. The headers are precompiled, by clang.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
from collections import defaultdict

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/tidy"
CLANG = "clang++-19"
TIDY = "clang-tidy-19"
MOST_FILES = 12  # in a unit: with more the two cores get too few units to share evenly
ANONYMOUS = re.compile(r"^namespace \{$(.*?)^\}  // namespace$", re.M | re.S)
# The name that a line at the left margin declares.
DECLARED = re.compile(r"^(?!//|#|template|\s)(?:(?:class|struct|enum class|enum|union)\s+(\w+)|[^=({;\n]*?\b(\w+)\s*(?:\[\])?\s*[=({;])", re.M)
# It asks why a unit includes a .cpp file.
NOT_FOR_UNITS = "--checks=-bugprone-suspicious-include"


def main(arguments):
    prepare()
    commands = {entry["file"]: entry for entry in json.loads((BUILD / "compile_commands.json").read_text())}
    if arguments:
        wanted = {str(pathlib.Path(name).resolve()) for name in arguments}
        commands = {file: entry for file, entry in commands.items() if file in wanted}
    units = [unit for group in by_options(commands) for unit in units_of(group)]
    units.sort(key=lambda files: -sum(os.path.getsize(file) for file in files))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = set().union(*pool.map(lambda files: check(files, commands), units))
    print(*sorted(found), sep="\n", end="\n" if found else "")
    return 1 if found else 0


def prepare():
    """Configures for clang, and makes what the files include: the precompiled headers and the embedded programs."""
    run("cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", f"-DCMAKE_CXX_COMPILER={CLANG}",
        "-DEC2MPI_TESTS=OFF", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    targets = run("ninja", "-C", BUILD, "-t", "targets", "all")
    run("ninja", "-C", BUILD, *re.findall(r"^(\S+(?:\.pch|_page\.hpp|programs\.hpp)):", targets, re.M))


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(map(str, command[:4]))} ... failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def by_options(commands):
    """Files that are compiled alike."""
    groups = defaultdict(list)
    for file, entry in commands.items():
        if file.startswith(f"{ROOT}/src/"):
            groups[options_of(entry)].append(file)
    return groups.values()


def options_of(entry):
    """The words of the command line without the file and the output."""
    words = shlex.split(entry["command"])
    return tuple(words[: words.index("-o")])


def units_of(files):
    """The files in as few units as their names allow."""
    units = []
    for file in sorted(files):
        names = private_names(file)
        for unit, taken in units:
            if len(unit) < MOST_FILES and not names & taken:
                unit.append(file)
                taken |= names
                break
        else:
            units.append(([file], names))
    return [unit for unit, names in units]


def private_names(file):
    text = pathlib.Path(file).read_text()
    return {one or other for part in ANONYMOUS.findall(text) for one, other in DECLARED.findall(part)}


def check(files, commands):
    """The lines that clang-tidy says of these files."""
    folder = BUILD / "units" / f"{pathlib.Path(files[0]).relative_to(ROOT)}.{len(files)}"
    folder.mkdir(parents=True, exist_ok=True)
    unit = folder / "unit.cpp"
    unit.write_text("".join(f'#include "{file}"\n' for file in files))
    command = shlex.join([*options_of(commands[files[0]]), "-c", str(unit)])
    entry = {"directory": str(BUILD), "file": str(unit), "command": command}
    (folder / "compile_commands.json").write_text(json.dumps([entry]))
    done = subprocess.run(
        [TIDY, "-p", str(folder), "--quiet", f"--config-file={ROOT}/.clang-tidy", NOT_FOR_UNITS, f"--header-filter=^{ROOT}/(src|include)/", str(unit)],
        capture_output=True, text=True, check=False)
    if "clang-diagnostic-error" in done.stdout and len(files) > 1:
        half = len(files) // 2
        return check(files[:half], commands) | check(files[half:], commands)
    lines = {line for line in done.stdout.splitlines() if re.match(r"\S+:\d+:\d+: (warning|error)", line)}
    if done.returncode != 0 and not lines:
        lines = {f"{TIDY}: {done.stdout}{done.stderr}"}
    return {line.replace(f"{ROOT}/", "") for line in lines}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
