"""push against four real hosts: only what a node lacks travels; removed and left-out files, wrong modes, and continuing after a break."""

import json
import os
import re

import pytest

from local_cluster import wait_until
from test_copy import a_tree, here, look, md5, no_stage_left, on, write

LAST_LINE = re.compile(r"(\d+)/(\d+) nodes? ok · (?:failed: \S+ · )?(\d+) files? (?:sent|not put in place), (\d+) unchanged(?:, (\d+) deleted)? · "
                       r"([0-9.]+ \w+) over the uplink")
UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


@pytest.fixture(autouse=True)
def clean_homes(cluster4):
    yield
    for index in (1, 2, 3, 4):
        cluster4.host(index, "chmod -R u+w /home/ubuntu; cd /home/ubuntu; rm -rf -- * .ec2mpi*")


def told(done):
    """What the last line says: files sent, unchanged, deleted, bytes over the uplink."""
    found = LAST_LINE.match(done.err.splitlines()[-1])
    assert found, done.err
    number, unit = found[6].split()
    return int(found[3]), int(found[4]), int(found[5] or 0), float(number) * UNITS[unit]


def pushed(ec2mpi, *args):
    done = ec2mpi("push", *args)
    assert done.code == 0, done.err
    return told(done)


def test_a_second_push_sends_nothing_and_ten_changes_send_ten(ec2mpi, cluster4):
    tree = a_tree(ec2mpi.folder / "tree")
    for i in range(60):
        write(tree / f"many/{i}", f"content {i}" * 50)
    assert pushed(ec2mpi, "tree", "proj/")[1] == 0
    before = [cluster4.host(i, "find /home/ubuntu/proj -printf '%i %C@ %p\\n' | sort").out for i in (1, 2, 3, 4)]
    sent, unchanged, deleted, size = pushed(ec2mpi, "tree", "proj/")
    assert (sent, deleted, size) == (0, 0, 0) and unchanged > 60
    after = [cluster4.host(i, "find /home/ubuntu/proj -printf '%i %C@ %p\\n' | sort").out for i in (1, 2, 3, 4)]
    assert before == after, "not even touched"
    for i in range(10):
        write(tree / f"many/{i}", f"changed {i}", mtime=1_700_000_000)
    sent, _, _, size = pushed(ec2mpi, "tree", "proj/")
    assert sent == 10 and size < 10 * 20 * 4
    expected = look(here, tree)
    for index in (1, 2, 3, 4):
        assert look(on(cluster4, index), "proj/tree") == expected


def test_of_overlapping_sources_the_last_one_wins_each_time(ec2mpi, cluster4):
    write(ec2mpi.folder / "base/conf", "base")
    write(ec2mpi.folder / "base/sub/only", "only")
    write(ec2mpi.folder / "over/conf", "over1")
    (ec2mpi.folder / "over/sub").mkdir(mode=0o711)
    assert pushed(ec2mpi, "base/.", "over/.", "oo/")[:2] == (2, 0)
    for _ in range(2):
        assert pushed(ec2mpi, "base/.", "over/.", "oo/")[:2] == (0, 2)
        assert on(cluster4, 3)("cat oo/conf oo/sub/only; stat -c %a oo/sub").out == "over1only711\n"
    assert pushed(ec2mpi, "-c", "over/.", "base/.", "oo/")[:2] == (1, 1)


def test_pushed_modes_do_not_lock_the_login_out(ec2mpi, cluster4):
    write(ec2mpi.folder / "dot/.ssh/config", "Host x\n", 0o777)
    (ec2mpi.folder / "dot/.ssh").chmod(0o777)
    before = cluster4.host(1, "cd /home/ubuntu; stat -c '%a %U %n' . .ssh .ssh/authorized_keys").out
    try:
        for flags in ([], [], ["--sudo"]):
            pushed(ec2mpi, "-w", "1", *flags, "dot/.", ".")
            assert ec2mpi("exec", "-w", "1", "true").code == 0
            assert cluster4.host(1, "cd /home/ubuntu; stat -c '%a %U %n' . .ssh .ssh/authorized_keys").out == before
            assert cluster4.host(1, "stat -c %a /home/ubuntu/.ssh/config").out == "755\n"
    finally:
        cluster4.host(1, "rm /home/ubuntu/.ssh/config; chmod 700 /home/ubuntu/.ssh")


def test_a_partly_failed_push_under_a_new_name_means_the_same_when_it_is_repeated(ec2mpi, cluster4):
    write(ec2mpi.folder / "t1/x", "x")
    cluster4.host(2, "chmod 555 /home/ubuntu")
    try:
        first = ec2mpi("push", "t1", "nd")
    finally:
        cluster4.host(2, "chmod 755 /home/ubuntu")
    assert first.code == 1 and "cannot write into ." in first.err, first.err
    dry = ec2mpi("push", "-n", "t1", "nd")
    assert dry.out.splitlines()[1::2] == ["node2", "send nd/"] and "send nd/x" in dry.out, dry.out
    again = ec2mpi("push", "t1", "nd")
    assert again.code == 0 and "nd is the new name of t1" in again.err, again.err
    for index in (1, 2, 3, 4):
        assert on(cluster4, index)("find nd | sort").out == "nd\nnd/x\n"
    assert pushed(ec2mpi, "t1", "nd")[0] == 1, "it is finished, so nd is a folder as any other"
    assert on(cluster4, 2)("find nd -type f | sort").out == "nd/t1/x\nnd/x\n"


def test_a_file_and_a_folder_of_one_name_are_exchanged_only_by_delete(ec2mpi, cluster4):
    write(ec2mpi.folder / "t/f/x", "x")
    write(ec2mpi.folder / "t/g", "g")
    cluster4.host(1, "mkdir -p tt/g/deep; echo old > tt/f", user="ubuntu")
    for flags in ([], ["-n"]):
        done = ec2mpi("push", "-w", "1", *flags, "t/.", "tt")
        assert done.code != 0 and re.search("tt/[fg] there is a .* replaced by a .*; --delete replaces it", done.err), done.err
    assert on(cluster4, 1)("ls -d tt/g/deep; cat tt/f").out == "tt/g/deep\nold\n"
    assert pushed(ec2mpi, "-w", "1", "--delete", "t/.", "tt")[:3] == (2, 0, 2)
    assert on(cluster4, 1)("cat tt/f/x tt/g").out == "xg"


def test_the_numbers_of_a_push_that_failed_are_those_of_what_was_done(ec2mpi, cluster4):
    for name in "abc":
        write(ec2mpi.folder / "p" / name, name)
    cluster4.host(1, "cd /home/ubuntu; mkdir -p d/p/old d/p/gone rootd; touch d/p/old/x; chown ubuntu d d/p d/p/gone", user="root")
    dry = json.loads(ec2mpi("push", "-n", "--json", "-w", "1", "--delete", "p", "d/").out)
    assert dry["dry_run"] is True and (dry["copied"]["files_sent"], dry["copied"]["deleted"]) == (3, 2)
    failed = ec2mpi("push", "--json", "-w", "1", "--delete", "p", "d/")
    told_all = json.loads(failed.out)
    assert failed.code == 1 and "old/x" in failed.err and "dry_run" not in told_all, failed.err
    assert (told_all["copied"]["files_sent"], told_all["copied"]["deleted"]) == (3, 1)
    assert on(cluster4, 1)("ls d/p").out == "a\nb\nc\nold\n"
    refused = ec2mpi("push", "--json", "-w", "1", "p/a", "rootd/")
    assert refused.code == 1 and json.loads(refused.out)["copied"]["files_sent"] == 0
    cluster4.host(1, "cd /home/ubuntu; install -d -o ubuntu q; mkdir q/z; chmod 755 q/z", user="root")
    write(ec2mpi.folder / "q/a", "a")
    write(ec2mpi.folder / "q/z/b", "b")
    half = ec2mpi("push", "-w", "1", "q/.", "q")
    assert "1 file sent, 1 not put in place, 0 unchanged" in half.err and ".ec2mpi" not in half.err, half.err


def test_many_files_that_are_named_cost_a_node_no_program_each(ec2mpi, cluster4):
    for i in range(300):
        write(ec2mpi.folder / f"many/{i}.txt", str(i))

    def programs(*words):
        """How many processes the host has begun meanwhile; the look itself is the first of them."""
        first, last = cluster4.host(2, "cat /proc/sys/kernel/ns_last_pid").out, None
        assert pushed(ec2mpi, "-w", "2", *words)[0] == 300
        last = cluster4.host(2, "cat /proc/sys/kernel/ns_last_pid").out
        return int(last) - int(first)

    as_folder = programs("many", "folder/")
    assert programs(*sorted(map(str, (ec2mpi.folder / "many").glob("*.txt"))), "files/") < as_folder + 100


def test_fractions_of_a_second_survive(ec2mpi, cluster4):
    file = write(ec2mpi.folder / "d/file", "x")
    os.utime(file, ns=(1_600_000_000_123_456_789,) * 2)
    os.utime(file.parent, ns=(1_500_000_000_987_654_321,) * 2)
    pushed(ec2mpi, "-w", "1", "d", ".")
    assert on(cluster4, 1)("find d -printf '%T@ %p\\n'").out == "1500000000.9876543210 d\n1600000000.1234567890 d/file\n"


def test_each_node_gets_the_files_that_it_lacks(ec2mpi, cluster4):
    for name in "abc":
        write(ec2mpi.folder / "d" / name, name * 1000)
    pushed(ec2mpi, "d", ".")
    cluster4.host(2, "rm d/a", user="ubuntu")
    cluster4.host(3, "echo other > d/b; rm -r d/c", user="ubuntu")
    assert pushed(ec2mpi, "d", ".")[3] == 3000
    for index in (1, 2, 3, 4):
        assert on(cluster4, index)("md5sum d/*").out == on(cluster4, 1)("md5sum d/*").out


def test_wrong_modes_are_set_without_content(ec2mpi, cluster4):
    tree = a_tree(ec2mpi.folder / "tree")
    pushed(ec2mpi, "tree", ".")
    cluster4.host(2, "chmod 600 tree/run.sh; chmod 700 tree/sub; touch tree/empty", user="ubuntu")
    assert pushed(ec2mpi, "tree", ".")[::3] == (0, 0)
    assert look(on(cluster4, 2), "tree") == look(here, tree)


def test_checksum_finds_changes_that_size_and_time_hide(ec2mpi, cluster4):
    write(ec2mpi.folder / "d/file", "good")
    write(ec2mpi.folder / "d/odd\nname", "same")
    pushed(ec2mpi, "d", ".")
    cluster4.host(3, "printf evil > d/file; touch -d @1600000000 d/file; touch d/odd*", user="ubuntu")
    cluster4.host(3, "touch -d @1500000000 'd/odd\nname'", user="ubuntu")
    assert pushed(ec2mpi, "--checksum", "d", ".")[0] == 1
    assert on(cluster4, 3)("cat d/file; stat -c %Y d/odd*").out == "good1600000000\n"
    assert pushed(ec2mpi, "--checksum", "d", ".")[::3] == (0, 0)


def test_delete_removes_only_below_the_sources_folder(ec2mpi, cluster4):
    write(ec2mpi.folder / "proj/keep", "x")
    write(ec2mpi.folder / "proj/sub/keep", "x")
    pushed(ec2mpi, "proj", "a/")
    for index in (1, 2, 3, 4):
        cluster4.host(index, "mkdir -p a/proj/old/deep a/other; echo x > a/proj/old/deep/f; echo x > a/proj/sub/extra; echo x > a/mine;"
                             "ln -s ../other a/proj/link; echo x > a/other/f; echo log > a/proj/run.log; chmod 555 a/proj/old/deep",
                      user="ubuntu")
    dry = ec2mpi("push", "-n", "--delete", "--exclude", "*.log", "proj", "a/")
    assert dry.code == 0, dry.err
    assert dry.out.splitlines()[1] == "node[1-4] (4)", "what is the same for all nodes stands there once"
    assert sorted(line for line in dry.out.splitlines() if line.startswith("delete")) == [
        "delete proj/link", "delete proj/old", "delete proj/sub/extra"]
    assert on(cluster4, 1)("ls a/proj").out == "keep\nlink\nold\nrun.log\nsub\n", "a dry run changes nothing"
    assert pushed(ec2mpi, "--delete", "--exclude", "*.log", "proj", "a/")[2] == 12
    for index in (1, 2, 3, 4):
        assert on(cluster4, index)("cd a; find . -type f | sort").out == "./mine\n./other/f\n./proj/keep\n./proj/run.log\n./proj/sub/keep\n"


def test_delete_leaves_a_mounted_file_system_alone(ec2mpi, cluster4):
    """Also if an excluded file in it keeps the folder itself from being removed."""
    write(ec2mpi.folder / "proj/new", b"new")
    cluster4.host(1, "cd /home/ubuntu; install -d -o ubuntu m/proj/disk m/proj/old; chown -R ubuntu m; mount -t tmpfs none m/proj/disk;"
                     "touch m/proj/disk/precious m/proj/disk/run.log; chown -R ubuntu m/proj/disk")
    try:
        done = ec2mpi("push", "-w", "1", "--delete", "--exclude", "*.log", "proj", "m/")
        held = cluster4.host(1, "cd /home/ubuntu/m/proj; find . | sort").out.split()
    finally:
        cluster4.host(1, "umount /home/ubuntu/m/proj/disk; rm -rf /home/ubuntu/m")
    assert held == [".", "./disk", "./disk/precious", "./disk/run.log", "./new"]
    assert done.code == 1 and "m/proj/disk is mounted there" in done.err, done.err


def test_delete_with_the_content_of_a_folder_leaves_what_is_mounted_in_the_target_alone(ec2mpi, cluster4):
    write(ec2mpi.folder / "proj/disk/new", b"new")
    cluster4.host(1, "cd /home/ubuntu; install -d -o ubuntu m/disk m/old; mount -t tmpfs none m/disk; install -d m/disk/results;"
                     "touch m/disk/results/precious; chown -R ubuntu m")
    try:
        inside = ec2mpi("push", "-w", "1", "--delete", "proj/.", "m/")
        held = cluster4.host(1, "cd /home/ubuntu/m; find . | sort").out.split()
        itself = ec2mpi("push", "-w", "1", "--delete", "proj/disk/.", "m/disk/")
        left = cluster4.host(1, "ls /home/ubuntu/m/disk").out
    finally:
        cluster4.host(1, "umount /home/ubuntu/m/disk; rm -rf /home/ubuntu/m")
    assert held == [".", "./disk", "./disk/new", "./disk/results", "./disk/results/precious"]
    assert inside.code == 1 and "m/disk is mounted there" in inside.err, inside.err
    assert itself.code == 0 and left == "new\n", "the target itself may be mounted"


def test_a_file_that_a_killed_push_has_half_copied_into_another_file_system_goes_with_the_next_push(ec2mpi, cluster4):
    write(ec2mpi.folder / "proj/disk/new", b"new")
    mine, other = (cluster4.host(index, "cat /proc/sys/kernel/hostname").out.strip() for index in (1, 2))
    cluster4.host(1, f"cd /home/ubuntu; install -d -o ubuntu m/disk; mount -t tmpfs none m/disk; cd m/disk; touch .ec2mpi-push.new.{mine}.1;"
                     f"mkdir .ec2mpi-push.new.{mine}.2; touch .ec2mpi-push.new.{other}.1; chown -R ubuntu ..")
    try:
        done = ec2mpi("push", "-w", "1", "proj/.", "m/")
        held = cluster4.host(1, "ls -A /home/ubuntu/m/disk").out.split()
    finally:
        cluster4.host(1, "umount /home/ubuntu/m/disk; rm -rf /home/ubuntu/m")
    assert done.code == 0, done.err
    assert sorted(held) == [f".ec2mpi-push.new.{other}.1", "new"], "another node with the same home may still write its file"


def test_delete_without_a_folder_is_refused(ec2mpi, cluster4):
    write(ec2mpi.folder / "file", "x")
    done = ec2mpi("push", "--delete", "file", "x")
    assert done.code == 2 and "--delete needs a folder among the sources" in done.err


def test_excluded_and_ignored_paths_are_not_sent(ec2mpi, cluster4):
    for name in ("a.c", "a.o", "sub/b.c", "sub/b.o", "build/x", "sub/cache/y"):
        write(ec2mpi.folder / "src" / name, "x")
    write(ec2mpi.folder / "src/sub/.gitignore", "cache/\n")
    write(ec2mpi.folder / "src/.git/config", "url = https://name:password@example.com\n")
    pushed(ec2mpi, "-w", "1", "--exclude", "*.o", "--exclude", "/build", "--gitignore", "src", ".")
    assert on(cluster4, 1)("find src -type f | sort").out == "src/a.c\nsrc/sub/.gitignore\nsrc/sub/b.c\n"


def test_the_target_may_name_the_node(ec2mpi, cluster4):
    write(ec2mpi.folder / "file", "x")
    pushed(ec2mpi, "file", "out-{index}/{node}.txt")
    for index in (1, 2, 3, 4):
        assert on(cluster4, index)("find . -name '*.txt'").out == f"./out-{index}/node{index}.txt\n"


def test_sources_may_name_the_node(ec2mpi, cluster4):
    for index in (1, 2, 3, 4):
        write(ec2mpi.folder / f"conf/node{index}.conf", f"of {index}")
    write(ec2mpi.folder / "common", "x" * 1000)
    assert pushed(ec2mpi, "conf/{node}.conf", "conf/app.conf")[0] == 4
    assert pushed(ec2mpi, "common", "conf/{node}.conf", "all/")[:2] == (5, 0)
    for index in (1, 2, 3, 4):
        assert on(cluster4, index)("cat conf/app.conf; ls all").out == f"of {index}common\nnode{index}.conf\n"
    write(ec2mpi.folder / "conf/node3.conf", "other")
    dry = ec2mpi("push", "-n", "common", "conf/{node}.conf", "all/")
    assert dry.code == 0 and dry.out.splitlines()[1::2] == ["node3", "send node3.conf"], dry.err
    assert pushed(ec2mpi, "common", "conf/{node}.conf", "all/")[:2] == (1, 4)
    assert on(cluster4, 3)("cat all/node3.conf").out == "other"


def test_a_source_that_one_node_lacks_stops_all_before_any_connection(ec2mpi, cluster4):
    for index in (1, 2, 4):
        write(ec2mpi.folder / f"conf/node{index}.conf", "x")
    before = cluster4.login_attempts(1)
    done = ec2mpi("push", "conf/{node}.conf", "conf/app.conf")
    assert done.code == 2 and "node3: cannot read conf/node3.conf" in done.err
    assert cluster4.login_attempts(1) == before
    assert pushed(ec2mpi, "-x", "3", "conf/{node}.conf", "app.conf")[0] == 3


def test_nodes_of_one_role_relay_their_files(ec2mpi, cluster4):
    for role in ("master", "worker"):
        write(ec2mpi.folder / role / "big", os.urandom(3_000_000))
        write(ec2mpi.folder / role / "small", role)
    for index in (1, 2, 3, 4):
        cluster4.host(index, "mkdir proj; echo x > proj/old", user="ubuntu")
    done = ec2mpi("push", "--delete", "{role}/.", "proj")
    assert done.code == 0, done.err
    assert re.search(r" · 4 files sent, 0 unchanged, 4 deleted · 6\.0 MB over the uplink, 6\.0 MB between nodes", done.err), done.err
    for index in (1, 2, 3, 4):
        expected = look(here, ec2mpi.folder / ("master" if index == 1 else "worker"))
        assert look(on(cluster4, index), "proj")[1] == expected[1]


def test_without_gnu_find_less_is_known_and_all_still_arrives(ec2mpi, cluster4):
    tree = a_tree(ec2mpi.folder / "tree")
    cluster4.host(1, "cat > /usr/local/bin/find; chmod 755 /usr/local/bin/find",
                  input='#!/bin/sh\ncase "$*" in *-printf*) echo "find: unknown predicate" >&2; exit 1 ;; esac\nexec /usr/bin/find "$@"\n')
    try:
        first = pushed(ec2mpi, "-w", "1", "tree", ".")
        second = pushed(ec2mpi, "-w", "1", "tree", ".")
    finally:
        cluster4.host(1, "rm /usr/local/bin/find")
    assert look(on(cluster4, 1), "tree") == look(here, tree)
    assert second[3] < first[3] / 100, "data that the node has is not sent again"


def test_a_push_continues_where_another_was_broken_off(ec2mpi, cluster4):
    for i in range(30):
        write(ec2mpi.folder / f"d/{i:02}", os.urandom(1_000_000))
    cluster4.uplink("--rate", "100mbit")
    process = ec2mpi.start("push", "-w", "1", "d", ".")
    wait_until(lambda: cluster4.host(1, "ls .ec2mpi-push.*/0 2>/dev/null | wc -l", user="ubuntu").out.strip() > "10", "ten files")
    process.kill()
    process.wait()
    wait_until(lambda: cluster4.host(1, "pgrep -f '[e]c2mpi-push'").code == 1, "the node has noticed")
    arrived = int(cluster4.host(1, "ls .ec2mpi-push.*/0 | wc -l", user="ubuntu").out)
    cluster4.uplink("--rate", "none")
    sent, _, _, size = pushed(ec2mpi, "-w", "1", "d", ".")
    assert sent <= 30 - arrived + 1 and size <= (30 - arrived + 1) * 1e6
    assert look(on(cluster4, 1), "d") == look(here, ec2mpi.folder / "d")
    no_stage_left(cluster4, (1,))


def test_a_big_file_continues_where_it_stopped(ec2mpi, cluster4):
    big = write(ec2mpi.folder / "big", os.urandom(20_000_000))
    cluster4.uplink("--rate", "8mbit")
    process = ec2mpi.start("push", "-w", "1-2", "--relay", "always", "big", "new")
    size = "cat .ec2mpi-push.*/0 2>/dev/null | wc -c"
    for index in (1, 2):
        wait_until(lambda: int(cluster4.host(index, size, user="ubuntu").out) > 4_000_000, "4 MB")
    process.kill()
    process.wait()
    cluster4.uplink("--rate", "none")
    for index in (1, 2):
        wait_until(lambda: cluster4.host(index, "pgrep -f '[e]c2mpi-push'").code == 1, "the node has noticed")
    cluster4.host(2, "f=$(ls .ec2mpi-push.*/0) && printf X | dd of=$f bs=1 seek=1000 conv=notrunc", user="ubuntu")
    assert pushed(ec2mpi, "-w", "1", "big", "new")[3] < 16_100_000
    assert pushed(ec2mpi, "-w", "2", "big", "new")[3] == 20_000_000, "its beginning was not ours any more"
    for index in (1, 2):
        assert on(cluster4, index)("md5sum < new; stat -c '%a %Y' new").out.split() == [md5(big), "-", "644", "1600000000"]
    no_stage_left(cluster4, (1, 2))


def over_a_long_link(ec2mpi, hosts):
    """A big push to node1, held up when the script there has opened the pipes of three additional connections."""
    big = write(ec2mpi.folder / "big", os.urandom(40_000_000))
    hosts.uplink("--rtt", "60", "--rate", "20mbit")
    process = ec2mpi.start("push", "--json", "-w", "1", "big", ".")
    pipes = "find /proc/[0-9]*/fd/[345] -lname '*/lane.*' -printf '%l\\n' 2>/dev/null | sort -u"
    wait_until(lambda: len(hosts.host(1, pipes).out.split()) == 3, "additional connections", seconds=60)
    return big, process


def arrived_whole(process, hosts, big):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert on(hosts, 1)("md5sum < big").out.split() == [md5(big), "-"]
    no_stage_left(hosts, (1,))
    return json.loads(out)["copied"]


def test_a_long_link_is_filled_by_several_connections(ec2mpi, cluster4):
    big, process = over_a_long_link(ec2mpi, cluster4)
    cluster4.uplink("--rate", "none")
    copied = arrived_whole(process, cluster4, big)
    assert copied["connections_to_a_node"] > 1 and copied["bytes_over_uplink"] == 40_000_000
    wait_until(lambda: cluster4.host(1, "pgrep -x cat").code == 1, "nothing of them stays")


def test_behind_a_jump_host_a_long_link_is_noticed_too(ec2mpi, cluster4):
    big = write(ec2mpi.folder / "big", os.urandom(20_000_000))
    cluster4.uplink("--rtt", "60")
    write(ec2mpi.folder / "hidden", "10.0.0.12\n")
    done = ec2mpi("push", "--json", "--list", "hidden", "-J", "ubuntu@" + cluster4.address(1), "big", ".", timeout=120)
    assert done.code == 0, done.err
    assert json.loads(done.out)["copied"]["connections_to_a_node"] > 1
    assert on(cluster4, 2)("md5sum < big").out.split() == [md5(big), "-"]


def test_one_of_several_connections_breaks(ec2mpi, cluster4):
    big, process = over_a_long_link(ec2mpi, cluster4)
    cut = 'p=$(pgrep -x cat | head -n 1); until [ "$(ps -o comm= -p $p)" = sshd ]; do p=$(ps -o ppid= -p $p); done; kill -9 $p'
    assert cluster4.host(1, cut).code == 0
    cluster4.uplink("--rate", "none")
    copied = arrived_whole(process, cluster4, big)
    assert copied["files_sent"] == 1
    wait_until(lambda: cluster4.host(1, "pgrep -x cat").code == 1, "nothing of them stays")


def test_a_node_without_gnu_dd_is_fed_by_one_connection(ec2mpi, cluster4):
    big = write(ec2mpi.folder / "big", os.urandom(20_000_000))
    cluster4.host(1, "cat > /usr/local/bin/dd; chmod 755 /usr/local/bin/dd",
                  input='#!/bin/sh\ncase "$*" in *iflag*) echo "dd: unknown operand" >&2; exit 1 ;; esac\nexec /usr/bin/dd "$@"\n')
    try:
        cluster4.uplink("--rtt", "60")
        process = ec2mpi.start("push", "--json", "-w", "1", "big", ".")
        assert arrived_whole(process, cluster4, big)["connections_to_a_node"] == 1
    finally:
        cluster4.host(1, "rm /usr/local/bin/dd")


def test_json_reports_the_copied_files(ec2mpi, cluster4):
    write(ec2mpi.folder / "d/a", "abc")
    done = ec2mpi("push", "--json", "d", ".")
    assert done.code == 0, done.err
    told_all = json.loads(done.out)
    assert told_all["copied"] == {"files_sent": 1, "files_unchanged": 0, "deleted": 0, "bytes_over_uplink": 12,
                                  "bytes_between_nodes": 0, "connections_to_a_node": 1}
    assert [node["outcome"] for node in told_all["nodes"]] == ["exit"] * 4
