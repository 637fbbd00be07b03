#!/usr/bin/env python3
"""Does docs/troubleshooting.md fit the program? Each anchor that the code names is there, and each text is in the code.

In a text, `…` stands for a part that the program fills in. check_troubleshooting.py prints what is wrong; exit 1 if anything is.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parent.parent
PAGE = "docs/troubleshooting.md"


def code():
    """All sources, with the literals joined that C++ joins, and without escapes."""
    texts = [file.read_text() for folder in ("src", "include") for file in sorted((ROOT / folder).rglob("*"))
             if file.suffix in (".cpp", ".hpp", ".sh")]
    joined = re.sub(r'"\s*\n\s*"', "", "\n".join(texts))
    return joined.replace("\\'", "'").replace('\\"', '"')


def missing(text, sources):
    """The parts of a text of the page that no source has."""
    return [part for part in text.split("…") if part.strip(" :;,()'.") and part.strip() not in sources]


def main():
    page, sources = (ROOT / PAGE).read_text(), code()
    anchors = re.findall(r"^### (\S+)$", page, re.M)
    wrong = [f"{PAGE}: there is no anchor {name}, but the code names it"
             for name in sorted(set(re.findall(r"see ec2mpi help ([a-z-]+)", sources)) - set(anchors))]
    wrong += [f"{PAGE}: the anchor {name} stands there twice" for name in sorted(set(anchors)) if anchors.count(name) > 1]
    for text in re.findall(r'^- "(.*)"$', page, re.M):
        wrong += [f"{PAGE}: no text of the program has '{part}'" for part in missing(text, sources)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
