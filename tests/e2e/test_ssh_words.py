"""The reason that an ssh server gives is reported at once and with a next step; and so is a wrong file given as the key, and
a way to a node in ~/.ssh/config that ec2mpi does not go."""

import os
import subprocess
import time

import pytest

from local_cluster import KEY, LIST, SLOWNESS, run, wait_until

SSHD_CONFIG = "/etc/ssh/sshd_config"


@pytest.fixture
def sshd(cluster4):
    """Puts a line on top of a host's sshd_config; the test's end takes it away."""
    changed = set()

    def reload(index):
        cluster4.host(index, "kill -HUP $(cat /run/sshd.pid)")
        wait_until(lambda: cluster4.host(index, "ss -Hltn sport = :22").out, "sshd listens again")

    def configure(index, line):
        changed.add(index)
        cluster4.host(index, f"cp -n {SSHD_CONFIG} /root/sshd_config; sed -i '1i {line}' {SSHD_CONFIG}")
        reload(index)
    yield configure
    for index in changed:
        cluster4.host(index, f"mv /root/sshd_config {SSHD_CONFIG}")
        reload(index)


def make_key(path, *options):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", *options, "-f", path], check=True)
    return path


@pytest.fixture
def crowded_agent(ec2mpi, tmp_path):
    """An agent whose tenth key is the right one; the variable for the program."""
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    variable = {"SSH_AUTH_SOCK": str(socket)}
    wait_until(lambda: run(["ssh-add", "-l"], env=os.environ | variable).code != 2, "the agent answers")
    keys = [make_key(tmp_path / f"key{number}") for number in range(9)]
    subprocess.run(["ssh-add", "-q", *keys, ec2mpi.folder / KEY], check=True, env=os.environ | variable)
    yield variable
    process.terminate()
    process.wait(10)


# --- logging in --------------------------------------------------------------------------------------------------

def test_too_many_keys_in_the_agent_are_reported_at_once_and_not_as_a_slow_link(ec2mpi, crowded_agent):
    os.rename(ec2mpi.folder / KEY, ec2mpi.home / "mine")
    begun = time.monotonic()
    done = ec2mpi("exec", "-w", "1", "-t", "60", "true", env=crowded_agent)
    assert time.monotonic() - begun < 5 * SLOWNESS
    assert done.code == 255 and "Too many authentication failures" in done.err and "-i" in done.err
    assert "slow" not in done.err
    assert ec2mpi("exec", "-w", "1", "-i", "~/mine", "true", env=crowded_agent).code == 0, "a named key is tried first"


def test_a_second_factor_is_reported_as_a_second_factor(ec2mpi, sshd):
    sshd(1, "AuthenticationMethods publickey,password\\nPasswordAuthentication yes")
    done = ec2mpi("exec", "-w", "1", "true")
    assert done.code == 255 and "asks for a second factor (password)" in done.err and "wrong key" not in done.err


def test_a_server_that_takes_no_keys_is_reported_as_one(ec2mpi, sshd):
    sshd(1, "PubkeyAuthentication no\\nPasswordAuthentication yes")
    done = ec2mpi("exec", "-w", "1", "true")
    assert done.code == 255 and "takes no keys from user ubuntu, only password" in done.err


# --- the way to a node -------------------------------------------------------------------------------------------

def private_list(program, cluster):
    (program.folder / LIST).write_text("10.0.0.12\n10.0.0.13\n")
    return cluster.address(1)


def configure(program, text):
    (program.home / ".ssh").mkdir(mode=0o700, exist_ok=True)
    (program.home / ".ssh/config").write_text(text)


def test_a_jump_host_that_forbids_forwarding_is_reported_as_one(ec2mpi, cluster4, sshd):
    bastion = private_list(ec2mpi, cluster4)
    sshd(1, "AllowTcpForwarding no")
    done = ec2mpi("exec-all", "-J", bastion, "true")
    assert done.code == 1 and "administratively prohibited" in done.err and "AllowTcpForwarding" in done.err
    assert "security group" not in done.err


def test_a_jump_host_that_cannot_reach_a_node_gives_the_reason(ec2mpi, cluster4):
    bastion = private_list(ec2mpi, cluster4)
    done = ec2mpi("exec-all", "-J", bastion, "-p", "22", "--list", "-", "true", input="10.0.0.12:2222\n")
    assert done.code == 1 and "the jump host cannot reach it (Connection refused)" in done.err


@pytest.mark.parametrize("way", ["ProxyJump ubuntu@{}", "ProxyJump {}:22", "ProxyCommand ssh -q -W %h:%p -l ubuntu {}",
                                 "ProxyCommand exec /usr/bin/ssh {} -W '[%h]:%p'"])
def test_the_jump_host_of_ssh_config_is_used(ec2mpi, cluster4, way):
    bastion = private_list(ec2mpi, cluster4)
    configure(ec2mpi, f"Host *\n  {way.format(bastion)}\n")
    done = ec2mpi("exec-all", "echo $SSH_CLIENT")
    assert done.code == 0, done.err
    assert all(line.split("\t")[1].startswith("10.0.0.11 ") for line in done.out.splitlines())


def test_another_proxy_command_is_neither_run_nor_ignored(ec2mpi, cluster4):
    configure(ec2mpi, "Host *\n  ProxyCommand touch run-by-ssh-config\n")
    attempts = cluster4.login_attempts(1)
    done = ec2mpi("exec", "-w", "1", "true")
    assert done.code == 255 and "ProxyCommand" in done.err and "-F none" in done.err
    assert cluster4.login_attempts(1) == attempts and "run-by-ssh-config" not in ec2mpi.files()
    assert ec2mpi("exec", "-w", "1", "-F", "none", "true").code == 0


def test_several_jump_hosts_in_a_row_are_refused_and_not_ignored(ec2mpi):
    configure(ec2mpi, "Host *\n  ProxyJump 192.0.2.1,192.0.2.2\n")
    done = ec2mpi("exec", "-w", "1", "true")
    assert done.code == 255 and "192.0.2.1" in done.err and "-J" in done.err


@pytest.mark.parametrize("way", ["ProxyJump 192.0.2.1,192.0.2.2", "ProxyCommand touch run-by-ssh-config"])
def test_a_jump_host_of_the_command_line_replaces_that_of_ssh_config(ec2mpi, cluster4, way):
    bastion = private_list(ec2mpi, cluster4)
    configure(ec2mpi, f"Host *\n  {way}\n")
    done = ec2mpi("exec-all", "-J", bastion, "true")
    assert done.code == 0, done.err


def test_user_and_port_of_the_command_line_are_not_for_the_jump_host(ec2mpi, cluster4):
    bastion = private_list(ec2mpi, cluster4)
    done = ec2mpi("exec-all", "-N", "-J", bastion, "-l", "root", "whoami")
    assert (done.code, done.out) == (0, "root\nroot\n"), done.err
    assert "Accepted publickey for ubuntu from 198.18.0.2" in cluster4.host(1, "grep Accepted /var/log/sshd.log | tail -1").out


# --- the same way for ssh itself ---------------------------------------------------------------------------------

def by_plain_ssh(program, cluster, *options):
    """What `uname -n; id -un` says on node2 of the private list, by ssh with the file that ec2mpi writes."""
    assert program("exec-all", *options, "true").code == 0  # remembers the host keys
    written = program("nodes", "--ssh-config", *options)
    assert written.code == 0, written.err
    return cluster.exec(["ssh", "-F", written.out.strip(), "-o", "BatchMode=yes", "node2", "uname -n; id -un"],
                        env=program.environment)


@pytest.mark.parametrize("way", ["flag", "configuration"])
def test_plain_ssh_goes_through_the_jump_host_as_ec2mpi_does(ec2mpi, cluster4, way):
    bastion = private_list(ec2mpi, cluster4)
    configure(ec2mpi, "Host 10.0.0.*\n  User root\n" + (f"  ProxyJump {bastion}\n" if way == "configuration" else ""))
    done = by_plain_ssh(ec2mpi, cluster4, *(["-J", bastion] if way == "flag" else []))
    assert (done.code, done.out) == (0, "ip-10-0-0-13\nroot\n"), done.err


def test_plain_ssh_refuses_a_jump_host_whose_key_has_changed(ec2mpi, cluster4):
    bastion = private_list(ec2mpi, cluster4)
    assert by_plain_ssh(ec2mpi, cluster4, "-J", bastion).code == 0
    cluster4.fault("rekey", 1)
    done = cluster4.exec(["ssh", "-F", ec2mpi.folder / ".ec2mpi/ssh_config", "-o", "BatchMode=yes", "node2", "uname -n"])
    assert (done.code, done.out) == (255, "") and "key" in done.err.lower()


def test_login_by_ssh_uses_user_key_and_jump_host_of_the_configuration(ec2mpi, cluster4):
    bastion = private_list(ec2mpi, cluster4)
    (ec2mpi.home / ".ssh").mkdir(mode=0o700)
    os.rename(ec2mpi.folder / KEY, ec2mpi.home / ".ssh/mine")
    configure(ec2mpi, "Host 10.0.0.*\n  User root\n"
                      "Host *\n  IdentityFile ~/.ssh/mine\n")
    done = ec2mpi("login", "-J", bastion, "-A", "2", "--", "uname -n; id -un")
    assert (done.code, done.out) == (0, "ip-10-0-0-13\nroot\n"), done.err


def test_login_goes_through_a_jump_host(ec2mpi, cluster4):
    bastion = private_list(ec2mpi, cluster4)
    done = ec2mpi("login", "-J", bastion, "2", "--", "uname -n")
    assert (done.code, done.out) == (0, "ip-10-0-0-13\n"), done.err


def test_login_by_ssh_keeps_to_the_alias_under_which_the_key_is_remembered(ec2mpi, cluster4):
    (ec2mpi.folder / LIST).write_text("head\n")
    configure(ec2mpi, f"Host head\n  HostName {cluster4.address(3)}\n")
    done = ec2mpi("login", "-A", "1", "--", "uname -n")
    assert (done.code, done.out) == (0, "ip-10-0-0-13\n"), done.err


def test_a_host_name_that_leads_all_nodes_to_one_machine_is_refused_with_its_line(ec2mpi, cluster4):
    configure(ec2mpi, f"Host *\n  HostName {cluster4.address(1)}\n")
    done = ec2mpi("exec-all", "uname -n")
    assert done.code == 1 and "config:2: this HostName leads to the machine of" in done.err, done.err
    assert "forget" not in done.err and "has changed" not in done.err, done.err
    assert "ip-10-0-0-11" in done.out and len(done.out.splitlines()) == 1


@pytest.mark.parametrize("spelling", ["{}", "::ffff:{}", "octal"])
def test_a_host_name_that_leads_one_node_to_another_node_of_the_list_is_refused(ec2mpi, cluster4, spelling):
    other = cluster4.address(2)
    parts = other.split(".")
    leads_to = ".".join([*parts[:3], f"0{int(parts[3]):o}"]) if spelling == "octal" else spelling.format(other)
    configure(ec2mpi, f"Host {cluster4.address(1)}\n  HostName {leads_to}\n")
    (ec2mpi.folder / "sent").write_text("text")
    for command in (["exec-all", "uname -n"], ["exec", "-w", "1", "uname -n"], ["push", "sent", "/tmp/"], ["setup"]):
        done = ec2mpi(*command)
        assert done.code != 0 and f"config:2: this HostName leads to the machine of node2 ({other})" in done.err, done
        assert "ip-10-0-0-12\n" not in done.out or command == ["exec-all", "uname -n"], done.out


def test_a_host_name_that_does_not_resolve_is_shown_with_its_line(ec2mpi, cluster4):
    configure(ec2mpi, f"Host {cluster4.address(1)}\n  HostName %h.invalid\n")
    done = ec2mpi("exec", "-w", "1", "true")
    assert done.code == 255 and f"the name {cluster4.address(1)}.invalid does not resolve" in done.err, done
    assert "config:2)" in done.err, done.err


def test_a_jump_host_does_not_stand_in_for_a_changed_key(ec2mpi, cluster4):
    bastion = private_list(ec2mpi, cluster4)
    assert ec2mpi("exec-all", "-J", bastion, "true").code == 0
    attempts = cluster4.login_attempts(2)
    cluster4.fault("rekey", 2)
    done = ec2mpi("exec-all", "-J", bastion, "true")
    assert done.code == 1 and "its host key has changed" in done.err, done
    assert cluster4.login_attempts(2) == attempts, "it tried to log in"


def test_a_jump_host_whose_session_has_ended_is_connected_again(ec2mpi, cluster4):
    bastion = private_list(ec2mpi, cluster4)
    process = ec2mpi.start("exec-all", "-f", "1", "-J", bastion, "test {address} = 10.0.0.13 || exec sleep 1000.21")
    wait_until(lambda: "sleep 1000.21" in cluster4.host(2, ["ps", "-e", "-o", "args="]).out, "the first node has begun")
    cluster4.host(1, "kill $(ps -e -o pid=,args= | awk '$2 == \"sshd:\" && $3 == \"ubuntu\" { print $1 }')")
    _, err = process.communicate(timeout=30)
    assert "1/2 nodes ok" in err and "node1: " in err, err


# --- limits of an sshd -------------------------------------------------------------------------------------------

def test_a_server_that_refuses_the_session_is_reported_as_one(ec2mpi, sshd):
    sshd(1, "MaxSessions 0")
    done = ec2mpi("exec", "-w", "1", "true")
    assert done.code == 255 and "MaxSessions of its sshd may be too small" in done.err


# A relay on the laptop, through which the bytes of sshd arrive a few at a time.
DRIBBLE = """
import socket, sys, threading, time
listener = socket.create_server(("127.0.0.1", 2222))
print("listens", flush=True)
client, _ = listener.accept()
server = socket.create_connection((sys.argv[1], 22))
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
def pass_on_words_of_client():
    while words := client.recv(65536):
        server.sendall(words)
threading.Thread(target=pass_on_words_of_client, daemon=True).start()
while words := server.recv(8):
    client.sendall(words)
    time.sleep(0.003)
"""


def test_a_refused_session_is_reported_as_one_before_sshd_has_ended_the_connection(ec2mpi, cluster4, sshd):
    sshd(1, "MaxSessions 0")
    configure(ec2mpi, f"Host {cluster4.address(1)}\n  HostName 127.0.0.1\n  Port 2222\n")
    relay = subprocess.Popen(cluster4.exec_argv(["/usr/bin/python3", "-c", DRIBBLE, cluster4.address(1)]),
                             stdout=subprocess.PIPE, text=True)
    try:
        assert relay.stdout.readline() == "listens\n"
        done = ec2mpi("exec", "-w", "1", "true")
        assert done.code == 255 and "MaxSessions of its sshd may be too small" in done.err, done.err
    finally:
        relay.kill()
        relay.wait()


def test_a_user_that_the_server_denies_is_a_refused_login(ec2mpi, sshd):
    sshd(1, "DenyUsers ubuntu")
    done = ec2mpi("exec", "-w", "1", "true")
    assert done.code == 255 and "login refused for user ubuntu" in done.err


# --- files that are no private key -------------------------------------------------------------------------------

@pytest.mark.parametrize("content, word", [
    ("PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\n", "PuTTY; convert it: puttygen wrong -O private-openssh"),
    ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA me@here\n", "is a public key"),
    ("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n", "is a public key"),
    ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n", "is a public key"),
    ("ssh-ed25519-cert-v01@openssh.com AAAA me\n", "is a certificate")])
def test_the_message_names_the_kind_of_a_file_that_is_no_private_key(offline, content, word):
    (offline.folder / LIST).write_text("203.0.113.1\n")
    (offline.folder / "wrong").write_text(content)
    for mode in (0o600, 0o644):
        (offline.folder / "wrong").chmod(mode)
        done = offline("exec-all", "-i", "wrong", "true")
        assert (done.out, done.code) == ("", 2) and word in done.err, done.err
