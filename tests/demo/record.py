#!/usr/bin/python3
"""Records a real run of ec2mpi on a local cluster as an animated picture: record.py [FILE], docs/demo.svg if none is named.

It needs root, for the cluster, and the program of the dev build or $EC2MPI_BINARY. It types each command of SCENE into a
terminal and keeps what the program shows there, when it shows it; a command that takes long is shown faster. The picture is SVG without
scripts: each text is visible from one moment to another. Viewers that do not animate show the last screen.
"""

import fcntl
import os
import pathlib
import pty
import re
import select
import struct
import sys
import tempfile
import termios
import time
from xml.sax.saxutils import escape

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
from local_cluster import Cluster, Program  # noqa: E402

PROGRAM = """from mpi4py import MPI
comm = MPI.COMM_WORLD
print(f"rank {comm.rank} of {comm.size} on {MPI.Get_processor_name()}")
"""
SCENE = [  # words, how they are typed
    (["ips"], "ec2mpi ips"),
    (["setup"], "ec2mpi setup"),
    (["exec-all", "-b", "uname -s"], "ec2mpi exec-all -b 'uname -s'"),
    (["push", "hello.py", "."], "ec2mpi push hello.py ."),
    (["run", "-np", "8", "--", "python3", "hello.py"], "ec2mpi run -np 8 -- python3 hello.py"),
    (["top", "--once"], "ec2mpi top --once"),
]
COLUMNS, ROWS = 100, 22
KEY_SECONDS, READING_SECONDS, LONGEST_RUN, LAST_SECONDS = 0.035, 1.8, 2, 4
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "35": "#d2a8ff", "36": "#76e3ea", "2": "#8b949e"}
PLAIN, BACK, FONT = "#e6edf3", "#0d1117", "ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"
WIDTH, HEIGHT, LEFT, TOP = 8.2, 19, 16, 30
SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b.")


class Screen:
    """The part of a terminal that the program uses: text, colours, carriage return, moving up, erasing."""

    def __init__(self):
        self.clear()

    def clear(self):
        self.lines, self.row, self.column, self.colour = [{} for _ in range(ROWS)], 0, 0, PLAIN

    def feed(self, text):
        while text:
            if sequence := SEQUENCE.match(text):
                self._control(sequence)
                text = text[sequence.end():]
            else:
                self._put(text[0])
                text = text[1:]

    def _put(self, character):
        if character == "\n":
            self._go_down()
        elif character == "\r":
            self.column = 0
        elif character >= " ":
            if self.column == COLUMNS:
                self.column = 0
                self._go_down()
            self.lines[self.row][self.column] = (character, self.colour)
            self.column += 1

    def _go_down(self):
        self.row += 1
        if self.row == ROWS:
            self.lines, self.row = [*self.lines[1:], {}], ROWS - 1

    def _control(self, sequence):
        numbers, letter = sequence.groups()
        if letter == "m":
            for number in (numbers or "0").split(";"):
                self.colour = COLOURS.get(number, PLAIN)
        elif letter == "A":
            self.row = max(0, self.row - int(numbers or 1))
        elif letter in ("K", "J"):
            self.lines[self.row] = {at: cell for at, cell in self.lines[self.row].items() if at < self.column}
            for below in range(self.row + 1, ROWS if letter == "J" else 0):
                self.lines[below] = {}

    def runs(self):
        """(row, column, text, colour) of each piece in one colour."""
        found = []
        for row, cells in enumerate(self.lines):
            for column in sorted(cells):
                character, colour = cells[column]
                last = found[-1] if found else None
                if last and last[0] == row and last[3] == colour and last[1] + len(last[2]) == column:
                    found[-1] = (row, last[1], last[2] + character, colour)
                else:
                    found.append((row, column, character, colour))
        return {run for run in found if run[2].strip()}


class Recording:
    """The texts that were visible, each with its first and last moment."""

    def __init__(self):
        self.screen, self.now, self._since, self.texts = Screen(), 0.0, {}, []

    def show(self, seconds):
        """The screen as it is now is visible for so long."""
        runs = self.screen.runs()
        for run in [run for run in self._since if run not in runs]:
            self.texts.append((run, self._since.pop(run), self.now))
        for run in runs:
            self._since.setdefault(run, self.now)
        self.now += seconds

    def type(self, text):
        self.screen.feed("\x1b[32m$\x1b[0m ")
        self.show(READING_SECONDS / 2)
        for character in text:
            self.screen.feed(character)
            self.show(KEY_SECONDS)
        self.screen.feed("\r\n")

    def finish(self):
        self.show(LAST_SECONDS)
        self.texts += [(run, since, None) for run, since in self._since.items()]


def run(program, words):
    """Runs the program on a terminal to its end: (seconds of waiting, bytes that it showed then) of each change."""
    near, far = pty.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = program.start(*words, env={"TERM": "xterm-256color"}, stdin=far, stdout=far, stderr=far)
    os.close(far)
    before, changes = time.monotonic(), []
    while True:
        select.select([near], [], [])
        try:
            block = os.read(near, 65536)
        except OSError:
            break
        now = time.monotonic()
        changes.append((now - before, block))
        before = now
    os.close(near)
    if process.wait(60) != 0:
        sys.exit(f"ec2mpi {' '.join(words)}: exit {process.returncode}")
    return changes


def play(recording, changes):
    faster = max(1, sum(seconds for seconds, _ in changes) / LONGEST_RUN)
    for seconds, block in changes:
        recording.show(seconds / faster)
        recording.screen.feed(block.decode("utf-8", "replace"))
    recording.show(READING_SECONDS)


def picture(recording):
    width, height = 2 * LEFT + WIDTH * COLUMNS, TOP + HEIGHT * ROWS
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" '
             f'font-family="{FONT}" font-size="13.6" fill="{PLAIN}">',
             "<title>ec2mpi: from a list of instances to a running MPI job</title>",
             f'<rect width="100%" height="100%" rx="8" fill="{BACK}">'
             f'<animate id="t" attributeName="x" from="0" to="0" begin="0s;t.end" dur="{recording.now:.2f}s"/></rect>']
    for (row, column, text, colour), since, until in sorted(recording.texts, key=lambda shown: shown[1]):
        fill = "" if colour == PLAIN else f' fill="{colour}"'
        place = f'x="{LEFT + WIDTH * column:.1f}" y="{TOP + HEIGHT * row}" textLength="{WIDTH * len(text):.1f}"{fill}'
        if until is None:  # of the last screen, and hidden before
            life = f'<set attributeName="visibility" to="hidden" begin="t.begin" dur="{since:.2f}s"/>' if since else ""
            lines.append(f'<text xml:space="preserve" {place}>{escape(text)}{life}</text>')
        elif until > since:
            life = f'<set attributeName="visibility" to="visible" begin="t.begin+{since:.2f}s" dur="{until - since:.2f}s"/>'
            lines.append(f'<text xml:space="preserve" visibility="hidden" {place}>{escape(text)}{life}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def main(target):
    hosts = Cluster("demo")
    with tempfile.TemporaryDirectory() as folder:
        try:
            hosts.up(4, "--bare")
            program = Program(pathlib.Path(folder), hosts)
            (program.folder / "hello.py").write_text(PROGRAM)
            recording = Recording()
            for words, typed in SCENE:
                if recording.screen.row > ROWS - 12:
                    recording.screen.clear()
                recording.type(typed)
                play(recording, run(program, words))
            recording.finish()
        finally:
            hosts.down()
    target.write_text(picture(recording))
    print(f"{target}: {recording.now:.0f} s, {target.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/demo.svg")
