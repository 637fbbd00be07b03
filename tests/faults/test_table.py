"""The table of faults itself: it is whole, and docs/faults.md shows it. Needs no host."""

import os
import subprocess
import sys

import pytest

sys.path.insert(0, str(__import__("pathlib").Path(__file__).parent))
import table  # noqa: E402


@pytest.mark.parametrize("cell", table.cells(), ids=" ".join)
def test_a_cell_says_what_must_hold_or_why_it_cannot_be_meant(cell):
    assert table.is_meant(*cell) or table.expectation(*cell).startswith("not meant: ")


def test_every_row_has_each_kind_of_fault_and_three_moments():
    kinds = {fault.kind for fault in table.FAULTS.values()}
    assert set(table.ROWS) == set(table.COMMANDS)
    for command, row in table.ROWS.items():
        assert set(row) == kinds, command
        assert all(len(words.split()) == len(table.MOMENTS) for words in row.values()), command
    assert set(table.CLOUD_ROWS) == set(table.CLOUD_COMMANDS)
    for command, row in table.CLOUD_ROWS.items():
        assert set(row) == set(table.CLOUD_FAULTS), command
        assert all(len(words.split()) == len(table.MOMENTS) for words in row.values()), command


@pytest.mark.parametrize("drivers, names", [("commands.py", table.COMMANDS), ("cloud.py", table.CLOUD_COMMANDS)], ids=["nodes", "cloud"])
def test_every_command_has_a_driver(drivers, names):
    text = (table.PAGE.parents[1] / "tests/faults" / drivers).read_text().partition("DRIVERS = ")[2]
    assert {name for name in names if f'"{name}":' in text} == set(names)


def test_every_cell_of_its_own_is_a_cell_of_the_table():
    assert set(table.CELLS) | set(table.OPEN) <= set(table.cells())


def test_every_fault_that_the_local_cluster_knows_is_in_the_table():
    sys.path.insert(0, str(table.PAGE.parents[1] / "tests/cluster"))
    from lib import faults
    undo = {"start", "thaw", "accept", "unrekey", "drain", "mend", "fast", "heal", "writable", "moreinodes", "unthrottle", "unoom",
            "unclock", "jumbo"}
    assert {fault.words[0] for fault in table.FAULTS.values()} == set(faults.FAULTS) - undo | {"firewall"}


def test_every_cell_has_its_test_under_the_name_that_the_page_gives():
    command = [sys.executable, "-B", "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/faults/test_faults.py"]
    there = subprocess.run(command, cwd=table.PAGE.parents[1], stdout=subprocess.PIPE, text=True, check=True, timeout=60,
                           env={name: value for name, value in os.environ.items() if name != "EC2MPI_FAULTS"}).stdout.splitlines()
    named = {f"{table.TEST if cell[0] in table.COMMANDS else table.CLOUD_TEST}[{' '.join(cell)}]" for cell in table.cells() if table.is_meant(*cell)}
    assert {line for line in there if "::" in line} == named


def test_the_page_shows_the_table():
    assert table.PAGE.read_text() == table.page(), "tests/faults/table.py --write"
