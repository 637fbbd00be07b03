"""The table of `run peers`, and how it counts instructions. Needs no host and none of the tools."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import measure  # noqa: E402
import peers  # noqa: E402
import peers_page  # noqa: E402


def row(unit, tools, **more):
    return {"task": "work", "unit": unit, "tools": tools, **more}


def test_each_instruction_counts_once_and_for_the_object_that_runs_it():
    file = """# callgrind format
events: Ir
ob=(1) /usr/bin/program
fl=(1) a.c
fn=(1) main
10 5
+1 2
cob=(2) /usr/lib/libcrypto.so.3
cfn=(2) multiply
calls=3 20
+1 700
* 1

ob=(2)
fn=(2)
20 700
ob=(1)
fn=(3) end
-1 4
totals: 712
""".splitlines(keepends=True)
    assert measure.self_costs(file) == {"/usr/bin/program": 12, "/usr/lib/libcrypto.so.3": 700}


def test_a_row_says_how_near_the_limit_is_who_is_ahead_and_why(monkeypatch):
    tools = {"ec2mpi": {"value": 3.0, "ratio": 1}, "ssh": {"value": 1.5, "ratio": 0.5}, "pdsh": {"value": 3.05, "ratio": 0.98},
             "clush": {"missing": "not installed"}}
    assert peers_page.verdict(row("s", tools, limit=1.5)) == "2.00 x the limit; behind ssh: no reason is known"
    monkeypatch.setitem(peers_page.REASONS, "work", "it does less")
    assert peers_page.verdict(row("s", tools)) == "behind ssh: it does less"
    assert peers_page.verdict(row("s", {"ec2mpi": {"missing": "more than 120 s"}}, limit=1)) == "not measured"


def test_a_cell_has_its_unit_its_ratio_and_its_note():
    assert peers_page.cell({"value": 0.0123, "ratio": 2}, "s") == "12.3 ms (x 2.00)"
    assert peers_page.cell({"value": 4.25, "ratio": 1, "note": "libssh 12 %"}, "M") == "4.2 M [libssh 12 %]"
    assert peers_page.cell({"value": 6.04, "ratio": None}, "") == "6.0"
    assert peers_page.cell({"missing": "not installed"}, "s") == "–"
    assert peers_page.cell(None, "s") == "–"


def test_round_trips_are_what_two_links_differ_by():
    near = row("s", {"ec2mpi": {"value": 0.1, "ratio": 1}, "ssh": {"value": 0.2, "ratio": 2}, "pdsh": {"missing": "not installed"}})
    far = row("s", {"ec2mpi": {"value": 0.22, "ratio": 1}, "ssh": {"value": 0.4, "ratio": 2}, "pdsh": {"missing": "not installed"}})
    found = peers_page.round_trips(near, far, 0.02)["tools"]
    assert {name: tool.get("value", tool.get("missing")) for name, tool in found.items()} == \
        {"ec2mpi": 6.0, "ssh": 10.0, "pdsh": "not installed"}


def test_what_has_no_value_has_a_dash_and_its_reason_below_the_table():
    late = {"ec2mpi": {"value": 1.0, "ratio": 1}, "ansible": {"missing": "more than 120 s"}, "clush": {"missing": "not installed"}}
    lines = peers_page.table([row("s", late), {**row("s", late), "task": "more work"}])
    assert lines[2].startswith("| work |  | 1.00 s | – |") and "120" not in lines[2]
    assert lines[4:] == ["", "- ansible, more than 120 s: work; more work", "- clush, not installed: work; more work"]
    assert len(peers_page.table([row("s", {"ec2mpi": late["ec2mpi"]})])) == 3


def test_a_tool_that_passes_the_limit_is_killed_with_all_that_it_started_and_takes_no_more_turns(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "LIMIT", 0.3)
    slow = ["sh", "-c", f"echo turn >>{tmp_path}/turns; setsid sleep 4242.42 & exec sleep 60"]
    done = peers.measure_all("work", [peers.Tool("slow", "sh", slow), peers.Tool("ec2mpi", "true", ["true"])], 3)
    found = done.seconds("work")["tools"]
    assert found["slow"] == {"missing": "more than 0.3 s"} and found["ec2mpi"]["ratio"] == 1
    assert len(done.costs["ec2mpi"]) == 3
    assert (tmp_path / "turns").read_text() == "turn\n"
    assert subprocess.run(["pgrep", "-f", "sleep 4242.42"], stdout=subprocess.DEVNULL).returncode == 1


def test_a_tool_that_passes_the_limit_in_a_later_turn_has_no_value():
    cost = measure.Cost(1.0, 1.0, 1.0, 0, "", "")
    done = peers.Measured({"ec2mpi": {0: (cost, 0), 1: (cost, 0)}, "slow": {0: (cost, 0)}}, {"slow": "more than 120 s"})
    assert done.seconds("work")["tools"] == {"slow": {"missing": "more than 120 s"}, "ec2mpi": {"value": 1.0, "ratio": 1.0}}
