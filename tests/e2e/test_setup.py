"""setup on bare hosts: fresh instances that neither know nor trust each other become a cluster, and bare hosts again."""

import json
import re
import shlex
import signal

import pytest

from bare_hosts import HOME, HOSTS, MAKE_BARE, QUICK, bare_hosts, content
from local_cluster import LIST, wait_until

OURS = f"{HOME}/.ssh/ec2mpi"
PATHS = ["~/.ssh/ec2mpi/known_hosts", "~/.ssh/ec2mpi/config", "~/.ssh/ec2mpi/key", "~/.ssh/config",
         "~/.ssh/authorized_keys", "/etc/hosts"]
ALL_WRITTEN = "wrote " + ", ".join(PATHS)

WHO = """
from mpi4py import MPI
import socket
names = MPI.COMM_WORLD.gather(socket.gethostname())
if names:
    print(*names)
"""


@pytest.fixture(scope="module")
def bare_cluster():
    with bare_hosts("bare") as hosts:
        yield hosts


@pytest.fixture
def cluster4(bare_cluster):
    """The fixture `ec2mpi` uses the cluster of this name. Hosts are as bare after a test as before, whatever it did."""
    yield bare_cluster
    bare_cluster.heal()
    for host in HOSTS:
        bare_cluster.host(host, MAKE_BARE)


def snapshot(cluster, host, times=False):
    """Everything in the user's home and in /etc: content, mode, owner, and times if asked for."""
    stamp = "%T@" if times else ""
    done = cluster.host(host, f"cd / && find {HOME} etc -printf '%p %y %m %u %l {stamp}\\n' | sort && "
                              f"find {HOME} etc -type f -exec cksum {{}} + | sort -k3")
    assert done.code == 0, done.err
    return done.out


def snapshots(cluster, times=False):
    return {host: snapshot(cluster, host, times) for host in HOSTS}


def ssh(cluster, source, target, command="hostname"):
    """From host to host as the user would, but never asking."""
    return cluster.host(source, f"ssh {QUICK} {target} {shlex.quote(command)}", user="ubuntu")


def put(cluster, host, path, text):
    done = cluster.host(host, f"mkdir -p $(dirname {path}) && cat >{path}", user="ubuntu", input=text)
    assert done.code == 0, done.err


def trust(ec2mpi, *options, **more):
    done = ec2mpi("setup", "--no-packages", *options, **more)
    assert done.code == 0, done.out + done.err
    return done.out.splitlines()


def all_trust_each_other(cluster, hosts=HOSTS, spelled=("10.0.0.1{}",)):
    for source in hosts:
        targets = [spelling.format(n) for n in hosts for spelling in spelled]
        done = cluster.host(source, f"for n in {' '.join(targets)}; do ssh {QUICK} $n hostname </dev/null; done", user="ubuntu")
        assert done.out.split() == [f"ip-10-0-0-1{n}" for n in hosts for _ in spelled], done.err
        assert done.err == ""


# --- the whole way ------------------------------------------------------------------------------------------------

def test_from_bare_hosts_to_an_mpi_job_and_back(ec2mpi, cluster4):
    before = snapshots(cluster4)
    assert ssh(cluster4, 1, "10.0.0.12").code != 0
    done = ec2mpi("setup")
    assert (done.code, done.out) == (0, f"node[1-3] (3): {ALL_WRITTEN}\n"), done.err
    (ec2mpi.folder / "who.py").write_text(WHO)
    assert ec2mpi("push", "who.py", "./").code == 0
    done = ec2mpi("run", "-np", "3", "--", "python3", "who.py")
    assert (done.code, done.out) == (0, "ip-10-0-0-11 ip-10-0-0-12 ip-10-0-0-13\n"), done.err

    cluster4.host(1, f"rm -rf {HOME}/.ec2mpi {HOME}/nodeIPaddress")  # what `run` leaves on the master
    for host in HOSTS:
        cluster4.host(host, f"rm {HOME}/who.py")
    after = snapshots(cluster4, times=True)
    done = ec2mpi("setup")
    assert (done.code, done.out) == (0, "node[1-3] (3): nothing to do\n"), done.err
    assert snapshots(cluster4, times=True) == after

    assert trust(ec2mpi, "--undo") == [f"node[1-3] (3): took away what setup wrote: {', '.join(PATHS)}"]
    assert snapshots(cluster4) == before
    assert not (ec2mpi.folder / ".ec2mpi/setup").exists()
    assert ssh(cluster4, 1, "10.0.0.12").code != 0
    assert trust(ec2mpi, "--undo") == ["node[1-3] (3): nothing to take away"]


def test_every_host_reaches_every_host_by_every_name_and_nobody_is_asked(ec2mpi, cluster4):
    trust(ec2mpi)
    all_trust_each_other(cluster4, spelled=("10.0.0.1{}", "node{}", "ip-10-0-0-1{}"))
    assert cluster4.host(2, "getent hosts node3").out.split()[0] == "10.0.0.13"
    assert cluster4.host(2, "getent hosts master").out.split()[0] == "10.0.0.11"
    assert cluster4.host(2, f"stat -c %a {OURS} {OURS}/key").out == "700\n600\n"
    local = ec2mpi.folder / ".ec2mpi/setup" / LIST
    assert {path.name: path.stat().st_mode & 0o777 for path in local.iterdir()} == {"key": 0o600, "nodes": 0o600}
    assert content(cluster4, 2, f"{OURS}/key") == (local / "key").read_text()


def test_a_host_that_shows_another_key_is_not_believed_by_the_others(ec2mpi, cluster4):
    trust(ec2mpi)
    cluster4.fault("rekey", 2)
    done = ssh(cluster4, 1, "node2")
    assert done.code == 255 and "Host key verification failed" in done.err


def test_the_key_opens_nothing_from_elsewhere(ec2mpi, cluster4):
    trust(ec2mpi)
    key = ec2mpi.folder / ".ec2mpi/setup" / LIST / "key"
    done = cluster4.exec(["ssh", "-F", "none", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o",
                          "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={ec2mpi.folder}/kh",
                          f"ubuntu@{cluster4.address(1)}", "true"])
    assert done.code == 255 and "Permission denied" in done.err
    assert "correct key but not from a permitted host" in cluster4.host(1, "cat /var/log/sshd.log").out
    assert ssh(cluster4, 2, "10.0.0.11").code == 0, "the same key from a node"


def test_dry_run_shows_all_and_touches_nothing(ec2mpi, cluster4):
    before = snapshots(cluster4, times=True)
    done = ec2mpi("setup", "--dry-run")
    assert done.code == 0, done.err
    assert snapshots(cluster4, times=True) == before
    assert not (ec2mpi.folder / ".ec2mpi/setup").exists()
    for path in PATHS:
        assert f" {path}" in done.out
    assert "PRIVATE KEY" not in done.out
    shown = done.out
    trust(ec2mpi)
    for path in (f"{OURS}/config", f"{OURS}/known_hosts", "/etc/hosts"):
        for line in content(cluster4, 1, path).splitlines():
            assert line in shown or line.startswith(("#", "127.", "::1")) or "this host" in line
    assert ec2mpi("setup", "--dry-run").out == "node[1-3] (3): nothing to do\n"
    before = snapshots(cluster4, times=True)
    assert trust(ec2mpi, "--undo", "--dry-run") == [f"node[1-3] (3): would take away what setup wrote: {', '.join(PATHS)}"]
    assert snapshots(cluster4, times=True) == before


def test_json_tells_what_was_written(ec2mpi, cluster4):
    told = json.loads("\n".join(trust(ec2mpi, "--json")))
    assert [(node["node"], node["ok"], node["wrote"]) for node in told["nodes"]] == [(f"node{n}", True, PATHS) for n in HOSTS]
    told = json.loads("\n".join(trust(ec2mpi, "--json", "--undo")))
    assert [node["restored"] for node in told["nodes"]] == [PATHS] * 3


# --- the user's own files -----------------------------------------------------------------------------------------

def test_the_users_files_come_back_byte_for_byte_also_with_edits_in_between(ec2mpi, cluster4):
    odd = "\r\nHost *\n  User x\n# no end of line, and bytes: \x01\t"
    put(cluster4, 1, f"{HOME}/dotfiles/config", odd)
    cluster4.host(1, "ln -s ../dotfiles/config .ssh/config && chmod 640 dotfiles/config", user="ubuntu")
    put(cluster4, 2, f"{HOME}/.ssh/config", "")
    put(cluster4, 2, f"{HOME}/.ssh/known_hosts", "10.0.0.13 ssh-ed25519 AAAAother\n")
    put(cluster4, 2, f"{HOME}/.ssh/id_ed25519", "not even a key\n")
    cluster4.host(2, "printf 'no end' >>.ssh/authorized_keys", user="ubuntu")
    before = snapshots(cluster4)
    trust(ec2mpi)
    assert cluster4.host(1, f"test -L {HOME}/.ssh/config").code == 0
    assert content(cluster4, 1, f"{HOME}/.ssh/config").endswith(odd)
    assert ssh(cluster4, 1, "node2", "id -un").out == "ubuntu\n", "ours counts although the user's says otherwise"
    assert ssh(cluster4, 2, "node3").out == "ip-10-0-0-13\n", "in spite of what known_hosts says"
    trust(ec2mpi, "--undo")
    assert snapshots(cluster4) == before

    trust(ec2mpi)
    cluster4.host(3, f"echo '# mine' >>{HOME}/.ssh/config; sed -i '1i # above' /etc/hosts; echo '# below' >>/etc/hosts")
    trust(ec2mpi, "--undo")
    assert content(cluster4, 3, f"{HOME}/.ssh/config") == "# mine\n"
    hosts = content(cluster4, 3, "/etc/hosts")
    assert hosts.startswith("# above\n127.0.0.1") and hosts.endswith("\n# below\n") and "ec2mpi" not in hosts


def test_a_file_of_the_users_beside_ours_stays(ec2mpi, cluster4):
    trust(ec2mpi)
    put(cluster4, 1, f"{OURS}/notes", "mine\n")
    trust(ec2mpi, "--undo")
    assert cluster4.host(1, f"ls -A {OURS}").out == "notes\n"


def test_text_that_was_changed_by_hand_is_restored(ec2mpi, cluster4):
    trust(ec2mpi)
    cluster4.host(1, f"sed -i 's/10.0.0.13/10.0.0.99/' /etc/hosts; chmod 644 {OURS}/key")
    put(cluster4, 2, f"{HOME}/.ssh/config", "Host other\n" + content(cluster4, 2, f"{HOME}/.ssh/config"))
    assert trust(ec2mpi) == ["node1: wrote ~/.ssh/ec2mpi/key, /etc/hosts", "node2: wrote ~/.ssh/config", "node3: nothing to do"]
    all_trust_each_other(cluster4)
    assert content(cluster4, 2, f"{HOME}/.ssh/config").endswith("# END ec2mpi\nHost other\n")


@pytest.mark.parametrize("edit", ["s/$/\\r/", "/^# BEGIN/d; /^# END/d; /^# Written/d", "s/^# BEGIN ec2mpi/&;/; s/^# END ec2mpi/&;/"])
def test_undo_takes_the_key_away_whatever_an_editor_has_done_to_the_file(ec2mpi, cluster4, edit):
    """Such as one of Windows. sshd takes these lines all the same, so that the key would stay."""
    keys = f"{HOME}/.ssh/authorized_keys"
    trust(ec2mpi)
    own = [line for line in content(cluster4, 2, keys).splitlines() if "ec2mpi" not in line]
    key = content(cluster4, 1, f"{OURS}/key")
    cluster4.host(2, f"sed -i '{edit}' {keys}")
    trust(ec2mpi, "--undo")
    assert [line for line in content(cluster4, 2, keys).splitlines() if "BEGIN" not in line and "END" not in line and line][-len(own):] == own
    assert "ssh-ed25519 AAAA" not in "".join(line for line in content(cluster4, 2, keys).splitlines() if line.endswith("ec2mpi"))
    put(cluster4, 1, f"{HOME}/old-key", key)
    refused = cluster4.host(1, f"cd {HOME}; chmod 600 old-key; ssh -o BatchMode=yes -o StrictHostKeyChecking=no -i old-key 10.0.0.12 true", user="ubuntu")
    assert refused.code == 255 and "Permission denied" in refused.err, refused


def test_the_next_setup_takes_a_key_with_the_line_ends_of_windows_away(ec2mpi, cluster4):
    trust(ec2mpi)
    keys = f"{HOME}/.ssh/authorized_keys"
    before = content(cluster4, 2, keys)
    cluster4.host(2, f"sed -i 's/$/\\r/' {keys}")
    assert trust(ec2mpi)[1] == "node2: wrote ~/.ssh/authorized_keys"
    assert content(cluster4, 2, keys).replace("\r", "") == before


def test_settings_of_the_user_for_all_hosts_do_not_change_the_way_between_the_nodes(ec2mpi, cluster4):
    put(cluster4, 1, f"{HOME}/.ssh/config", "Host *\n  Port 9\n  ProxyCommand false\n  PreferredAuthentications password\n  RequestTTY force\n")
    trust(ec2mpi)
    all_trust_each_other(cluster4)
    assert ssh(cluster4, 1, "node3").out == "ip-10-0-0-13\n"


def test_a_setting_that_no_block_of_ours_can_replace_is_named(ec2mpi, cluster4):
    put(cluster4, 1, f"{HOME}/.ssh/config", "Host *\n  RemoteCommand true\n")
    done = ec2mpi("setup", "--no-packages")
    assert done.code == 1
    assert "node1: cannot log in to node2 (10.0.0.12): Cannot execute command-line and remote command.; remove RemoteCommand" in done.err, done.err


def test_setup_needs_no_folder_for_temporary_files(ec2mpi, cluster4):
    cluster4.host(2, "chmod 755 /tmp")
    try:
        trust(ec2mpi)
        all_trust_each_other(cluster4)
    finally:
        cluster4.host(2, "chmod 1777 /tmp")


def test_libraries_of_a_start_up_file_do_not_keep_ssh_from_starting(ec2mpi, cluster4):
    """As conda's or a module's; whose libcrypto is another one."""
    cluster4.host(1, f"mkdir -p {HOME}/lib; echo broken >{HOME}/lib/libcrypto.so.3; cp -p {HOME}/.bashrc {HOME}/bashrc;"
                     f"sed -i '1i export LD_LIBRARY_PATH={HOME}/lib' {HOME}/.bashrc")
    try:
        assert "libcrypto" in cluster4.host(1, f"LD_LIBRARY_PATH={HOME}/lib ssh -V").err
        trust(ec2mpi)
    finally:
        cluster4.host(1, f"mv {HOME}/bashrc {HOME}/.bashrc; rm -r {HOME}/lib")


def test_a_block_without_its_end_is_not_touched_and_the_others_go_on(ec2mpi, cluster4):
    trust(ec2mpi)
    cluster4.host(2, f"sed -i '/# END ec2mpi/d' {HOME}/.ssh/config; echo 'Host mine' >>{HOME}/.ssh/config; rm {OURS}/key")
    before = snapshots(cluster4, times=True)
    cluster4.host(3, f"rm {OURS}/key")
    done = ec2mpi("setup", "--no-packages")
    assert done.code == 1 and "node3: wrote ~/.ssh/ec2mpi/key\n" in done.out
    assert re.search(r"node2: ~/.ssh/config: the end of ec2mpi's block .* is missing", done.err)
    assert snapshot(cluster4, 2, times=True) == before[2]
    assert ec2mpi("setup", "--undo").code == 1
    assert "Host mine" in content(cluster4, 2, f"{HOME}/.ssh/config")


@pytest.mark.parametrize("make", ["mkdir -p", "mkfifo"])
@pytest.mark.parametrize("path", [f"{OURS}/key", f"{OURS}/claim", f"{HOME}/.ssh/config"])
def test_what_is_no_file_is_named_before_the_first_change(ec2mpi, cluster4, make, path):
    cluster4.host(1, ["su", "ubuntu", "-c", f"mkdir -p {OURS}; rm -f {path}; {make} {path}"])
    try:
        before = snapshot(cluster4, 1, times=True)
        for words in [["--no-packages"], ["--undo"]]:
            done = ec2mpi("setup", *words)
            assert done.code == 1 and f"node1: {path} is in the way, for it is no file; move it to another name" in done.err, done.err
            assert snapshot(cluster4, 1, times=True) == before
    finally:
        cluster4.host(1, f"rm -r {path}")


@pytest.mark.parametrize("refuse, said", [
    ("echo 'Defaults requiretty' >/etc/sudoers.d/99-x", r"sudo there serves only at a terminal \(requiretty in sudoers\)"),
    ("echo 'ubuntu ALL=(ALL) !ALL, NOPASSWD: /usr/bin/true' >/etc/sudoers.d/99-x", "sudo there does not let this account run sh as root"),
    ("echo 'ubuntu ALL=(ALL) NOPASSWD: ALL, !/bin/sh, !/usr/bin/sh' >/etc/sudoers.d/99-x", "sudo there does not let this account run sh as root"),
    ("echo 'ubuntu ALL=(ALL) PASSWD: ALL, NOPASSWD: /usr/bin/true' >/etc/sudoers.d/99-x", "sudo wants a password, and --sudo asks for it"),
    ("chmod u-s /usr/bin/sudo", "sudo does not serve here: .*must be owned by uid 0 and have the setuid bit set")])
def test_a_sudo_that_refuses_is_quoted(ec2mpi, cluster4, refuse, said):
    cluster4.host(2, refuse)
    try:
        for words in [[], ["--sudo"]] if "--sudo" not in said else [[]]:
            done = ec2mpi("setup", "--no-packages", *words, start_new_session=True)
            assert done.code == 0 and re.search(f"node2: /etc/hosts is not written: {said}", done.err), done.err
            assert "--sudo" not in done.err.replace(said, "")
        done = ec2mpi("setup", "--undo")
        assert done.code == 0, done.err
    finally:
        cluster4.host(2, "rm -f /etc/sudoers.d/99-x; chmod u+s /usr/bin/sudo")


def test_a_home_that_takes_no_file_is_named_in_our_words(ec2mpi, cluster4):
    trust(ec2mpi)
    cluster4.host(2, f"mount --bind {HOME} {HOME} && mount -o remount,ro,bind {HOME}")
    try:
        done = ec2mpi("setup", "--undo")
    finally:
        cluster4.host(2, f"umount {HOME}")
    assert done.code == 1 and f"node2: cannot make {HOME}/.ssh/.ec2mpi-lock: Read-only file system" in done.err, done.err
    trust(ec2mpi, "--undo")


def test_without_sudo_the_names_are_known_to_ssh_alone(ec2mpi, cluster4):
    cluster4.host(2, "mv /etc/sudoers.d/90-cloud-init-users /root/")
    try:
        done = ec2mpi("setup", "--no-packages")
        assert done.code == 0, done.err
        assert "node2: /etc/hosts is not written: sudo wants a password, and --sudo asks for it" in done.err
        assert f"node2: {ALL_WRITTEN.removesuffix(', /etc/hosts')}\n" in done.out
        assert ssh(cluster4, 2, "node3").out == "ip-10-0-0-13\n"
        assert "ec2mpi" not in content(cluster4, 2, "/etc/hosts")
        assert ec2mpi("setup", "--undo").code == 0
    finally:
        cluster4.host(2, "mv /root/90-cloud-init-users /etc/sudoers.d/")


# --- lists that change --------------------------------------------------------------------------------------------

def rows(ec2mpi):
    return (ec2mpi.folder / LIST).read_text().splitlines(True)


def test_a_node_joins_by_one_setup(ec2mpi, cluster4):
    everybody = rows(ec2mpi)
    (ec2mpi.folder / LIST).write_text("".join(everybody[:2]))
    trust(ec2mpi)
    key = content(cluster4, 1, f"{OURS}/key")
    assert cluster4.host(3, f"ls {OURS}").code != 0
    (ec2mpi.folder / LIST).write_text("".join(everybody))
    done = trust(ec2mpi)
    assert f"node3: {ALL_WRITTEN}" in done
    assert "node[1-2] (2): wrote ~/.ssh/ec2mpi/known_hosts, ~/.ssh/ec2mpi/config, ~/.ssh/authorized_keys, /etc/hosts" in done
    assert content(cluster4, 3, f"{OURS}/key") == key
    all_trust_each_other(cluster4)


def test_who_left_has_no_key_any_more(ec2mpi, cluster4):
    trust(ec2mpi)
    everybody = rows(ec2mpi)
    (ec2mpi.folder / LIST).write_text("".join(everybody[:2]))
    done = ec2mpi("setup", "--no-packages", "-w", "1")
    assert "setup without -w and -x takes away their key" in done.err
    assert ssh(cluster4, 1, "node2").code == 0
    old = content(cluster4, 3, f"{OURS}/key")
    done = ec2mpi("setup", "--no-packages")
    assert done.code == 0 and "10.0.0.13); made a new key for the others" in done.err
    assert content(cluster4, 1, f"{OURS}/key") == content(cluster4, 2, f"{OURS}/key") != old
    assert "10.0.0.13" not in content(cluster4, 1, f"{HOME}/.ssh/authorized_keys") + content(cluster4, 1, "/etc/hosts")
    assert "Permission denied" in ssh(cluster4, 3, "10.0.0.11").err
    all_trust_each_other(cluster4, (1, 2))
    assert trust(ec2mpi) == ["node[1-2] (2): nothing to do"]


def test_who_was_away_when_the_key_changed_gets_it_by_the_next_setup(ec2mpi, cluster4):
    trust(ec2mpi)
    (ec2mpi.folder / LIST).write_text("".join(rows(ec2mpi)[::2]))
    cluster4.fault("refuse", 3)
    done = ec2mpi("setup", "--no-packages")
    assert done.code == 1 and "10.0.0.12); made a new key for the others" in done.err
    cluster4.call("accept", 3)
    assert "Permission denied" in ssh(cluster4, 1, "10.0.0.13").err
    done = trust(ec2mpi)
    assert done[0] == "node1: nothing to do" and " ~/.ssh/ec2mpi/key, " in done[1]
    all_trust_each_other(cluster4, (1, 3))


def test_a_new_public_address_changes_nothing(ec2mpi, cluster4):
    trust(ec2mpi)
    cluster4.call("stop", 2)
    cluster4.call("start", 2, "--new-address")
    ec2mpi.refresh()
    assert trust(ec2mpi) == ["node[1-3] (3): nothing to do"]
    all_trust_each_other(cluster4)


def test_a_list_without_ids_knows_a_machine_again_by_its_keys(ec2mpi, cluster4):
    def plain():
        (ec2mpi.folder / LIST).write_text("".join(f"{cluster4.address(n)}\n" for n in HOSTS))
    plain()
    trust(ec2mpi)
    cluster4.call("stop", 2)
    cluster4.call("start", 2, "--new-address")
    plain()
    done = ec2mpi("setup", "--no-packages")
    assert (done.code, done.out) == (0, "node[1-3] (3): nothing to do\n") and "part of the cluster any more" not in done.err


# --- trouble ------------------------------------------------------------------------------------------------------

def test_one_node_refusing_does_not_stop_the_others_and_stays_known(ec2mpi, cluster4):
    cluster4.fault("refuse", 3)
    done = ec2mpi("setup", "--no-packages")
    assert done.code == 1 and done.out == f"node[1-2] (2): {ALL_WRITTEN}\n"
    assert re.search(r"node3: connection refused", done.err)
    all_trust_each_other(cluster4, (1, 2))
    cluster4.call("accept", 3)
    assert f"node3: {ALL_WRITTEN}" in trust(ec2mpi)
    all_trust_each_other(cluster4)

    cluster4.fault("refuse", 3)
    done = ec2mpi("setup", "--no-packages")
    assert done.code == 1 and done.out == "node[1-2] (2): nothing to do\n", "who is away keeps its place"


def accepted(cluster, host):
    return cluster.host(host, "cat /var/log/sshd.log").out.count("Accepted ")


def test_an_interrupted_setup_is_finished_by_the_next(ec2mpi, cluster4):
    before = snapshots(cluster4)
    cluster4.fault("freeze", 3)
    logins = {host: accepted(cluster4, host) for host in (1, 2)}
    process = ec2mpi.start("setup", "--no-packages", "-t", "60")
    wait_until(lambda: all(accepted(cluster4, host) > logins[host] for host in logins), "two are logged in", 120)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=90)
    assert process.returncode == 130
    assert snapshots(cluster4)[1] == before[1]
    cluster4.call("thaw", 3)
    trust(ec2mpi)
    all_trust_each_other(cluster4)
    assert cluster4.host(1, f"ls -A {OURS}").out.split() == ["config", "key", "known_hosts"]


@pytest.fixture
def wrapped(cluster4):
    """Puts a shell script in front of a program on host 1: $real is the program."""
    def wrap(name, text):
        put_as_root = f"cat >/usr/local/bin/{name} && chmod 755 /usr/local/bin/{name}"
        assert cluster4.host(1, put_as_root, input=f"#!/bin/sh\nreal=/usr/bin/{name}\n{text}").code == 0
    yield wrap
    cluster4.host(1, "rm -f /usr/local/bin/* /tmp/go")


def test_what_does_not_arrive_whole_changes_nothing(ec2mpi, cluster4, wrapped):
    mine = content(cluster4, 1, f"{HOME}/.ssh/authorized_keys")
    wrapped("awk", 'case $* in *stage=*) head -c 700 | $real "$@" ;; *) exec $real "$@" ;; esac\n')
    done = ec2mpi("setup", "--no-packages")
    assert done.code == 1 and "node1: the texts did not arrive whole" in done.err
    assert content(cluster4, 1, f"{HOME}/.ssh/authorized_keys") == mine
    assert cluster4.host(1, f"ls -A {OURS}; ls -A {HOME}/.ssh").out.split() == ["authorized_keys", "ec2mpi"]
    cluster4.host(1, "rm /usr/local/bin/awk")
    trust(ec2mpi)
    all_trust_each_other(cluster4)


def test_one_that_is_killed_while_it_writes_is_no_trouble_for_the_next(ec2mpi, cluster4, wrapped):
    wrapped("mkdir", '$real "$@"\ncase $* in *ec2mpi-new*) while [ ! -e /tmp/go ]; do sleep 0.1; done ;; esac\n')
    process = ec2mpi.start("setup", "--no-packages", "-w", "1")
    wait_until(lambda: cluster4.host(1, f"ls -d {OURS}/ec2mpi-new.*").code == 0, "it writes", 120)
    process.kill()
    process.wait()
    cluster4.host(1, "rm /usr/local/bin/mkdir")
    trust(ec2mpi)
    cluster4.host(1, "touch /tmp/go")
    wait_until(lambda: cluster4.host(1, f"ls -A {OURS}").out.split() == ["config", "key", "known_hosts"], "its stage is gone", 60)
    trust(ec2mpi)  # the first one may have come last, with what it knew
    all_trust_each_other(cluster4)


def test_what_a_node_that_was_switched_off_has_left_is_removed(ec2mpi, cluster4):
    trust(ec2mpi)
    left = f"{HOME}/.ssh/config.ec2mpi-new.ip-10-0-0-11.999999 {OURS}/ec2mpi-new.ip-10-0-0-11.999999"
    cluster4.host(1, f"touch {left.split()[0]}; mkdir {left.split()[1]}; touch -d '1 hour ago' {left.split()[1]};"
                     f"rm {OURS}/key {HOME}/.ssh/config", user="ubuntu")
    trust(ec2mpi)
    assert cluster4.host(1, f"ls -d {left}").out == ""
    all_trust_each_other(cluster4)


def test_a_full_disk_is_said_and_nothing_is_half(ec2mpi, cluster4):
    put(cluster4, 2, f"{HOME}/.ssh/config", "Host mine\n")
    before = snapshots(cluster4)[2]
    cluster4.fault("fill", 2)
    done = ec2mpi("setup", "--no-packages")
    assert done.code == 1 and re.search(r"node2: .*(disk full|No space left)", done.err), done.err
    assert content(cluster4, 2, f"{HOME}/.ssh/config") == "Host mine\n"
    cluster4.call("drain", 2)
    trust(ec2mpi)
    all_trust_each_other(cluster4)
    trust(ec2mpi, "--undo")
    assert snapshots(cluster4)[2] == before


# --- a node that lies ---------------------------------------------------------------------------------------------

def test_a_folder_of_ours_without_room_is_named(ec2mpi, cluster4):
    cluster4.host(2, f"mkdir -p {OURS}; mount -t tmpfs -o size=8k,mode=700,uid=$(id -u ubuntu) none {OURS}")
    try:
        done = ec2mpi("setup", "--no-packages")
        assert done.code == 1 and re.search(rf"node2: .*{OURS}/.*No space left", done.err), done.err
    finally:
        cluster4.host(2, f"umount {OURS}; chown ubuntu: {HOME}/.ssh {OURS}")
    trust(ec2mpi)


@pytest.mark.parametrize("line, fired", [("10.0.0.99 ip-10-0-0-12", "ip-10-0-0-12 is taken for 10.0.0.99"),
                                         ("10.0.0.99 node2", "node2 is taken for 10.0.0.99"),
                                         ("127.0.1.1 ip-10-0-0-13 node3", "")])
def test_a_line_above_the_block_of_the_hosts_file_is_overruled_by_the_next_setup(ec2mpi, cluster4, line, fired):
    trust(ec2mpi)
    cluster4.host(3, f"cp /etc/hosts /tmp/hosts; (echo '{line}'; cat /tmp/hosts) >/etc/hosts; rm /tmp/hosts")
    assert fired in ec2mpi("doctor").out
    done = ec2mpi("setup", "--no-packages")
    assert done.code == 0 and "node3: wrote /etc/hosts\n" in done.out, done
    assert "is taken for" not in ec2mpi("doctor").out
    assert cluster4.host(3, "head -n 1 /etc/hosts").out == "# BEGIN ec2mpi\n"
    assert "nothing to do" in ec2mpi("setup", "--no-packages").out
    assert ec2mpi("setup", "--undo").code == 0
    assert cluster4.host(3, "head -n 1 /etc/hosts").out == f"{line}\n"


def test_what_a_node_says_of_itself_stays_in_its_place(ec2mpi, cluster4):
    cluster4.host(2, "printf 'x y;touch /tmp/pwned' >/proc/sys/kernel/hostname;"
                     "printf 'ssh-ed25519 AAAAevilevilevilevil\\n* ssh-rsa AAAAeviltwoeviltwo\\n' >/etc/ssh/ssh_host_evil_key.pub;"
                     "printf '@cert-authority * ssh-rsa\\n' >/etc/ssh/ssh_host_evil2_key.pub;"
                     "printf 'from=\"*\" AAAA$(touch${IFS}/tmp/pwned)\\n' >/etc/ssh/ssh_host_evil3_key.pub")
    cluster4.host(3, "echo node1 >/proc/sys/kernel/hostname")
    try:
        trust(ec2mpi)
        known = content(cluster4, 1, f"{OURS}/known_hosts").splitlines()
        assert all(re.fullmatch(r"10\.0\.0\.1\d(,[a-z0-9-]+)* (ssh-ed25519|ecdsa-sha2-nistp256) [A-Za-z0-9+/=]+", line) for line in known)
        assert [line.split()[0] for line in known] == ["10.0.0.11,ip-10-0-0-11,node1,master"] * 2 + \
            ["10.0.0.12,node2"] * 3 + ["10.0.0.13,node3"] * 2
        block = content(cluster4, 1, "/etc/hosts").split("# END ec2mpi\n")[0].splitlines()[2:]
        assert block == ["10.0.0.11 ip-10-0-0-11 node1 master", "10.0.0.12 node2", "10.0.0.13 node3"]
        assert ssh(cluster4, 1, "node2", "echo in").out == "in\n"
        assert all(cluster4.host(n, "ls /tmp").out == "" for n in HOSTS)
    finally:
        for n in (2, 3):
            cluster4.host(n, f"echo ip-10-0-0-1{n} >/proc/sys/kernel/hostname; rm -f /etc/ssh/ssh_host_evil*")


def test_a_node_cannot_take_the_place_of_another(ec2mpi, cluster4):
    """It says that sshd was reached at another node's address."""
    trust(ec2mpi)
    put(cluster4, 3, "/tmp/sh", '#!/bin/bash\nexport SSH_CONNECTION="198.18.0.2 1 10.0.0.11 22"\nexec /bin/bash "$@"\n')
    cluster4.host(3, "chmod 755 /tmp/sh; sed -i '/^ubuntu:/s,/bin/bash,/tmp/sh,' /etc/passwd")
    try:
        done = ec2mpi("setup", "--no-packages")
        assert done.code == 1 and "node3" not in done.out
        assert re.search(r"node3: says that its private address is 10.0.0.11, which is that of", done.err)
        assert 'from="10.0.0.11,10.0.0.12" ' in content(cluster4, 1, f"{HOME}/.ssh/authorized_keys")
        first = content(cluster4, 1, f"{OURS}/known_hosts").splitlines()[0].split()
        assert first[:2] == ["10.0.0.11,ip-10-0-0-11,node1,master", "ssh-ed25519"]
        assert first[2] == content(cluster4, 1, "/etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    finally:
        cluster4.host(3, "sed -i '/^ubuntu:/s,/tmp/sh,/bin/bash,' /etc/passwd; rm -f /tmp/sh")
