"""Every flag of exec that is not about its output: limits, flow, input, variables, jump host, and sudo."""

import re
import signal
import threading

import pytest

from local_cluster import Cluster, Program, lines_of
from terminal import Terminal

BOUND = 40  # seconds; a guard against hangs
ALL = (1, 2, 3, 4)


def summary(err):
    return err.splitlines()[-1]


def names(out):
    return sorted({int(re.match(r"node(\d+)\t", line).group(1)) for line in out.splitlines()})


# --- limits and flow ---------------------------------------------------------------------------------------------

def test_connect_timeout(ec2mpi, cluster4):
    cluster4.fault("freeze", 3)
    done = ec2mpi("exec-all", "-t", "2", "hostname", timeout=9)  # the default is 10 s
    assert done.code == 1 and names(done.out) == [1, 2, 4]
    assert re.search(r"^node3: .*its sshd says nothing", done.err, re.M)


def test_a_long_connect_timeout_is_kept_for_a_node_that_is_silent(ec2mpi):
    """The system's own limit of 30 s for a packet without an answer would end it as "timed out"."""
    (ec2mpi.folder / "silent").write_text("203.0.113.99\n")
    done = ec2mpi("exec-all", "--list", "silent", "-t", "34", "true")
    assert done.code == 1 and "no answer from 203.0.113.99 port 22; stopped" in done.err, done.err


def test_command_timeout_counts_from_the_commands_begin(ec2mpi):
    done = ec2mpi("exec-all", "-f", "1", "-u", "3", "sleep 0.8; echo done")
    assert done.code == 0 and names(done.out) == [1, 2, 3, 4]


def test_timeout_of_the_whole_names_who_had_no_turn(ec2mpi):
    done = ec2mpi("exec-all", "-f", "1", "--timeout", "2", "sleep 100", timeout=BOUND)
    assert (done.code, done.out) == (124, "")
    assert "node1: time limit reached; nothing left running\n" in done.err
    assert "node[2-4] (3): not run: the time limit came first\n" in done.err
    assert "the time limit ended it" in summary(done.err)


def test_fanout_is_never_exceeded(ec2mpi):
    """Every node notes when it began and ended; all share one clock."""
    done = ec2mpi("exec-all", "-f", "2", "date +'begin %s%N'; sleep 0.5; date +'end %s%N'")
    assert done.code == 0
    events = sorted((int(line.split()[2]), line.split()[1]) for line in done.out.splitlines())
    running = most = 0
    for _, kind in events:
        running += 1 if kind == "begin" else -1
        most = max(most, running)
    assert len(events) == 8 and most == 2


def test_fail_fast_lets_the_running_finish(ec2mpi):
    done = ec2mpi("exec-all", "-k", "-f", "2", "test {index} != 1 || exit 9; sleep 1; echo done")
    assert done.code == 1 and lines_of(done.out, 2) == ["done"]
    assert "node1: exit 9\n" in done.err and "not run: another node failed first" in done.err


def test_retries_connect_again(ec2mpi, cluster4):
    cluster4.fault("refuse", 3)
    undo = threading.Timer(1, cluster4.call, ["accept", "3"])
    undo.start()
    done = ec2mpi("exec-all", "--retries", "20", "hostname", timeout=120)
    undo.join()
    assert done.code == 0 and names(done.out) == [1, 2, 3, 4]


def test_retries_end(ec2mpi, cluster4):
    cluster4.fault("refuse", 3)
    done = ec2mpi("exec-all", "--retries", "1", "hostname", timeout=BOUND)
    assert done.code == 1 and "node3: connection refused" in done.err


def test_retries_never_repeat_a_command(ec2mpi, cluster4):
    cluster4.host(1, "rm -f /tmp/count")
    done = ec2mpi("exec", "-w", "1", "--retries", "3", "echo once >>/tmp/count; wc -l </tmp/count; exit 1")
    assert done.code == 1 and lines_of(done.out, 1) == ["1"]


def test_when_no_node_answers_the_security_group_is_named(ec2mpi, cluster4):
    cluster4.fault("cut", "all")
    done = ec2mpi("exec-all", "-t", "1", "true", timeout=BOUND)
    assert done.code == 1
    assert "no node answered" in done.err and "security group" in done.err and "port 22" in done.err


def test_one_node_that_answers_is_no_matter_of_the_security_group(ec2mpi, cluster4):
    cluster4.fault("cut", "2-4")
    done = ec2mpi("exec-all", "-t", "3", "true", timeout=BOUND)
    assert done.code == 1 and "no node answered" not in done.err


# --- input, scripts, variables -----------------------------------------------------------------------------------

def test_stdin_from_a_file_reaches_every_node(ec2mpi):
    (ec2mpi.folder / "input").write_bytes(bytes(range(256)) * 4000)
    done = ec2mpi("exec-all", "--stdin", "input", "cksum")
    assert done.code == 0
    answers = {lines_of(done.out, node)[0] for node in ALL}
    assert len(answers) == 1 and answers.pop().endswith(" 1024000")


def test_stdin_from_our_own(ec2mpi):
    done = ec2mpi("exec-all", "--stdin", "-", "cat; echo end", input="one\ntwo\n")
    assert done.code == 0 and all(lines_of(done.out, node) == ["one", "two", "end"] for node in ALL)


def test_stdin_for_a_program_that_does_not_read_it_all(ec2mpi):
    (ec2mpi.folder / "input").write_bytes(b"line\n" * 2_000_000)
    done = ec2mpi("exec-all", "--stdin", "input", "head -n 1", timeout=BOUND)
    assert done.code == 0 and all(lines_of(done.out, node) == ["line"] for node in ALL)


def test_script_with_arguments_and_input(ec2mpi):
    (ec2mpi.folder / "tool.sh").write_text("#!/bin/sh\necho \"$#:$1:$2:$3\"\ncat\nexit {index}3\n".replace("{index}", ""))
    (ec2mpi.folder / "input").write_text("its input\n")
    done = ec2mpi("exec", "-w", "1-2", "--script", "tool.sh", "--stdin", "input", "two  words", "it's {index} $HOME", "*")
    assert done.code == 1
    assert lines_of(done.out, 2) == ["3:two  words:it's 2 $HOME:*", "its input"]
    assert "node[1-2] (2): exit 3\n" in done.err


def test_script_in_another_language_leaves_no_file(ec2mpi, cluster4):
    before = cluster4.host(2, "ls /tmp").out
    (ec2mpi.folder / "tool.py").write_text("#!/usr/bin/python3\nimport os, sys\nprint(os.environ['EC2MPI_INDEX'], sys.argv[1:])\n")
    done = ec2mpi("exec-all", "--script", "tool.py", "a b")
    assert done.code == 0 and lines_of(done.out, 2) == ["2 ['a b']"]
    assert cluster4.host(2, "ls /tmp").out == before


def test_script_that_is_interrupted_leaves_no_file(ec2mpi, cluster4):
    before = cluster4.host(2, "ls /tmp").out
    (ec2mpi.folder / "tool.sh").write_text("#!/bin/sh\necho begun\nsleep 100\n")
    process = ec2mpi.start("exec", "-w", "2", "--script", "tool.sh")
    assert process.stdout.readline() == "node2\tbegun\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=BOUND)
    assert "nothing left running" in err
    assert cluster4.host(2, "ls /tmp").out == before


def test_placeholders_and_variables(ec2mpi):
    done = ec2mpi("exec-all", "echo {index} {node} {address} {role} {other}; "
                  "echo $EC2MPI_INDEX $EC2MPI_COUNT $EC2MPI_ROLE $EC2MPI_MASTER")
    assert done.code == 0
    for node in ALL:
        role = "master" if node == 1 else "worker"
        assert lines_of(done.out, node) == [f"{node} node{node} 203.0.113.1{node} {role} {{other}}",
                                            f"{node} 4 {role} 203.0.113.11"]


# --- a list with private addresses ---------------------------------------------------------------------------------

TYPES = ["c5n.large", "c5.large", "c5n.large", "m5.large"]


def write_list(program):
    """A list with names, types and private addresses."""
    lines = ["Name\tInstance ID\tInstance type\tPublic IPv4 address\tPrivate IPv4 address"]
    for i in range(program.cluster.size):
        name = "head" if i == 0 else f"work{i}"
        lines.append(f"{name}\ti-0a{i + 1}bbbbbbbbbbbbbb\t{TYPES[i % 4]}\t203.0.113.{11 + i}\t10.0.0.{11 + i}")
    (program.folder / "amazon_instances_info").write_text("\n".join(lines) + "\n")


# --- sudo --------------------------------------------------------------------------------------------------------

def test_sudo_without_password(ec2mpi):
    done = ec2mpi("exec-all", "--sudo", "id -u; echo warn >&2; echo $EC2MPI_INDEX")
    assert done.code == 0
    assert all(lines_of(done.out, node) == ["0", str(node)] and lines_of(done.err, node) == ["warn"] for node in ALL)


def test_sudo_with_stdin(ec2mpi):
    done = ec2mpi("exec-all", "--sudo", "--stdin", "-", "id -u; cat", input="for root\n")
    assert done.code == 0 and all(lines_of(done.out, node) == ["0", "for root"] for node in ALL)


PASSWORD = "corr3ct-horse"


@pytest.fixture
def with_password(cluster4):
    """sudo wants ubuntu's password on node 2 and 3."""
    for host in (2, 3):
        setup = cluster4.host(host, f"cp -a /etc/shadow /etc/sudoers /root; mkdir -p /root/kept; mv /etc/sudoers.d/* /root/kept; "
                              f"echo 'ubuntu ALL=(ALL) ALL' >/etc/sudoers; echo ubuntu:{PASSWORD} | chpasswd")
        assert setup.code == 0, setup.err
    yield cluster4
    for host in (2, 3):
        cluster4.host(host, "cp -a /root/shadow /root/sudoers /etc; mv /root/kept/* /etc/sudoers.d; rm -rf /run/sudo/ts/*")


def on_a_terminal(ec2mpi, answer, *arguments, during=None):
    """Its exit status and all that the terminal showed; the answer is typed when a password is asked for."""
    with Terminal(ec2mpi, *arguments, somebody=True) as terminal:
        terminal.wait_for("Password for sudo")
        terminal.type_hidden(answer + "\n")
        if during is not None:
            terminal.wait_for("begun")
            during()
        return terminal.to_end(), terminal.seen


def test_sudo_asks_once_and_the_password_shows_nowhere(ec2mpi, with_password):
    looked = []

    def look():
        looked.append(with_password.host(2, "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'").out)

    code, seen = on_a_terminal(ec2mpi, PASSWORD, "exec-all", "--sudo", "id -u; echo begun >&2; sleep 2; echo end", during=look)
    assert code == 0, seen
    assert seen.count("Password for sudo") == 1
    assert len(re.findall(r"node[1-4]: +0\r\n", seen)) == 4 and len(re.findall(r"node[1-4]: +end\r\n", seen)) == 4
    assert "4/4 nodes ok" in seen and PASSWORD not in seen
    assert "sleep" in looked[0] and PASSWORD not in looked[0]
    assert "EC2MPI_TASK=" not in seen


def test_sudo_with_password_and_input(ec2mpi, with_password):
    (ec2mpi.folder / "input").write_text("for root\n")
    code, seen = on_a_terminal(ec2mpi, PASSWORD, "exec", "-w", "2", "--sudo", "--stdin", "input", "id -u; cat")
    assert code == 0, seen
    assert re.search(r"node2: +0\r\n.*node2: +for root\r\n", seen, re.DOTALL)  # the progress line may come between


def test_sudo_with_a_wrong_password(ec2mpi, with_password):
    (ec2mpi.folder / "input").write_text("data, not another try\n" * 5)
    code, seen = on_a_terminal(ec2mpi, "wrong", "exec-all", "--sudo", "--stdin", "input", "id -u")
    assert code == 1
    assert seen.count("Password for sudo") == 1
    assert re.search(r"node\[2-3\] \(2\): sudo refused the password", seen)
    assert len(re.findall(r"node[14]: +0\r\n", seen)) == 2 and "EC2MPI_TASK=" not in seen


def test_sudo_where_nobody_can_answer(ec2mpi, with_password):
    done = ec2mpi("exec-all", "--sudo", "id -u", start_new_session=True)
    assert done.code == 1 and names(done.out) == [1, 4]
    assert "node[2-3] (2): sudo wants a password; none was given\n" in done.err


def test_a_sudo_that_asks_nothing_for_true_alone_is_given_the_password(ec2mpi, with_password):
    for host in (2, 3):
        with_password.host(host, "echo 'ubuntu ALL=(ALL) PASSWD: ALL, NOPASSWD: /usr/bin/true' >>/etc/sudoers")
    code, seen = on_a_terminal(ec2mpi, PASSWORD, "exec-all", "--sudo", "id -u")
    assert code == 0 and seen.count("Password for sudo") == 1, seen


def test_sudo_with_password_is_ended_with_proof(ec2mpi, with_password):
    code, seen = on_a_terminal(ec2mpi, PASSWORD, "exec", "-w", "2", "-u", "3", "--sudo", "sleep 1000.077 & sleep 1000.077")
    assert "time limit reached; nothing left running" in seen
    assert "sleep 1000.077" not in with_password.host(2, ["ps", "-e", "-o", "args="]).out


# --- jump host ---------------------------------------------------------------------------------------------------

class TestJump:
    """Eight nodes by their private addresses, to which the laptop has no way but through the first."""

    @pytest.fixture(scope="class")
    def hidden(self):
        hosts = Cluster("hidden")
        try:
            yield hosts.up(8)
        finally:
            hosts.down()

    @pytest.fixture
    def behind(self, hidden, tmp_path):
        program = Program(tmp_path, hidden)
        write_list(program)
        yield program
        said = program.finish()
        assert not said, f"a sanitizer found something:\n{said}"

    JUMP = ("-J", "ubuntu@203.0.113.11")

    def test_there_is_no_other_way(self, behind):
        done = behind("exec-all", "-t", "1", "--address", "private", "hostname", timeout=BOUND)
        assert (done.code, done.out) == (1, "")

    def test_all_nodes_through_one_session(self, behind):
        done = behind("exec-all", *self.JUMP, "echo {address} $(hostname)", timeout=BOUND)
        assert done.code == 0, done.err
        assert all(lines_of(done.out, n) == [f"10.0.0.{10 + n} ip-10-0-0-{10 + n}"] for n in range(1, 9))

    def test_much_output_comes_whole(self, behind):
        done = behind("exec", "-w", "2-3", *self.JUMP, "seq 1000000 1200000", timeout=BOUND)
        assert done.code == 0 and all(len(lines_of(done.out, n)) == 200001 for n in (2, 3))

    def test_an_interrupt_through_it_leaves_nothing(self, behind, hidden):
        process = behind.start("exec", "-w", "2-3", *self.JUMP, "echo begun; sleep 1000.55 & sleep 1000.55")
        assert sorted(process.stdout.readline() for _ in (2, 3)) == ["node2\tbegun\n", "node3\tbegun\n"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=BOUND)
        assert process.returncode == 130 and "node[2-3] (2): interrupted; nothing left running\n" in err
        assert all("1000.55" not in hidden.host(n, ["ps", "-e", "-o", "args="]).out for n in (2, 3))

    def test_a_node_that_it_cannot_reach_is_named(self, behind, hidden):
        hidden.call("stop", "3")
        try:
            done = behind("exec-all", "-t", "6", *self.JUMP, "hostname", timeout=BOUND)
        finally:
            hidden.call("start", "3")
        assert done.code == 1 and names(done.out) == [1, 2, 4, 5, 6, 7, 8]
        assert re.search(r"^node3: the jump host cannot reach it", done.err, re.M)

    def test_a_jump_host_that_refuses(self, behind, hidden):
        hidden.call("refuse", "1")
        try:
            done = behind("exec-all", "-t", "5", *self.JUMP, "hostname", timeout=BOUND)
        finally:
            hidden.call("accept", "1")
        assert (done.code, done.out) == (1, "")
        assert re.search(r"^node\[1-8\] \(8\): .*jump host.*connection refused by 203\.0\.113\.11", done.err, re.M)

    def test_a_jump_host_that_says_nothing(self, behind, hidden):
        hidden.call("freeze", "1")
        try:
            done = behind("exec-all", "-t", "3", *self.JUMP, "hostname", timeout=BOUND)
        finally:
            hidden.call("thaw", "1")
        assert (done.code, done.out) == (1, "") and "jump host" in done.err
        assert summary(done.err).startswith("0/8 nodes ok")

    def test_a_jump_host_that_is_not_there_is_not_blamed_on_the_nodes(self, behind):
        done = behind("exec-all", "-t", "1", "-J", "203.0.113.99", "true", timeout=BOUND)
        assert done.code == 1 and "jump host 203.0.113.99" in done.err
        assert "no node answered" not in done.err and "security group needs" not in done.err
