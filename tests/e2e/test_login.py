"""login: a person at a terminal, or a pipe, at one program on one node."""

import fcntl
import hashlib
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

PROMPT = r"ubuntu@[^$]*\$ "
PATIENCE = 120  # seconds: a bound on hangs, not a claim about speed


class Person:
    """Somebody who starts the program at a terminal of his own, types and reads."""

    def __init__(self, program, *args, rows=24, columns=80, kind="dumb", **options):
        self.master, self.slave = pty.openpty()
        self.set_size(rows, columns)
        self.before = self.attributes()
        self.seen = ""  # and not yet expected
        self.all = ""
        streams = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave}
        self.process = subprocess.Popen(program.argv(*args), cwd=program.folder, start_new_session=True,
                                        env=program.environment | {"TERM": kind},
                                        preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0), **(streams | options))

    def attributes(self):
        return termios.tcgetattr(self.slave)

    def set_size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def is_raw(self):
        return not self.attributes()[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def _read(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if ready:
            text = os.read(self.master, 65536).decode("utf-8", "surrogateescape")
            self.seen = (self.seen + text)[-100000:]
            self.all = (self.all + text)[-100000:]
        return bool(ready)

    def expect(self, pattern):
        """Reads until the pattern comes, and forgets everything up to its end."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.seen)):
            assert time.monotonic() < end, f"{pattern!r} does not come; seen: {self.all[-2000:]!r}"
            self._read(0.1)
        self.seen = self.seen[found.end():]
        return found

    def type(self, text):
        """Types it all, reading meanwhile as a terminal does."""
        data = text.encode()
        end = time.monotonic() + PATIENCE
        os.set_blocking(self.master, False)
        while data:
            assert time.monotonic() < end, f"{len(data)} bytes are not taken; seen: {self.all[-2000:]!r}"
            readable, writable, _ = select.select([self.master], [self.master], [], 1)
            if readable:
                self._read(0)
            if writable:
                try:
                    data = data[os.write(self.master, data[:4096]):]
                except BlockingIOError:
                    pass
        os.set_blocking(self.master, True)

    def end(self):
        """Waits for the program's end and gives its exit code; the terminal must be as it was before."""
        limit = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < limit, f"it does not end; seen: {self.all[-2000:]!r}"
            self._read(0.05)
        while self._read(0):
            pass
        assert self.attributes() == self.before, "the terminal is not as it was before"
        assert not fcntl.fcntl(self.slave, fcntl.F_GETFL) & os.O_NONBLOCK, "the shared terminal was left nonblocking"
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def person(ec2mpi):
    """person("login", 2): somebody at a terminal. All go home at the end."""
    people = []

    def start(*args, **options):
        people.append(Person(ec2mpi, *args, **options))
        return people[-1]

    yield start
    for somebody in people:
        somebody.close()


def at_prompt(person, **options):
    """Somebody in a shell on node2, who has seen its prompt."""
    user = person("login", 2, **options)
    user.expect(PROMPT)
    return user


def random_bytes(count):
    return random.Random(count).randbytes(count)


# --- a shell at a terminal

def test_shell_greets_with_a_prompt_and_its_exit_status_is_ours(cluster4, person):
    user = at_prompt(person)
    assert user.is_raw()
    user.type("uname -n; tty; echo $TERM; exit 5\r")
    user.expect("ip-10-0-0-12\r\n/dev/pts/\\d+\r\ndumb\r\n")
    assert user.end() == 5


def test_master_is_the_default(cluster4, person):
    user = person("login")
    user.expect(PROMPT)
    user.type("uname -n; exit\r")
    user.expect("ip-10-0-0-11\r\n")
    assert user.end() == 0


def test_window_has_the_terminals_size_and_follows_it(cluster4, person):
    user = at_prompt(person, rows=33, columns=101)
    user.type("stty size\r")
    user.expect("\r\n33 101\r\n")
    user.type('echo wait""ing; while [ "$(stty size)" != "40 120" ]; do sleep 0.05; done; echo resi""zed\r')
    user.expect("waiting\r\n")
    user.set_size(40, 120)
    user.expect("resized\r\n")
    user.type("exit\r")
    assert user.end() == 0


def test_control_keys_go_to_the_node(cluster4, person):
    user = at_prompt(person)
    user.type("sh -c 'echo beg\"\"un; exec sleep 1000'\r")
    user.expect("begun\r\n")
    user.type("\x1a")
    user.expect("Stopped")
    user.type("kill %1; sh -c 'echo ag\"\"ain; exec cat'\r")
    user.expect("again\r\n")
    user.type("\x03")
    user.expect(r"\^C")
    user.expect(PROMPT)
    user.type("\x04")
    assert user.end() in (0, 130)  # bash: the status of the last command


def test_flood_can_be_interrupted(cluster4, person):
    user = at_prompt(person)
    user.type("yes\r")
    user.expect("y\r\ny\r\ny\r\n")
    user.type("\x03")
    user.expect(PROMPT)
    user.type("echo al\"\"ive; exit\r")
    user.expect("alive")
    assert user.end() == 0


def test_flood_can_be_left(cluster4, person):
    user = at_prompt(person)
    user.type("yes\r")
    user.expect("y\r\ny\r\ny\r\n")
    user.type("~.")
    assert user.end() == 255


def test_large_paste_arrives_whole(cluster4, person):
    lines = "".join(f"{i:05} the quick brown fox jumps over the lazy dog, and ~. is no escape here\r"
                    for i in range(1400))
    assert len(lines) > 100_000
    user = at_prompt(person)
    user.type('stty -echo; echo rea""dy; cat > /tmp/pasted; sha256sum /tmp/pasted; rm /tmp/pasted; exit\r')
    user.expect("ready\r\n")
    user.type(lines + "\x04")
    user.expect(hashlib.sha256(lines.replace("\r", "\n").encode()).hexdigest())
    assert user.end() == 0


# --- escapes

def test_tilde_dot_leaves(cluster4, person):
    user = at_prompt(person)
    user.type("~.")
    assert user.end() == 255
    assert "ec2mpi: node2: left by ~." in user.all


def test_tilde_dot_inside_a_line_is_text(cluster4, person):
    user = at_prompt(person)
    user.type("echo x~.\r")
    user.expect("\r\nx~\\.\r\n")
    user.type("exit\r")
    assert user.end() == 0


def test_escapes_explain_themselves_and_two_tildes_are_one(cluster4, person):
    user = at_prompt(person)
    user.type("~?")
    user.expect("leave")
    user.type('stty -echo; echo rea""dy; cat\r')
    user.expect("ready\r\n")
    user.type("~~x\r")
    user.expect("~x\r\n")
    assert "~~x" not in user.seen
    user.type("\x04")
    user.expect(PROMPT)
    user.type("exit\r")
    assert user.end() == 0


# --- ways out

@pytest.mark.parametrize("name", ["TERM", "HUP", "INT"])
def test_signal_gives_the_terminal_back(cluster4, person, name):
    user = at_prompt(person)
    assert user.is_raw()
    user.process.send_signal(getattr(signal, f"SIG{name}"))
    assert user.end() == 130


def test_dead_sshd_gives_the_terminal_back(cluster4, person):
    user = at_prompt(person)
    user.type("echo pid $PPID.\r")
    sshd = user.expect(r"\npid (\d+)\.")[1]
    assert cluster4.host(2, ["kill", "-9", sshd]).code == 0
    assert user.end() == 255
    assert "ec2mpi: node2: connection" in user.all


def test_refused_connection_leaves_the_terminal_alone(cluster4, person):
    cluster4.fault("refuse", 2)
    user = person("login", 2)
    assert user.end() == 255
    assert re.search("ec2mpi: node2: connection refused by .* port 22", user.all)


def test_waiting_for_a_silent_node_is_shown_and_can_be_interrupted(cluster4, person):
    cluster4.fault("freeze", 2)
    user = person("login", 2, kind="xterm")
    user.expect("node2: waiting for the banner")
    user.type("\x03")
    assert user.end() == 130


def test_cut_link_can_be_left(cluster4, person):
    user = at_prompt(person)
    cluster4.fault("cut", 2)
    user.type("ls\rls\r~.")
    assert user.end() == 255


def test_node_that_takes_nothing_can_be_left_behind_much_input(cluster4, person):
    user = at_prompt(person)
    cluster4.fault("freeze", 2)
    user.type(("x" * 79 + "\r") * 60_000 + "~.")
    assert user.end() == 255


# --- commands and pipes

def test_command_at_a_terminal_gets_one_too(cluster4, person):
    user = person("login", 2, "--", "tty; exit 4")
    user.expect("/dev/pts/")
    assert user.end() == 4


def test_no_tty_means_none(cluster4, person):
    user = person("login", 2, "-T", "--", "tty")
    user.expect("not a tty\r\n")
    assert user.end() == 1


def test_command_whose_output_is_piped_gets_no_terminal(cluster4, person):
    user = person("login", 2, "--", "tty", stdout=subprocess.PIPE)
    out, _ = user.process.communicate(timeout=PATIENCE)
    assert (out, user.end()) == (b"not a tty\n", 1)


def test_tty_gives_one_to_a_pipe(cluster4, ec2mpi):
    done = ec2mpi("login", 2, "--tty", "--", "tty; stty size")
    assert re.fullmatch("/dev/pts/\\d+\r\n24 80\r\n", done.out)
    assert (done.err, done.code) == ("", 0)


def test_output_and_error_stay_apart_and_words_are_joined(cluster4, ec2mpi):
    done = ec2mpi("login", 3, "--", "echo", "out;", "echo err >&2;", "exit 7")
    assert (done.out, done.err, done.code) == ("out\n", "err\n", 7)


def test_command_without_a_node_is_for_the_master(cluster4, ec2mpi):
    done = ec2mpi("login", "--", "uname", "-n")
    assert (done.out, done.err, done.code) == ("ip-10-0-0-11\n", "", 0)


def test_nodes_can_be_named_in_other_ways(cluster4, ec2mpi):
    done = ec2mpi("login", "-1", "--", "uname -n")
    assert (done.out, done.err, done.code) == ("ip-10-0-0-14\n", "", 0)


def test_input_goes_through_pipes_unchanged_and_its_end_arrives(cluster4, ec2mpi):
    data = random_bytes(5_000_000)
    for _ in range(5):  # the last block once stayed in libssh's buffer, every third time
        done = ec2mpi("login", 2, "--", "cat", input=data)
        assert (done.err, done.code) == ("", 0)
        assert hashlib.sha256(done.out.encode("utf-8", "surrogateescape")).digest() == hashlib.sha256(data).digest()


def test_input_goes_through_a_file_unchanged(cluster4, ec2mpi, tmp_path):
    data = random_bytes(5_000_000)
    (tmp_path / "data").write_bytes(data)
    with open(tmp_path / "data", "rb") as file:
        done = ec2mpi("login", 2, "--", "sha256sum", stdin=file)
    assert (done.out, done.err, done.code) == (hashlib.sha256(data).hexdigest() + "  -\n", "", 0)


def test_shell_reads_piped_input(cluster4, ec2mpi):
    done = ec2mpi("login", 2, input="uname -n\ntty\nexit 3\n")
    assert (done.out, done.err, done.code) == ("ip-10-0-0-12\nnot a tty\n", "", 3)


def test_program_may_go_on_after_the_end_of_its_input(cluster4, ec2mpi):
    done = ec2mpi("login", 2, "--", "cat; sleep 0.3; echo end", input="begin\n")
    assert (done.out, done.err, done.code) == ("begin\nend\n", "", 0)


def test_program_may_end_before_its_input_does(cluster4, ec2mpi):
    with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as endless:
        done = ec2mpi("login", 2, "--", "head -n 2; exit 3", stdin=endless.stdout)
        endless.kill()
    assert (done.out, done.err, done.code) == ("y\ny\n", "", 3)


def test_escapes_mean_nothing_in_a_pipe(cluster4, ec2mpi):
    done = ec2mpi("login", 2, "--", "cat", input="~.\n~?\n~~\n")
    assert (done.out, done.err, done.code) == ("~.\n~?\n~~\n", "", 0)


def test_signal_that_killed_the_program_shows_in_the_status(cluster4, ec2mpi):
    done = ec2mpi("login", 2, "--", "kill -9 $$")
    assert (done.out, done.err, done.code) == ("", "ec2mpi: node2: killed by signal KILL\n", 137)


def test_interrupt_ends_the_remote_program(cluster4, ec2mpi):
    process = ec2mpi.start("login", 2, "--", "echo begun; exec sleep 98765")
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    end = time.monotonic() + PATIENCE
    while cluster4.host(2, ["pgrep", "-f", "sleep 98765"]).code == 0:
        assert time.monotonic() < end, "it goes on without us"
        time.sleep(0.1)


# --- refusals

@pytest.mark.parametrize("args, message", [
    (["9"], "ec2mpi: there is no node 9: the list has 4 nodes\n"),
    (["1-3"], "ec2mpi: login goes to one node, and 1-3 means 3; name one, as in: ec2mpi login 2\n"),
    (["2", "uptime"], "ec2mpi: a command stands behind --: ec2mpi login NODE -- uptime\n"),
    (["-w", "2"], "ec2mpi: login goes to one node, which needs no -w: ec2mpi login 2\n"),
])
def test_wrong_command_line_starts_nothing(cluster4, ec2mpi, args, message):
    done = ec2mpi("login", *args)
    assert (done.out, done.err, done.code) == ("", message, 2)
