"""push where nodes have their home on the same storage (NFS, EFS): one of them writes, and all of them have it."""

import json
import os
import re
import signal

import pytest

from local_cluster import Cluster, Program, wait_until
from test_copy import a_tree, here, look, md5, on, write
from test_push_relay import moved

ALL = (1, 2, 3)
HOME = "/home/ubuntu"
SHARE = re.compile(r" · (\d) nodes share this folder: written once, by node(\d)")


@pytest.fixture(scope="module")
def shared_cluster3():
    hosts = Cluster("three")
    try:
        yield hosts.up(3)
    finally:
        hosts.down()


@pytest.fixture
def cluster4(shared_cluster3):
    """The fixture `ec2mpi` uses the cluster of this name. After each test, each host has its own home again, which is empty."""
    yield shared_cluster3
    shared_cluster3.heal()
    for index in ALL:
        shared_cluster3.host(index, f"while umount -l {HOME} 2>/dev/null; do :; done; cd {HOME} && chmod -R u+w . && rm -rf -- * .ec2mpi*;"
                                    "rm -f /usr/local/bin/ln /usr/local/bin/mv /usr/local/bin/stat /var/lib/nfs/etab")


def left(cluster, index):
    """What a push has left in the home."""
    return cluster.host(index, f"ls -A {HOME} | grep ec2mpi-push").out


def sharing(done):
    """(how many nodes share, the one that has written) by the closing line."""
    found = SHARE.search(done.err.splitlines()[-1])
    return (int(found[1]), int(found[2])) if found else None


def writer_of(cluster, index):
    """The node whose mark lies in the home, seen from a host."""
    def read():
        said = cluster.host(index, f"readlink {HOME}/.ec2mpi-push.mark.*").out
        return int(said.split(".")[2][-1]) if said else None
    return wait_until(read, "a mark lies in the home")


def halfway(ec2mpi, cluster):
    """A push whose writer has some of it; the file, the process and the writer."""
    big = write(ec2mpi.folder / "d/big", os.urandom(6_000_000))
    cluster.uplink("--rate", "2mbit")
    process = ec2mpi.start("push", "d", ".")
    writer = writer_of(cluster, 2)
    wait_until(lambda: int((cluster.host(2, f"du -sb {HOME}/.ec2mpi-push.*.[0-9]* 2>/dev/null").out.split() or [0])[0]) > 300_000,
               "bytes in the stage")
    return big, process, writer


def test_all_nodes_that_share_a_home_have_what_one_has_written(ec2mpi, cluster4):
    cluster4.share(HOME, ALL)
    tree = a_tree(ec2mpi.folder / "tree")
    write(tree / "big", os.urandom(3_000_000))
    done = ec2mpi("push", "tree", "there")
    assert done.code == 0, done.err
    assert sharing(done)[0] == 3, done.err
    uplink, inside = moved(done.err)
    assert uplink < 1.02 * sum(p.stat().st_size for p in tree.rglob("*") if p.is_file() and not p.is_symlink()) and inside == 0
    for index in ALL:
        assert look(on(cluster4, index), "there") == look(here, tree)
    assert left(cluster4, 1) == ""
    again = ec2mpi("push", "tree/.", "there")
    assert (again.code, sharing(again), moved(again.err)) == (0, None, (0, 0)), again.err


def test_json_names_the_writer_of_each_node_that_shares(ec2mpi, cluster4):
    cluster4.share(HOME, (1, 2))
    write(ec2mpi.folder / "file", "content")
    done = ec2mpi("push", "--json", "file", ".")
    assert done.code == 0, done.err
    writers = {node["index"]: node.get("written_by") for node in json.loads(done.out)["nodes"]}
    assert writers in ({1: None, 2: 1, 3: None}, {1: 2, 2: None, 3: None}), done.out
    again = ec2mpi("push", "--json", "file", ".")
    assert again.code == 0 and "written_by" not in again.out, "nothing was written"


def test_few_bytes_are_written_once_too_whoever_comes_first(ec2mpi, cluster4):
    cluster4.share(HOME, ALL)
    for number in range(6):
        write(ec2mpi.folder / "tree/file", f"version {number}")
        done = ec2mpi("push", "tree", f"new{number}")
        assert done.code == 0 and sharing(done)[0] == 3, done.err
        assert "1 file sent" in done.err and "9 B over the uplink" in done.err, done.err
        assert on(cluster4, 2)(f"cat new{number}/file; ls -A new{number}").out == f"version {number}file\n"
    assert left(cluster4, 1) == ""


def test_a_folder_that_one_node_has_made_under_the_new_name_does_not_take_the_sources_of_a_later_one(ec2mpi, cluster4):
    cluster4.share(HOME, ALL)
    write(ec2mpi.folder / "tree/file", "content")
    done = ec2mpi("push", "-f", "1", "tree", "new")
    assert done.code == 0 and sharing(done)[0] == 3, done.err
    assert on(cluster4, 2)("find new").out.split() == ["new", "new/file"]
    done = ec2mpi("push", "-f", "1", "tree", "new")
    assert done.code == 0, done.err
    assert on(cluster4, 2)("find new | sort").out.split() == ["new", "new/file", "new/tree", "new/tree/file"], "as with scp"


def test_two_of_three_nodes_share_and_the_third_gets_its_own(ec2mpi, cluster4):
    cluster4.share(HOME, (1, 2))
    big = write(ec2mpi.folder / "big", os.urandom(3_000_000))
    done = ec2mpi("push", "big", ".")
    assert done.code == 0, done.err
    count, writer = sharing(done)
    assert count == 2 and writer in (1, 2), done.err
    assert moved(done.err) == (3e6, 3e6), done.err
    for index in ALL:
        assert on(cluster4, index)("md5sum < big").out.split() == [md5(big), "-"]
        assert left(cluster4, index) == ""


def test_a_node_takes_over_from_a_writer_that_dies_in_the_middle(ec2mpi, cluster4):
    cluster4.share(HOME, ALL)
    big, process, writer = halfway(ec2mpi, cluster4)
    cluster4.fault("stop", writer)
    cluster4.uplink("--rate", "none")
    _, err = process.communicate(timeout=90)
    assert process.returncode == 1
    last = err.splitlines()[-1]
    assert last.startswith(f"2/3 nodes ok · failed: node{writer}"), err
    found = SHARE.search(last)
    assert found and int(found[1]) == 2 and int(found[2]) != writer, err
    for index in set(ALL) - {writer}:
        assert on(cluster4, index)("md5sum < d/big").out.split() == [md5(big), "-"]


def test_what_a_full_disk_tells_the_writer_is_the_reason_of_all(ec2mpi, cluster4):
    cluster4.share(HOME, ALL)
    write(ec2mpi.folder / "d/big", os.urandom(6_000_000))
    cluster4.fault("fill", 1, "--leave", 1_000_000)
    done = ec2mpi("push", "d", ".")
    assert done.code == 1
    assert re.search(r"^node\[1-3\] \(3\): .*No space left on device", done.err, re.M), done.err
    assert left(cluster4, 1) == ""


def test_a_push_that_was_killed_leaves_nothing_that_misleads_the_next_one(ec2mpi, cluster4):
    cluster4.share(HOME, ALL)
    big, process, _ = halfway(ec2mpi, cluster4)
    process.send_signal(signal.SIGKILL)
    process.wait()
    cluster4.host(1, f"ln -s 0123456789abcdef0123456789abcdef.1.ip-10-0-0-11.4194305 {HOME}/.ec2mpi-push.mark.old")
    cluster4.heal()
    done = ec2mpi("push", "d", ".")
    assert done.code == 0 and sharing(done)[0] == 3, done.err
    assert on(cluster4, 3)("md5sum < d/big").out.split() == [md5(big), "-"]
    # The script of the killed push may still be ending.
    wait_until(lambda: left(cluster4, 1) == "", "nothing is left")


def test_the_server_of_the_storage_has_it_on_its_own_disk_and_takes_part(ec2mpi, cluster4):
    cluster4.share(HOME, (1, 2))
    cluster4.host(1, "mkdir -p /var/lib/nfs; echo '/home *' >/var/lib/nfs/etab; printf '#!/bin/sh\n[ \"$1\" != -f ] || [ \"$3\" != %%T ] ||"
                     " { echo xfs; exit; }\nexec /usr/bin/stat \"$@\"\n' >/usr/local/bin/stat; chmod 755 /usr/local/bin/stat")
    # Node 1 is the first to leave its mark.
    cluster4.host(2, "printf '#!/bin/sh\nn=0; until [ -L %s/.ec2mpi-push.mark.* ] || [ $n = 50 ]; do n=$((n + 1)); sleep 0.1; done\n"
                     "exec /usr/bin/ln \"$@\"\n' >/usr/local/bin/ln; chmod 755 /usr/local/bin/ln".replace("%s", HOME))
    write(ec2mpi.folder / "file", "content")
    done = ec2mpi("push", "-w", "1-2", "file", "there/")
    assert done.code == 0 and sharing(done) == (2, 1), done.err
    assert left(cluster4, 1) == ""


def test_two_pushes_at_once_into_a_shared_folder_each_know_their_own_writer(ec2mpi, cluster4):
    cluster4.share(HOME, ALL)
    for name in "ab":
        write(ec2mpi.folder / name / "file", name * 100_000)
    both = [ec2mpi.start("push", name, ".") for name in "ab"]
    for process in both:
        _, err = process.communicate(timeout=90)
        found = SHARE.search(err.splitlines()[-1])
        assert process.returncode == 0 and found and found[1] == "3", err
    assert on(cluster4, 2)("cat a/file b/file").out == "a" * 100_000 + "b" * 100_000
    assert left(cluster4, 1) == ""


def test_what_is_deleted_in_a_shared_folder_is_counted_once(ec2mpi, cluster4):
    cluster4.share(HOME, ALL)
    write(ec2mpi.folder / "d/kept", "kept")
    assert ec2mpi("push", "d", ".").code == 0
    cluster4.host(2, f"touch {HOME}/d/old", user="ubuntu")
    done = ec2mpi("push", "--delete", "d", ".")
    assert done.code == 0 and sharing(done)[0] == 3 and ", 1 deleted" in done.err, done.err
    assert on(cluster4, 3)("ls d").out == "kept\n"


def test_folders_and_files_with_the_nodes_own_names_are_not_shared(ec2mpi, cluster4):
    cluster4.share(HOME, ALL)
    for index in ALL:
        write(ec2mpi.folder / f"conf/node{index}.conf", f"of node{index}")
    for source, target in (("conf/node1.conf", "own/{node}/"), ("conf/node1.conf", "own-{node}"), ("conf/{node}.conf", "all/"),
                           ("conf/{node}.conf", "as-{node}")):
        done = ec2mpi("push", source, target)
        assert done.code == 0 and sharing(done) is None, done.err
    assert on(cluster4, 1)("cat own/*/node1.conf own-*").out == "of node1" * 6
    assert on(cluster4, 1)("cat all/* as-*").out == "of node1of node2of node3" * 2
    assert left(cluster4, 1) == ""


def test_a_dry_run_changes_nothing_in_a_shared_folder(ec2mpi, cluster4):
    cluster4.share(HOME, ALL)
    write(ec2mpi.folder / "file", "content")
    before = cluster4.host(1, f"stat -c '%y %z' {HOME}; ls -A {HOME}").out
    done = ec2mpi("push", "-n", "file", ".")
    assert done.code == 0 and "1 file to send" in done.err and sharing(done) is None, done.err
    assert cluster4.host(1, f"stat -c '%y %z' {HOME}; ls -A {HOME}").out == before


def test_a_writer_that_only_says_that_it_has_written_deceives_no_other_node(ec2mpi, cluster4):
    cluster4.share(HOME, (1, 2))
    write(ec2mpi.folder / "file", "content")
    # Node 2 is the first to leave its mark.
    cluster4.host(1, "printf '#!/bin/sh\nuntil [ -L %s/.ec2mpi-push.mark.* ]; do sleep 0.1; done\nexec /usr/bin/ln \"$@\"\n' >/usr/local/bin/ln;"
                     "chmod 755 /usr/local/bin/ln".replace("%s", HOME))
    cluster4.host(2, "printf '#!/bin/sh\n' >/usr/local/bin/mv; chmod 755 /usr/local/bin/mv")
    done = ec2mpi("push", "-w", "1-2", "file", "there/")
    assert done.code == 0 and sharing(done) is None, done.err
    assert on(cluster4, 1)("cat there/file").out == "content"
