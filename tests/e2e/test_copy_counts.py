"""push and pull count the files that arrive, delete nothing valuable, and a node that lies harms only itself."""

import json
import os
import re

import pytest

from test_copy import no_stage_left, on, write


@pytest.fixture(autouse=True)
def clean_homes(cluster4):
    yield
    for index in (1, 2, 3, 4):
        cluster4.host(index, "cd /home/ubuntu; [ ! -e bashrc ] || mv bashrc .bashrc; rm -f door; chmod -R u+w .; rm -rf -- * .ec2mpi*;"
                             "rm -rf /srv/*; rm -f /usr/local/bin/find /usr/local/bin/tar")


def user(hosts, index, command):
    done = hosts.host(index, f"cd /home/ubuntu; {command}", user="ubuntu")
    assert done.code == 0, done
    return done.out


def first_in_path(hosts, index, name, text):
    """A program of the machine that stands in front of the one in /usr/bin."""
    hosts.host(index, f"cat > /usr/local/bin/{name}; chmod 755 /usr/local/bin/{name}", input=text)


TAR = '#!/bin/sh\n[ "$1" != --version ] || exec /usr/bin/tar --version\n'


# --- files that arrive are counted -------------------------------------------------------------------------------

def test_a_member_that_tar_drops_fails_the_push_by_name(ec2mpi, cluster4):
    write(ec2mpi.folder / "src/a.c", "x" * 5)
    write(ec2mpi.folder / "src/a.o", "object")
    first_in_path(cluster4, 3, "tar", TAR + "exec /usr/bin/tar --exclude='*.o' \"$@\"\n")
    done = ec2mpi("push", "-w", "1,3", "src", "proj/")
    assert done.code == 1, done.err
    assert re.search(r"^node3: src/a\.o: did not come out of it whole", done.err, re.M), done.err
    assert on(cluster4, 1)("ls proj/src").out == "a.c\na.o\n"
    assert on(cluster4, 3)("ls proj").out == "", "nothing is half there"
    no_stage_left(cluster4)


def test_a_member_that_tar_drops_fails_the_pull_by_name(ec2mpi, cluster4):
    for index in (1, 3):
        user(cluster4, index, "mkdir rs; echo c > rs/a.c; echo o > rs/a.o")
    first_in_path(cluster4, 3, "tar", TAR + "exec /usr/bin/tar --exclude='*.o' \"$@\"\n")
    done = ec2mpi("pull", "-w", "1,3", "rs", "out/")
    assert done.code == 1, done.err
    assert re.search(r"^node3: /home/ubuntu/(\./)?rs/a\.o did not come", done.err, re.M), done.err
    assert (ec2mpi.folder / "out/node1/rs/a.o").read_text() == "o\n"
    assert (ec2mpi.folder / "out/node3/rs/a.c").read_text() == "c\n"


@pytest.mark.parametrize("tar", ["GNU", "other"])
def test_a_file_that_several_words_mean_comes_to_each_of_its_places(ec2mpi, cluster4, tar):
    user(cluster4, 2, "mkdir -p lg ov/d; echo run >lg/run-1.log; ln -s run-1.log lg/latest.log; ln -s run-1.log lg/first.log;"
                      "echo x >lg/other.log; ln lg/other.log lg/same.log; echo f >ov/d/f; ln -s d/f ov/df;"
                      "head -c 9000000 /dev/urandom >lg/big.log; ln -s big.log lg/newest.log; ln -s /proc/version lg/m1.log;"
                      "ln -s /proc/version lg/m2.log; head -c 300000 /dev/urandom >lg/mid.log; ln lg/mid.log lg/mid2.log")
    if tar == "other":  # as that of busybox, which is asked by fewer options, and sends hard links as such
        first_in_path(cluster4, 2, "tar", '#!/bin/sh\n[ "$1" != --version ] || exec echo other\nexec /usr/bin/tar "$@"\n')
    names = {f"{name}.log" for name in ("run-1", "latest", "first", "other", "same", "big", "newest", "m1", "m2", "mid", "mid2")}
    for flags, suffix in (([], ""), (["--flat"], ".node2"), (["-c"], "")):
        out = ec2mpi.folder / f"out{suffix}{len(flags)}"
        done = ec2mpi("pull", "-w", "2", *flags, "--json", "lg/*.log", f"{out}/")
        assert done.code == 0, done.err
        assert {path.name for path in out.iterdir()} == {name + suffix for name in names}
        assert json.loads(done.out)["nodes"][0]["files_copied"] == len(names)
        for one, other in (("run-1", "latest"), ("run-1", "first"), ("other", "same"), ("big", "newest"), ("mid", "mid2")):
            assert (out / f"{one}.log{suffix}").read_bytes() == (out / f"{other}.log{suffix}").read_bytes()
            assert (out / f"{one}.log{suffix}").stat().st_mtime_ns == (out / f"{other}.log{suffix}").stat().st_mtime_ns
        assert (out / f"m2.log{suffix}").stat().st_size > 0
    done = ec2mpi("pull", "-w", "2", "ov", "ov/d", "ov/d/f", "x/")
    assert done.code == 0 and "3 files copied" in done.err, done.err
    assert [(ec2mpi.folder / "x" / name).read_text() for name in ("ov/d/f", "d/f", "f")] == ["f\n"] * 3
    done = ec2mpi("pull", "-w", "2", "ov/*", "y/")
    assert done.code == 0 and "2 files copied" in done.err, done.err
    assert [(ec2mpi.folder / "y" / name).read_text() for name in ("df", "d/f")] == ["f\n"] * 2


def test_two_files_of_one_place_below_the_top_are_refused_before_anything_comes(ec2mpi, cluster4):
    user(cluster4, 3, "mkdir -p oa/z ob/z; echo a >oa/z/f; echo b >ob/z/f; echo g >ob/z/g")
    done = ec2mpi("pull", "-w", "3", "oa/z", "ob/.", "cl/")
    assert done.code == 1 and not (ec2mpi.folder / "cl").exists(), done.err
    assert "two files would be called z/f: /home/ubuntu/oa/z/f and /home/ubuntu/ob/z/f" in done.err, done.err
    done = ec2mpi("pull", "-w", "3", "ob/z", "ob/.", "ob/*", "cl/")
    assert done.code == 0 and "2 files copied" in done.err, done.err


def test_files_that_came_before_a_failure_are_counted(ec2mpi, cluster4):
    long = "2" * 252  # too long with the node's name behind it
    user(cluster4, 1, f"mkdir few; for i in 1 {long} 3; do echo $i >few/$i; done")
    done = ec2mpi("pull", "-w", "1", "--flat", "--json", "few/*", "out/")
    assert done.code == 1 and "File name too long" in done.err, done.err
    came = [path for path in (ec2mpi.folder / "out").iterdir() if path.is_file()]
    assert json.loads(done.out)["nodes"][0]["files_copied"] == len(came) > 0, (done.out, came)


def test_what_a_tar_says_that_did_all_is_no_failure(ec2mpi, cluster4):
    write(ec2mpi.folder / "src/a", "a")
    write(ec2mpi.folder / "src/big", os.urandom(6_000_000))
    first_in_path(cluster4, 3, "tar", TAR + "echo 'tar: hello' >&2; exec /usr/bin/tar --totals -v \"$@\"\n")
    done = ec2mpi("push", "-w", "3", "src", "proj/")
    assert done.code == 0, done.err
    done = ec2mpi("pull", "-w", "3", "proj/src", "back")
    assert done.code == 0, done.err
    assert (ec2mpi.folder / "back/big").read_bytes() == (ec2mpi.folder / "src/big").read_bytes()


def test_files_that_do_not_tell_their_size_are_copied_whole(ec2mpi, cluster4):
    user(cluster4, 1, "mkdir e; : > e/empty; echo x > e/full")
    lost = "/proc/sys/kernel/osrelease"
    page = "/sys/kernel/mm/transparent_hugepage/enabled"
    done = ec2mpi("pull", "-w", "1", lost, page, "/proc/self/mounts", "e", "out/")
    assert done.code == 0, done.err
    for name in (lost, page):
        assert (ec2mpi.folder / "out" / os.path.basename(name)).read_text() == user(cluster4, 1, f"cat {name}")
    assert (ec2mpi.folder / "out/mounts").stat().st_size > 0
    assert (ec2mpi.folder / "out/e/empty").read_text() == "" and (ec2mpi.folder / "out/e/full").read_text() == "x\n"
    done = ec2mpi("push", "-w", "1", lost, page, "here/")
    assert done.code == 0, done.err
    with open(lost) as mine:
        assert user(cluster4, 1, "cat here/osrelease") == mine.read()
    with open(page) as mine:
        assert user(cluster4, 1, "cat here/enabled") == mine.read()


def test_what_is_named_and_no_file_fails(ec2mpi, cluster4):
    user(cluster4, 1, "mkdir d; echo x > d/f; mkfifo d/p p; ln -s p link; ln -s nowhere dangling")
    for name in ("p", "/dev/null", "link"):
        done = ec2mpi("pull", "-w", "1", name, "d", "out/")
        assert done.code == 1, done.err
        assert "is no file, no folder and no link to one" in done.err
        assert (ec2mpi.folder / "out/d/f").read_text() == "x\n", "the rest comes"
    done = ec2mpi("pull", "-w", "1", "d", "out2/")
    assert done.code == 0 and "skipped" in done.err, "inside of a folder it is left out"
    os.mkfifo(ec2mpi.folder / "p")
    assert ec2mpi("push", "-w", "1", "p", "x/").code == 2


def test_a_big_file_that_cannot_be_read_is_not_made_of_zeros(ec2mpi, cluster4):
    cluster4.host(1, "head -c 9000000 /dev/urandom > /srv/big; chmod 600 /srv/big")
    done = ec2mpi("pull", "-w", "1", "/srv/big", "big")
    assert done.code == 1 and "Permission denied" in done.err, done.err
    assert not (ec2mpi.folder / "big").exists()


# --- valuable files are not deleted ------------------------------------------------------------------------------

KEPT = "ls .ssh/authorized_keys && ls .ec2mpi/jobs/1 && ls keep"


def home_with_jobs(hosts, index=1):
    user(hosts, index, "mkdir -p .ec2mpi/jobs/1; echo x > keep")


@pytest.mark.parametrize("target", [".", "./", "~", "~/", "sub/..", "/"])
def test_delete_into_the_home_is_refused_before_anything_is_done(ec2mpi, cluster4, target):
    write(ec2mpi.folder / "src/a", "a")
    done = ec2mpi("push", "--delete", "-w", "1", "src/.", target)
    assert done.code == 2, done.err
    assert "--force-delete" in done.err and done.err.count("\n") <= 2
    assert ".ec2mpi/known_hosts" not in ec2mpi.files(), "it must not have connected"


@pytest.mark.parametrize("source, target", [("src/.", "/home/ubuntu"), ("src/.", "/home/ubuntu/x/.."), ("src/.", "door"), ("src/.", "/home"),
                                            ("ubuntu", "/home/"), ("src/.", ".ssh"), ("src/.", "/srv/keys"), ("door", ".")])
def test_delete_into_what_holds_the_home_is_refused_by_the_node(ec2mpi, cluster4, source, target):
    for name in ("src", "ubuntu", "door"):
        write(ec2mpi.folder / name / "a", "a")
    home_with_jobs(cluster4)
    user(cluster4, 1, "mkdir x; ln -s /home/ubuntu door")
    if target == "/srv/keys":
        cluster4.host(1, "mv /home/ubuntu/.ssh /srv/keys; ln -s /srv/keys /home/ubuntu/.ssh")
    try:
        done = ec2mpi("push", "--delete", "-w", "1", source, target)
        assert done.code == 1, done.err
        assert re.search(r"^node1: --delete is refused in /\S+: ", done.err, re.M), done.err
        assert user(cluster4, 1, KEPT) and user(cluster4, 1, "ls -A") .count("\na\n") == 0
        assert "refused" in ec2mpi("push", "--delete", "-n", "-w", "1", source, target).err
    finally:
        if target == "/srv/keys":
            cluster4.host(1, "rm /home/ubuntu/.ssh; mv /srv/keys /home/ubuntu/.ssh")


@pytest.mark.parametrize("target", [".", "door", "/home/ubuntu"])
def test_even_by_force_keys_and_jobs_stay(ec2mpi, cluster4, target):
    write(ec2mpi.folder / "src/a", "a")
    home_with_jobs(cluster4)
    user(cluster4, 1, "ln -s /home/ubuntu door; cp .bashrc bashrc")
    listed = ec2mpi("push", "--force-delete", "-n", "-w", "1", "src/.", target)
    assert listed.code == 0 and "delete keep" in listed.out and ".ssh" not in listed.out and ".ec2mpi" not in listed.out
    done = ec2mpi("push", "--force-delete", "--exclude", "bashrc", "-w", "1", "src/.", target)
    assert done.code == 0, done.err
    assert user(cluster4, 1, "ls -A").split() == [".ec2mpi", ".ssh", "a", "bashrc"]
    assert user(cluster4, 1, "ls .ssh/authorized_keys .ec2mpi/jobs")
    assert ec2mpi("exec", "-w", "1", "true").code == 0
    user(cluster4, 1, "cp bashrc .bashrc")


def test_delete_below_the_home_goes_on_as_ever(ec2mpi, cluster4):
    write(ec2mpi.folder / "src/a", "a")
    user(cluster4, 1, "mkdir -p src proj/.ssh; touch src/old proj/old proj/.ssh/old")
    assert ec2mpi("push", "--delete", "-w", "1", "src", ".").code == 0
    assert ec2mpi("push", "--delete", "-w", "1", "src/.", "proj").code == 0
    assert user(cluster4, 1, "ls -A src proj") == "proj:\na\n\nsrc:\na\n"


# --- one node's lie costs only that node --------------------------------------------------------------------------

FIND = r'''#!/usr/bin/python3
import sys
if "-printf" not in sys.argv or "/" in sys.argv[1:3]: sys.exit(0)
def put(*fields): sys.stdout.buffer.write(b"".join(f.encode() + b"\0" for f in fields))
put("source", sys.argv[2], "")
put("d 755 4096 8 7 1600000000.5", "", "")
for i in range(COUNT): put(f"f 644 SIZE BLOCKS 7 1600000000.5", f"f{i}", "")
'''


def lie(hosts, index, count, size, blocks, tar=""):
    user(hosts, index, "mkdir -p rs")
    text = FIND.replace("COUNT", str(count)).replace("SIZE", str(size)).replace("BLOCKS", str(blocks))
    hosts.host(index, "cat > /usr/local/bin/find; chmod 755 /usr/local/bin/find", input=text)
    if tar:
        hosts.host(index, "cat > /usr/local/bin/tar; chmod 755 /usr/local/bin/tar", input=tar)


@pytest.mark.parametrize("size", [2**61 - 1, 2**53 - 1])
def test_sizes_that_a_node_invents_do_not_keep_the_others(ec2mpi, cluster4, size):
    for index in (2, 3):
        user(cluster4, index, "mkdir rs; echo five > rs/f")
    lie(cluster4, 1, 9, size, 0)
    done = ec2mpi("pull", "-f", "1", "-w", "1-3", "rs", "out")
    assert done.code == 1, done.err
    assert "node1: " in done.err and "failed: node1" in done.err.splitlines()[-1] and "--max-size" not in done.err
    for index in (2, 3):
        assert (ec2mpi.folder / f"out/node{index}/rs/f").read_text() == "five\n"


def test_files_larger_than_any_disk_do_not_keep_the_others(ec2mpi, cluster4):
    user(cluster4, 1, "mkdir rs; for i in 1 2 3 4 5 6 7 8 9; do truncate -s 2305843009213693951 rs/f$i; done")
    user(cluster4, 2, "mkdir rs; echo five > rs/f")
    done = ec2mpi("pull", "-f", "1", "-w", "1-2", "rs", "out", timeout=30)
    assert done.code == 1 and "failed: node1" in done.err.splitlines()[-1], done.err
    assert (ec2mpi.folder / "out/node2/rs/f").read_text() == "five\n"


def test_what_a_failed_node_did_not_bring_is_left_to_the_others(ec2mpi, cluster4):
    user(cluster4, 3, "mkdir rs; head -c 3000000 /dev/urandom > rs/f")
    lie(cluster4, 1, 1, 3_000_000, 6000, "#!/bin/sh\n[ \"$1\" != --version ] || { echo GNU; exit 0; }\nexit 3\n")
    done = ec2mpi("pull", "--max-size", "4M", "-f", "1", "-w", "1,3", "rs", "out")
    assert done.code == 1 and "failed: node1" in done.err.splitlines()[-1], done.err
    assert (ec2mpi.folder / "out/node3/rs/f").stat().st_size == 3_000_000


ENDLESS = r'''#!/usr/bin/python3
import sys
if "--version" in sys.argv: print("GNU"); sys.exit(0)
import tarfile
name = sys.stdin.buffer.read().split(b"\0")[0].decode()
info = tarfile.TarInfo(name); info.size = 1 << 40; info.mtime = 1600000000
sys.stdout.buffer.write(info.tobuf(tarfile.GNU_FORMAT))
while True: sys.stdout.buffer.write(b"x" * 65536)
'''


def test_a_member_is_not_much_larger_than_it_was_listed(ec2mpi, cluster4):
    lie(cluster4, 1, 1, 10, 8, ENDLESS)
    done = ec2mpi("pull", "-w", "1", "rs", "out")
    assert done.code == 1
    assert "f0 came with 1.1 TB, but was listed with 10 B; pull again" in done.err, done.err
    # Only the mark stays by which the repeated pull knows the new name.
    left = [path.name for path in (ec2mpi.folder / "out").rglob("*")]
    assert len(left) == 1 and left[0].startswith(".ec2mpi-pull.new."), left


def test_big_files_keep_their_holes(ec2mpi, cluster4):
    user(cluster4, 1, "truncate -s 40000000 sp; echo x >> sp")
    done = ec2mpi("pull", "-w", "1", "sp", "sp")
    assert done.code == 0, done.err
    here = ec2mpi.folder / "sp"
    assert here.stat().st_size == 40_000_002 and here.stat().st_blocks * 512 < 4_000_000
    assert here.read_bytes().endswith(b"\0x\n")
