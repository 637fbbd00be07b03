"""push across the uplink once: six hosts that get the archive from each other, and real trouble among them.

The first host gets it from here (the head). Some hosts hold the archive, and others fetch it from them; one of these that
is not the head is the relay. Which is which is seen from the processes on the hosts.
"""

import json
import os
import re
import signal
import time

import pytest

from local_cluster import Cluster, Program, wait_until
from terminal import Terminal
from test_copy import a_tree, here, look, md5, no_stage_left, on, write

ALL = (1, 2, 3, 4, 5, 6)
BYTES = re.compile(r"([0-9.]+) (\w+) over the uplink(?:, ([0-9.]+) (\w+) between nodes)?")
UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


@pytest.fixture(scope="module")
def shared_cluster6():
    hosts = Cluster("six")
    try:
        yield hosts.up(6)
    finally:
        hosts.down()


@pytest.fixture
def six(shared_cluster6):
    yield shared_cluster6
    shared_cluster6.heal()
    for index in ALL:
        shared_cluster6.host(index, "cd /home/ubuntu; chmod -R u+w .; rm -rf -- * .ec2mpi*; [ ! -e .ssh/hidden ] || mv .ssh/hidden .ssh/known_hosts")


@pytest.fixture
def push(six, tmp_path):
    """The program, on the laptop of the six."""
    program = Program(tmp_path, six)
    yield program
    said = program.finish()
    assert not said, f"a sanitizer found something:\n{said}"


def moved(text):
    """Bytes over the uplink and between nodes, by the last line."""
    found = BYTES.search(text.splitlines()[-1])
    assert found, text
    return float(found[1]) * UNITS[found[2]], float(found[3] or 0) * UNITS[found[4] or "B"]


def links(hosts, indices=ALL):
    """By host: how many it feeds, and whether it is fed by another one."""
    look = "pgrep -c -f '^tail -f -s'; pgrep -c -x ssh"
    return {index: tuple(map(int, hosts.host(index, look).out.split())) for index in indices}


def roles(hosts, indices=ALL):
    """The head and the relay, once all links are there."""
    def look_around():
        found = links(hosts, indices)
        fed = [index for index in indices if found[index][1]]
        if len(fed) != len(indices) - 1 or sum(feeds for feeds, _ in found.values()) != len(fed):
            return None
        head = next(index for index in indices if index not in fed)
        relays = [index for index in fed if found[index][0]]
        return (head, relays[0], [index for index in fed if index not in relays]) if relays else None
    return wait_until(look_around, "all links are there", seconds=60)


def arrived(hosts, index):
    said = hosts.host(index, "du -sb /home/ubuntu/.ec2mpi-push.* 2>/dev/null").out.split()
    return int(said[0]) if said else 0


def halfway(push, six, size=12_000_000):
    """A push in the middle, with bytes on every host; the head and the relay."""
    big = write(push.folder / "d/big", os.urandom(size))
    write(push.folder / "d/small", "small")
    # Slow until all links are there, which may take long on a busy machine.
    six.uplink("--rate", "1mbit")
    process = push.start("push", "d", ".")
    head, relay, _ = roles(six)
    six.uplink("--rate", "5mbit")
    for index in ALL:
        wait_until(lambda: arrived(six, index) > 300_000, f"bytes on node{index}")
    return big, process, head, relay


def all_have_file(hosts, file, indices):
    for index in indices:
        assert on(hosts, index)(f"md5sum < {file.name}").out.split() == [md5(file), "-"], f"node{index}"


def all_have(hosts, big, indices):
    for index in indices:
        assert on(hosts, index)("md5sum < d/big; cat d/small").out.split() == [md5(big), "-", "small"], f"node{index}"


def all_but(lost, process, six, big, seconds=60):
    """Lets a slow push end at full speed: all hosts but `lost` have the files. What the push has said."""
    six.uplink("--rate", "none")
    _, err = process.communicate(timeout=seconds)
    assert process.returncode == 1
    assert err.splitlines()[-1].startswith(f"5/6 nodes ok · failed: node{lost}"), err
    all_have(six, big, set(ALL) - {lost})
    return err


def again(push, six, big):
    """The same push once more finishes the job everywhere and leaves nothing behind."""
    six.heal()
    push.refresh()
    done = push("push", "d", ".")
    assert done.code == 0, done.err
    all_have(six, big, ALL)
    no_stage_left(six, ALL)
    return done


def test_a_tree_crosses_the_uplink_once(push, six):
    tree = a_tree(push.folder / "tree")
    write(tree / "big", os.urandom(8_000_000))
    done = push("push", "tree", "there")
    assert done.code == 0, done.err
    size = sum(p.stat().st_size for p in tree.rglob("*") if p.is_file() and not p.is_symlink())
    uplink, inside = moved(done.err)
    assert uplink < size * 1.02 and inside > size * 4.9
    expected = look(here, tree)
    for index in ALL:
        assert look(on(six, index), "there") == expected
    no_stage_left(six, ALL)


def test_over_a_very_slow_uplink_all_are_waited_for(push, six):
    """What each has to be asked takes so long there that they answer one after the other."""
    big = write(push.folder / "big", os.urandom(300_000))
    six.uplink("--rate", "200kbit")
    done = push("push", "--relay", "always", "big", ".", timeout=120)
    assert done.code == 0, done.err
    assert moved(done.err) == (300_000, 1_500_000), done.err
    all_have_file(six, big, ALL)


def test_few_bytes_go_directly_and_always_means_always(push, six):
    write(push.folder / "file", "x" * 1000)
    assert moved(push("push", "file", "a").err) == (6000, 0)
    assert moved(push("push", "--relay", "always", "file", "b").err) == (1000, 5000)
    assert moved(push("push", "--relay", "never", "file", "c").err) == (6000, 0)


def test_nodes_that_lack_different_files_share_one_archive(push, six):
    for name in "abcdef":
        write(push.folder / "d" / name, os.urandom(1_000_000))
    assert push("push", "d", ".").code == 0
    for index in ALL:
        six.host(index, f"cd d; rm {'abcdef'[index - 1]} {'abcdef'[index % 6]}", user="ubuntu")
    done = push("push", "--relay", "always", "d", ".")
    assert done.code == 0, done.err
    assert moved(done.err)[0] == 6e6
    for index in ALL:
        assert look(on(six, index), "d") == look(here, push.folder / "d")


def test_nodes_that_do_not_trust_each_other_are_served_from_here(push, six):
    big = write(push.folder / "d/big", os.urandom(2_000_000))
    write(push.folder / "d/small", "small")
    for index in ALL:
        six.host(index, "mv .ssh/known_hosts .ssh/hidden", user="ubuntu")
    done = push("push", "d", ".")
    assert done.code == 0, done.err
    assert "could not relay to" in done.err and "erification failed" in done.err
    assert moved(done.err)[1] == 0
    all_have(six, big, ALL)
    for index in ALL:
        assert "known_hosts" not in six.host(index, "ls .ssh", user="ubuntu").out, "no key is taken on faith"
    write(push.folder / "d/small", "something else")
    strict = push("push", "--relay", "always", "d", ".")
    assert strict.code == 1
    failures = re.findall(r"^node[1-6]: .*", strict.err, re.M)
    assert len(failures) == 5 and all("could not relay to" in line for line in failures), strict.err


def test_a_compressed_archive_is_unpacked_by_each_node(push, six):
    tree = a_tree(push.folder / "tree")
    write(tree / "text", "".join(f"one of many lines, {i % 100}\n" for i in range(300_000)))
    done = push("push", "-C", "tree", "there")
    assert done.code == 0, done.err
    uplink, inside = moved(done.err)
    size = (tree / "text").stat().st_size
    once = 1_000_000 + size / 8  # what is random, and what is not
    assert uplink < once and 0 < inside < 5 * once
    expected = look(here, tree)
    for index in ALL:
        assert look(on(six, index), "there") == expected
    no_stage_left(six, ALL)


def test_nodes_that_take_long_to_unpack_are_not_taken_for_cut_off(push, six):
    """As where a home is far away by NFS. Longer than a node waits for data that does not come."""
    big = write(push.folder / "big", os.urandom(2_000_000))
    slow = "#!/bin/sh\n[ \"$1\" = --version ] || sleep 33\nexec /usr/bin/tar \"$@\"\n"
    for index in (1, 2):
        six.host(index, "cat > /usr/local/bin/tar; chmod 755 /usr/local/bin/tar", input=slow)
    try:
        done = push("push", "--json", "--relay", "always", "-w", "1-2", "big", ".", timeout=120)
    finally:
        for index in (1, 2):
            six.host(index, "rm /usr/local/bin/tar")
    assert done.code == 0, done.err
    assert json.loads(done.out)["copied"]["bytes_over_uplink"] == 2_000_000
    all_have_file(six, big, (1, 2))


def test_a_node_that_cannot_unpack_gets_it_as_it_is(push, six):
    text = write(push.folder / "text", "".join(f"line {i} of many\n" for i in range(200_000)))
    six.host(2, "mv /usr/bin/gzip /usr/bin/gzip.hidden")
    try:
        done = push("push", "-C", "-w", "2-3", "text", ".")
    finally:
        six.host(2, "mv /usr/bin/gzip.hidden /usr/bin/gzip")
    assert done.code == 0, done.err
    assert "node2 has no gzip" in done.err and moved(done.err)[0] > 0.9 * text.stat().st_size
    all_have_file(six, text, (2, 3))


def test_the_line_of_progress_shows_the_bytes_that_nodes_relay(push, six):
    write(push.folder / "big", os.urandom(8_000_000))
    six.uplink("--rate", "5mbit")
    with Terminal(push, "push", "big", ".", columns=400) as terminal:
        terminal.wait_for(r"of 8\.0 MB over the uplink, [0-9.]+ [kM]B between nodes .* left")
        six.uplink("--rate", "none")
        assert terminal.to_end() == 0, terminal.seen


def test_a_node_that_changes_bytes_on_their_way_changes_no_file_of_another(push, six):
    write(push.folder / "data/text", "a line\n" * 300_000 + "pay 1000 to GOODLINE\n" + "a line\n" * 300_000)
    changes = r'''#!/bin/sh
case "$*" in *"archive -c +"*) tail.true "$@" | sed -u s/GOODLINE/EVILLINE/ ;; *) exec tail.true "$@" ;; esac
'''
    for index in (1, 2, 4):
        six.host(index, f"mv /usr/bin/tail /usr/bin/tail.true; printf %s '{changes}' >/usr/bin/tail; chmod 755 /usr/bin/tail")
    try:
        push("push", "--relay", "always", "-w", "1,2,4", "data", "there/")
        assert not any(six.host(index, "grep -rl EVILLINE /home/ubuntu/there/data").out for index in (1, 2, 4))
    finally:
        for index in (1, 2, 4):
            six.host(index, "mv /usr/bin/tail.true /usr/bin/tail")
    done = push("push", "-w", "1,2,4", "data", "there/")
    assert done.code == 0, done.err
    expected = look(here, push.folder / "data")
    assert all(look(on(six, index), "there/data") == expected for index in (1, 2, 4))


def test_a_relay_is_killed_in_the_middle(push, six):
    big, process, _, relay = halfway(push, six)
    six.fault("stop", relay)
    err = all_but(relay, process, six, big)
    assert moved(err)[0] < 1.02 * 12e6, "its children continued at their offset"
    again(push, six, big)


def test_the_head_is_killed_in_the_middle(push, six):
    big, process, head, _ = halfway(push, six)
    six.fault("stop", head)
    all_but(head, process, six, big)
    again(push, six, big)


def test_a_relay_freezes(push, six):
    big, process, _, relay = halfway(push, six)
    six.fault("freeze", relay)
    err = all_but(relay, process, six, big, seconds=90)
    assert re.search(f"^node{relay}: (the node stopped answering|.*not responding)", err, re.M), err
    again(push, six, big)


def test_a_relay_with_a_full_disk_costs_no_other_node_anything(push, six):
    big, process, _, relay = halfway(push, six)
    six.fault("fill", relay)
    err = all_but(relay, process, six, big)
    assert re.search(f"node{relay}: .*No space left on device\n", err), err
    assert moved(err)[0] < 1.02 * 12e6
    assert on(six, relay)("ls -A d 2>/dev/null").out == ""
    again(push, six, big)


def test_a_node_that_connects_late_gets_all_from_other_nodes(push, six):
    big = write(push.folder / "big", os.urandom(12_000_000))
    six.uplink("--rate", "2mbit")
    six.fault("freeze", 6)
    process = push.start("push", "--connect-timeout", "200", "big", ".")
    for index in (1, 2, 3, 4, 5):
        wait_until(lambda: arrived(six, index) > 300_000, f"bytes on node{index}")
    six.call("thaw", 6)
    wait_until(lambda: arrived(six, 6) > 300_000, "bytes on the late host")
    six.uplink("--rate", "none")
    _, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert moved(err)[0] < 1.02 * 12e6, err
    all_have_file(six, big, [6])
    no_stage_left(six, ALL)


def test_the_uplink_is_cut_for_five_seconds(push, six):
    big, process, _, _ = halfway(push, six)
    six.uplink("--cut")
    time.sleep(5)
    six.uplink("--restore")
    six.uplink("--rate", "none")
    _, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    all_have(six, big, ALL)
    no_stage_left(six, ALL)


def test_killed_here_and_run_again(push, six):
    big, process, _, _ = halfway(push, six)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for index in ALL:
        wait_until(lambda: six.host(index, "pgrep -f '[e]c2mpi-push'").code == 1, f"node{index} has noticed")
        assert on(six, index)("ls").out == "", "nothing half-written"
    again(push, six, big)
