#!/usr/bin/env python3
"""Does the code keep to the rooms of the architecture? Looks at the #include lines, at the writers to the terminal, and at the
files that comments name.

    check_includes.py [ROOT]        prints FILE:LINE: what is wrong; exit 1 if anything is
    check_includes.py --show [ROOT] prints the rooms with their doors and arrows instead

A folder is a room. include/ec2mpi/ROOM/ holds its doors, the headers that other rooms include; all else lies in src/ROOM/.
"""

import pathlib
import re
import sys
from collections import defaultdict

VALUES = {"base", "cluster/values"}
SSH = {"ssh", "fleet"} | VALUES
# The rooms that a room may include. Arrows lead down, so there is no cycle of rooms (checked below).
MAY_KNOW = {
    "base": set(),
    "cluster/values": {"base"},
    "cluster/read": VALUES,
    "cluster/list": {"cluster/read"} | VALUES,
    "cluster": VALUES,
    "cloud": VALUES,
    "ssh": VALUES,
    "ssh/libssh": {"ssh"} | VALUES,
    "ssh/kept": {"ssh", "ssh/libssh"} | VALUES,
    "fleet": {"ssh"} | VALUES,
    "ops/node": SSH,
    "ops/mpi": VALUES,
    "ops/process": {"ops/mpi", "ops/node"} | SSH,
    "ops/exec": {"ops/process", "ops/node"} | SSH,
    "ops/stacks": {"ops/mpi", "ops/node", "ops/profile"} | SSH,
    "ops/push": {"ops/node"} | SSH,
    "ops/pull": {"ops/node"} | SSH,
    "ops/profile": VALUES,
    "ops/job": {"ops/mpi", "ops/profile", "ops/stacks", "ops/pull", "ops/process", "ops/node"} | SSH,
    "ops/series": {"ops/job", "ops/node"} | SSH,
    "ops/setup": {"ops/exec", "ops/node", "ssh/libssh"} | SSH,
    "ops/doctor": {"ops/mpi", "ops/process", "ops/node"} | SSH,
    "ops/login": SSH,
    "ops/watch": {"ops/node"} | SSH,
    "ops/bench": {"ops/node"} | SSH,
}
OPS = {room for room in MAY_KNOW if room.startswith("ops/")}
CONFIG = {"cluster", "cluster/list"}
MAY_KNOW |= {
    "cli/terminal": {"ops/login"} | VALUES,
    "cli/session": {"cli/terminal", "cloud", "ops/setup", "ssh/libssh", "ssh/kept"} | CONFIG | SSH,
    "cli/views": {"cli/session", "cli/terminal"} | OPS | SSH,
    "cli/commands": {"cli/views", "cli/session", "cli/terminal", "cloud", "ssh/kept", "ssh/libssh"} | CONFIG | OPS | SSH,
    "cli": {"cli/session", "cli/terminal"} | VALUES,
}
# Where a library may be included.
LIBRARIES = {
    "libssh/": {"ssh", "ssh/libssh"},
    "CLI/": {"cli", "cli/commands", "cli/session"},
    "curl/": {"cloud"},
    "pugixml": {"cloud"},
    "toml++/": {"cluster"},
    "spdlog/": set(MAY_KNOW) - {"base", "cluster", "cluster/values", "cluster/read", "cluster/list"},
}
TERMINAL = re.compile(r"\bfmt::print\b|\bstd::(cout|cerr|clog|print|println)\b|\bv?f?printf\s*\(|\bf?puts\s*\(|\bputchar\s*\("
                      r"|\bSTD(OUT|ERR)_FILENO\b|/dev/tty|spdlog/sinks/stdout")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# A type or constant that is visible to the linker under the name of its floor: namespaces follow the floors, not the rooms.
DEFINED = re.compile(r"(?:struct|class|enum class|using)\s+(\w+)\b(?!::)(?=[^;()]*(?:\{|=))|inline\s[^=(]*\s(\w+)\s*[={]")
COMMENT = re.compile(r"//.*|/\*.*?\*/")
# A file of ours, by its path from the top or from any folder: "src/ops/job/follow.sh", "ops/node/facts.hpp".
NAMED_FILE = re.compile(r"(?<![\w/.-])(?:[a-z_0-9]+/)+[a-z_0-9]+\.(?:[ch]pp|sh|py|awk|pl|inc|txt|md)\b")


def main(arguments):
    show = arguments[:1] == ["--show"]
    root = pathlib.Path(next(iter(arguments[1:] if show else arguments), pathlib.Path(__file__).parent.parent))
    files = sorted(f for top in ("include/ec2mpi", "src") for f in (root / top).rglob("*") if f.suffix in (".hpp", ".cpp"))
    if not files:
        sys.exit(f"{root}: no sources here")
    if show:
        print_rooms(files, root)
        return 0
    complaints = [complaint for file in files for complaint in check(file, root)]
    complaints += [*needless_doors(files, root), *cycles(files, root), *missing_tables(), *lost_files(files, root),
                   *defined_twice(files, root)]
    print(*complaints, sep="\n", end="\n" if complaints else "")
    return 1 if complaints else 0


def check(file, root):
    name = file.relative_to(root).as_posix()
    room = room_of(name)
    lines = file.read_text().splitlines()
    if room is None and name != "src/main.cpp":
        yield f"{name}:1: lies in no room; the rooms are: {', '.join(MAY_KNOW)}"
        return
    for number, line in enumerate(lines, 1):
        include = INCLUDE.match(line)
        for wrong in bad_include(*include.groups(), room, name) if include else bad_code(line, room):
            yield f"{name}:{number}: {wrong}"
    yield from own_header_first(file, root, name, lines)


def room_of(path):
    """The room of include/ec2mpi/ROOM/FILE, ec2mpi/ROOM/FILE or src/ROOM/FILE; None if it is none."""
    match = re.match(r"(?:include/)?(?:ec2mpi|src)/(.+)/[^/]+$", path)
    return match.group(1) if match and match.group(1) in MAY_KNOW else None


def unit_of(path):
    """A header and its source are one unit: ROOM/NAME."""
    return re.sub(r"^(include/ec2mpi|ec2mpi|src)/|\.[ch]pp$", "", path)


def own_includes(file):
    return [m.group(2) for m in map(INCLUDE.match, file.read_text().splitlines()) if m and m.group(1) == '"']


def bad_include(bracket, path, room, name):
    public = name.startswith("include/")
    if bracket == '"':
        yield from bad_own_include(path, room, public)
        return
    for library, rooms in LIBRARIES.items():
        if path.startswith(library) and room not in rooms:
            yield f"<{path}> belongs to {' '.join(sorted(rooms))} only"
        if path.startswith(library) and public and library != "spdlog/":
            yield f"<{path}> in a door: it would spread to all rooms that include it"
    if path in ("iostream", "print") and not is_cli(room):
        yield f"<{path}>: only cli writes to the terminal"


def bad_own_include(path, room, public):
    target = room_of(path)
    if target is None:
        yield f'"{path}" must be written as "ec2mpi/ROOM/..." or "src/ROOM/..."'
    elif room is None:
        if path != "ec2mpi/cli/app.hpp":
            yield "main only calls ec2mpi/cli/app.hpp"
    elif path.startswith("src/") and target != room:
        yield f'"{path}" is private to src/{target}'
    elif path.startswith("src/") and public:
        yield f'"{path}" is private, and this is a door'
    elif target != room and target not in MAY_KNOW[room]:
        yield f'{room} must not know {target} ("{path}")'


def is_cli(room):
    return room is None or room.split("/")[0] == "cli"


def bad_code(line, room):
    if not is_cli(room) and TERMINAL.search(COMMENT.sub("", line)):
        yield "only cli writes to the terminal"


def own_header_first(file, root, name, lines):
    if file.suffix != ".cpp":
        return
    stem = name.removeprefix("src/").removesuffix(".cpp") + ".hpp"
    own = next((h for h in (f"ec2mpi/{stem}", f"src/{stem}")
                if (root / ("include" if h.startswith("ec2mpi") else ".") / h).exists()), None)
    first = next(((n, m.group(2)) for n, m in ((n, INCLUDE.match(l)) for n, l in enumerate(lines, 1)) if m), None)
    if own and (first is None or first[1] != own):
        yield f'{name}:{first[0] if first else 1}: include "{own}", its own header, first'


def needless_doors(files, root):
    """A header is a door if another room includes it, or a door of its own room does."""
    doors, needed = set(), set()
    for file in files:
        name = file.relative_to(root).as_posix()
        doors |= {name.removeprefix("include/")} if name.startswith("include/") else set()
        needed |= {path for path in own_includes(file) if name.startswith("include/") or room_of(path) != room_of(name)}
    for door in sorted(doors - needed):
        yield f"include/{door}:1: no other room includes it; it belongs into src/{room_of(door)}/"


def cycles(files, root):
    """Units that include each other, also by way of others."""
    needs = defaultdict(set)
    for file in files:
        unit = unit_of(file.relative_to(root).as_posix())
        needs[unit] |= {unit_of(path) for path in own_includes(file)} - {unit}
    for group in knots(needs):
        yield f"{' '.join(sorted(group))}: these units include each other"
    for group in knots(MAY_KNOW):
        yield f"{' '.join(sorted(group))}: the table lets these rooms include each other"


def knots(arrows):
    """Groups of two and more that reach each other."""
    reach = {one: reachable(one, arrows) for one in arrows}
    done = set()
    for one in sorted(arrows):
        group = {other for other in reach[one] if one in reach.get(other, ())}
        if one not in done and len(group) > 1:
            done |= group
            yield group


def reachable(start, arrows):
    found, todo = set(), [start]
    while todo:
        for following in arrows.get(todo.pop(), ()):
            if following not in found:
                found.add(following)
                todo.append(following)
    return found


def defined_twice(files, root):
    """One name with two meanings in the headers of a floor: the linker takes either for both."""
    first = {}
    for file in (file for file in files if file.suffix == ".hpp"):
        name = file.relative_to(root).as_posix()
        floor = re.sub(r"^(include/ec2mpi|src)/([^/]+)/.*", r"\2", name)
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if found := DEFINED.match(line):
                defined = found.group(1) or found.group(2)
                before = first.setdefault((floor, defined), name)
                if before != name:
                    yield f"{name}:{number}: {before} defines a {defined} too, in the same namespace"


def lost_files(files, root):
    """Comments that name a file which is not there (any more). A path may begin at any folder."""
    paths = [f.relative_to(root).as_posix() for top in ("include", "src", "docs", "tests", "examples")
             for f in (root / top).rglob("*.*")]
    known = {"/".join(parts[i:]) for parts in (path.split("/") for path in paths) for i in range(len(parts))}
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            for comment in COMMENT.findall(line):
                for named in NAMED_FILE.findall(comment):
                    if named not in known:
                        yield f"{file.relative_to(root).as_posix()}:{number}: {named} is not there"


def missing_tables():
    for room, known in MAY_KNOW.items():
        for other in sorted(known - set(MAY_KNOW)):
            yield f"check_includes.py: {room} may know {other}, which is no room"


def print_rooms(files, root):
    doors, inside, arrows = defaultdict(list), defaultdict(list), defaultdict(set)
    for file in files:
        name = file.relative_to(root).as_posix()
        room = room_of(name)
        if room is None:
            continue
        (doors if name.startswith("include/") else inside)[room].append(file.stem)
        arrows[room] |= {room_of(path) for path in own_includes(file)} - {room, None}
    for room in MAY_KNOW:
        if room in inside or room in doors:
            print(f"{room:15} {len(set(doors[room] + inside[room])):3} units -> {', '.join(sorted(arrows[room])) or 'nothing'}")
            print(f"{'':15} doors: {', '.join(sorted(doors[room])) or 'none'}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
