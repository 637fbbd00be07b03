"""top, shell and report: the claims that need real hosts. The others are tested in tests/unit/cli/commands."""

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import xml.etree.ElementTree

import pytest

from local_cluster import wait_until
from terminal import Terminal

HTML = "{http://www.w3.org/1999/xhtml}"
DRAWN = {"TERM": "xterm"}


def programs_of_top(cluster, node):
    """The pids of load.sh on a node."""
    return cluster.host(node, "grep -slz 'ec2mpi-loa[d]' /proc/[0-9]*/cmdline | cut -d/ -f3").out.split()


def test_top_names_the_silent_node_and_gives_the_terminal_back(ec2mpi, cluster4):
    with Terminal(ec2mpi, "top", "--interval", "0.5", env=DRAWN, somebody=True) as terminal:
        terminal.wait_for(r"4 nodes · [0-9.]+ of [1-9]\d* cores? busy")
        terminal.wait_for(r"node4 +[▁-█]+ +\d+ %")
        assert not terminal.echoes()
        cluster4.fault("freeze", 3)
        terminal.wait_for(r"node3: no answer for ")
        terminal.type("q")
        assert terminal.to_end() == 0
        assert terminal.seen.rstrip().endswith("\x1b[?25h\x1b[?1049l")
        assert terminal.echoes()
    wait_until(lambda: not programs_of_top(cluster4, 1), "the program of top has ended")


@pytest.mark.parametrize("leave", [lambda terminal: terminal.type("\x03"),
                                   lambda terminal: terminal.process.send_signal(signal.SIGTERM)], ids=["ctrl-c", "term"])
def test_a_signal_leaves_top_and_gives_the_terminal_back(ec2mpi, leave):
    with Terminal(ec2mpi, "top", "-w", "1", env=DRAWN, somebody=True) as terminal:
        terminal.wait_for(r"node1 +[▁-█]+")
        leave(terminal)
        assert terminal.to_end() == 130
        assert terminal.seen.rstrip().endswith("\x1b[?25h\x1b[?1049l")
        assert terminal.echoes()


def test_top_sees_ranks_and_their_job(ec2mpi, cluster4):
    job = ec2mpi("run", "--detach", "-np", "4", "--per-node", "1", "--", "sleep", "600").out.strip()
    try:
        def ranks():
            nodes = json.loads(ec2mpi("top", "--once", "--json").out)["nodes"]
            return [node["ranks"] for node in nodes] == [1, 1, 1, 1] and nodes
        nodes = wait_until(ranks, "a rank on each node")
        assert all(node["jobs"] == [job] for node in nodes)
        assert all(0 <= node["cpu"] <= 1 and node["memory"] > node["memory_used"] > 0 for node in nodes)
    finally:
        ec2mpi("cancel", job)


def test_a_look_of_top_costs_under_a_hundredth_of_two_seconds(ec2mpi, cluster4):
    """The time of the processor that the program's children have taken, by the kernel's count."""
    with Terminal(ec2mpi, "top", "-w", "1", "--interval", "0.5", env=DRAWN, somebody=True) as terminal:
        terminal.wait_for(r"node1 +[▁-█]{12}")
        ticks = 0
        for pid in programs_of_top(cluster4, 1):
            fields = cluster4.host(1, f"cat /proc/{pid}/stat").out.rpartition(") ")[2].split()
            ticks += sum(int(field) for field in fields[11:15])  # its own and its children's, user and system
        assert 0 < ticks / 12 < 0.01 * 2 * os.sysconf("SC_CLK_TCK"), ticks
        terminal.type("q")
        assert terminal.to_end() == 0


def test_ctrl_c_in_the_shell_ends_the_remote_commands_only(ec2mpi, cluster4):
    with Terminal(ec2mpi, "shell", "-w", "1-3", env=DRAWN, somebody=True) as terminal:
        terminal.wait_for(r"node\[1-3\] \(3\)> ")
        terminal.type("touch /tmp/begun; sleep 4321\r")
        wait_until(lambda: all(cluster4.exists(node, "/tmp/begun") for node in (1, 2, 3)), "the commands have begun")
        terminal.type("\x03")
        terminal.wait_for(r"interrupted; nothing left running")
        terminal.type("echo alive-$((1 + 1))\r")
        terminal.wait_for(r"node\[1-3\] \(3\)\r\n-+\r\nalive-2")
        terminal.type("\x1b[A\x1b[A\x03\x04")  # an earlier line that is not sent
        terminal.to_end()
        assert terminal.echoes()
    for node in (1, 2, 3):
        assert cluster4.host(node, "pgrep -f 'sleep 432[1]'; rm /tmp/begun").out == ""
    history = ec2mpi.folder / ".ec2mpi/shell_history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert history.read_text() == "touch /tmp/begun; sleep 4321\necho alive-$((1 + 1))\n"


def test_leaving_the_shell_at_once_gives_the_terminal_back(ec2mpi, cluster4):
    with Terminal(ec2mpi, "shell", "-w", "2", env=DRAWN, somebody=True) as terminal:
        terminal.wait_for(r"node2> ")
        terminal.type("touch /tmp/begun; sleep 60\r")
        wait_until(lambda: cluster4.exists(2, "/tmp/begun"), "the command has begun")
        cluster4.fault("freeze", 2)  # so that the look for the command's processes takes long
        wait_until(lambda: terminal.process.poll() is not None or terminal.type("\x03"), "it is left")
        assert terminal.to_end() == 130
        assert "ec2mpi: left at once." in terminal.seen
        assert terminal.echoes()
    cluster4.heal()
    cluster4.host(2, "rm /tmp/begun; pkill sleep")


def test_the_shell_continues_without_a_node_that_is_gone(ec2mpi, cluster4):
    with Terminal(ec2mpi, "shell", "-w", "1-2", env=DRAWN, somebody=True) as terminal:
        terminal.wait_for(r"node\[1-2\] \(2\)> ")
        cluster4.fault("refuse", 2)
        cluster4.host(2, "pkill -KILL -u ubuntu -x 'sshd|sshd-session'")
        terminal.type("uname -n\r")
        terminal.wait_for(r"ip-10-0-0-11")
        terminal.type("uname -s\r")
        terminal.wait_for(r"node2 is left out from now on; :all tries again")
        terminal.wait_for(r"node1> ")
        cluster4.heal()
        terminal.type(":all\r")
        terminal.wait_for(r"(?s)node1> .*node\[1-2\] \(2\)> ")
        terminal.type("exit\r")
        assert terminal.to_end() == 1


def page_of(ec2mpi):
    """report.html as XML; its policy must name its own style and script."""
    text = (ec2mpi.folder / "report.html").read_text()
    assert len(text) < 1_000_000
    for tag in ("style", "script"):
        inside = re.search(f"<{tag}>(.*?)</{tag}>", text, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in text
    return xml.etree.ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>"))


SETTINGS = """[jobs.work]
command = "sh work.sh {np}"
np = "{np}"
"""
WORK = """[ "$OMPI_COMM_WORLD_RANK" = 0 ] || exit 0
[ "$1" != 4 ] || { echo '</pre><script>alert(1)</script>' >&2; exit 7; }
echo "speed=<b>$1</b>"
"""


@pytest.fixture
def series(ec2mpi):
    (ec2mpi.folder / "ec2mpi.toml").write_text(SETTINGS)
    (ec2mpi.folder / "work.sh").write_text(WORK)
    assert ec2mpi("push", "work.sh", ".").code == 0
    ec2mpi("run", "work", "--set", "np=1,2,4", timeout=120)
    return ec2mpi("report", "work")


def test_a_report_of_a_series_has_its_results_plot_and_failures(ec2mpi, series):
    assert (series.code, series.out) == (0, ""), series
    assert series.err == "ec2mpi: the report is in report.html\n"
    page = page_of(ec2mpi)
    results = [[cell.text for cell in row] for row in page.find(f".//{HTML}table[@class='sortable']/{HTML}tbody")]
    assert [(row[1], row[2], row[-1]) for row in results] == [
        ("1", "done", "<b>1</b>"), ("2", "done", "<b>2</b>"), ("4", "done", None)]
    assert len(page.findall(".//{http://www.w3.org/2000/svg}circle")) == 2
    assert "<script>alert(1)</script>" in page.find(f".//{HTML}pre").text
    assert len(page.findall(f".//{HTML}script")) == 1
    browse(ec2mpi)


def test_logs_json_of_a_series_has_the_results_and_output_of_its_jobs(ec2mpi):
    (ec2mpi.folder / "ec2mpi.toml").write_text('[jobs.tell]\ncommand = "echo value={n}"\nnp = 1\n')
    assert ec2mpi("run", "tell", "--set", "n=5,6", timeout=120).code == 0
    variants = json.loads(ec2mpi("logs", "--json", "tell").out)["variants"]
    assert [variant["results"] for variant in variants] == [{"value": "5"}, {"value": "6"}]
    assert [(variant["stdout"], variant["stderr"]) for variant in variants] == [("value=5\n", ""), ("value=6\n", "")]


def browse(ec2mpi):
    """The page in a browser: it sorts when a title is pressed, and nothing violates its policy."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no Chromium here; the page was tested as XML only")
    page = ec2mpi.folder / "report.html"
    press = "document.querySelectorAll('th button')[1].click();document.querySelectorAll('th button')[1].click();"
    text = page.read_text()
    script = re.search("<script>(.*?)</script>", text, re.S)[1]
    pressed = script + press
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in (script, pressed)]
    (ec2mpi.folder / "pressed.html").write_text(text.replace(script, pressed).replace(*digests))
    for name, first in (("report.html", "1"), ("pressed.html", "4")):
        done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
                               ec2mpi.folder / name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=240,
                              check=True, env={"HOME": str(ec2mpi.home), "PATH": os.environ["PATH"]})
        assert "Content Security Policy" not in done.stderr, done.stderr
        body = re.search('class="sortable".*?<tbody>(.*?)</tbody>', done.stdout, re.S)[1]
        assert re.findall("<td>(.*?)</td>", body)[1] == first


def test_a_report_of_a_job_has_its_end_and_the_map_of_the_network(ec2mpi):
    assert ec2mpi("net", "-w", "1-2", timeout=120).code == 0
    job = ec2mpi("run", "--detach", "-np", "2", "--", "sh", "-c", "echo out; echo err >&2; exit 3").out.strip()
    ec2mpi("wait", job)
    done = ec2mpi("report", job, "--json")
    assert done.code == 0 and json.loads(done.out)["file"] == "report.html" and json.loads(done.out)["jobs"] == [job], done
    page = page_of(ec2mpi)
    text = " ".join(page.itertext())
    for words in (job, "exit 3", "Open MPI", "out", "measured by net-", "node1 and node2:"):
        assert words in text, words


def test_a_report_of_no_job_is_none(ec2mpi):
    done = ec2mpi("report", "nothing-like-this")
    assert (done.code, done.out) == (2, "")
    assert "there is no job nothing-like-this" in done.err
    assert not (ec2mpi.folder / "report.html").exists()
    assert ec2mpi("report", "-o", "nowhere/r.html").err == "ec2mpi: -o: there is no folder nowhere\n"
