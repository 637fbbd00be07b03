"""setup and its undo where others are at work too: shared homes, two terminals, two laptops, an sshd with unusual settings, a lying node."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import threading

import pytest

from bare_hosts import HOME, HOSTS, MAKE_BARE, QUICK, bare_hosts, content
from local_cluster import wait_until

KEYS = f"{HOME}/.ssh/authorized_keys"
PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "src/ops/setup/trust.sh"


@pytest.fixture(scope="module")
def bare_cluster():
    with bare_hosts("at-once") as hosts:
        yield hosts


@pytest.fixture
def cluster4(bare_cluster):
    """The fixture `ec2mpi` uses the cluster of this name. Each test finds the hosts bare."""
    yield bare_cluster
    bare_cluster.heal()
    for host in HOSTS:
        bare_cluster.host(host, f"while umount {HOME} 2>/dev/null; do :; done; {MAKE_BARE};"
                                "cp /root/ssh/sshd_config /etc/ssh/; rm -f /tmp/sh;"
                                "sed -i '/^ubuntu:/s,/tmp/sh,/bin/bash,' /etc/passwd;"
                                f"echo ip-10-0-0-1{host} >/proc/sys/kernel/hostname")
        reload_sshd(bare_cluster, host)


def reload_sshd(cluster, host):
    assert cluster.host(host, "kill -HUP $(cat /run/sshd.pid)").code == 0
    wait_until(lambda: cluster.host(host, "ss -ltn | grep -q ':22 '").code == 0, "sshd listens again")


def all_trust_each_other(cluster):
    for host in HOSTS:
        done = cluster.host(host, f"for n in 10.0.0.11 10.0.0.12 10.0.0.13; do ssh {QUICK} $n echo in </dev/null; done", user="ubuntu")
        if done.out != "in\n" * 3:
            return False
    return True


def finish(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


# --- from a second laptop ---------------------------------------------------------------------------------------

def test_a_setup_of_some_nodes_does_not_part_them_from_the_others_of_another_setup(ec2mpi, cluster4):
    second = ec2mpi.folder.parent / "second"
    shutil.rmtree(second, ignore_errors=True)
    shutil.copytree(ec2mpi.folder, second, ignore=shutil.ignore_patterns(".ec2mpi"))
    assert ec2mpi("setup", "--no-packages").code == 0
    mine = {host: content(cluster4, host, KEYS) for host in HOSTS}
    refused = ec2mpi("setup", "--no-packages", "-w", "1,2", cwd=second)
    assert refused.code == 1, refused.out + refused.err
    assert "node1 shares the key pair of another setup with 10.0.0.13, and a new pair would separate them" in refused.err
    assert {host: content(cluster4, host, KEYS) for host in HOSTS} == mine and all_trust_each_other(cluster4)
    assert not (second / ".ec2mpi/setup").exists(), "a pair that nobody has is not remembered"
    assert ec2mpi("setup", "--no-packages", cwd=second).code == 0, "the hint was right"
    assert all_trust_each_other(cluster4)
    assert ec2mpi("setup", "--no-packages", "-w", "1,2", cwd=second).code == 0, "its own pair it has"
    assert all_trust_each_other(cluster4)


# --- at the same time ---------------------------------------------------------------------------------------------

def test_a_home_that_nodes_share_is_written_once_and_keeps_its_lines(ec2mpi, cluster4):
    cluster4.share(HOME, HOSTS)
    mine = content(cluster4, 1, KEYS)
    for _ in range(2):
        done = ec2mpi("setup", "--no-packages")
        assert done.code == 0, done.out + done.err
        assert content(cluster4, 2, KEYS).count("# BEGIN ec2mpi") == 1
        assert all_trust_each_other(cluster4)
        undone = ec2mpi("setup", "--undo")
        assert undone.code == 0, undone.out + undone.err
        assert content(cluster4, 1, KEYS) == mine
        assert "node[2-3] (2): share node1's home\n" in done.out and "node[2-3] (2): share node1's home\n" in undone.out


def test_two_undos_at_once_lose_nothing(ec2mpi, cluster4):
    mine = {host: (content(cluster4, host, KEYS), content(cluster4, host, "/etc/hosts")) for host in HOSTS}
    for _ in range(3):
        assert ec2mpi("setup", "--no-packages").code == 0
        both = [ec2mpi.start("setup", "--undo") for _ in range(2)]
        ends = [finish(process) for process in both]
        assert {host: (content(cluster4, host, KEYS), content(cluster4, host, "/etc/hosts")) for host in HOSTS} == mine
        for code, out, err in ends:
            assert code == 0, out + err


def test_a_machine_that_the_list_names_three_times_keeps_its_lines(ec2mpi, cluster4):
    address = cluster4.address(1)
    (ec2mpi.folder / "amazon_instances_info").write_text(f"{address}\nagain.local\nonce-more.local\n")
    settings = ec2mpi.home / ".ssh/config"
    settings.parent.mkdir(mode=0o700, exist_ok=True)
    settings.write_text(f"Host again.local once-more.local\n  HostName {address}\n")
    mine = content(cluster4, 1, KEYS), content(cluster4, 1, "/etc/hosts")
    for _ in range(5):
        done = ec2mpi("setup", "--no-packages")
        assert done.code == 0, done.out + done.err
        assert content(cluster4, 1, KEYS).count("# BEGIN ec2mpi") == 1
        done = ec2mpi("setup", "--undo")
        assert done.code == 0, done.out + done.err
        assert (content(cluster4, 1, KEYS), content(cluster4, 1, "/etc/hosts")) == mine


def test_two_setups_with_different_keys_end_with_a_cluster_or_with_one_that_says_so(ec2mpi, cluster4):
    laptops = [ec2mpi.folder.parent / name for name in ("one", "two")]
    for _ in range(3):
        for folder in laptops:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(ec2mpi.folder, folder)
        both = [ec2mpi.start("setup", "--no-packages", cwd=folder) for folder in laptops]
        ends = [finish(process) for process in both]
        assert all_trust_each_other(cluster4) or 1 in [end[0] for end in ends], ends
        for code, _, err in ends:
            assert code in (0, 1) and (code == 0 or "another setup" in err), err
        assert not cluster4.host(1, f"cat {HOME}/.ssh/ec2mpi/claim").out


@pytest.mark.parametrize("shell", [["dash"], ["bash"], ["busybox", "sh"]])
def test_lines_that_another_program_appends_meanwhile_stay(tmp_path, shell):
    """The program that runs on the nodes, against one that appends to the file all the time without any lock."""
    if not shutil.which(shell[0]):
        pytest.skip(f"no {shell[0]}")
    keys = tmp_path / ".ssh/authorized_keys"
    keys.parent.mkdir(mode=0o700)
    keys.write_text("mine\n")
    text = "=text authorized\n|# ours\n=end 7\n"
    written, is_over = [], threading.Event()

    def append():
        while not is_over.wait(0.06):
            with open(keys, "a") as file:
                file.write(f"line {len(written)}\n")
            written.append(f"line {len(written)}")

    other = threading.Thread(target=append)
    other.start()
    def program(argument, given=""):
        done = subprocess.run([*shell, PROGRAM, *argument], input=given, text=True, capture_output=True,
                              env={"HOME": str(tmp_path), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        assert done.returncode in (0, 75), done.stderr  # 75: the file was never still
        return done.returncode

    try:
        for _ in range(5):
            program(["write", ""], text)
            program(["take"])
    finally:
        is_over.set()
        other.join()
    assert program(["take"]) == 0
    lines = keys.read_text().splitlines()
    assert set(written) <= set(lines) and "mine" in lines
    assert sorted(path.name for path in keys.parent.iterdir()) == ["authorized_keys"]
    assert not [path for path in tmp_path.iterdir() if path.name != ".ssh"]


def as_user(home, *argument, given="", path=""):
    """The program that runs on the nodes, as a user that is not root."""
    program = "need() { :; }\n" + PROGRAM.read_text()  # that user may not reach the file
    return subprocess.run(["sh", "-c", program, "sh", *argument], input=given, text=True, capture_output=True, user=65534, group=65534,
                          extra_groups=[], cwd="/", env={"HOME": str(home), "PATH": path + "/usr/sbin:/usr/bin:/sbin:/bin"})


@pytest.fixture
def user_home():
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        (home / ".ssh").mkdir(mode=0o700)
        (home / ".ssh/authorized_keys").write_text("mine\n")
        for path in (home, home / ".ssh", home / ".ssh/authorized_keys"):
            os.chown(path, 65534, 65534)
        yield home


TEXT = "=text authorized\n|# Written by ec2mpi setup\n=end 26\n"


def test_a_file_that_its_owner_may_only_read_is_changed_and_stays_read_only(user_home):
    keys = user_home / ".ssh/authorized_keys"
    keys.chmod(0o400)
    done = as_user(user_home, "write", "", given=TEXT)
    assert done.returncode == 0 and "# Written by ec2mpi" in keys.read_text(), done.stderr
    assert keys.stat().st_mode & 0o777 == 0o400
    done = as_user(user_home, "take")
    assert (done.returncode, keys.read_text()) == (0, "mine\n"), done.stderr
    assert keys.stat().st_mode & 0o777 == 0o400


def test_a_link_to_a_missing_folder_and_a_file_in_the_way_are_named(user_home):
    keys = user_home / ".ssh/authorized_keys"
    keys.unlink()
    keys.symlink_to("/nowhere/keys")
    done = as_user(user_home, "write", "", given=TEXT)
    assert done.returncode != 0 and "is a link to /nowhere/keys, whose folder is not there" in done.stderr
    shutil.rmtree(user_home / ".ssh/ec2mpi", ignore_errors=True)
    (user_home / ".ssh/ec2mpi").write_text("mine")
    done = as_user(user_home, "write", "", given=TEXT)
    assert done.returncode != 0 and "is in the way, for it is no folder" in done.stderr
    assert (user_home / ".ssh/ec2mpi").read_text() == "mine"


def test_a_config_that_cannot_be_read_or_is_a_link_to_itself_is_named(user_home):
    config = user_home / ".ssh/config"
    config.write_text("Host mine\n")
    config.chmod(0)
    os.chown(config, 65534, 65534)
    texts = "=text include\n|# Written by ec2mpi setup\n=end 26\n"
    done = as_user(user_home, "write", "", given=texts)
    assert done.returncode != 0 and f"cannot read {config}: Permission denied; fix there: chmod u+r {config}\n" in done.stderr, done
    assert config.stat().st_size == len("Host mine\n")
    config.unlink()
    config.symlink_to("config")
    done = as_user(user_home, "write", "", given=texts)
    assert done.returncode != 0 and f"{config} is a link to config, which leads back to itself; remove the link\n" in done.stderr, done


def test_a_file_of_setup_in_a_mode_that_ssh_refuses_is_written_again(user_home):
    texts = "=text config\n|Host mine\n=end 10\n"
    assert "did config\n" in as_user(user_home, "write", "", given=texts).stdout
    assert "did config\n" not in as_user(user_home, "write", "", given=texts).stdout
    config = user_home / ".ssh/ec2mpi/config"
    config.chmod(0o666)
    assert "state config absent\n" in as_user(user_home, "states").stdout
    assert "did config\n" in as_user(user_home, "write", "", given=texts).stdout
    assert config.stat().st_mode & 0o777 == 0o600


def test_a_reason_that_ssh_gives_only_at_its_usual_level_is_shown(user_home):
    (user_home / ".ssh/ec2mpi").mkdir()
    os.chown(user_home / ".ssh/ec2mpi", 65534, 65534)
    fake = user_home / "ssh"
    fake.write_text('#!/bin/sh\ncase "$*" in -V) exit ;; *LogLevel=INFO*) echo "no matching cipher" >&2 ;; esac\nexit 255\n')
    fake.chmod(0o755)
    done = as_user(user_home, "login", "10.0.0.2", "", path=f"{user_home}:")
    assert "login failed no matching cipher" in done.stdout, done


def test_the_owner_of_a_file_to_which_a_link_leads_is_told_with_the_link_and_what_is_no_file_is_not(user_home):
    config = user_home / ".ssh/config"
    config.symlink_to("/etc/passwd")
    assert "state owners config=root:/etc/passwd,\n" in as_user(user_home, "states").stdout
    config.unlink()
    config.symlink_to("/dev/null")
    assert "state owners ok\n" in as_user(user_home, "states").stdout
    done = as_user(user_home, "write", "", given=TEXT)
    assert done.returncode != 0 and ".ssh/config (a link to /dev/null) is in the way, for it is no file" in done.stderr
    config.unlink()
    (user_home / ".ssh/ec2mpi").mkdir(mode=0o755)
    assert "state owners ours=root,\n" in as_user(user_home, "states").stdout
    done = as_user(user_home, "take")
    assert done.returncode != 0 and "ec2mpi belongs to root, and setup cannot change it" in done.stderr


def test_a_file_whose_group_a_copy_would_lose_stops_setup_before_the_first_change(user_home):
    config = user_home / ".ssh/config"
    config.write_text("Host mine\n")
    os.chown(config, 65534, 0)
    texts = "=text known_hosts\n|host\n=text include\n|# Written by ec2mpi setup\n=end 31\n"
    done = as_user(user_home, "write", "", given=texts)
    assert done.returncode != 0 and "nothing was changed; fix there: sudo chown nobody:nogroup " in done.stderr, done
    assert config.read_text() == "Host mine\n" and not list((user_home / ".ssh/ec2mpi").glob("[!m]*"))
    os.chown(config, 65534, 65534)
    assert as_user(user_home, "write", "", given=texts).returncode == 0


# --- what ssh refuses ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("setting, reason", [
    ("Match Address 10.0.0.0/8\n AuthorizedKeysFile /etc/ssh/keys/%u", "AuthorizedKeysFile in its sshd_config is /etc/ssh/keys/%u"),
    ("Match Address 10.0.0.0/8\n PubkeyAcceptedAlgorithms rsa-sha2-512", "has no ssh-ed25519"),
    ("AllowUsers ubuntu@198.18.*", "AllowUsers ubuntu@198.18.*"),
], ids=["keys-elsewhere", "no-ed25519", "allow-users"])
def test_the_setting_of_sshd_that_keeps_nodes_out_is_named(ec2mpi, cluster4, setting, reason):
    assert cluster4.host(2, "cat >>/etc/ssh/sshd_config", input=setting + "\n").code == 0
    reload_sshd(cluster4, 2)
    for _ in range(2):
        done = ec2mpi("setup", "--no-packages")
        assert done.code == 1 and "node2: its sshd does not let node1 in" in done.err and reason in done.err, done.err


def test_a_mode_that_ssh_refuses_is_put_right_and_said(ec2mpi, cluster4):
    cluster4.host(1, "echo '# mine' >.ssh/config; chmod 666 .ssh/config", user="ubuntu")
    done = ec2mpi("setup", "--no-packages")
    assert cluster4.host(1, f"stat -c %a {HOME}/.ssh/config").out == "644\n"
    assert all_trust_each_other(cluster4)
    assert done.code == 0 and "node1: took away others' write permission: ~/.ssh/config\n" in done.out, done.out + done.err


# --- a node that lies ---------------------------------------------------------------------------------------------

def test_an_address_outside_of_the_private_network_is_not_believed(ec2mpi, cluster4):
    cluster4.host(3, "cat >/tmp/sh; chmod 755 /tmp/sh; sed -i '/^ubuntu:/s,/bin/bash,/tmp/sh,' /etc/passwd",
                  input='#!/bin/bash\nexport SSH_CONNECTION="198.18.0.2 1 198.51.100.7 22"\nexec /bin/bash "$@"\n')
    done = ec2mpi("setup", "--no-packages")
    assert done.code == 1 and "node3: says that its private address is 198.51.100.7, which is not one of a private network" in done.err
    assert "198.51.100.7" not in content(cluster4, 1, KEYS) + content(cluster4, 1, "/etc/hosts")


def test_a_host_name_that_ec2_does_not_give_stays_out_of_the_files_of_others(ec2mpi, cluster4):
    cluster4.host(3, "echo vault.corp.internal >/proc/sys/kernel/hostname")
    done = ec2mpi("setup", "--no-packages")
    assert "vault" not in content(cluster4, 1, "/etc/hosts") + content(cluster4, 1, f"{HOME}/.ssh/ec2mpi/config")
    assert done.code == 0 and "node3: its host name 'vault.corp.internal' is left out" in done.err, done.err
