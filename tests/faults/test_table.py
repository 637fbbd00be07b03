"""The table of faults itself: it is whole, and docs/faults.md shows it. Needs no host."""

import sys

import pytest

sys.path.insert(0, str(__import__("pathlib").Path(__file__).parent))
import table  # noqa: E402


@pytest.mark.parametrize("cell", table.cells(), ids=" ".join)
def test_a_cell_says_what_must_hold_or_why_it_cannot_be_meant(cell):
    says = table.expectation(*cell)
    assert says in table.EXPECTATIONS or says.startswith("not meant: ")


def test_every_row_has_each_kind_of_fault_and_three_moments():
    kinds = {fault.kind for fault in table.FAULTS.values()}
    assert set(table.ROWS) == set(table.COMMANDS)
    for command, row in table.ROWS.items():
        assert set(row) == kinds, command
        assert all(len(words.split()) == len(table.MOMENTS) for words in row.values()), command


def test_every_command_is_tried_or_said_to_be_untried():
    drivers = (table.PAGE.parents[1] / "tests/faults/commands.py").read_text().partition("DRIVERS = ")[2]
    tried = {name for name in table.COMMANDS if f'"{name}":' in drivers}
    assert tried | table.UNTRIED == set(table.COMMANDS) and not tried & table.UNTRIED


def test_every_cell_of_its_own_is_a_cell_of_the_table():
    assert set(table.CELLS) | set(table.OPEN) <= set(table.cells())


def test_every_fault_that_the_local_cluster_knows_is_in_the_table():
    sys.path.insert(0, str(table.PAGE.parents[1] / "tests/cluster"))
    from lib import faults
    undo = {"start", "thaw", "accept", "unrekey", "drain", "mend", "fast", "heal", "writable", "moreinodes", "unthrottle", "unoom",
            "unclock", "jumbo"}
    assert {fault.words[0] for fault in table.FAULTS.values()} == set(faults.FAULTS) - undo | {"firewall"}


def test_the_page_shows_the_table():
    assert table.PAGE.read_text() == table.page(), "tests/faults/table.py --write"
