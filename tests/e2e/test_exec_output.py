"""The forms of exec's output: lines, groups, differences, files, JSON, colour and progress; and the memory they take."""

import json
import os
import re
import signal
import threading
import time

import pytest

from local_cluster import wait_until
from terminal import Terminal

BOUND = 40  # seconds; a guard against hangs
TERMINAL = {"TERM": "xterm-256color", "NO_COLOR": ""}
MEBIBYTE = 1 << 20


def colourful(ec2mpi, *arguments, env=None, **options):
    return Terminal(ec2mpi, *arguments, env=TERMINAL | (env or {}), **options)


# --- lines -------------------------------------------------------------------------------------------------------

def test_lines_come_while_the_command_runs(ec2mpi):
    process = ec2mpi.start("exec", "-w", "2", "echo first; sleep 100")
    assert process.stdout.readline() == "node2\tfirst\n"
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=BOUND)


def test_colour_and_padded_names_on_a_terminal(ec2mpi):
    with colourful(ec2mpi, "exec-all", "hostname") as terminal:
        assert terminal.to_end() == 0
    assert len(set(re.findall(r"\x1b\[(\d+)mnode[1-4]:  ?\x1b\[0m ?ip-10-0-0-1", terminal.seen))) == 4  # one colour each
    assert "4/4 nodes ok" in terminal.seen


@pytest.mark.parametrize("arguments, env", [
    ((), {"NO_COLOR": "1"}), (("--color", "never"), {}), ((), {"TERM": "dumb"})], ids=["NO_COLOR", "never", "dumb"])
def test_no_colour_where_it_is_not_wanted(ec2mpi, arguments, env):
    with colourful(ec2mpi, *arguments, "exec-all", "hostname; exit 1", env=env) as terminal:
        assert terminal.to_end() == 1
    assert "node1:" in terminal.seen and not re.search(r"\x1b\[\d*m", terminal.seen)


def test_colour_in_a_pipe_only_when_asked_for(ec2mpi):
    assert "\x1b" not in (done := ec2mpi("exec-all", "hostname; exit 1", env=TERMINAL)).out + done.err
    assert "\x1b[31m" in ec2mpi("--color", "always", "exec-all", "exit 1").err


def test_no_labels_is_the_output_itself(ec2mpi):
    done = ec2mpi("exec-all", "-N", "echo {index}; echo e{index} >&2")
    assert sorted(done.out.split()) == ["1", "2", "3", "4"]
    assert sorted(done.err.splitlines()[:-1]) == ["e1", "e2", "e3", "e4"]
    assert done.code == 0


# --- groups and differences --------------------------------------------------------------------------------------

def header(name):
    return f"---------------\n{name}\n---------------\n"


ODD_ONE = "echo one; test {index} = 3 && echo two; echo three; test {index} = 3 && echo warn >&2; exit 0"


def test_equal_outputs_are_shown_once(ec2mpi):
    done = ec2mpi("exec-all", "-b", ODD_ONE)
    assert done.code == 0
    assert done.out == header("node[1-2,4] (3)") + "one\nthree\n" + header("node3") + "one\ntwo\nthree\n"
    assert done.err.startswith(header("node3") + "warn\n") and done.err.splitlines()[-1].startswith("4/4 nodes ok")


def test_the_majority_and_who_differs(ec2mpi):
    done = ec2mpi("exec-all", "--diff", ODD_ONE)
    assert done.code == 0
    assert done.out == header("node[1-2,4] (3)") + "one\nthree\n" + header("node3") + "+ two\n"


def test_who_printed_nothing_differs_too(ec2mpi):
    done = ec2mpi("exec-all", "--diff", "test {index} = 3 || echo one")
    assert done.code == 0
    assert done.out == header("node[1-2,4] (3)") + "one\n" + header("node3") + "- one\n"


def test_forms_exclude_each_other(ec2mpi):
    done = ec2mpi("exec-all", "-b", "--json", "true")
    assert done.code == 2 and "--json" in done.err and json.loads(done.out)["exit_code"] == 2


# --- files -------------------------------------------------------------------------------------------------------

def test_outdir_has_a_file_for_each_node_and_stream(ec2mpi):
    done = ec2mpi("exec-all", "--outdir", "a/b", "echo out {index}; echo err {index} >&2; test {index} != 2")
    assert (done.code, done.out) == (1, "")
    folder = ec2mpi.folder / "a/b"
    assert sorted(os.listdir(folder)) == sorted(f"node{n}.{kind}" for n in (1, 2, 3, 4) for kind in ("out", "err"))
    for node in (1, 2, 3, 4):
        assert (folder / f"node{node}.out").read_text() == f"out {node}\n"
        assert (folder / f"node{node}.err").read_text() == f"err {node}\n"
    assert "node2: exit 1\n" in done.err


def test_outdir_keeps_twenty_megabytes_whole(ec2mpi):
    done = ec2mpi("exec", "-w", "1-2", "--outdir", "big", "seq 1000000 3499999", timeout=BOUND)
    assert done.code == 0
    expected = b"".join(b"%d\n" % i for i in range(1000000, 3500000))
    for node in (1, 2):
        assert (ec2mpi.folder / f"big/node{node}.out").read_bytes() == expected


def test_outdir_keeps_every_byte(ec2mpi):
    done = ec2mpi("exec", "-w", "1", "--outdir", "raw", r"printf 'a\377\000\r\nno end'")
    assert done.code == 0
    assert (ec2mpi.folder / "raw/node1.out").read_bytes() == b"a\xff\0\r\nno end"


def test_outdir_that_cannot_be_written(ec2mpi):
    (ec2mpi.folder / "file").write_text("")
    done = ec2mpi("exec-all", "--outdir", "file", "true")
    assert done.code == 2 and "file" in done.err


# --- JSON --------------------------------------------------------------------------------------------------------

def test_json_has_every_nodes_outcome(ec2mpi, cluster4):
    cluster4.fault("refuse", 4)
    done = ec2mpi("exec-all", "--json", "case {index} in 1) echo fine; echo hm >&2;; 2) exit 3;; 3) kill -9 $$;; esac")
    document = json.loads(done.out)
    assert document["exit_code"] == done.code == 1
    assert document["ending"] == "complete" and document["command"].startswith("case {index}")
    one, two, three, four = document["nodes"]
    assert (one["outcome"], one["status"], one["stdout"], one["stderr"]) == ("exit", 0, "fine\n", "hm\n")
    assert (one["node"], one["index"], one["address"]) == ("node1", 1, "203.0.113.11")
    assert one["seconds"] > 0 and one["id"].startswith("i-")
    assert (two["outcome"], two["status"]) == ("exit", 3)
    assert (three["outcome"], three["signal"]) == ("signal", "KILL") and "status" not in three
    assert four["outcome"] == "error" and four["error"]["kind"] == "unreachable"
    assert "connection refused" in four["error"]["message"]


def test_json_tells_what_was_not_run(ec2mpi):
    done = ec2mpi("exec-all", "--json", "-k", "-f", "1", "test {index} != 2")
    nodes = json.loads(done.out)["nodes"]
    assert [node["outcome"] for node in nodes] == ["exit", "exit", "not_run", "not_run"]
    assert nodes[2]["reason"] == "another node failed first"


def test_json_when_a_limit_ends_it(ec2mpi):
    done = ec2mpi("exec-all", "--json", "--timeout", "3", "echo begun; test {index} != 2 || sleep 100", timeout=BOUND)
    document = json.loads(done.out)
    assert (document["ending"], document["exit_code"], done.code) == ("timed_out", 124, 124)
    assert document["nodes"][1]["error"]["kind"] == "timeout" and document["nodes"][1]["stdout"] == "begun\n"
    assert document["nodes"][0]["status"] == 0


def test_json_when_interrupted(ec2mpi, cluster4):
    process = ec2mpi.start("exec-all", "--json", "touch begun-json; sleep 100")
    wait_until(lambda: all(cluster4.exists(n, "/home/ubuntu/begun-json") for n in (1, 4)), "begun")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=BOUND)
    assert json.loads(out)["ending"] == "interrupted" and process.returncode == 130
    for n in (1, 2, 3, 4):
        cluster4.host(n, "rm -f /home/ubuntu/begun-json")


def test_json_survives_bytes_that_are_no_text(ec2mpi):
    done = ec2mpi("exec", "-w", "1", "--json", r"printf 'a\377b\000c\n\303\244 \033[1m\n'")
    assert done.code == 0
    assert json.loads(done.out)["nodes"][0]["stdout"] == "a\ufffdb\0c\nä \x1b[1m\n"


# --- progress ----------------------------------------------------------------------------------------------------

def test_progress_names_the_stragglers_and_what_they_wait_for(ec2mpi, cluster4):
    cluster4.fault("freeze", 3)
    with colourful(ec2mpi, "exec-all", "-t", "4", "test {index} != 2 || sleep 2") as terminal:
        terminal.wait_for(r"2/4 done .*waiting for the banner: node 3.*running: node 2")
        terminal.wait_for(r"3/4 done .*waiting for the banner: node 3")
        assert terminal.to_end() == 1
    assert re.search(r"3/4 nodes ok · failed: node3", terminal.seen)


def test_no_progress_in_a_pipe(ec2mpi):
    done = ec2mpi("exec-all", "sleep 1.5", env=TERMINAL)
    assert done.code == 0
    assert "done" not in done.err and len(done.err.splitlines()) == 1


def test_progress_begins_after_a_second(ec2mpi):
    """So a quick command shows none."""
    start = time.monotonic()
    with colourful(ec2mpi, "exec", "-w", "1", "sleep 2") as terminal:
        terminal.wait_for(r"0/1 done")
        assert time.monotonic() - start >= 1
        assert terminal.to_end() == 0


def test_progress_stays_out_of_a_result_in_a_pipe(ec2mpi):
    read, write = os.pipe()
    with colourful(ec2mpi, "exec-all", "hostname; sleep 1.5", stdout=write) as terminal, os.fdopen(read) as out:
        os.close(write)
        terminal.wait_for(r"0/4 done · .*running: node 1-4")
        assert terminal.to_end() == 0
        assert sorted(out.read().splitlines()) == [f"node{n}\tip-10-0-0-1{n}" for n in (1, 2, 3, 4)]


def test_progress_fits_a_narrow_terminal(ec2mpi):
    with colourful(ec2mpi, "exec-all", "sleep 2", columns=20) as terminal:
        terminal.wait_for(r"0/4 done · \d")
        terminal.to_end()
    shown = [line for part in terminal.seen.split("\r") for line in part.split("\x1b[K") if "done" in line]
    assert shown and all(len(line) < 20 for line in shown)


def test_a_terminal_that_cannot_erase_gets_no_progress(ec2mpi):
    with colourful(ec2mpi, "exec-all", "sleep 2", env={"TERM": "dumb"}) as terminal:
        assert terminal.to_end() == 0
        assert "4/4 nodes ok" in terminal.seen and "\x1b" not in terminal.seen, terminal.seen


# --- memory ------------------------------------------------------------------------------------------------------

sanitized = pytest.mark.skipif("EC2MPI_SANITIZED" in os.environ, reason="a sanitizer's own memory would be measured")
FLOOD = "head -c 1G /dev/zero | base64"


def peak(process):
    """The most memory that it has had, in bytes."""
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1)) * 1024


@sanitized
def test_a_slow_reader_slows_the_nodes_and_memory_stays_small(ec2mpi):
    process = ec2mpi.start("exec-all", FLOOD, text=False, bufsize=0)
    end = time.monotonic() + 10
    got = 0
    while time.monotonic() < end:
        got += len(process.stdout.read(100_000))
        time.sleep(0.1)
    most = peak(process)
    print(f"live: {most / MEBIBYTE:.0f} MiB at most, {got / MEBIBYTE:.0f} MiB read")
    process.stdout.close()
    assert process.wait(BOUND) != 0
    assert got > MEBIBYTE
    assert most < 64 * MEBIBYTE


@sanitized
@pytest.mark.parametrize("form", [("--outdir", "out"), ("-b",), ("--json",)], ids=lambda form: form[0])
def test_a_flood_does_not_fill_the_memory(ec2mpi, form):
    """-b and --json keep 32 MiB of all nodes together."""
    process = ec2mpi.start("exec-all", *form, "head -c 12M /dev/zero | base64")
    most = 0
    reader = threading.Thread(target=process.stdout.read)
    reader.start()
    while process.poll() is None:
        try:
            most = max(most, peak(process))
        except (AttributeError, OSError):  # it has just ended
            break
        time.sleep(0.05)
    reader.join()
    assert process.wait(BOUND) == 0
    print(f"{form[0]}: {most / MEBIBYTE:.0f} MiB at most")
    assert 0 < most < (64 if form[0] == "--outdir" else 120) * MEBIBYTE
