"""push and pull against four real hosts: what arrives, under which name, and that nothing half-written ever does."""

import hashlib
import json
import os
import signal

import pytest

from local_cluster import run, wait_until

STAGES = "find /home /srv /etc /tmp -name '.ec2mpi-pu*' 2>/dev/null"
LISTING = "cd {0} && find . -printf '%p|%y|%m|%l|' \\( -type l -printf '\\n' -o -printf '%T@\\n' \\) | sed 's/[.][0-9]*$//' | LC_ALL=C sort"
SUMS = "cd {0} && find . -type f -exec md5sum {{}} + | LC_ALL=C sort"


def write(path, data=b"", mode=0o644, mtime=1_600_000_000):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    path.chmod(mode)
    os.utime(path, (mtime, mtime))
    return path


def a_tree(root):
    """Files, links, modes, times, an empty folder, a read-only one, and names that break careless programs."""
    write(root / "a.txt", "alpha", 0o640, 981_173_106)
    write(root / "run.sh", "#!/bin/sh\n", 0o755)
    write(root / "sub/deep/big", os.urandom(1_000_000), 0o600, 1_234_567_890)
    write(root / "locked/file", "in a read-only folder")
    (root / "empty").mkdir()
    os.symlink("a.txt", root / "link")
    os.symlink("../a.txt", root / "sub/up")
    os.symlink("nowhere", root / "dangling")
    for name in ("with space", "-rf", "--help", "new\nline", "it's \"quoted\" $(id) `id` \\", "*", "ä", "~", ".hidden", "..x",
                 "n" * 255, os.fsdecode(b"\xff\xfe latin")):
        write(root / "odd" / name, name.encode("utf-8", "surrogateescape"))
    os.utime(root / "empty", (1_500_000_000, 1_500_000_000))
    (root / "locked").chmod(0o555)
    os.utime(root / "sub", (1_400_000_000, 1_400_000_000))
    for folder in (root / "odd", root / "locked", root / "sub/deep", root):
        os.utime(folder, (1_300_000_000, 1_300_000_000))
    return root


def look(run, path):
    """What lies in a folder, here or on a host: names, kinds, modes, targets, times, contents."""
    found = run(LISTING.format(path)), run(SUMS.format(path))
    assert [f.code for f in found] == [0, 0], found
    assert found[0].out.count("\n") > 1
    return found[0].out, found[1].out


def here(command):
    return run(["sh", "-c", command], env=os.environ | {"LC_ALL": "C"})


def on(hosts, index, user="ubuntu"):
    return lambda command: hosts.host(index, f"cd /home/ubuntu; export LC_ALL=C; {command}", user=user)


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def no_stage_left(hosts, indices=(1, 2, 3, 4)):
    for index in indices:
        wait_until(lambda: hosts.host(index, STAGES).out == "", f"the stage on node{index} is gone")


@pytest.fixture(autouse=True)
def clean_homes(cluster4):
    yield
    for index in (1, 2, 3, 4):
        cluster4.host(index, "chmod -R u+w /home/ubuntu; cd /home/ubuntu; rm -rf -- * .ec2mpi* /srv/* /usr/local/bin/tar")


# --- what arrives ------------------------------------------------------------------------------------------------

def test_a_tree_arrives_on_all_nodes_with_modes_times_links_and_odd_names(ec2mpi, cluster4):
    a_tree(ec2mpi.folder / "tree")
    done = ec2mpi("push", "tree", "there")
    assert (done.code, done.out) == (0, ""), done.err
    assert done.err.splitlines()[-1].startswith("4/4 nodes ok · ")
    expected = look(here, ec2mpi.folder / "tree")
    for index in (1, 2, 3, 4):
        assert look(on(cluster4, index), "there") == expected
    no_stage_left(cluster4)


def test_the_same_push_again_ends_in_the_same(ec2mpi, cluster4):
    a_tree(ec2mpi.folder / "tree")
    for _ in range(2):
        done = ec2mpi("push", "-w", "1,3", "tree", "proj/")
        assert done.code == 0, done.err
    expected = look(here, ec2mpi.folder / "tree")
    assert look(on(cluster4, 1), "proj/tree") == expected
    assert look(on(cluster4, 3), "proj/tree") == expected
    assert on(cluster4, 2)("ls").out == ""


def test_a_tree_comes_back_from_each_node(ec2mpi, cluster4):
    tree = a_tree(ec2mpi.folder / "tree")
    assert ec2mpi("push", "tree", "there").code == 0
    done = ec2mpi("pull", "there", "out")
    assert (done.code, done.out) == (0, ""), done.err
    expected = look(here, tree)
    for index in (1, 2, 3, 4):
        assert look(here, ec2mpi.folder / f"out/node{index}/there") == expected
    assert ec2mpi("pull", "-w", "2-3", "there/", "out").code == 0, "again, over read-only folders"
    assert look(here, ec2mpi.folder / "out/node3/there") == expected


def test_five_thousand_small_files(ec2mpi, cluster4):
    for i in range(5000):
        write(ec2mpi.folder / f"many/{i % 50}/{i}", str(i))
    done = ec2mpi("push", "many", "many")
    assert done.code == 0, done.err
    expected = look(here, ec2mpi.folder / "many")
    for index in (1, 4):
        assert look(on(cluster4, index), "many") == expected
    assert ec2mpi("pull", "-w", "1", "many", "back").code == 0
    assert look(here, ec2mpi.folder / "back") == expected


def test_a_big_file(ec2mpi, cluster4):
    block = os.urandom(1_000_000)
    big = write(ec2mpi.folder / "big", b"".join(block[i:] + block[:i] for i in range(200)))
    done = ec2mpi("push", "-w", "2,4", "big", "data/", timeout=120)
    assert done.code == 0, done.err
    for index in (2, 4):
        assert on(cluster4, index)("md5sum < data/big").out.split()[0] == md5(big)
    assert ec2mpi("pull", "-w", "4", "data/big", "back").code == 0
    assert md5(ec2mpi.folder / "back") == md5(big)


def test_holes_are_not_sent_and_stay_holes(ec2mpi, cluster4):
    with open(ec2mpi.folder / "sparse", "wb") as file:
        file.write(b"begin")
        file.seek(300_000_000)
        file.write(os.urandom(100_000))
        file.truncate(400_000_000)
    done = ec2mpi("push", "--json", "-w", "1-3", "sparse", "data/", timeout=120)
    assert done.code == 0, done.err
    assert json.loads(done.out)["copied"]["bytes_over_uplink"] < 1_000_000
    for index in (1, 2, 3):
        size, blocks = map(int, on(cluster4, index)("stat -c '%s %b' data/sparse").out.split())
        assert (size, blocks < 2000) == (400_000_000, True), blocks
        assert on(cluster4, index)("md5sum <data/sparse").out.split()[0] == md5(ec2mpi.folder / "sparse")


def test_hard_links_become_separate_files(ec2mpi, cluster4):
    first = write(ec2mpi.folder / "tree/first", "content")
    os.link(first, ec2mpi.folder / "tree/second")
    assert ec2mpi("push", "-w", "1", "tree", "there").code == 0
    assert on(cluster4, 1)("cat there/*; stat -c %h there/*").out == "contentcontent1\n1\n"
    cluster4.host(1, "cd /home/ubuntu && ln -f there/first there/second", user="ubuntu")
    assert ec2mpi("pull", "-w", "1", "there", "back/").code == 0
    assert [os.stat(ec2mpi.folder / "back/there" / name).st_nlink for name in ("first", "second")] == [1, 1]


def test_a_push_into_a_tree_keeps_the_files_of_others(ec2mpi, cluster4):
    write(ec2mpi.folder / "proj/code/main.py", "new")
    cluster4.host(1, "mkdir -p proj/code proj/results; echo old > proj/code/main.py; echo mine > proj/code/notes;"
                     "echo 7 > proj/results/r; ln -s /srv proj/away; mkdir -p proj/code/sub", user="ubuntu")
    done = ec2mpi("push", "-w", "1", "proj", ".")
    assert done.code == 0, done.err
    assert on(cluster4, 1)("cat proj/code/main.py proj/code/notes proj/results/r; readlink proj/away").out == "newmine\n7\n/srv\n"


def test_a_folder_that_is_a_link_on_the_node_stays_one(ec2mpi, cluster4):
    write(ec2mpi.folder / "proj/data/x", "new")
    cluster4.host(1, "mkdir -p /srv/data; chown ubuntu /srv/data")
    cluster4.host(1, "mkdir proj; ln -s /srv/data proj/data", user="ubuntu")
    done = ec2mpi("push", "-w", "1", "proj", ".")
    assert done.code == 0, done.err
    assert on(cluster4, 1)("readlink proj/data; cat /srv/data/x").out == "/srv/data\nnew"


def test_a_file_that_is_a_link_on_the_node_is_written_through(ec2mpi, cluster4):
    on(cluster4, 2)("echo old >real; ln -s real alias")
    write(ec2mpi.folder / "file", "new\n")
    done = ec2mpi("push", "-w", "2", "file", "alias")
    assert done.code == 0, done.err
    assert on(cluster4, 2)("readlink alias; cat real").out == "real\nnew\n"


def test_new_folders_in_a_setgid_folder_hand_its_group_on(ec2mpi, cluster4):
    cluster4.host(2, "groupadd -g 4000 team && usermod -aG team ubuntu && install -d -o ubuntu -g team -m 2775 /home/ubuntu/shared")
    write(ec2mpi.folder / "tree/deep/file", "x")
    try:
        assert ec2mpi("push", "-w", "2", "tree", "shared/").code == 0
        assert on(cluster4, 2)("stat -c '%A %G' shared/tree shared/tree/deep").out == "drwxr-sr-x team\n" * 2
        assert "0 files sent" in ec2mpi("push", "-w", "2", "tree", "shared/").err
    finally:
        cluster4.host(2, "gpasswd -d ubuntu team; groupdel team")


def test_a_push_of_a_dot_leaves_the_homes_mode(ec2mpi, cluster4):
    work = ec2mpi.folder / "work"
    write(work / "inside/f", "x")
    work.chmod(0o777)
    before = on(cluster4, 1)("stat -c %a .").out
    assert ec2mpi("push", "-w", "1", "work/.", "~/").code == 0
    assert on(cluster4, 1)("stat -c %a .; cat inside/f").out == before + "x"


# --- names -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("sources, target, arrives", [
    (["file"], "new", "new"),
    (["file"], "dir", "dir/file"),
    (["file"], "dir/", "dir/file"),
    (["file"], "made/here/", "made/here/file"),
    (["file"], "made/here", "made/here"),
    (["file"], ".", "file"),
    (["file"], "~/new", "new"),
    (["file"], "/home/ubuntu/new", "new"),
    (["file"], "sp ace/it's", "sp ace/it's"),
    (["file"], "linked", "dir/file"),
    (["file"], "old", "old"),
    (["file"], "-n", "-n"),
    (["folder"], "new", "new/inner"),
    (["folder/"], "dir", "dir/folder/inner"),
    (["folder"], "dir/", "dir/folder/inner"),
    (["folder/."], "dir", "dir/inner"),
    (["folder/."], "new", "new/inner"),
    (["file", "folder"], "new", "new/file"),
    (["file", "folder/inner"], "dir", "dir/inner"),
])
def test_names_by_scps_rule(ec2mpi, cluster4, sources, target, arrives):
    write(ec2mpi.folder / "file", "content")
    write(ec2mpi.folder / "folder/inner", "content")
    cluster4.host(1, "mkdir dir; ln -s dir linked; echo old > old", user="ubuntu")
    before = set(on(cluster4, 1)("find . -type f").out.splitlines())
    done = ec2mpi("push", "-w", "1", "--", *sources, target)
    assert done.code == 0, done.err
    made = set(on(cluster4, 1)("find . -type f").out.splitlines()) - before | {"./old"}
    assert f"./{arrives}" in made
    assert len(made - {"./old"} | {f"./{arrives}"}) == len(sources)
    assert cluster4.host(1, ["cat", f"/home/ubuntu/{arrives}"]).out == "content"


@pytest.mark.parametrize("remote, target, arrives", [
    (["file"], "new", "new"),
    (["file"], "dir", "dir/file"),
    (["file"], "made/here/", "made/here/file"),
    (["folder"], "new", "new/inner"),
    (["folder/"], "dir", "dir/folder/inner"),
    (["folder/."], "dir", "dir/inner"),
    (["folder/."], "new", "new/inner"),
    (["linked"], "dir", "dir/linked/inner"),
    (["alias"], "dir", "dir/alias"),
    (["file", "/home/ubuntu/folder/inner"], "new", "new/inner"),
    (["~/sub/-odd name", "folder"], "new", "new/-odd name"),
])
def test_names_of_a_pull_from_one_node(ec2mpi, cluster4, remote, target, arrives):
    cluster4.host(1, "mkdir folder sub; printf content > file; printf content > folder/inner; ln -s folder linked;"
                     "ln -s /home/ubuntu/file alias; printf content > 'sub/-odd name'", user="ubuntu")
    (ec2mpi.folder / "dir").mkdir()
    done = ec2mpi("pull", "-w", "1", "--", *remote, target)
    assert done.code == 0, done.err
    assert (ec2mpi.folder / arrives).read_text() == "content"
    assert len([f for f in ec2mpi.folder.rglob("*") if f.is_file() and f.read_bytes() == b"content"]) == len(remote)


def test_a_device_a_pipe_or_a_socket_is_never_replaced(ec2mpi, cluster4):
    """Neither on a node, as root, nor here. Nor is a link to one replaced by a file."""
    write(ec2mpi.folder / "file", "content")
    write(ec2mpi.folder / "tree/sub/pipe", "content")
    write(ec2mpi.folder / "files/link", "content")
    write(ec2mpi.folder / "nested/sub/link", "content")
    (ec2mpi.folder / "links").mkdir()
    os.symlink("elsewhere", ec2mpi.folder / "links/null")
    cluster4.host(1, "mkdir -p devices tree/sub nested/sub; mknod devices/null c 1 3; mkfifo tree/sub/pipe devices/file;"
                     "ln -s null devices/link; ln -s ../../devices/file nested/sub/link", user="root")
    cluster4.host(1, "cp -a /root/devices /root/tree /root/nested /home/ubuntu/", user="root")
    kinds = "cd /home/ubuntu && stat -c '%F %N' devices/null devices/file devices/link tree/sub/pipe nested/sub/link"
    before = cluster4.host(1, kinds).out
    assert before.count("fifo") == 2 and before.count("symbolic link") == 2 and "character special" in before
    for flags, source, target, said in [
        (["--sudo"], "file", "/home/ubuntu/devices/null", "/home/ubuntu/devices/null"),
        (["--sudo"], "file", "/home/ubuntu/devices/", "/home/ubuntu/devices/file"),
        (["--sudo"], "tree", "/home/ubuntu", "/home/ubuntu/tree/sub/pipe"),
        (["--sudo"], "tree/.", "/home/ubuntu/tree", "/home/ubuntu/tree/sub/pipe"),
        (["--sudo"], "links/.", "/home/ubuntu/devices", "/home/ubuntu/devices/null"),
        (["--sudo"], "files/.", "/home/ubuntu/devices", "/home/ubuntu/devices/link"),
        (["--sudo", "--delete"], "files/.", "/home/ubuntu/devices", "/home/ubuntu/devices/link"),
        (["--sudo"], "nested", "/home/ubuntu", "/home/ubuntu/nested/sub/link"),
    ]:
        done = ec2mpi("push", "-w", "1", *flags, source, target)
        assert done.code != 0 and f"{said} there is a device, pipe or socket" in done.err, done
        assert cluster4.host(1, kinds).out == before
    cluster4.host(1, "echo content > plain", user="ubuntu")
    os.mkfifo(ec2mpi.folder / "pipe")
    done = ec2mpi("pull", "-w", "1", "plain", "pipe")
    assert done.code != 0 and "pipe here is a device, pipe or socket, and is not replaced" in done.err, done
    os.symlink("real", ec2mpi.folder / "link")
    assert ec2mpi("pull", "-w", "1", "plain", "link").code == 0
    assert (ec2mpi.folder / "link").is_symlink() and (ec2mpi.folder / "real").read_text() == "content\n"


def test_a_file_does_not_fall_into_a_folder_of_its_name(ec2mpi, cluster4):
    write(ec2mpi.folder / "name", "file")
    cluster4.host(1, "mkdir -p dir/name", user="ubuntu")
    done = ec2mpi("push", "-w", "1-2", "name", "dir/")
    assert done.code == 1
    assert "node1: dir/name there is a folder, and is not replaced by a file; remove it there first\n" in done.err
    assert on(cluster4, 1)("ls -A dir/name").out == ""
    assert on(cluster4, 2)("cat dir/name").out == "file"


def test_a_folder_does_not_replace_a_file(ec2mpi, cluster4):
    write(ec2mpi.folder / "name/f", "new")
    cluster4.host(1, "mkdir dir; echo old > dir/name", user="ubuntu")
    done = ec2mpi("push", "-w", "1", "name", "dir")
    assert done.code == 1
    assert "dir/name there is a file, and is not replaced by a folder; remove it there first\n" in done.err
    assert on(cluster4, 1)("cat dir/name; ls -A dir").out == "old\nname\n"


# --- bad input: exit 2 before any connection ---------------------------------------------------------------------

@pytest.mark.parametrize("args, says", [
    (["push", "missing", "x"], "cannot read missing: No such file or directory"),
    (["push", "file", "missing/", "x"], "cannot read missing/: No such file or directory"),
    (["push", "file"], "where to?"),
    (["push", "file", ""], "a path is an empty word"),
    (["push", "file", "~root/x"], "give the whole path"),
    (["push", "file", "sub/file", "x"], "two sources are called file"),
    (["pull", "a", "file"], "file is a file; a folder is needed here"),
    (["pull", "", "x"], "a path is an empty word"),
    (["push", "-w", "9", "file", "x"], "9"),
])
def test_bad_input(ec2mpi, cluster4, args, says):
    write(ec2mpi.folder / "file")
    write(ec2mpi.folder / "sub/file")
    done = ec2mpi(*args)
    assert (done.code, done.out) == (2, ""), done.err
    assert says in done.err and done.err.count("\n") == 1
    assert ".ec2mpi/known_hosts" not in ec2mpi.files(), "it must not have connected"


# --- trouble on a node -------------------------------------------------------------------------------------------

def test_a_full_disk_is_told_and_the_others_get_theirs(ec2mpi, cluster4):
    big = write(ec2mpi.folder / "big", os.urandom(20_000_000))
    cluster4.host(2, "echo old > big", user="ubuntu")
    cluster4.fault("fill", "2", "--leave", "5000000")
    done = ec2mpi("push", "big", ".")
    assert done.code == 1
    assert "node2: big: No space left on device\n" in done.err
    assert done.err.splitlines()[-1].startswith("3/4 nodes ok · failed: node2")
    assert on(cluster4, 2)("cat big").out == "old\n"
    for index in (1, 3, 4):
        assert on(cluster4, index)("md5sum < big").out.split()[0] == md5(big)
    no_stage_left(cluster4)


@pytest.mark.parametrize("relay", ["always", "never"])
def test_a_disk_too_full_for_a_little_is_told_too(ec2mpi, cluster4, relay):
    small = write(ec2mpi.folder / "small", os.urandom(2_000_000))
    cluster4.fault("fill", "2", "--leave", "1000000")
    done = ec2mpi("push", "--relay", relay, "small", "there/")
    assert done.code == 1
    assert "node2: small: No space left on device\n" in done.err
    assert done.err.splitlines()[-1].startswith("3/4 nodes ok · failed: node2")
    assert on(cluster4, 2)("ls -A there").out == ""
    for index in (1, 3, 4):
        assert on(cluster4, index)("md5sum < there/small").out.split()[0] == md5(small)


def test_a_disk_with_no_room_for_the_archive_beside_its_files_is_enough(ec2mpi, cluster4):
    """Only a node with room for both may have to feed others."""
    small = write(ec2mpi.folder / "small", os.urandom(2_000_000))
    cluster4.fault("fill", "2", "--leave", "3000000")
    done = ec2mpi("push", "--relay", "always", "small", "there/")
    assert done.code == 0, done.err
    assert on(cluster4, 2)("md5sum < there/small").out.split()[0] == md5(small)


def test_targets_that_cannot_be_written(ec2mpi, cluster4):
    write(ec2mpi.folder / "file", "x")
    done = ec2mpi("push", "file", "/etc/")
    assert done.code == 1
    assert "Permission denied" in done.err and "node[1-4] (4): " in done.err
    assert " · 1 file not put in place, 0 unchanged · " in done.err.splitlines()[-1]
    cluster4.host(3, "mkdir ro; chmod 555 ro", user="ubuntu")
    done = ec2mpi("push", "-w", "1,3", "file", "ro/")
    assert done.code == 1
    assert "Permission denied" in done.err and "failed: node3" in done.err.splitlines()[-1]
    assert on(cluster4, 1)("cat ro/file").out == "x"
    assert on(cluster4, 3)("ls -A ro").out == ""


def test_one_node_refuses(ec2mpi, cluster4):
    write(ec2mpi.folder / "file", "x")
    cluster4.fault("refuse", "3")
    for args in (("push", "file", "there"), ("pull", "there", "out")):
        done = ec2mpi(*args)
        assert done.code == 1
        assert "node3: " in done.err and "refused" in done.err
        assert done.err.splitlines()[-1].startswith("3/4 nodes ok · failed: node3")
    assert on(cluster4, 4)("cat there").out == "x"
    assert sorted(p.name for p in (ec2mpi.folder / "out").iterdir()) == ["node1", "node2", "node4"]


def test_a_path_that_is_missing_on_a_node_is_named(ec2mpi, cluster4):
    cluster4.host(2, "echo x > there", user="ubuntu")
    done = ec2mpi("pull", "-w", "1-2", "there", "out")
    assert done.code == 1
    assert "node1: there: No such file or directory\n" in done.err
    assert (ec2mpi.folder / "out/node2/there").read_text() == "x\n"


def test_a_file_that_cannot_be_read_on_a_node_is_named_and_the_rest_is_copied(ec2mpi, cluster4):
    cluster4.host(1, "mkdir d; echo a > d/a; echo b > d/b; chmod 0 d/a", user="ubuntu")
    done = ec2mpi("pull", "-w", "1", "d", "d")
    assert done.code == 1
    assert "d/a: Cannot open: Permission denied" in done.err
    # Beside it stands the mark by which the repeated pull knows the new name.
    assert sorted(p.name for p in (ec2mpi.folder / "d").glob("[!.]*")) == ["b"]
    cluster4.host(1, "chmod 600 d/a", user="ubuntu")
    assert ec2mpi("pull", "-w", "1", "d", "d").code == 0
    assert sorted(p.name for p in (ec2mpi.folder / "d").iterdir()) == ["a", "b"]


def test_a_talkative_bashrc_does_no_harm(ec2mpi, cluster4):
    write(ec2mpi.folder / "file", "x")
    keep = on(cluster4, 1)("cat .bashrc").out
    cluster4.host(1, "{ echo 'echo welcome; echo warning >&2'; cat .bashrc; } > b && mv b .bashrc", user="ubuntu")
    try:
        assert ec2mpi("push", "-w", "1", "file", "there").code == 0
        assert ec2mpi("pull", "-w", "1", "there", "back").code == 0
        assert (ec2mpi.folder / "back").read_text() == "x"
    finally:
        cluster4.host(1, "cat > .bashrc", user="ubuntu", input=keep)


# --- interrupted -------------------------------------------------------------------------------------------------

def arrival(hosts, index):
    """How much of a push lies in its stage."""
    said = hosts.host(index, "du -sb /home/ubuntu/.ec2mpi-push.* 2>/dev/null").out.split()
    return int(said[0]) if said else 0


def push_halfway(ec2mpi, cluster4, *options):
    """A slow push of a big file over an old one, in the middle."""
    big = write(ec2mpi.folder / "big", os.urandom(30_000_000))
    for index in (1, 2, 3, 4):
        cluster4.host(index, "echo old > big", user="ubuntu")
    cluster4.uplink("--rate", "10mbit")
    process = ec2mpi.start("push", *options, "big", ".")
    for index in (1, 2, 3, 4):
        wait_until(lambda: arrival(cluster4, index) > 200_000, f"bytes on node{index}")
    return big, process


def only_the_old_file(cluster4):
    for index in (1, 2, 3, 4):
        assert on(cluster4, index)("cat big; ls -A | grep -v '^[.]'").out == "old\nbig\n"


@pytest.mark.parametrize("how, code", [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_ended_in_the_middle_leaves_the_old_file_until_the_next_push(ec2mpi, cluster4, how, code):
    big, process = push_halfway(ec2mpi, cluster4)
    process.send_signal(how)
    assert process.wait(20) == code
    only_the_old_file(cluster4)
    for index in (1, 2, 3, 4):
        wait_until(lambda: cluster4.host(index, "pgrep -f '[e]c2mpi-push'").code == 1, f"node{index} has stopped")
    cluster4.uplink("--rate", "none")
    done = ec2mpi("push", "big", ".")
    assert done.code == 0, done.err
    for index in (1, 2, 3, 4):
        assert on(cluster4, index)("md5sum < big").out.split()[0] == md5(big)
    no_stage_left(cluster4)


def test_a_stage_whose_process_is_gone_is_removed_by_the_next_push(ec2mpi, cluster4):
    write(ec2mpi.folder / "file", "x")
    host = cluster4.host(1, "uname -n").out.strip()
    cluster4.host(1, f"mkdir .ec2mpi-push.{host}.1 .ec2mpi-push.{host}.999999 .ec2mpi-push.another.5; touch .ec2mpi-push.{host}.1/0",
                  user="ubuntu")
    assert ec2mpi("push", "-w", "1", "file", ".").code == 0
    assert on(cluster4, 1)("ls -A -d .ec2mpi*").out == ".ec2mpi-push.another.5\n"


def test_a_frozen_node_ends_at_its_limit_and_the_others_get_theirs(ec2mpi, cluster4):
    big, process = push_halfway(ec2mpi, cluster4, "-u", "30")
    cluster4.fault("freeze", "3")
    cluster4.uplink("--rate", "none")
    _, err = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "node3: " in err and err.splitlines()[-1].startswith("3/4 nodes ok · failed: node3")
    cluster4.call("thaw", "3")
    assert on(cluster4, 3)("cat big").out == "old\n"
    for index in (1, 2, 4):
        assert on(cluster4, index)("md5sum < big").out.split()[0] == md5(big)


def test_a_file_that_changes_while_it_is_sent_is_not_put_in_place(ec2mpi, cluster4):
    write(ec2mpi.folder / "d/calm", "calm")
    log = write(ec2mpi.folder / "d/log", os.urandom(20_000_000))
    cluster4.uplink("--rate", "80mbit")
    process = ec2mpi.start("push", "-w", "1-2", "d", "d")
    wait_until(lambda: arrival(cluster4, 1) > 200_000 and arrival(cluster4, 2) > 200_000, "bytes on the nodes")
    with log.open("ab") as more:
        more.write(b"more")
    cluster4.uplink("--rate", "none")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "changed here while being sent, so not put in place: d/log; push again\n" in err
    assert "1 file sent, 1 not put in place, 0 unchanged" in err.splitlines()[-1]
    for index in (1, 2):
        assert on(cluster4, index)("ls -A d").out == "calm\n"
    assert ec2mpi("push", "-w", "1-2", "d", "d").code == 0
    for index in (1, 2):
        assert on(cluster4, index)("ls -A d").out == "calm\nlog\n", "d is still its new name, and no folder that takes it"
