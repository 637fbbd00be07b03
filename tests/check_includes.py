#!/usr/bin/env python3
"""Does the code keep to the layers of the architecture? Looks at the #include lines and at who writes to the terminal.

    check_includes.py [ROOT]        prints FILE:LINE: what is wrong; exit 1 if anything is

Arrows point to the right: cli -> ops -> fleet -> ssh -> cluster -> base; cli -> cloud -> cluster -> base.
"""

import pathlib
import re
import sys

MAY_KNOW = {
    "base": set(),
    "cluster": {"base"},
    "ssh": {"cluster", "base"},
    "cloud": {"cluster", "base"},
    "fleet": {"ssh", "cluster", "base"},
    "ops": {"fleet", "ssh", "cluster", "base"},
    "cli": {"ops", "fleet", "ssh", "cloud", "cluster", "base"},
}
# Where a library may be included: folders below src/.
LIBRARIES = {
    "libssh/": {"ssh"},
    "CLI/": {"cli"},
    "curl/": {"cloud"},
    "toml++/": {"cluster"},
    "spdlog/": {"ssh", "fleet", "ops", "cloud", "cli"},
}
TERMINAL = re.compile(r"\bfmt::print\b|\bstd::(cout|cerr|clog|print|println)\b|\bv?f?printf\s*\(|\bf?puts\s*\(|\bputchar\s*\("
                      r"|\bSTD(OUT|ERR)_FILENO\b|/dev/tty|spdlog/sinks/stdout")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
COMMENT = re.compile(r"//.*|/\*.*?\*/")


def main(root):
    files = sorted(f for top in ("include/ec2mpi", "src") for f in (root / top).rglob("*") if f.suffix in (".hpp", ".cpp"))
    if not files:
        sys.exit(f"{root}: no sources here")
    complaints = [complaint for file in files for complaint in check(file, root)]
    print(*complaints, sep="\n", end="\n" if complaints else "")
    return 1 if complaints else 0


def check(file, root):
    name = file.relative_to(root).as_posix()
    public = name.startswith("include/")
    layer = layer_of(name)
    lines = file.read_text().splitlines()
    if layer is None and name != "src/main.cpp":
        yield f"{name}:1: lies in no layer; the layers are: {', '.join(MAY_KNOW)}"
        return
    for number, line in enumerate(lines, 1):
        include = INCLUDE.match(line)
        for wrong in bad_include(*include.groups(), layer, public) if include else bad_code(line, layer):
            yield f"{name}:{number}: {wrong}"
    yield from own_header_first(file, root, name, lines)


def layer_of(path):
    """The layer of include/ec2mpi/LAYER/..., ec2mpi/LAYER/... or src/LAYER/...; None if it is none."""
    match = re.match(r"(?:include/)?(?:ec2mpi|src)/([^/]+)/", path)
    return match.group(1) if match and match.group(1) in MAY_KNOW else None


def bad_include(bracket, path, layer, public):
    if bracket == '"':
        yield from bad_own_include(path, layer, public)
        return
    for library, folders in LIBRARIES.items():
        if path.startswith(library) and layer not in folders:
            yield f"<{path}> belongs to {' '.join(sorted(folders))} only"
        if path.startswith(library) and public and library != "spdlog/":
            yield f"<{path}> in a public header: it would spread to all who include it"
    if path in ("iostream", "print") and layer != "cli":
        yield f"<{path}>: only cli writes to the terminal"


def bad_own_include(path, layer, public):
    target = layer_of(path)
    if target is None:
        yield f'"{path}" must be written as "ec2mpi/LAYER/..." or "src/LAYER/..."'
    elif layer is None:
        if path != "ec2mpi/cli/app.hpp":
            yield "main only calls ec2mpi/cli/app.hpp"
    elif path.startswith("src/") and (public or target != layer):
        yield f'"{path}" is private to src/{target}'
    elif target != layer and target not in MAY_KNOW[layer]:
        yield f'{layer} must not know {target} ("{path}")'


def bad_code(line, layer):
    if layer != "cli" and TERMINAL.search(COMMENT.sub("", line)):
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


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)))
