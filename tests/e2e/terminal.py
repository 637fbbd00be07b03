"""A terminal for the program under test, for tests that read its screen, or type."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

BOUND = 240  # seconds; a guard against hangs


class Terminal:
    """The program with its output on a terminal, and all that has been seen there. Leaving it as a context kills it.

    `somebody`: sits there and can type: it is the program's input too, and its controlling terminal.
    """

    def __init__(self, program, *arguments, columns=200, env=None, somebody=False, **streams):
        self._near, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        streams = {"stdout": far, "stderr": far} | streams
        if somebody:
            streams |= {"stdin": far, "start_new_session": True, "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)}
        kind = {"TERM": "xterm", "NO_COLOR": "1"}
        self.process = program.start(*arguments, env=kind | (env or {}), **streams)
        os.close(far)
        self.seen = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        os.close(self._near)

    def type(self, text):
        os.write(self._near, text.encode())

    def type_hidden(self, text):
        """Types it once the terminal no longer shows what is typed: a question stands there a moment before that."""
        self.wait_until_hidden()
        self.type(text)

    def wait_until_hidden(self):
        end = time.monotonic() + BOUND
        while self.echoes():
            assert time.monotonic() < end and self._read(0.02), f"it would be shown: {self.seen!r}"

    def echoes(self):
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self._near)[3] & termios.ECHO)

    def wait_for(self, pattern):
        """Reads until the regular expression is found."""
        end = time.monotonic() + BOUND
        while not (found := re.search(pattern, self.seen)):
            assert time.monotonic() < end and self._read(0.2), f"no {pattern!r} in: {self.seen!r}"
        return found

    def to_end(self):
        """Reads until nobody has the terminal open any more; the exit status."""
        end = time.monotonic() + BOUND
        while self._read(0.2):
            assert time.monotonic() < end, f"still running; seen: {self.seen!r}"
        return self.process.wait(BOUND)

    def _read(self, seconds):
        """False once nobody has the terminal open any more."""
        if not select.select([self._near], [], [], seconds)[0]:
            return True
        try:
            block = os.read(self._near, 65536)
        except OSError:
            return False
        self.seen += block.decode("utf-8", "replace")
        return bool(block)
