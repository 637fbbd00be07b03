"""exec and exec-all against four real hosts: output, statuses, summary, limits, signals, and each fault."""

import os
import re
import signal
import subprocess
import time

import pytest

from local_cluster import lines_of, wait_until

ALL = ["node1", "node2", "node3", "node4"]


def summary(err):
    return err.splitlines()[-1]


# --- output and statuses -----------------------------------------------------------------------------------------

def test_every_line_has_its_nodes_name_and_streams_stay_apart(ec2mpi):
    done = ec2mpi("exec-all", "hostname; echo complaint of $(hostname) >&2; echo 'two  words'")
    assert done.code == 0
    for node in (1, 2, 3, 4):
        assert lines_of(done.out, node) == [f"ip-10-0-0-1{node}", "two  words"]
        assert lines_of(done.err, node) == [f"complaint of ip-10-0-0-1{node}"]
    assert len(done.out.splitlines()) == 8
    assert summary(done.err).startswith("4/4 nodes ok")


def test_the_summary_counts_and_names_what_failed(ec2mpi):
    done = ec2mpi("exec-all", "case $(hostname) in *12) exit 3;; *14) exit 3;; *13) kill -9 $$;; esac; echo fine")
    assert done.code == 1
    assert lines_of(done.out, 1) == ["fine"] and len(done.out.splitlines()) == 1
    assert "node[2,4] (2): exit 3\n" in done.err
    assert "node3: killed by signal KILL\n" in done.err
    assert summary(done.err).startswith("1/4 nodes ok · failed: node[2-4] (3)")


def test_a_command_as_long_as_a_node_takes(ec2mpi):
    words = "x" * 120_000  # Linux allows 128 KiB for one argument
    done = ec2mpi("exec", "-w", "2", f"printf %s {words} | wc -c")
    assert (done.code, done.out) == (0, f"node2\t{len(words)}\n"), done.err


def test_exec_on_one_node_passes_its_status_through(ec2mpi):
    assert ec2mpi("exec", "-w", "2", "exit 37").code == 37
    assert ec2mpi("exec", "-w", "2", "kill -TERM $$").code == 128 + 15
    assert ec2mpi("exec", "-w", "2", "true").code == 0


def test_exec_all_does_not_pass_a_status_through(ec2mpi):
    assert ec2mpi("exec-all", "-w", "2", "exit 37").code == 1


def test_exec_on_several_nodes_says_one_when_any_fails(ec2mpi):
    done = ec2mpi("exec", "-w", "2-3", "test $(hostname) = ip-10-0-0-12")
    assert (done.code, done.out) == (1, "")
    assert "node3: exit 1\n" in done.err and summary(done.err).startswith("1/2 nodes ok")


def test_only_the_selected_nodes_run_it(ec2mpi):
    done = ec2mpi("exec", "-w", "workers", "-x", "3", "hostname")
    assert done.code == 0
    assert sorted(done.out.splitlines()) == ["node2\tip-10-0-0-12", "node4\tip-10-0-0-14"]


def test_quiet_says_nothing_when_all_went_well(ec2mpi):
    assert ec2mpi("exec-all", "-q", "true") .err == ""
    assert "4: exit 1" in ec2mpi("exec-all", "-q", "test $(hostname) != ip-10-0-0-14").err


def test_no_labels(ec2mpi):
    done = ec2mpi("exec", "-N", "-w", "3", "hostname")
    assert (done.out, done.code) == ("ip-10-0-0-13\n", 0)


def test_a_command_that_is_not_there(ec2mpi):
    done = ec2mpi("exec-all", "no-such-program")
    assert done.code == 1
    assert "node[1-4] (4): exit 127\n" in done.err and "not found" in lines_of(done.err, 1)[0]


def test_standard_input_is_empty_not_a_terminal_that_waits(ec2mpi):
    ours, theirs = os.pipe()  # nobody writes to it or closes it
    done = ec2mpi("exec-all", "cat; echo end", stdin=ours)
    os.close(ours)
    os.close(theirs)
    assert done.code == 0
    assert all(lines_of(done.out, node) == ["end"] for node in (1, 2, 3, 4))


# --- unusual amounts ---------------------------------------------------------------------------------------------

def test_a_node_that_prints_nothing(ec2mpi):
    done = ec2mpi("exec-all", "true")
    assert (done.out, done.code) == ("", 0)
    assert len(done.err.splitlines()) == 1


def test_the_last_line_may_lack_its_end(ec2mpi):
    done = ec2mpi("exec-all", "printf one; printf two >&2")
    assert done.code == 0
    assert sorted(done.out.splitlines()) == [f"{node}\tone" for node in ALL]
    assert sorted(done.err.splitlines()[:-1]) == [f"{node}\ttwo" for node in ALL]


def test_only_standard_error(ec2mpi):
    done = ec2mpi("exec", "-w", "1", "for i in 1 2 3; do echo $i >&2; done")
    assert (done.out, done.code) == ("", 0)
    assert lines_of(done.err, 1) == ["1", "2", "3"]


def test_a_command_that_closes_its_output_and_goes_on(ec2mpi):
    done = ec2mpi("exec", "-w", "1", "exec >&- 2>&-; sleep 0.3; exit 5")
    assert (done.out, done.code) == ("", 5)


def test_fifty_megabytes_arrive_whole_beside_quiet_nodes(ec2mpi):
    done = ec2mpi("exec-all", "case $(hostname) in *12) seq -f '%.0f of many lines, each the same length: 50 bytes' "
                  "1000000 1999999;; *) echo short;; esac", timeout=120)
    assert done.code == 0
    many = lines_of(done.out, 2)
    assert len(many) == 1000000
    assert many[0].startswith("1000000 ") and many[-1].startswith("1999999 ")
    assert all(lines_of(done.out, node) == ["short"] for node in (1, 3, 4))


def test_one_line_without_end_of_many_megabytes(ec2mpi):
    done = ec2mpi("exec", "-w", "1", "head -c 5000000 /dev/zero | tr '\\0' x", timeout=120)
    assert done.code == 0
    assert sum(line.count("x") for line in lines_of(done.out, 1)) == 5000000


def test_bytes_that_are_no_text(ec2mpi):
    done = ec2mpi("exec", "-w", "1", r"printf 'a\377\000b\n'")
    assert (done.out, done.code) == ("node1\ta\udcff\0b\n", 0)


# --- limits and signals ------------------------------------------------------------------------------------------

def test_the_limit_of_a_node_ends_it_and_leaves_the_others(ec2mpi):
    done = ec2mpi("exec-all", "-u", "2", "echo begin; case $(hostname) in *13) sleep 100;; esac; echo end")
    assert done.code == 1
    assert lines_of(done.out, 3) == ["begin"]
    assert all(lines_of(done.out, node) == ["begin", "end"] for node in (1, 2, 4))
    assert re.search(r"^node3: time limit reached; nothing left running$", done.err, re.M)


def test_the_limit_of_the_whole_is_124(ec2mpi):
    done = ec2mpi("exec-all", "--timeout", "2", "echo begin; case $(hostname) in *13) sleep 100;; esac; echo end")
    assert done.code == 124
    assert lines_of(done.out, 3) == ["begin"]
    assert all(lines_of(done.out, node) == ["begin", "end"] for node in (1, 2, 4))
    assert "the time limit ended it" in summary(done.err) and "failed: node3" in summary(done.err)


def test_fanout_one_is_one_after_the_other_in_the_lists_order(ec2mpi):
    done = ec2mpi("exec-all", "-f", "1", "date +%s.%N; sleep 0.2; date +%s.%N")
    assert done.code == 0
    assert [line.split("\t")[0] for line in done.out.splitlines()] == [node for node in ALL for _ in range(2)]
    times = [float(line.split("\t")[1]) for line in done.out.splitlines()]
    assert times == sorted(times)


def test_fail_fast_begins_no_further_node(ec2mpi, cluster4):
    done = ec2mpi("exec-all", "-k", "-f", "1", "hostname; test $(hostname) != ip-10-0-0-12")
    assert done.code == 1
    assert done.out.splitlines() == ["node1\tip-10-0-0-11", "node2\tip-10-0-0-12"]
    assert "node2: exit 1\n" in done.err and "node[3-4] (2): not run: another node failed first\n" in done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_130_and_a_summary(ec2mpi, number):
    process = ec2mpi.start("exec-all", "echo begun; sleep 100")
    assert sorted(process.stdout.readline() for _ in ALL) == [f"{node}\tbegun\n" for node in ALL]
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (out, process.returncode) == ("", 130)
    assert "node[1-4] (4): interrupted; nothing left running\n" in err
    assert summary(err).startswith("0/4 nodes ok") and "interrupted" in summary(err)


def test_a_second_interrupt_leaves_at_once_and_says_what_may_still_run(ec2mpi, cluster4):
    process = ec2mpi.start("exec", "-w", "2", "echo begun; sleep 100")
    assert process.stdout.readline() == "node2\tbegun\n"
    cluster4.fault("cut", 2)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_an_interrupted_command_does_not_go_on_on_the_nodes(ec2mpi, cluster4):
    process = ec2mpi.start("exec-all", "echo begun; sleep 98")
    assert sorted(process.stdout.readline() for _ in ALL) == [f"{node}\tbegun\n" for node in ALL]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    wait_until(lambda: all(cluster4.host(n, "pgrep -f '[s]leep 98'").code == 1 for n in (1, 4)), "sleep has ended")


def test_it_ends_when_nobody_reads_any_more(ec2mpi):
    words = ec2mpi.argv("exec-all", "yes")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                          cwd=ec2mpi.folder, env=ec2mpi.environment, text=True) as process:
        assert process.stdout.readline().endswith("\ty\n")
        process.stdout.close()
        assert process.wait(20) != 0


# --- faults: the bad node is named with its reason, the others' results are there, and it ends in time -----------

LIMIT = ("-t", "3")
BOUND = 30  # seconds for the whole; it is a guard against hangs, not a measurement


def others_did_it(done, bad, words):
    return all(lines_of(done.out, node) == words for node in (1, 2, 3, 4) if node != bad)


def reason_of(done, node):
    found = re.search(rf"^node{node}: (.*)$", done.err, re.M)
    return found.group(1) if found else f"node{node} is not named in: {done.err}"


@pytest.mark.parametrize("fault, options, reason", [
    ("refuse", (), "connection refused by 203.0.113.13 port 22"),
    ("freeze", (), "its sshd says nothing"),
    ("freeze", ("--listener",), "its sshd says nothing"),
    ("cut", (), "no answer from 203.0.113.13 port 22"),
    ("stop", (), "no answer from 203.0.113.13 port 22"),
    ("stop", ("--hard",), "no answer from 203.0.113.13 port 22"),
], ids=lambda value: "".join(value) if isinstance(value, tuple) else value)
def test_a_host_in_trouble_is_named_and_the_others_do_it(ec2mpi, cluster4, fault, options, reason):
    cluster4.fault(fault, 3, *options)
    done = ec2mpi("exec-all", *LIMIT, "hostname | cut -c 1-3", timeout=BOUND)
    assert done.code == 1
    assert reason in reason_of(done, 3)
    assert others_did_it(done, 3, ["ip-"]) and lines_of(done.out, 3) == []
    assert summary(done.err).startswith("3/4 nodes ok · failed: node3")


def test_all_hosts_in_trouble(ec2mpi, cluster4):
    cluster4.fault("refuse", "all")
    done = ec2mpi("exec-all", *LIMIT, "true", timeout=BOUND)
    assert (done.out, done.code) == ("", 1)
    assert "node[1-4] (4): connection refused by its address " in done.err
    assert summary(done.err).startswith("0/4 nodes ok")


@pytest.mark.parametrize("command", [["exec-all", "true"], ["doctor"], ["net"]])
def test_equal_failures_of_many_nodes_are_one_line_though_each_names_its_address(ec2mpi, command):
    silent = [f"203.0.113.{last}" for last in range(100, 140)]
    (ec2mpi.folder / "silent").write_text("\n".join(silent) + "\n")
    done = ec2mpi(command[0], "--list", "silent", "-t", "1", *command[1:])
    assert done.code == 1, done
    lines = (done.out + done.err).splitlines()
    assert [line for line in lines if "node[1-40]" in line], lines
    assert len(lines) < 8, lines


def test_one_node_without_connection_is_255(ec2mpi, cluster4):
    cluster4.fault("refuse", 2)
    done = ec2mpi("exec", "-w", "2", *LIMIT, "true", timeout=BOUND)
    assert done.code == 255 and "connection refused" in reason_of(done, 2)


def test_a_changed_host_key_stops_that_node_only(ec2mpi, cluster4):
    assert ec2mpi("exec-all", "true").code == 0
    cluster4.fault("rekey", 3)
    done = ec2mpi("exec-all", *LIMIT, "echo did it", timeout=BOUND)
    assert done.code == 1
    assert "host key has changed" in reason_of(done, 3) and "known_hosts" in reason_of(done, 3)
    assert others_did_it(done, 3, ["did it"]) and lines_of(done.out, 3) == []


def test_a_full_disk_is_the_commands_own_failure(ec2mpi, cluster4):
    cluster4.fault("fill", 3)
    done = ec2mpi("exec-all", "head -c 1000000 /dev/zero >~/big && echo written; s=$?; rm -f ~/big; exit $s", timeout=BOUND)
    assert done.code == 1
    assert any("No space left" in line for line in lines_of(done.err, 3))
    assert "node3: exit 1\n" in done.err and others_did_it(done, 3, ["written"])


def test_a_slow_link_is_slow_and_not_a_failure(ec2mpi, cluster4):
    cluster4.fault("slow", 3, "--rate", "2mbit")
    done = ec2mpi("exec-all", "head -c 300000 /dev/zero | tr '\\0' x", timeout=BOUND)
    assert done.code == 0
    assert all(lines_of(done.out, node) == ["x" * 300000] for node in (1, 2, 3, 4))


def begun(ec2mpi, *options):
    process = ec2mpi.start("exec-all", *options, "echo begun; test $(hostname) != ip-10-0-0-13 || sleep 100")
    assert sorted(process.stdout.readline() for _ in ALL) == [f"{node}\tbegun\n" for node in ALL]
    return process


def test_a_host_that_stops_in_the_middle(ec2mpi, cluster4):
    process = begun(ec2mpi)
    cluster4.fault("stop", 3)
    _, err = process.communicate(timeout=BOUND)
    assert process.returncode == 1
    assert re.search(r"^node3: connection (lost|closed|reset)", err, re.M)
    assert summary(err).startswith("3/4 nodes ok · failed: node3")


def test_an_sshd_that_dies_in_the_middle(ec2mpi, cluster4):
    process = begun(ec2mpi)
    cluster4.host(3, "pkill -9 -x sshd")
    cluster4.fault("refuse", 3)
    _, err = process.communicate(timeout=BOUND)
    assert process.returncode == 1
    assert re.search(r"^node3: connection (lost|closed|reset)", err, re.M)


@pytest.mark.parametrize("form", [("exec", "-w", "2"), ("login", "2", "--")], ids=lambda form: form[0])
def test_a_status_without_the_end_of_the_output_is_no_success(ec2mpi, cluster4, form):
    """sshd tells the status of a program that has ended, while output still waits for room; then the connection is lost."""
    cluster4.host(2, "rm -f /home/ubuntu/go /home/ubuntu/gone")
    process = ec2mpi.start(*form, "echo up; while [ ! -e go ]; do sleep 0.1; done; seq 172000; touch gone")
    assert "up" in process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    cluster4.host(2, "touch /home/ubuntu/go")
    wait_until(lambda: cluster4.exists(2, "/home/ubuntu/gone"), "its end", 60)
    wait_until(lambda: not cluster4.host(2, "pgrep -u ubuntu -x 'sh|bash'; true").out, "the shell's end", 60)
    cluster4.host(2, "pkill -u ubuntu sshd")
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    assert "172000" not in out
    assert process.returncode == 255 and re.search("node2: connection (closed|reset) by the node", err), err


def test_a_host_that_falls_silent_in_the_middle_ends_with_the_limit(ec2mpi, cluster4):
    process = begun(ec2mpi, "-u", "5")
    cluster4.fault("cut", 3)
    _, err = process.communicate(timeout=BOUND)
    assert process.returncode == 1
    assert re.search(r"^node3: time limit reached; it may still run", err, re.M)


def test_a_host_that_falls_silent_without_any_limit_is_noticed(ec2mpi, cluster4):
    process = begun(ec2mpi)
    cluster4.fault("stop", 3, "--hard")
    _, err = process.communicate(timeout=90)
    assert process.returncode == 1
    assert re.search(r"^node3: connection lost", err, re.M)


def test_every_node_silent_still_ends_by_the_limit_of_the_whole(ec2mpi, cluster4):
    cluster4.fault("freeze", "all")
    start = time.monotonic()
    done = ec2mpi("exec-all", "--timeout", "3", "true", timeout=BOUND)
    assert (done.code, done.out) == (124, "")
    assert time.monotonic() - start < BOUND
    assert summary(done.err).startswith("0/4 nodes ok")
