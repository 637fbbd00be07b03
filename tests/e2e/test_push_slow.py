"""A node that is merely slow: eight hosts, of which one has a link of 0.5 Mbit/s.

That others are not held up by it is seen by the order: they are all through while it is still at it.
"""

import os
import re
import signal

import pytest

from local_cluster import Cluster, Program, wait_until
from test_copy import md5, no_stage_left, on, write
from test_push_relay import moved, roles

ALL = range(1, 9)
SIZE = 24_000_000  # 384 s at 0.5 Mbit/s


@pytest.fixture(scope="module")
def shared_cluster8():
    hosts = Cluster("eight")
    try:
        yield hosts.up(8)
    finally:
        hosts.down()


@pytest.fixture
def eight(shared_cluster8):
    yield shared_cluster8
    shared_cluster8.heal()
    for index in ALL:
        shared_cluster8.host(index, "cd /home/ubuntu; rm -rf -- * .ec2mpi*")


@pytest.fixture
def push(eight, tmp_path):
    program = Program(tmp_path, eight)
    yield program
    said = program.finish()
    assert not said, f"a sanitizer found something:\n{said}"


def begin(push, eight):
    """A push that has begun on all hosts; the head, the relay and the leaves."""
    big = write(push.folder / "big", os.urandom(SIZE))
    eight.uplink("--rate", "2mbit")  # so that it is far from its end when all are found at work
    process = push.start("push", "big", ".")
    return big, process, roles(eight, ALL)


def whole(hosts, index, big):
    return on(hosts, index)("md5sum < big 2>/dev/null").out.split() == [md5(big), "-"]


def has_it(hosts, index):
    """It is there under its name, which it gets when it is whole."""
    return hosts.exists(index, "/home/ubuntu/big")


def ends_last(push, eight, big, process, slow):
    """All others have it while the slow one has not got all; then it is fast again, and the push ends well."""
    eight.fault("slow", slow, "--rate", "500kbit")
    eight.uplink("--rate", "none")
    others = [index for index in ALL if index != slow]

    def all_others_or_it():
        return has_it(eight, slow) or process.poll() is not None or all(has_it(eight, index) for index in others)
    wait_until(all_others_or_it, "the end of others, or of it", seconds=400)
    assert process.poll() is None, process.stderr.read()
    assert not has_it(eight, slow), "the slow one has held up the others"
    eight.call("fast", slow)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    for index in ALL:
        assert whole(eight, index, big), f"node{index}"
    no_stage_left(eight, ALL)
    return err


def test_a_slow_leaf_does_not_hold_up_the_others(push, eight):
    big, process, (_, _, leaves) = begin(push, eight)
    assert moved(ends_last(push, eight, big, process, leaves[-1]))[0] < 1.01 * SIZE


def test_a_slow_relay_loses_its_children(push, eight):
    big, process, (_, relay, _) = begin(push, eight)
    assert moved(ends_last(push, eight, big, process, relay))[0] < 1.01 * SIZE


def test_a_slow_first_node_loses_its_role(push, eight):
    big, process, (head, _, _) = begin(push, eight)
    assert moved(ends_last(push, eight, big, process, head))[0] < 1.3 * SIZE


def test_over_a_slow_uplink_the_archive_still_goes_once(push, eight):
    big, process, _ = begin(push, eight)
    process.send_signal(signal.SIGINT)
    process.wait()
    big = write(push.folder / "big", os.urandom(6_000_000))
    eight.uplink("--rate", "2mbit")
    done = push("push", "big", ".", timeout=300)
    assert done.code == 0, done.err
    assert re.search(r" 6\.[0-9]+ MB over the uplink, 4[0-9.]+ MB between nodes", done.err), done.err
    for index in ALL:
        assert whole(eight, index, big), f"node{index}"


def test_not_all_of_many_nodes_get_their_upload_at_once(push, eight):
    """Each would get so little that live nodes would be taken for lost. The nodes are one host under many addresses."""
    addresses = [f"203.0.113.{last}" for last in range(100, 180)]
    (push.folder / "many").write_text("\n".join(addresses) + "\n")
    write(push.folder / "big", os.urandom(8_000_000))
    eight.host(1, "echo MaxStartups 1000 >>/etc/ssh/sshd_config; kill -HUP $(cat /run/sshd.pid)")
    eight.call("router", "--", "nft", "add", "element", "ip", "ec2", "to_private",
               "{ " + ", ".join(f"{address} : 10.0.0.11" for address in addresses) + " }")
    eight.uplink("--rate", "100mbit")

    def nodes_with(kibibytes):
        found = on(eight, 1)(f"find node* -path '*/.ec2mpi-push*' -type f -size +{kibibytes}k 2>/dev/null").out
        return len({path.split("/")[0] for path in found.splitlines()})

    push.start("push", "--list", "many", "--relay", "never", "big", "{node}/")
    wait_until(lambda: nodes_with(100) >= 64, "so many uploads")
    assert nodes_with(8) == 64


def test_sixteen_hosts(cluster, tmp_path):
    hosts = cluster.up(16)
    push = Program(tmp_path, hosts)
    big = write(push.folder / "d/big", os.urandom(8_000_000))
    write(push.folder / "d/small", "small")
    done = push("push", "d", ".", timeout=120)
    assert done.code == 0, done.err
    uplink, inside = moved(done.err)
    assert uplink < 8.1e6 and inside > 14.9 * 8e6, done.err
    for index in range(1, 17):
        assert on(hosts, index)("md5sum < d/big; cat d/small").out.split() == [md5(big), "-", "small"], f"node{index}"
    no_stage_left(hosts, range(1, 17))
    assert not push.finish()
