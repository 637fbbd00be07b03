"""Every command block of the README and the tutorial, run on fresh hosts, with the output that the page shows."""

import itertools
import pathlib
import re
import subprocess
import types

import pytest

from local_cluster import LIST, run

ROOT = pathlib.Path(__file__).parent.parent.parent
PAGES = ["README.md", "docs/tutorial.md"]
IN_CHINESE = {"README.md": "README.zh-CN.md", "docs/tutorial.md": "docs/tutorial.zh-CN.md"}
SHOWN = "…"  # stands for any text in a line; alone in a line, for any lines


def blocks_of(page):
    """The fenced blocks: their language, the file that they show (or ""), their text and their line in the page."""
    text = (ROOT / page).read_text()
    for found in re.finditer(r"^( *)```(\w*) ?(\S*)\n(.*?)^\1```$", text, re.M | re.S):
        indent, language, file, body = found.groups()
        body = re.sub(rf"^{indent}", "", body, flags=re.M)
        yield types.SimpleNamespace(language=language, file=file, text=body, line=text.count("\n", 0, found.start()) + 1)


def commands_of(block):
    """The commands of a console block, each with the lines that it prints."""
    for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
        command, *output = part.splitlines()
        yield command, output


def fits(shown, printed):
    """Whether a printed line is the shown one; columns may be wider."""
    words = re.sub(r"[ \t]+", " ", shown).split(SHOWN)
    return re.fullmatch(".*".join(map(re.escape, words)), re.sub(r"[ \t]+", " ", printed)) is not None


def differences(shown, printed):
    """Each shown line has to be printed, and each printed line shown; nodes and ranks print in any order."""
    left = list(printed)
    missing = []
    for line in shown:
        if line == SHOWN:
            continue
        match = next((other for other in left if fits(line, other)), None)
        missing.append(f"not printed: {line}") if match is None else left.remove(match)
    return missing + ([] if SHOWN in shown else [f"not shown: {line}" for line in left])


def write_or_compare(block, folder):
    """A block with a file's name is that file; only the list is made by the cluster, and the page has to show it."""
    target = folder / block.file
    if block.file == LIST:
        assert not differences(block.text.splitlines(), target.read_text().splitlines())
    else:
        target.write_text(block.text)


def shell_of(program):
    """A function that runs a line of shell text as a user would: on the laptop, with the program in the PATH."""
    tools = program.folder.parent / "bin"
    tools.mkdir()
    (tools / "ec2mpi").symlink_to(program.binary)
    path = f"PATH={tools}:{program.environment['PATH']}"
    return lambda text: run(program.cluster.exec_argv(["env", f"HOME={program.home}", path, "bash", "-c", text]),
                            cwd=program.folder, env=program.environment)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_page_prints_the_shown_output(cluster, ec2mpi, page):
    cluster.up(4, "--bare")
    shell, wrong = shell_of(ec2mpi), []
    for block in blocks_of(page):
        if block.file:
            write_or_compare(block, ec2mpi.folder)
        elif block.language == "console":
            for command, shown in commands_of(block):
                done = shell(command)
                found = differences(shown, (done.out + done.err).splitlines())
                wrong += [f"{page}:{block.line}: $ {command}: {line}" for line in found]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_the_chinese_page_has_the_same_blocks(page):
    for ours, theirs in itertools.zip_longest(blocks_of(page), blocks_of(IN_CHINESE[page])):
        assert theirs and ours and (theirs.language, theirs.file, theirs.text) == (ours.language, ours.file, ours.text)


@pytest.mark.parametrize("page", PAGES)
def test_the_other_commands_of_the_page_exist(page):
    """What a block of `sh` calls builds or installs, so it is not run here: its syntax, programs and presets are checked."""
    presets = (ROOT / "CMakePresets.json").read_text()
    for block in blocks_of(page):
        assert block.language in ("console", "sh") or block.file, f"{page}:{block.line}: a block without a language"
        if block.language == "sh":
            assert subprocess.run(["bash", "-n"], input=block.text, text=True, check=False).returncode == 0
            assert [] == [name for name in re.findall(r"^\./(\S+)", block.text, re.M) if not (ROOT / name).is_file()]
            assert [] == [name for name in re.findall(r"--preset (\S+)", block.text) if f'"name": "{name}"' not in presets]


def test_a_difference_is_found():
    assert differences(["a … c", "b"], ["b", "a x c"]) == []
    assert differences(["a"], ["b"]) == ["not printed: a", "not shown: b"]
    assert differences(["a", SHOWN], ["a", "b"]) == []
    assert [list(commands_of(block))[0] for block in blocks_of("docs/tutorial.md") if "ips" in block.text][0] == (
        "ec2mpi ips", [f"203.0.113.{i}" for i in (11, 12, 13, 14)])
