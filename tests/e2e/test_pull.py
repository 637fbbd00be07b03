"""pull against real hosts: files that are here are not sent again, no file is ever half, and no node writes outside of the target."""

import hashlib
import json
import os
import re
import signal
import time

import pytest

from local_cluster import wait_until

TEMPORARIES = ".ec2mpi-pull.*"


@pytest.fixture(autouse=True)
def clean_homes(cluster4):
    yield
    for index in (1, 2, 3, 4):
        cluster4.host(index, "pkill -u ubuntu -f [l]ogger.sh; cd /home/ubuntu; chmod -R u+w .; rm -rf -- * .ec2mpi* /srv/*;"
                             "rm -f /usr/local/bin/tar /usr/local/bin/find /usr/local/bin/tail")


def user(hosts, index, command):
    done = hosts.host(index, f"cd /home/ubuntu; {command}", user="ubuntu")
    assert done.code == 0, done
    return done.out


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def temporaries(folder):
    return list(folder.rglob(TEMPORARIES))


def arrived(folder):
    """Sizes of the unfinished files here; a file may get its name while we look."""
    sizes = []
    for path in temporaries(folder):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            pass
    return sizes


def state(folder):
    """Names, inodes, times: a file that was written anew shows."""
    return {str(p.relative_to(folder)): (p.lstat().st_ino, p.lstat().st_mtime_ns, p.lstat().st_mode) for p in folder.rglob("*")}


# --- only what changed -------------------------------------------------------------------------------------------

def test_a_file_that_is_here_is_not_sent_again(ec2mpi, cluster4):
    out = ec2mpi.folder / "out"
    for index in (1, 2):
        user(cluster4, index, f"mkdir -p d/sub d/empty; echo {index} > d/a; echo b > d/sub/b; ln -s a d/link; head -c 9000000 /dev/urandom > d/big;"
                              "chmod 555 d/sub")
    assert ec2mpi("pull", "-w", "1-2", "d", "out").code == 0
    before = state(out)
    # No tar and no tail: if any content were asked for, it would fail.
    cluster4.host(1, "printf '#!/bin/sh\\ncat >&2; exit 3' > /usr/local/bin/tail; chmod 755 /usr/local/bin/tail")
    done = ec2mpi("pull", "-w", "1-2", "d", "out")
    assert done.code == 0, done.err
    assert state(out) == before

    user(cluster4, 1, "echo 3 > d/a; chmod 700 d/sub; echo new > d/sub/new; chmod 600 d/sub/b")
    done = ec2mpi("pull", "-w", "1-2", "d", "out")
    assert done.code == 0, done.err
    after = state(out)
    assert (out / "node1/d/a").read_text() == "3\n" and (out / "node1/d/sub/new").read_text() == "new\n"
    assert (out / "node1/d/sub/b").stat().st_mode & 0o777 == 0o600
    assert {name for name in after if after[name][0] != before.get(name, (0,))[0]} == {"node1/d/a", "node1/d/sub/new"}


def test_times_are_kept_to_the_nanosecond(ec2mpi, cluster4):
    user(cluster4, 1, "echo x > f; touch -d '2001-02-03 04:05:06.123456789 UTC' f; mkdir d; touch -d '2001-02-03 04:05:06.5 UTC' d")
    assert ec2mpi("pull", "-w", "1", "f", "d", "out").code == 0
    assert (ec2mpi.folder / "out/f").stat().st_mtime_ns == 981173106_123456789
    assert (ec2mpi.folder / "out/d").stat().st_mtime_ns == 981173106_500000000


def test_the_same_size_at_another_time_comes_again(ec2mpi, cluster4):
    user(cluster4, 1, "echo one > f; touch -d '2001-02-03 04:05:06.1 UTC' f")
    assert ec2mpi("pull", "-w", "1", "f", "f").code == 0
    user(cluster4, 1, "echo two > f; touch -d '2001-02-03 04:05:06.2 UTC' f")
    assert ec2mpi("pull", "-w", "1", "f", "f").code == 0
    assert (ec2mpi.folder / "f").read_text() == "two\n"


def test_contents_are_compared(ec2mpi, cluster4):
    user(cluster4, 1, "mkdir d; echo one > d/a; echo one > d/b; printf 'x\\n' > 'd/new\nline'; echo x > 'd/back\\slash'; touch -d @1600000000 d/*")
    assert ec2mpi("pull", "-w", "1", "d", "out").code == 0
    user(cluster4, 1, "echo two > d/a; touch -d @1600000000 d/a; touch -d @1700000000 d/b 'd/new\nline'")
    assert "2 files to copy, 2 unchanged" in ec2mpi("pull", "-n", "-w", "1", "d/.", "out").err, "a is not noticed"
    before = state(ec2mpi.folder / "out")
    done = ec2mpi("pull", "--checksum", "-w", "1", "d/.", "out")
    assert done.code == 0 and "1 file copied, 3 unchanged · 4 B" in done.err, done.err
    after = state(ec2mpi.folder / "out")
    assert (ec2mpi.folder / "out/a").read_text() == "two\n"
    assert (ec2mpi.folder / "out/b").stat().st_mtime == 1700000000
    assert {name for name in after if after[name][0] != before[name][0]} == {"a"}


def test_holes_stay_holes(ec2mpi, cluster4):
    user(cluster4, 1, "truncate -s 4000000 f; printf end >> f")
    assert ec2mpi("pull", "-w", "1", "f", "f").code == 0
    info = (ec2mpi.folder / "f").stat()
    assert info.st_size == 4000003 and info.st_blocks * 512 < 1_000_000
    assert md5(ec2mpi.folder / "f") == user(cluster4, 1, "md5sum < f").split()[0]


def test_a_find_without_printf(ec2mpi, cluster4):
    """busybox has none."""
    user(cluster4, 1, "mkdir -p 'd/s p'; echo x > 'd/s p/new\nline'; ln -s 's p' d/link; chmod 640 d/s*/*; ln -s d e; ln -s d/s*/* g")
    cluster4.host(1, "cat > /usr/local/bin/find; chmod 755 /usr/local/bin/find",
                  input='#!/bin/sh\nfor w; do [ "$w" != -printf ] || exit 1; done\nexec /usr/bin/find "$@"\n')
    assert ec2mpi("pull", "-w", "1", "d", "out").code == 0
    for _ in range(2):
        done = ec2mpi("pull", "-w", "1", "e", "g", "out2")
        assert done.code == 0, done.err
    for file in (ec2mpi.folder / "out/s p/new\nline", ec2mpi.folder / "out2/e/s p/new\nline"):
        assert file.read_text() == "x\n" and file.stat().st_mode & 0o777 == 0o640
    assert (ec2mpi.folder / "out2/g").read_text() == "x\n"
    assert os.readlink(ec2mpi.folder / "out/link") == "s p"


# --- wildcards and places ----------------------------------------------------------------------------------------

def test_wildcards_are_expanded_on_the_node(ec2mpi, cluster4):
    for index in (1, 2):
        user(cluster4, index, f"mkdir -p results run1 run2; for f in a b 'c d' '$(touch evil)' \"it's\" -rf; do echo {index} > \"results/$f.csv\"; done;"
                              "echo no > results/x.txt; echo h > results/.hidden.csv; echo 1 > run1/log; echo 2 > run2/log")
    done = ec2mpi("pull", "-w", "1-2", "results/*.csv", "run[0-9]/log", "out")
    assert done.code == 0, done.err
    for index in (1, 2):
        found = sorted(str(p.relative_to(ec2mpi.folder / f"out/node{index}")) for p in (ec2mpi.folder / f"out/node{index}").rglob("*") if p.is_file())
        assert found == sorted(["a.csv", "b.csv", "c d.csv", "$(touch evil).csv", "it's.csv", "-rf.csv", "run1/log", "run2/log"])
        assert (ec2mpi.folder / f"out/node{index}/c d.csv").read_text() == f"{index}\n"


@pytest.mark.parametrize("pattern", ["*;touch evil", "$(touch evil)*", "`touch evil`*", "*'; touch evil; '", "*\ntouch evil\n", "*\" & touch evil #", "[$(touch evil)]*",
                                     "[!;touch evil]*/x", "*|touch evil", "./~*", "*${HOME}", "\\*"])
def test_a_pattern_is_data(ec2mpi, cluster4, pattern):
    done = ec2mpi("pull", "-w", "1", "--", pattern, "out/")
    assert done.code == 1, done
    assert "No such file or directory" in done.err and done.err.count("\n") == 2
    assert user(cluster4, 1, "ls") == ""


def test_a_name_with_brackets_is_found_as_it_stands(ec2mpi, cluster4):
    user(cluster4, 1, "echo whole > 'a[1].txt'; echo glob > a1.txt")
    assert ec2mpi("pull", "-w", "1", "a[1].txt", "out/").code == 0
    assert [p.name for p in (ec2mpi.folder / "out").iterdir()] == ["a[1].txt"]
    assert ec2mpi("pull", "-w", "1", "a?1].txt", "a[1-3].txt", "out2/").code == 0
    assert sorted(p.name for p in (ec2mpi.folder / "out2").iterdir()) == ["a1.txt", "a[1].txt"]


def test_no_match_is_that_nodes_error(ec2mpi, cluster4):
    user(cluster4, 2, "echo x > a.csv")
    done = ec2mpi("pull", "-w", "1-2", "*.csv", "out")
    assert done.code == 1
    assert "node1: *.csv: No such file or directory\n" in done.err
    assert (ec2mpi.folder / "out/node2/a.csv").read_text() == "x\n"


def test_what_the_login_may_not_read_is_a_matter_of_permission(ec2mpi, cluster4):
    cluster4.host(1, "mkdir -m 700 /srv/locked; head -c 9000000 /dev/zero > /srv/locked/big; echo x > /srv/locked/small;"
                     "install -m 600 /srv/locked/big /srv/locked/small /srv")
    for path in ("/srv/locked/big", "/srv/locked/*", "/srv/big", "/srv/small"):
        done = ec2mpi("pull", "-w", "1", path, "out/")
        assert done.code == 1 and "No such file" not in done.err and done.err.count("\n") == 2, done.err
        assert f"node1: {path}: " in done.err and "Permission denied; ec2mpi pull --sudo reads as root\n" in done.err, done.err
        assert ec2mpi("pull", "-w", "1", "--sudo", path, "out/").code == 0
    done = ec2mpi("pull", "-w", "1", "/srv/none", "out/")
    assert "node1: /srv/none: No such file or directory\n" in done.err, done.err


def test_a_file_that_is_removed_meanwhile_is_named_as_its_user_knows_it(ec2mpi, cluster4):
    user(cluster4, 1, "mkdir d; head -c 9000000 /dev/zero > d/a; head -c 9000000 /dev/zero > d/b")
    cluster4.host(1, "cat > /usr/local/bin/tail; chmod 755 /usr/local/bin/tail",
                  input='#!/bin/sh\n/usr/bin/tail "$@"\ncase $3 in */a) rm -f d/b ;; *) rm -f d/a ;; esac\n')
    done = ec2mpi("pull", "-w", "1", "d", "out/")
    assert done.code == 1
    assert re.search("node1: /home/ubuntu/d/[ab]: No such file or directory\n", done.err), done.err


def test_names_that_would_write_over_a_line_are_shown_harmless(ec2mpi):
    done = ec2mpi("pull", "-w", "2", "no\u009bsuch\u202eelif", "back/")
    assert done.code == 1 and "no\\xc2\\x9bsuch\\u{202e}elif" in done.err, done.err
    assert "\u009b" not in done.err and "\u202e" not in done.err


def test_the_nodes_name_in_the_paths(ec2mpi, cluster4):
    for index in (1, 2):
        user(cluster4, index, f"mkdir -p out; echo {index} > out/node{index}.log")
    done = ec2mpi("pull", "-w", "1-2", "out/{node}.log", "logs/{index}.txt")
    assert done.code == 0, done.err
    assert {p.name: p.read_text() for p in (ec2mpi.folder / "logs").iterdir()} == {"1.txt": "1\n", "2.txt": "2\n"}


def test_flat(ec2mpi, cluster4):
    for index in (1, 2):
        user(cluster4, index, f"mkdir -p d/sub; echo {index} > d/sub/f; echo {index} > a.csv; echo {index} > b.csv")
    for _ in range(2):
        done = ec2mpi("pull", "--flat", "-w", "1-2", "*.csv", "d", "out")
        assert done.code == 0, done.err
    assert "0 files copied, 6 unchanged" in done.err
    out = ec2mpi.folder / "out"
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()) == sorted(
        f"{name}.node{index}{rest}" for index in (1, 2) for name, rest in (("a.csv", ""), ("b.csv", ""), ("d", "/sub/f")))
    assert (out / "d.node2/sub/f").read_text() == "2\n"


def test_excluded_paths_are_left_out(ec2mpi, cluster4):
    user(cluster4, 1, "mkdir -p d/cache d/sub; touch d/a d/b.o d/sub/c.o d/sub/keep.o d/cache/x")
    done = ec2mpi("pull", "-w", "1", "--exclude", "*.o", "--exclude", "!keep.o", "--exclude", "cache/", "d", "out")
    assert done.code == 0, done.err
    assert sorted(str(p.relative_to(ec2mpi.folder / "out")) for p in (ec2mpi.folder / "out").rglob("*")) == ["a", "sub", "sub/keep.o"]
    assert ec2mpi("pull", "-w", "1", "--exclude", "*.o", "d/[ab]*", "d/sub/c.o", "out2").code == 0
    assert sorted(p.name for p in (ec2mpi.folder / "out2").iterdir()) == ["a", "c.o"], "what is named is meant"


def test_a_dry_run_changes_nothing(ec2mpi, cluster4):
    user(cluster4, 1, "mkdir d; head -c 1000 /dev/urandom > d/a; touch d/b")
    done = ec2mpi("pull", "-n", "-w", "1", "d", "out")
    assert done.code == 0, done.err
    assert sorted(done.out.splitlines()) == ["node1\t0 B  out/b", "node1\t1.0 kB  out/a"]
    assert "2 files to copy, 0 unchanged" in done.err and not (ec2mpi.folder / "out").exists()
    assert ec2mpi("pull", "-w", "1", "d", "out").code == 0
    done = ec2mpi("pull", "-n", "-w", "1", "d/.", "out")
    assert (done.code, done.out) == (0, ""), done


def test_json(ec2mpi, cluster4):
    user(cluster4, 1, "mkdir d; head -c 1000 /dev/urandom > d/a")
    done = ec2mpi("pull", "--json", "-w", "1-2", "d", "out")
    told = json.loads(done.out)
    assert done.code == told["exit_code"] == 1
    one, two = told["nodes"]
    assert (one["files_copied"], one["files_unchanged"], one["bytes"], one["outcome"]) == (1, 0, 1000, "exit")
    assert two["error"] == {"kind": "remote_io", "message": "d: No such file or directory"}


def test_max_size(ec2mpi, cluster4):
    user(cluster4, 1, "head -c 3000000 /dev/urandom > f")
    user(cluster4, 2, "truncate -s 5T f")
    user(cluster4, 3, "head -c 3000000 /dev/urandom > f")
    done = ec2mpi("pull", "--max-size", "4M", "-w", "1-2", "f", "out")
    assert done.code == 1
    assert "node2: it has 5.5 TB to copy, more than --max-size 4.0 MB leaves; nothing was copied from it\n" in done.err
    assert md5(ec2mpi.folder / "out/node1/f") == user(cluster4, 1, "md5sum < f").split()[0]
    assert not (ec2mpi.folder / "out/node2").exists()
    done = ec2mpi("pull", "--max-size", "4M", "-w", "1,3", "f", "out2")
    assert done.code == 1 and done.err.count("more than --max-size") == 1, "it is for all nodes together"
    assert "nothing was copied" not in ec2mpi("pull", "--max-size", "4M", "-w", "1,3", "f", "out").err, "what is here already does not count"


# --- follow ------------------------------------------------------------------------------------------------------

LOGGER = """#!/bin/sh
i=0
while :; do i=$((i + 1)); echo "line $i of $1" >> "$1"; sleep 0.1; done
"""


def text(path):
    return path.read_text() if path.exists() else ""


def grows(path, beyond=0):
    return wait_until(lambda: len(text(path).splitlines()) > beyond and len(text(path).splitlines()), f"{path.name} to grow", 60)


def is_a_log(path, name):
    lines = path.read_text().splitlines()
    return lines == [f"line {i + 1} of {name}" for i in range(len(lines))]


def follow(ec2mpi, *args):
    return ec2mpi.start("pull", "--follow", *args)


def end(process):
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    return err


def start_logger(hosts, index, name):
    hosts.host(index, "cat > /home/ubuntu/logger.sh; chmod 755 /home/ubuntu/logger.sh", input=LOGGER)
    user(hosts, index, f"setsid ./logger.sh {name} >/dev/null 2>&1 &")


def test_follow_brings_appended_lines_and_new_files(ec2mpi, cluster4):
    for index in (1, 2):
        start_logger(cluster4, index, "a.log")
    user(cluster4, 2, "head -c 3000000 /dev/zero | tr '\\0' x > big.log")
    process = follow(ec2mpi, "-w", "1-2", "*.log", "out")
    logs = [ec2mpi.folder / f"out/node{i}/a.log" for i in (1, 2)]
    for log in logs:
        grows(log, grows(log))
    inode = logs[0].stat().st_ino
    user(cluster4, 1, "echo new > b.log; mkdir sub")
    wait_until(lambda: text(ec2mpi.folder / "out/node1/b.log") == "new\n", "the new file", 60)
    user(cluster4, 1, "printf more >> b.log")
    wait_until(lambda: text(ec2mpi.folder / "out/node1/b.log") == "new\nmore", "its second line", 60)
    assert logs[0].stat().st_ino == inode, "it was appended to"
    err = end(process)
    assert "2/2 nodes ok · interrupted" in err.splitlines()[-1], err
    assert all(is_a_log(log, "a.log") for log in logs)
    assert temporaries(ec2mpi.folder) == []
    brought = re.search(r" · ([0-9.]+) MB", err.splitlines()[-1])
    assert brought and float(brought[1]) < 4, "the big one came once"


def test_follow_waits_and_sees_files_shortened_and_replaced(ec2mpi, cluster4):
    process = follow(ec2mpi, "-w", "1", "log", "dir/new", "out")
    log = ec2mpi.folder / "out/log"
    wait_until(lambda: (ec2mpi.folder / "out").exists(), "the first look", 60)
    for write, expected in (("echo one > log", "one\n"), ("echo two >> log", "one\ntwo\n"), (": > log", ""), ("echo 3 >> log", "3\n"),
                            ("mv log log.1; echo 'another one, longer' > log", "another one, longer\n"), ("echo x >> log", "another one, longer\nx\n")):
        user(cluster4, 1, write)
        wait_until(lambda: log.exists() and log.read_text() == expected, write, 60)
    user(cluster4, 1, "mkdir dir; echo x > dir/new")
    wait_until(lambda: text(ec2mpi.folder / "out/new") == "x\n", "a file in a new folder", 60)
    end(process)
    wait_until(lambda: user(cluster4, 1, "pgrep -u ubuntu -f [e]c2mpi-pull || true") == "", "nothing goes on there", 60)


def test_follow_continues_after_the_connection_was_lost(ec2mpi, cluster4):
    start_logger(cluster4, 1, "a.log")
    process = follow(ec2mpi, "-w", "1-2", "a.log", "out")
    user(cluster4, 2, "echo calm > a.log")
    log = ec2mpi.folder / "out/node1/a.log"
    seen = grows(log)
    inode = log.stat().st_ino
    cluster4.host(1, "pkill -u ubuntu sshd")
    grows(log, grows(log, seen) + 5)
    assert log.stat().st_ino == inode, "it went on where it stopped"
    wait_until(lambda: text(ec2mpi.folder / "out/node2/a.log") == "calm\n", "the other node's", 60)
    err = end(process)
    assert "node1" in err and "connecting again" in err and "connected again" in err
    assert is_a_log(log, "a.log")


def test_follow_connects_again_when_a_write_finds_the_connection_lost(ec2mpi, cluster4):
    """The begin of the program that watches and the end of the connection have both arrived when ec2mpi looks."""
    user(cluster4, 1, "echo calm > a.log")
    cluster4.uplink("--rtt", "1000")
    process = follow(ec2mpi, "-w", "1", "a.log", ".")
    log = ec2mpi.folder / "a.log"
    wait_until(log.exists, "the file", 60)  # by then nothing of an earlier test runs
    wait_until(lambda: "cksum" in cluster4.host(1, "pgrep -a -u ubuntu sh; true").out, "the program that watches", 60)
    process.send_signal(signal.SIGSTOP)  # its words are on their way
    cluster4.host(1, "pkill -u ubuntu sshd")
    time.sleep(2)
    process.send_signal(signal.SIGCONT)
    cluster4.uplink("--rtt", "0")
    user(cluster4, 1, "echo more >> a.log")
    wait_until(lambda: text(log) == "calm\nmore\n", "the second line", 60)
    assert "connected again" in end(process)


# --- big files: by parts -----------------------------------------------------------------------------------------

def big_file_halfway(ec2mpi, cluster4, *options):
    """A slow pull of a big file over an old one, in the middle."""
    user(cluster4, 1, "head -c 30000000 /dev/urandom > big")
    cluster4.uplink("--rate", "80mbit")
    out = ec2mpi.folder / "out"
    out.mkdir()
    (out / "big").write_text("old")
    process = ec2mpi.start("pull", "-w", "1", *options, "big", "out")
    wait_until(lambda: any(size > 5_000_000 for size in arrived(out)), "some bytes", 60)
    return out, process


@pytest.mark.parametrize("how, code", [(signal.SIGINT, 130), (signal.SIGKILL, -9), (None, 1)])
def test_a_big_file_continues_where_it_stopped(ec2mpi, cluster4, how, code):
    out, process = big_file_halfway(ec2mpi, cluster4)
    if how is None:
        cluster4.host(1, "pkill -u ubuntu sshd")
    else:
        process.send_signal(how)
    assert process.wait(30) == code
    assert (out / "big").read_text() == "old"
    have = arrived(out)
    assert len(have) == 1 and have[0] > 5_000_000
    (out / ".ec2mpi-pull.0123456789abcdef.7").write_text("left by another one")
    cluster4.uplink("--rate", "none")
    done = ec2mpi("pull", "-w", "1", "big", "out")
    assert done.code == 0, done.err
    assert md5(out / "big") == user(cluster4, 1, "md5sum < big").split()[0]
    assert [p.name for p in out.iterdir()] == ["big"]
    brought = 30_000_000 - have[0]
    assert f" · {brought / 1e6:.1f} MB" in done.err or f" · {brought / 1e6:.0f} MB" in done.err, done.err


@pytest.mark.parametrize("nodes, new", [("1", ["new"]), ("1-2", ["new1", "new2"])])
def test_a_folder_under_a_new_name_continues_under_this_name(ec2mpi, cluster4, nodes, new):
    for index in (1, 2):
        user(cluster4, index, "mkdir -p d/sub; echo a > d/a; head -c 30000000 /dev/urandom > d/sub/big; chmod 750 d")
    cluster4.uplink("--rate", "80mbit")
    command = ["pull", "-w", nodes, "d", "new" if len(new) == 1 else "new{index}"]
    process = ec2mpi.start(*command)
    there = [ec2mpi.folder / name for name in new]
    wait_until(lambda: all(any(size > 2_000_000 for size in arrived(folder)) for folder in there), "some bytes", 60)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    have = sum(sum(arrived(folder)) for folder in there)
    cluster4.uplink("--rate", "none")
    done = ec2mpi(*command)
    assert done.code == 0, done.err
    for index, folder in enumerate(there, 1):
        assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*")) == ["a", "sub", "sub/big"]
        assert md5(folder / "sub/big") == user(cluster4, index, "md5sum < d/sub/big").split()[0]
        assert folder.stat().st_mode & 0o777 == 0o750
    assert temporaries(ec2mpi.folder) == []
    brought = 30_000_000 * len(new) - have
    assert f" · {brought / 1e6:.1f} MB" in done.err or f" · {brought / 1e6:.0f} MB" in done.err, done.err
    done = ec2mpi(*command)
    assert done.code == 0 and (there[0] / "d/a").exists(), "the folder that is complete is a folder like any other"


def test_the_last_byte_of_a_big_file_arrives_whatever_it_is(ec2mpi, cluster4):
    """The marks that end a program's output begin with one of these bytes."""
    for name, last in (("a", "e"), ("b", "\\037"), ("c", "\\n")):
        user(cluster4, 1, f"{{ head -c 9000000 /dev/zero; printf '{last}'; }} > {name}")
    done = ec2mpi("pull", "-w", "1", "a", "b", "c", "out/")
    assert done.code == 0, done.err
    assert [(ec2mpi.folder / "out" / name).read_bytes()[-2:] for name in "abc"] == [b"\0e", b"\0\x1f", b"\0\n"]


def test_a_big_file_that_is_removed_meanwhile_is_reported(ec2mpi, cluster4):
    user(cluster4, 1, "head -c 9000000 /dev/urandom > big; echo small > small")
    cluster4.host(1, "cat > /usr/local/bin/tail; chmod 755 /usr/local/bin/tail",
                  input='#!/bin/sh\n/usr/bin/tail "$@"\n[ "$2" != +8388609 ] || rm -f big\n')
    done = ec2mpi("pull", "-w", "1", "big", "small", "out/")
    assert done.code == 1
    assert "big was removed while it was copied, so it was not put in place" in done.err, done.err
    assert [path.name for path in (ec2mpi.folder / "out").iterdir()] == ["small"]


def test_all_big_files_that_are_removed_meanwhile_are_named(ec2mpi, cluster4):
    user(cluster4, 1, "for f in big1 big2 big3; do head -c 9000000 /dev/urandom > $f; done")
    cluster4.host(1, "cat > /usr/local/bin/tail; chmod 755 /usr/local/bin/tail",
                  input='#!/bin/sh\n/usr/bin/tail "$@"\n[ "$2" = +8388609 ] || exit 0\n'
                        'for f in big1 big2 big3; do [ ! -e $f ] || { rm $f; exit; }; done\n')
    done = ec2mpi("pull", "-w", "1", "big*", "out/")
    assert done.code == 1
    first, _, others = done.err.partition("left out for such a reason too: ")
    assert "big1 was removed" in first and "big2" in others and "big3" in others and "big1" not in others, done.err


def test_another_version_is_not_mixed_with_the_arrived_part_of_the_old_one(ec2mpi, cluster4):
    out, process = big_file_halfway(ec2mpi, cluster4)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    user(cluster4, 1, "head -c 30000000 /dev/urandom > big")
    cluster4.uplink("--rate", "none")
    assert ec2mpi("pull", "-w", "1", "big", "out").code == 0
    assert md5(out / "big") == user(cluster4, 1, "md5sum < big").split()[0]
    assert [p.name for p in out.iterdir()] == ["big"]


def test_a_big_file_that_is_rewritten_meanwhile_is_not_put_in_place(ec2mpi, cluster4):
    out, process = big_file_halfway(ec2mpi, cluster4)
    user(cluster4, 1, "head -c 30000000 /dev/zero | dd of=big conv=notrunc status=none")
    cluster4.uplink("--rate", "none")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "big changed while it was copied, so it was not put in place; pull again" in err
    assert (out / "big").read_text() == "old"


def test_several_connections_bring_a_file_whole(ec2mpi, cluster4):
    """Over a long link; one of them breaks in the middle."""
    user(cluster4, 1, "head -c 40000000 /dev/urandom > big")
    cluster4.uplink("--rtt", "60", "--rate", "80mbit")
    process = ec2mpi.start("pull", "-w", "1", "big", "back")
    sessions = "pgrep -u ubuntu -x sshd | sort -n"
    wait_until(lambda: len(cluster4.host(1, sessions).out.split()) >= 4, "four connections", 60)
    wait_until(lambda: any(size > 3_000_000 for size in arrived(ec2mpi.folder)), "some bytes", 60)
    cluster4.host(1, f"kill $({sessions} | tail -1)")
    cluster4.uplink("--rate", "none")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert md5(ec2mpi.folder / "back") == user(cluster4, 1, "md5sum < big").split()[0]
    assert temporaries(ec2mpi.folder) == []


# --- trouble -----------------------------------------------------------------------------------------------------

def test_a_dead_and_a_frozen_node_do_not_keep_the_others(ec2mpi, cluster4):
    for index in (1, 2, 3):
        user(cluster4, index, "head -c 12000000 /dev/urandom > big")
    cluster4.uplink("--rate", "40mbit")
    process = ec2mpi.start("pull", "-w", "1-3", "-u", "15", "big", "out")
    wait_until(lambda: len([size for size in arrived(ec2mpi.folder) if size > 1_000_000]) == 3, "bytes of all three", 60)
    cluster4.fault("stop", "1")
    cluster4.fault("freeze", "2")
    cluster4.uplink("--rate", "none")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines()[-1].startswith("1/3 nodes ok · failed: node[1-2] (2)")
    assert md5(ec2mpi.folder / "out/node3/big") == user(cluster4, 3, "md5sum < big").split()[0]
    assert not (ec2mpi.folder / "out/node1/big").exists() and not (ec2mpi.folder / "out/node2/big").exists()
    cluster4.call("heal", "all")
    done = ec2mpi("pull", "-w", "1-3", "big", "out")
    assert done.code == 0, done.err
    for index in (1, 2, 3):
        assert md5(ec2mpi.folder / f"out/node{index}/big") == user(cluster4, index, "md5sum < big").split()[0]
    assert temporaries(ec2mpi.folder) == []


def test_an_uplink_that_goes_for_five_seconds(ec2mpi, cluster4):
    user(cluster4, 1, "head -c 12000000 /dev/urandom > big; mkdir d; for i in $(seq 100); do echo $i > d/$i; done")
    cluster4.uplink("--rate", "40mbit")
    process = ec2mpi.start("pull", "-w", "1", "d", "big", "out")
    wait_until(lambda: any(size > 1_000_000 for size in arrived(ec2mpi.folder)), "some bytes", 60)
    cluster4.uplink("--cut")
    time.sleep(5)
    cluster4.uplink("--restore", "--rate", "none")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert md5(ec2mpi.folder / "out/big") == user(cluster4, 1, "md5sum < big").split()[0]


def in_small_disk(ec2mpi, cluster4, script):
    (ec2mpi.folder / "disk").mkdir()
    return cluster4.exec(["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=2m none disk && " + script, ec2mpi.binary], cwd=ec2mpi.folder,
                         env=ec2mpi.environment, timeout=120)


def test_files_that_do_not_fit_are_not_begun(ec2mpi, cluster4):
    user(cluster4, 1, "head -c 5000000 /dev/urandom > big; echo fits > small")
    done = in_small_disk(ec2mpi, cluster4, "echo old > disk/big; $0 pull -w 1 small big disk/; echo $?; cat disk/big; ls -A disk")
    assert done.out == "1\nold\nbig\n", done.err
    assert "node1: 5.0 MB to copy, but only 2.1 MB free in disk/; nothing was copied from it\n" in done.err


def test_a_disk_that_fills_up_meanwhile(ec2mpi, cluster4):
    """A node that says less than it sends: the file grew after it was listed."""
    user(cluster4, 1, "echo small > a; echo small > b")
    cluster4.host(1, "cat > /usr/local/bin/tar; chmod 755 /usr/local/bin/tar",
                  input='#!/bin/sh\n[ "$1" = --version ] || head -c 4000000 /dev/urandom >> /home/ubuntu/b\nexec /usr/bin/tar "$@"\n')
    done = in_small_disk(ec2mpi, cluster4, "echo old > disk/b; $0 pull -w 1 a b disk/; echo $?; cat disk/b; ls -A disk")
    assert done.out == "1\nold\na\nb\n", done.err
    assert "node1: cannot write disk/b: No space left on device\n" in done.err


# --- many sources -------------------------------------------------------------------------------------------------

def test_thousands_of_matches_cost_about_as_much_as_their_folder(ec2mpi, cluster4):
    user(cluster4, 1, "mkdir many; cd many; seq -f 'file%g' 3000 | xargs touch")
    begun = time.monotonic()
    assert ec2mpi("pull", "-w", "1", "many", "folder/").code == 0
    folder = time.monotonic() - begun
    begun = time.monotonic()
    assert ec2mpi("pull", "-w", "1", "many/*", "glob/").code == 0
    assert time.monotonic() - begun < 4 * folder + 2  # with a process for each file it was thirty times as much
    assert len(list((ec2mpi.folder / "glob").iterdir())) == 3000


def test_thousands_of_sources_do_not_fill_a_command_line(ec2mpi, cluster4):
    names = [f"many/{'x' * 60}{i}" for i in range(3000)]
    user(cluster4, 1, "mkdir many; cd many; seq -f '" + "x" * 60 + "%g' 0 2999 | xargs touch")
    done = ec2mpi("pull", "-w", "1", *names, "out/")
    assert done.code == 0, done.err
    assert len(list((ec2mpi.folder / "out").iterdir())) == 3000


def test_a_file_that_becomes_shorter_meanwhile_is_reported(ec2mpi, cluster4):
    user(cluster4, 1, "head -c 3000000 /dev/urandom > f")
    cluster4.host(1, "cat > /usr/local/bin/tar; chmod 755 /usr/local/bin/tar",
                  input='#!/bin/sh\n[ "$1" = --version ] || { echo "tar: /home/ubuntu/f: File shrank by 5 bytes; padding with zeros" >&2;'
                        ' /usr/bin/tar "$@"; exit 1; }\nexec /usr/bin/tar "$@"\n')
    done = ec2mpi("pull", "-w", "1", "f", "out/")
    assert done.code == 1
    assert "f changed while it was copied: it became shorter" in done.err


def test_a_program_whose_shell_is_killed_ends(ec2mpi, cluster4):
    """Although a process in the background holds its output open."""
    user(cluster4, 1, "echo x > f")
    cluster4.host(1, "cat > /usr/local/bin/tar; chmod 755 /usr/local/bin/tar",
                  input="#!/bin/sh\n[ \"$1\" != --version ] || exec /usr/bin/tar \"$@\"\nsetsid sleep 300 &\npkill -9 -u ubuntu -x sh\n")
    done = ec2mpi("pull", "-w", "1", "f", "out/")
    cluster4.host(1, "pkill -u ubuntu -x sleep")
    assert done.code == 1 and "KILL" in done.err, done.err


# --- hostile nodes -----------------------------------------------------------------------------------------------

FIND = r'''#!/usr/bin/python3
import sys
if "-prune" in sys.argv: sys.exit(0)
def put(*fields): sys.stdout.buffer.write(b"".join(f.encode("utf-8", "surrogateescape") + b"\0" for f in fields))
def item(kind, below, link="", size=4, mode="6777"): put(f"{kind} {mode} {size} 8 7 1600000000.5", below, link)
put("source", "./asked/.", ""); item("d", ""); item("f", "first")
MALICE
'''

TAR = r'''#!/usr/bin/python3
import io, os, sys, tarfile
if "--version" in sys.argv: print("GNU"); sys.exit(0)
names = sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\0")[:-1]
out = tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.GNU_FORMAT, errors="surrogateescape")
def file(name, text=b"good", kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name); info.size = len(text) if kind == tarfile.REGTYPE else 0; info.mode = 0o6777; info.type = kind; info.linkname = link
    out.addfile(info, io.BytesIO(text))
for name in names:
    if not name.endswith("/late"): file(name)
MALICE
out.close(); sys.stdout.buffer.flush()
'''


def hostile(hosts, find="", tar=""):
    user(hosts, 1, "mkdir asked")
    for name, text, malice in (("find", FIND, find), ("tar", TAR, tar)):
        hosts.host(1, f"cat > /usr/local/bin/{name}; chmod 755 /usr/local/bin/{name}", input=text.replace("MALICE", malice))


def check_nothing_outside(ec2mpi, before):
    out = ec2mpi.folder / "out"
    assert {f for f in ec2mpi.files() if not f.startswith((".ec2mpi", "out"))} == before
    assert not os.path.exists("/etc/ec2mpi-evil") and not os.path.exists("/tmp/evil")
    assert (out / "mine").read_text() == "mine"
    for path in out.rglob("*"):
        assert path.is_symlink() or not path.stat().st_mode & 0o7000
        assert not path.name.startswith(".ec2mpi")
        assert not path.is_symlink() or (path.parent / os.readlink(path)).resolve().is_relative_to(out)


OUTSIDE = [
    ("item('f', '../evil')", "", 1, "leads out of the target"),
    ("item('f', '../../evil')", "", 1, "leads out of the target"),
    ("item('f', 'a/../../../evil')", "", 1, "leads out of the target"),
    ("item('f', '/etc/ec2mpi-evil')", "", 0, ""),
    ("item('d', '..'); item('f', '../evil')", "", 1, "leads out of the target"),
    ("item('l', 'door', '../..'); item('f', 'door/evil')", "", 0, "leads out of the pulled folder"),
    ("item('l', 'door', '/tmp'); item('f', 'door/evil')", "", 0, "leads out of the pulled folder"),
    ("item('l', 'door', 'first'); item('f', 'door/evil')", "", 1, "is not followed"),
    ("item('d', 'd'); item('l', 'door', 'd'); item('f', 'door/evil')", "", 1, "is not followed"),
    ("item('f', 'first/evil')", "", 1, "is not followed"),
    ("item('p', 'pipe'); item('c', 'null')", "", 0, "device"),
    ("item('f', 'x' * 5000)", "", 1, "File name too long"),
    ("item('f', 'x' * 200000)", "", 1, "longer than can be"),
    ("item('f', '\\x1b[2Jred')", "", 0, ""),
    ("item('f', 'x', size=-1)", "", 1, "makes no sense"),
    ("put('source 9', 'x', '/x')", "", 1, "makes no sense"),
    ("put('end', '', ''); item('f', 'x')", "", 1, ""),
    ("", "file('/home/ubuntu/never')", 1, "not asked for"),
    ("", "file('../evil')", 1, "not asked for"),
    ("", "file('mine')", 1, "not asked for"),
    ("item('f', 'x')", "file(names[1])", 1, "not asked for"),
    ("item('f', 'late')", "file(names[1], kind=tarfile.SYMTYPE, link='/etc/passwd')", 0, "no file any more"),
    ("item('f', 'late')", "file(names[1], kind=tarfile.LNKTYPE, link='/etc/passwd')", 1, "late did not come"),
    ("item('f', 'late')", "file(names[1], kind=tarfile.LNKTYPE, link=names[1])", 1, "late did not come"),
    ("item('f', 'late')", "file(names[1], kind=tarfile.LNKTYPE, link=names[0])", 0, ""),
    ("", "sys.stdout.buffer.write(b'A' * 50000)", 1, "checksum"),
    ("", "sys.stdout.buffer.flush(); os._exit(0)", 1, "ends in the middle"),
]


@pytest.mark.parametrize("find, tar, code, says, how", [(*case, "plain") for case in OUTSIDE] + [(*case, "flat") for case in OUTSIDE[:6:2]])
def test_a_hostile_node_writes_nothing_outside(ec2mpi, cluster4, find, tar, code, says, how):
    hostile(cluster4, find, tar)
    out = ec2mpi.folder / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    before = {f for f in ec2mpi.files() if not f.startswith((".ec2mpi", "out"))}
    flat = how == "flat"
    done = ec2mpi("pull", "-w", "1", *(["--flat"] if flat else []), "asked", "out/")
    assert done.code == code, done.err
    assert says in done.err and "\x1b" not in done.err
    check_nothing_outside(ec2mpi, before)
    if code == 0:
        assert (out / ("asked.node1" if flat else "asked") / "first").read_bytes() == b"good"
