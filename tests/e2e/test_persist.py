"""--persist: connections that stay behind for later commands, and who may use them."""

import hashlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import pytest

from local_cluster import LIST, Program, lines_of, run, wait_until

ALL = (1, 2, 3, 4)
KEEP = ("--persist", "600")


@pytest.fixture
def tool(ec2mpi):
    """The program; what it has left behind is ended."""
    yield ec2mpi
    for pid in daemons(ec2mpi):
        if not gone(pid):  # a socket names the command itself until the process that stays behind has begun
            os.kill(pid, signal.SIGCONT)
    if folder(ec2mpi).exists():
        assert ec2mpi("disconnect").code == 0


def folder(program):
    return program.folder / ".ec2mpi/connections"


def names(program):
    return sorted(os.listdir(folder(program))) if folder(program).exists() else []


def reach(program, name):
    """A connection to one of the sockets, as a stranger makes it who has read no documentation."""
    link = socket.socket(socket.AF_UNIX)
    place = os.open(folder(program), os.O_RDONLY)
    try:
        link.connect(f"/proc/self/fd/{place}/{name}")
    finally:
        os.close(place)
    return link


def daemons(program):
    """The processes that listen at the sockets."""
    pids = set()
    for name in names(program):
        try:
            with reach(program, name) as link:
                pids.add(struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])
        except ConnectionRefusedError:
            pass
    return sorted(pids)


def daemon(program):
    # A socket tells who listens once the process that stays behind has begun.
    return wait_until(lambda: [pid for pid in daemons(program) if os.path.exists(f"/proc/{pid}")], "somebody keeps the connections")[0]


def gone(pid):
    return not os.path.exists(f"/proc/{pid}") or open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] == "Z"


def logins(cluster, hosts=ALL):
    return [cluster.login_attempts(host) for host in hosts]


def logins_from_the_laptop(cluster):
    """Without those of the nodes among themselves."""
    return [cluster.host(host, "grep -c 'Accepted.* from 198.18.0.2 ' /var/log/sshd.log").out for host in ALL]


# --- they are used -----------------------------------------------------------------------------------------------

def test_the_second_command_needs_no_login(tool, cluster4):
    first = tool("exec-all", *KEEP, "hostname")
    assert first.code == 0, first.err
    before = logins(cluster4)
    second = tool("exec-all", "hostname")
    assert (second.code, sorted(second.out.splitlines())) == (0, sorted(first.out.splitlines())), second.err
    assert logins(cluster4) == before
    assert len(names(tool)) == 4


def test_nobody_else_finds_them(tool):
    assert tool("exec-all", *KEEP, "true").code == 0
    assert folder(tool).stat().st_mode & 0o777 == 0o700
    assert [os.stat(folder(tool) / name).st_mode & 0o777 for name in names(tool)] == [0o600] * 4


def test_nobody_looks_into_what_keeps_a_connection(cluster4, tmp_path):
    """It holds a session, and maybe a password: the kernel gives its files in /proc to root, and makes no core of it."""
    owner = 65534
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        os.chmod(place, 0o755)
        program = Program(pathlib.Path(place), cluster4)
        shutil.copy(program.binary, place)
        subprocess.run(["chown", "-R", f"{owner}:{owner}", place], check=True)
        words = ["setpriv", "--reuid", str(owner), "--regid", str(owner), "--clear-groups", "env", f"HOME={program.home}",
                 f"{place}/{os.path.basename(program.binary)}"]
        done = run(cluster4.exec_argv([*words, "exec", "-w", "2", *KEEP, "true"]), cwd=program.folder, env=program.environment)
        assert done.code == 0, done.err
        try:
            pid = daemon(program)
            assert f"Uid:\t{owner}\t" in pathlib.Path(f"/proc/{pid}/status").read_text()
            assert os.stat(f"/proc/{pid}/environ").st_uid == 0
        finally:
            run(cluster4.exec_argv([*words, "disconnect"]), cwd=program.folder, env=program.environment)


def test_without_persist_nothing_stays(tool, cluster4):
    assert tool("exec-all", "true").code == 0
    assert names(tool) == []


@pytest.mark.parametrize("command", ["true", "exit 7", "kill -9 $$", "echo out; echo err >&2; exit 3", "printf 'no end of line'",
                                     "/nonexistent/program", "seq 200000; seq 100000 >&2"])
def test_a_command_shows_the_same_as_over_a_new_connection(tool, cluster4, command):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    before = logins(cluster4)
    kept = tool("login", "2", "--", command)
    assert logins(cluster4) == before
    new = tool("login", "2", "--persist", "0", "--", command)
    assert (kept.code, kept.out, kept.err) == (new.code, new.out, new.err)
    assert logins(cluster4) != before


def test_input_arrives_whole_and_ends(tool, cluster4):
    data = random.Random(1).randbytes(20_000_000)
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    before = logins(cluster4)
    done = tool("login", "2", "--", "sha256sum", input=data)
    assert done.out.split()[0] == hashlib.sha256(data).hexdigest(), done.err
    assert logins(cluster4) == before


def test_input_that_nobody_reads_does_not_hang(tool):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    done = tool("login", "2", "--", "exit 4", input=b"x" * 20_000_000)
    assert done.code == 4


@pytest.mark.skipif("EC2MPI_SANITIZED" in os.environ, reason="a sanitizer's own memory would be measured")
def test_much_output_comes_whole_and_waits_for_its_reader(tool, cluster4):
    """A fifth of a gigabyte, first to somebody who doesn't read: it must not pile up anywhere."""
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    before, pid = logins(cluster4), daemon(tool)
    process = tool.start("login", "2", "--", "head -c 200000000 /dev/zero | tr '\\0' x", text=False)
    wait_until(lambda: stands_still(process.pid), "the output waits for its reader")
    assert peak(pid) < 100, "MB in the process that keeps the connection"
    count = 0
    while block := process.stdout.read(1 << 20):
        count += len(block)
        assert not block.strip(b"x")
    assert (process.wait(60), count) == (0, 200_000_000)
    assert peak(pid) < 100
    assert logins(cluster4) == before


def peak(pid):
    """MB."""
    return int(re.search(r"VmHWM:\s*(\d+)", open(f"/proc/{pid}/status").read()).group(1)) / 1024


def stands_still(pid):
    """It has filled the pipe and writes nothing more."""
    def written():
        return int(re.search(r"wchar: (\d+)", open(f"/proc/{pid}/io").read()).group(1))
    before = written()
    time.sleep(0.3)
    return before == written() > 30_000


def test_a_terminal_on_the_node(tool, cluster4):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    before = logins(cluster4)
    done = tool("login", "2", "--tty", "--", "tty; stty size; exit 5", env={"TERM": "vt100"})
    assert done.code == 5 and done.out.startswith("/dev/pts/")
    assert logins(cluster4) == before


def test_ctrl_c_ends_the_command_on_the_node_and_not_the_connection(tool, cluster4):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    before = logins(cluster4)
    process = tool.start("exec", "-w", "2", "sleep 98.7654321")
    running = "pgrep -f '[s]leep 98.7654321'"
    wait_until(lambda: cluster4.host(2, running).out, "it runs")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "nothing left running" in err
    assert not cluster4.host(2, running).out
    assert tool("exec", "-w", "2", "true").code == 0
    assert logins(cluster4) == before


def test_a_command_that_is_killed_ends_on_the_node_as_without(tool, cluster4):
    """Its channel is closed: a program with a terminal gets SIGHUP."""
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    process = tool.start("login", "2", "--tty", "--", "echo up; exec sleep 98.7654321")
    assert process.stdout.readline().strip() == "up"
    process.kill()
    wait_until(lambda: not cluster4.host(2, "pgrep -f '[s]leep 98.7654321'").out, "it has ended")


def test_two_commands_at_once_over_one_connection(tool, cluster4):
    assert tool("exec", "-w", "2", *KEEP, "rm -f go").code == 0
    before = logins(cluster4)
    first = tool.start("login", "2", "--", "until [ -e go ]; do sleep 0.1; done; echo first")
    assert tool("login", "2", "--", "touch go; echo second").out == "second\n"
    assert first.communicate(timeout=30)[0] == "first\n"
    assert logins(cluster4) == before


def test_more_commands_at_once_than_the_node_takes_over_one_connection(tool, cluster4):
    """sshd's MaxSessions is 10: the others connect anew."""
    assert tool("exec", "-w", "2", *KEEP, "rm -f go").code == 0
    many = [tool.start("login", "2", "--", f"until [ -e go ]; do sleep 0.1; done; echo {i}") for i in range(12)]
    wait_until(lambda: cluster4.host(2, "pgrep -fc '[u]ntil .*; echo'").out.strip() == "12", "all of them run")
    assert tool("login", "2", "--", "touch go").code == 0
    assert [process.communicate(timeout=30)[0] for process in many] == [f"{i}\n" for i in range(12)]


def test_files_go_both_ways(tool, cluster4):
    (tool.folder / "data").write_bytes(random.Random(2).randbytes(3_000_000))
    assert tool("exec-all", *KEEP, "true").code == 0
    before = logins_from_the_laptop(cluster4)
    assert tool("push", "data", "d/").code == 0
    assert tool("pull", "d/data", "back").code == 0
    for host in ALL:
        assert (tool.folder / f"back/node{host}/data").read_bytes() == (tool.folder / "data").read_bytes()
    assert logins_from_the_laptop(cluster4) == before


def test_run(tool, cluster4):
    first = tool("run", *KEEP, "--per-node", "1", "--", "hostname", timeout=120)
    assert first.code == 0, first.err
    before = logins_from_the_laptop(cluster4)
    second = tool("run", "--per-node", "1", "--", "hostname", timeout=120)
    assert (second.code, sorted(second.out.split())) == (0, sorted(first.out.split())), second.err
    assert logins_from_the_laptop(cluster4) == before


def test_only_nodes_that_are_not_warm_are_connected_to_and_stay_too(tool, cluster4):
    assert tool("exec", "-w", "1-2", *KEEP, "true").code == 0
    before = logins(cluster4)
    assert tool("exec-all", *KEEP, "true").code == 0
    assert logins(cluster4) == [before[0], before[1], before[2] + 1, before[3] + 1]
    assert tool("exec-all", "true").code == 0
    assert logins(cluster4) == [before[0], before[1], before[2] + 1, before[3] + 1]
    assert len(daemons(tool)) == 2


# --- what makes it the same connection -----------------------------------------------------------------------------

def test_an_address_of_another_instance_is_not_used(tool, cluster4):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    before = logins(cluster4)
    text = (tool.folder / LIST).read_text()
    fields = text.splitlines()[1].split("\t")
    (tool.folder / LIST).write_text(text.replace(fields[1], "i-0123456789abcdef0"))
    done = tool("exec", "-w", fields[3], "true")
    assert done.code == 0, done.err
    assert logins(cluster4)[1] == before[1] + 1


def test_another_user_is_another_connection(tool, cluster4):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    assert tool("exec", "-w", "2", "-N", "-l", "root", "whoami").out == "root\n"
    assert tool("exec", "-w", "2", "-N", "whoami").out == "ubuntu\n"


def test_through_a_jump_host(tool, cluster4):
    jump = ("-J", "ubuntu@203.0.113.11")
    assert tool("exec", "-w", "2-3", *jump, *KEEP, "true").code == 0
    before = logins(cluster4)
    done = tool("exec", "-w", "2-3", *jump, "hostname")
    assert lines_of(done.out, 2) == ["ip-10-0-0-12"] and lines_of(done.out, 3) == ["ip-10-0-0-13"]
    assert logins(cluster4) == before
    assert tool("exec", "-w", "2", "true").code == 0, "the direct way is another connection"
    assert logins(cluster4)[1] == before[1] + 1


def test_zero_means_neither_to_keep_nor_to_use(tool, cluster4):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    before, kept = logins(cluster4), names(tool)
    assert tool("exec", "-w", "2", "--persist", "0", "true").code == 0
    assert logins(cluster4)[1] == before[1] + 1
    assert names(tool) == kept


def test_settings_and_their_order(tool):
    (tool.folder / "ec2mpi.toml").write_text('persist = "10m"\n')
    assert tool("exec", "-w", "1", "true", env={"EC2MPI_PERSIST": "0"}).code == 0
    assert names(tool) == []
    assert tool("exec", "-w", "1", "true").code == 0
    assert len(names(tool)) == 1
    assert tool("exec", "-w", "2", "--persist", "0", "true", env={"EC2MPI_PERSIST": "5m"}).code == 0
    assert len(names(tool)) == 1
    assert tool("exec", "-w", "2", "true", env={"EC2MPI_PERSIST": "5m", "NO": "toml"}).code == 0
    assert len(names(tool)) == 2


@pytest.mark.parametrize("wrong", ["soon", "-1", "1.5", "10w", "m", "99999999999"])
def test_a_time_that_is_none(offline, wrong):
    (offline.folder / LIST).write_text("203.0.113.11\n")
    done = offline("exec-all", f"--persist={wrong}", "true")
    assert (done.code, done.out) == (2, "") and "persist" in done.err


# --- their end -----------------------------------------------------------------------------------------------------

def test_they_end_when_they_were_not_used_for_the_time(tool):
    assert tool("exec", "-w", "2", "--persist", "8s", "true").code == 0
    pid = daemon(tool)
    wait_until(lambda: gone(pid), "nobody keeps them any more")
    assert names(tool) == []


def test_their_time_begins_after_the_last_use(tool, cluster4):
    assert tool("exec", "-w", "2", "--persist", "8s", "true").code == 0
    pid, before = daemon(tool), logins(cluster4)
    assert tool("exec", "-w", "2", "sleep 10").code == 0
    assert not gone(pid)
    wait_until(lambda: gone(pid), "nobody keeps them any more")
    assert logins(cluster4) == before


def test_disconnect_ends_them(tool, cluster4):
    assert tool("exec-all", *KEEP, "true").code == 0
    pid = daemon(tool)
    done = tool("disconnect")
    assert (done.code, done.out, done.err) == (0, "", "4 connections ended\n")
    assert names(tool) == []
    wait_until(lambda: gone(pid), "the process, too, is gone")
    done = tool("disconnect")
    assert (done.code, done.err) == (0, "no connections were kept\n")
    before = logins(cluster4)
    assert tool("exec-all", "true").code == 0
    assert logins(cluster4) == [count + 1 for count in before]


def test_disconnect_says_if_it_may_not_look_at_the_connections(tool):
    assert tool("exec-all", "--persist", "1m", "true").code == 0
    folder = tool.folder / ".ec2mpi/connections"
    folder.chmod(0o777)
    assert "open to others" in tool("exec-all", "true").err
    done = tool("disconnect")
    assert done.code == 2 and "connections is open to others; close it: chmod 700 " in done.err, done.err
    folder.chmod(0o700)
    assert "4 connections ended" in tool("disconnect").err


def test_disconnect_cuts_off_what_runs(tool, cluster4):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    process = tool.start("login", "2", "--", "echo up; exec sleep 98.7654321")
    assert process.stdout.readline() == "up\n"
    assert tool("disconnect").code == 0
    out, err = process.communicate(timeout=30)
    assert process.returncode == 255 and "connection lost" in err
    cluster4.host(2, "pkill -f '[s]leep 98.7654321'")


def test_a_keeper_that_was_killed(tool, cluster4):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    before, pid = logins(cluster4), daemon(tool)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: gone(pid), "it is gone")
    assert len(names(tool)) == 1
    assert tool("exec", "-w", "2", "true").code == 0
    assert logins(cluster4)[1] == before[1] + 1
    assert names(tool) == [], "a socket that leads nowhere is removed"


def test_a_keeper_that_is_frozen_does_not_hold_a_command_up(tool, cluster4):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    before, pid = logins(cluster4), daemon(tool)
    os.kill(pid, signal.SIGSTOP)
    assert tool("exec", "-w", "2", "-N", "echo in").out == "in\n"
    assert logins(cluster4)[1] == before[1] + 1
    done = tool("disconnect")
    assert done.code == 1 and f"kill -9 {pid}" in done.err


def test_what_a_frozen_keeper_was_asked_for_is_not_started_later(tool, cluster4):
    assert tool("exec", "-w", "2", *KEEP, "rm -f times").code == 0
    pid = daemon(tool)
    os.kill(pid, signal.SIGSTOP)
    assert tool("exec", "-w", "2", "echo once >>times").code == 0
    os.kill(pid, signal.SIGCONT)
    assert tool("exec", "-w", "2", "-N", "cat times").out == "once\n"


def test_sessions_that_the_node_has_ended(tool, cluster4):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    before, pid = logins(cluster4), daemon(tool)
    cluster4.host(2, "pkill -f '^sshd: ubuntu'")
    wait_until(lambda: gone(pid), "nobody keeps a dead connection")
    assert tool("exec", "-w", "2", "true").code == 0
    assert logins(cluster4)[1] == before[1] + 1


def test_a_node_that_was_rebooted_meanwhile(tool, cluster4):
    """The daemon can't know yet that the other end is gone."""
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    daemon(tool)
    cluster4.fault("stop", 2, "--hard")
    cluster4.call("start", 2)
    wait_until(lambda: tool("exec", "-w", "2", "--persist", "0", "true").code == 0, "it is up again")
    assert len(names(tool)) == 1
    done = tool("exec", "-w", "2", "-N", "echo in")
    assert (done.code, done.out) == (0, "in\n"), done.err


def test_a_node_that_does_not_answer_any_more(tool, cluster4):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    daemon(tool)
    cluster4.fault("cut", 2)
    done = tool("exec", "-w", "2", "-t", "2", "true")
    assert done.code == 255 and "no answer" in done.err


# --- nothing else stays --------------------------------------------------------------------------------------------

def test_whoever_waits_for_the_end_of_our_output_does_not_wait_for_the_keeper(tool):
    """Standard output and error, and a pipe that somebody else has left open for us."""
    end, handed_on = os.pipe()
    process = tool.start("exec", "-w", "2", *KEEP, "echo x", pass_fds=[handed_on])
    os.close(handed_on)
    out, _ = process.communicate(timeout=30)
    assert out == "node2\tx\n"
    os.set_blocking(end, False)
    wait_until(lambda: closed(end), "the pipe is closed")
    os.close(end)
    pid = daemon(tool)
    links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1, 2)} == {"/dev/null"}
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert not [link for link in links if link.startswith("/") and link not in ("/dev/null", str(folder(tool)))], links


def closed(end):
    try:
        return os.read(end, 1) == b""
    except BlockingIOError:
        return False


def test_a_pipeline_ends_with_the_command(tool):
    argv = tool.argv("exec", "-w", "2", *KEEP, "echo x")
    done = subprocess.run(["sh", "-c", '"$@" 2>&1 | cat', "sh", *argv], cwd=tool.folder, env=tool.environment, timeout=30,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert done.stdout.startswith("node2\tx\n")
    assert daemon(tool)


# --- strangers -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.0\r\n\r\n", b"\x01\xff\xff\xff\xff", b"\x01\0\0\0\x04\0\0\0\x63",
                                     b"\x01\0\0\0\x04\0\0\0\x01\x02\0\0\0\x04\xff\xff\xff\xff", b"\x04\0\0\0\x01x"])
def test_garbage_at_a_socket_is_thrown_out(tool, cluster4, garbage):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    before, pid = logins(cluster4), daemon(tool)
    with reach(tool, names(tool)[0]) as link:
        link.settimeout(20)
        link.sendall(garbage)
        try:
            while link.recv(1000):
                pass
        except ConnectionResetError:
            pass
    assert tool("exec", "-w", "2", "true").code == 0
    assert logins(cluster4) == before and not gone(pid)


def test_a_folder_that_is_open_to_others_is_not_trusted(tool, cluster4):
    assert tool("exec", "-w", "2", *KEEP, "true").code == 0
    before = logins(cluster4)
    folder(tool).chmod(0o755)
    assert tool("exec", "-w", "2", "true").code == 0
    assert logins(cluster4)[1] == before[1] + 1
    done = tool("exec", "-w", "2", *KEEP, "true")
    assert done.code == 0 and "chmod 700" in done.err
    folder(tool).chmod(0o700)
