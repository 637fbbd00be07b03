"""Both identities of a connection: host keys, and private keys, the agent, users, ~/.ssh/config."""

import os
import re
import socket
import subprocess
import threading
import time

import pytest

from local_cluster import KEY, LIST, lines_of, run, wait_until
from terminal import Terminal


def known_hosts(program):
    return program.folder / ".ec2mpi/known_hosts"


def ids(program):
    return [line.split("\t")[1] for line in (program.folder / LIST).read_text().splitlines()]


def mode(path):
    return path.stat().st_mode & 0o777


# --- host keys ---------------------------------------------------------------------------------------------------

def test_a_host_key_is_remembered_on_first_sight_by_instance_id(ec2mpi, cluster4):
    assert ec2mpi("exec-all", "true").code == 0
    assert mode(ec2mpi.folder / ".ec2mpi") == 0o700 and mode(known_hosts(ec2mpi)) == 0o600
    lines = sorted(line.split() for line in known_hosts(ec2mpi).read_text().splitlines())
    real = [cluster4.host(n, "cat /etc/ssh/ssh_host_ed25519_key.pub").out.split()[:2] for n in (1, 2, 3, 4)]
    assert lines == sorted([name, *key] for name, key in zip(ids(ec2mpi), real))


def test_a_known_host_is_not_written_again(ec2mpi):
    assert ec2mpi("exec-all", "true").code == 0
    before = known_hosts(ec2mpi).read_text()
    assert ec2mpi("exec-all", "true").code == 0
    assert known_hosts(ec2mpi).read_text() == before


def test_a_changed_key_stops_before_any_credential_and_says_what_to_do(ec2mpi, cluster4):
    assert ec2mpi("exec", "-w", "2", "true").code == 0
    before, attempts = known_hosts(ec2mpi).read_text(), cluster4.login_attempts(2)
    cluster4.fault("rekey", 2)
    done = ec2mpi("exec", "-w", "2", "true")
    assert (done.out, done.code) == ("", 255)
    name = ids(ec2mpi)[1]
    assert "node2: its host key has changed" in done.err
    told = re.search(r"If you know why \(reinstalled\): (sed .*)$", done.err, re.M)
    assert known_hosts(ec2mpi).read_text() == before
    wait_until(lambda: "Connection closed by 198.18.0.2" in cluster4.host(2, "tail -2 /var/log/sshd.log").out,
               "sshd has noted the end of the connection")
    assert cluster4.login_attempts(2) == attempts, "it tried to log in"

    subprocess.run(["sh", "-c", told[1]], cwd=ec2mpi.folder, check=True)
    assert known_hosts(ec2mpi).read_text() == "".join(line for line in before.splitlines(True) if name not in line)
    assert ec2mpi("exec", "-w", "2", "true").code == 0, "what it said to do helps"


def test_a_host_without_a_key_of_the_remembered_type_is_not_trusted_either(ec2mpi, cluster4):
    (ec2mpi.folder / ".ec2mpi").mkdir(mode=0o700)
    known_hosts(ec2mpi).write_text(f"{ids(ec2mpi)[1]} ecdsa-sha2-nistp521 AAAA\n")
    attempts = cluster4.login_attempts(2)
    done = ec2mpi("exec", "-w", "2", "true")
    assert done.code == 255 and "host key" in done.err and "known_hosts" in done.err
    assert cluster4.login_attempts(2) == attempts


def test_strict_host_keys_refuses_the_unknown_and_takes_the_known(ec2mpi, cluster4):
    assert ec2mpi("exec", "-w", "1-2", "true").code == 0
    attempts = cluster4.login_attempts(3)
    done = ec2mpi("exec-all", "--strict-host-keys", "echo in")
    assert done.code == 1
    assert sorted(done.out.splitlines()) == ["node1\tin", "node2\tin"]
    assert all(re.search(rf"unknown and only known ones are accepted.*'{name}'", done.err) for name in ids(ec2mpi)[2:])
    assert cluster4.login_attempts(3) == attempts


def test_a_new_address_of_a_known_instance_is_no_alarm(ec2mpi, cluster):
    cluster.up(2)
    assert ec2mpi("exec-all", "true").code == 0
    before = known_hosts(ec2mpi).read_text()
    cluster.call("stop", 2)
    cluster.call("start", 2, "--new-address")
    ec2mpi.refresh()
    done = ec2mpi("exec-all", "--strict-host-keys", "hostname")
    assert done.code == 0 and lines_of(done.out, 2) == ["ip-10-0-0-12"]
    assert known_hosts(ec2mpi).read_text() == before


def test_without_ids_a_key_belongs_to_its_address(ec2mpi, cluster4):
    (ec2mpi.folder / LIST).write_text(cluster4.address(1) + "\n")
    assert ec2mpi("exec-all", "true").code == 0
    assert known_hosts(ec2mpi).read_text().startswith(cluster4.address(1) + " ssh-ed25519 ")


# --- private keys ------------------------------------------------------------------------------------------------

def test_an_rsa_pem_and_nothing_is_left_beside_it(ec2mpi):
    assert (ec2mpi.folder / KEY).read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert ec2mpi("exec-all", "true").code == 0
    assert [file for file in ec2mpi.files() if not file.startswith(".ec2mpi")] == sorted([LIST, KEY])


def test_an_ed25519_key(ec2mpi, cluster):
    cluster.up(1, "--key", "ed25519")
    assert "BEGIN OPENSSH" in (ec2mpi.folder / KEY).read_text()
    assert ec2mpi("exec-all", "true").code == 0


def test_a_key_that_the_hosts_do_not_know(ec2mpi):
    os.remove(ec2mpi.folder / KEY)
    make_key(ec2mpi.folder / KEY)
    done = ec2mpi("exec-all", "true")
    assert done.code == 1
    assert "node[1-4] (4): login refused for user ubuntu with key.pem; wrong key (-i)" in done.err


def make_key(path, passphrase=""):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path], check=True)
    os.remove(f"{path}.pub")


def encrypt(key, passphrase):
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase, "-f", key], check=True, stdout=subprocess.DEVNULL)


def test_an_encrypted_key_without_a_terminal_is_a_clear_error(ec2mpi, cluster4):
    encrypt(ec2mpi.folder / KEY, "open sesame")
    done = ec2mpi("ps", input="open sesame\n", start_new_session=True)
    assert (done.out, done.code, done.err.count("\n")) == ("", 2, 1)
    assert "key.pem is encrypted" in done.err and "ssh-add" in done.err


def on_terminal(program, *args, answer):
    """What it showed when the first question had that answer, and the exit status."""
    with Terminal(program, *args, somebody=True) as terminal:
        terminal.wait_for(": ")
        terminal.type_hidden(answer + "\n")
        code = terminal.to_end()
    return terminal.seen, code


def test_an_encrypted_key_is_asked_for_once_and_not_shown(ec2mpi):
    encrypt(ec2mpi.folder / KEY, "open sesame")
    shown, code = on_terminal(ec2mpi, "exec-all", "echo in", answer="open sesame")
    assert code == 0 and shown.count("Passphrase for ./key.pem: ") == 1 and shown.count("in\r\n") == 4
    assert "sesame" not in shown


def test_a_wrong_passphrase(ec2mpi):
    encrypt(ec2mpi.folder / KEY, "open sesame")
    shown, code = on_terminal(ec2mpi, "exec-all", "echo in", answer="open barley")
    assert code == 2 and "is encrypted and its passphrase was not given or is wrong" in shown


# --- the agent ---------------------------------------------------------------------------------------------------

@pytest.fixture
def agent(tmp_path):
    """A private ssh-agent: what to call to load a key, and the variable for the program."""
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    variable = {"SSH_AUTH_SOCK": str(path)}
    wait_until(lambda: run(["ssh-add", "-l"], env=os.environ | variable).code != 2, "the agent answers")

    def load(key):
        subprocess.run(["ssh-add", "-q", key], check=True, env=os.environ | variable)
        return variable
    yield load
    process.terminate()
    process.wait(10)


def test_a_key_in_the_agent(ec2mpi, agent):
    variable = agent(ec2mpi.folder / KEY)
    os.remove(ec2mpi.folder / KEY)
    done = ec2mpi("exec-all", "echo in", env=variable)
    assert done.code == 0 and len(done.out.splitlines()) == 4


def test_the_agents_second_key(ec2mpi, agent):
    make_key(ec2mpi.home / "first")
    agent(ec2mpi.home / "first")
    variable = agent(ec2mpi.folder / KEY)
    os.remove(ec2mpi.folder / KEY)
    assert ec2mpi("exec-all", "true", env=variable).code == 0


def test_an_agent_that_does_not_have_it(ec2mpi, agent):
    make_key(ec2mpi.home / "first")
    variable = agent(ec2mpi.home / "first")
    os.remove(ec2mpi.folder / KEY)
    done = ec2mpi("exec-all", "true", env=variable)
    assert done.code == 1 and "login refused for user ubuntu with the agent" in done.err


def test_an_agent_that_is_gone(ec2mpi):
    variable = {"SSH_AUTH_SOCK": str(ec2mpi.home / "nobody")}
    assert ec2mpi("exec-all", "true", env=variable).code == 0, "the key beside the list is enough"
    os.remove(ec2mpi.folder / KEY)
    done = ec2mpi("exec-all", "true", env=variable)
    assert done.code in (1, 2) and done.out == ""
    assert f"no key to log in with: the agent at {variable['SSH_AUTH_SOCK']} does not answer" in done.err


@pytest.mark.parametrize("words", [b"", b"\0\0\0\x05HTTP/", b"rubbish of no agent"])
def test_an_agent_that_breaks_off_or_talks_of_other_things(ec2mpi, tmp_path, words):
    os.remove(ec2mpi.folder / KEY)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "no-agent"))
        door.listen()

        def answer():
            while True:
                try:
                    client, _ = door.accept()
                except OSError:
                    return
                with client:
                    client.sendall(words)
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            done = ec2mpi("exec-all", "true", env={"SSH_AUTH_SOCK": str(tmp_path / "no-agent")})
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join(10)
    assert f"no key to log in with: the agent at {tmp_path / 'no-agent'} does not answer" in done.err


# --- users and ~/.ssh/config -------------------------------------------------------------------------------------

def configure(program, text, name=".ssh/config"):
    file = program.home / name
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_text(text)


def whoami(program, *options):
    done = program("exec", "-w", "1", "-N", *options, "whoami")
    assert done.code == 0, done.err
    return done.out.strip()


def test_the_user_is_ubuntu_and_can_be_chosen(ec2mpi):
    assert whoami(ec2mpi) == "ubuntu"
    assert whoami(ec2mpi, "-l", "root") == "root"
    (ec2mpi.folder / "ec2mpi.toml").write_text('user = "root"\n')
    assert whoami(ec2mpi) == "root"
    assert whoami(ec2mpi, "-l", "ubuntu") == "ubuntu"


def test_a_user_in_the_list_is_for_that_node(ec2mpi, cluster4):
    (ec2mpi.folder / LIST).write_text(f"root@{cluster4.address(1)}\n{cluster4.address(2)}\n")
    done = ec2mpi("exec-all", "whoami")
    assert sorted(done.out.splitlines()) == ["node1\troot", "node2\tubuntu"]


def test_a_user_that_is_not_there(ec2mpi):
    done = ec2mpi("exec", "-w", "1", "-l", "nobody-here", "true")
    assert done.code == 255 and "login refused for user nobody-here" in done.err


def test_ssh_config_names_the_user_and_a_flag_is_stronger(ec2mpi, cluster4):
    configure(ec2mpi, f"Host {cluster4.address(1)}\n  User root\n")
    assert whoami(ec2mpi) == "root"
    assert whoami(ec2mpi, "-l", "ubuntu") == "ubuntu"
    assert whoami(ec2mpi, "-F", "none") == "ubuntu"


def test_another_ssh_config(ec2mpi):
    configure(ec2mpi, "Host *\n  User root\n", "special")
    assert whoami(ec2mpi, "-F", "~/special") == "root"


def test_ssh_config_names_the_host_behind_an_alias(ec2mpi, cluster4):
    (ec2mpi.folder / LIST).write_text("head\n")
    configure(ec2mpi, f"Host head\n  HostName {cluster4.address(3)}\n")
    done = ec2mpi("exec-all", "hostname")
    assert (done.out, done.code) == ("node1\tip-10-0-0-13\n", 0)


def test_ssh_config_names_the_port(ec2mpi, cluster4):
    configure(ec2mpi, "Host *\n  Port 2222\n")
    done = ec2mpi("exec", "-w", "1", "-t", "1", "true")
    assert done.code == 255 and f"{cluster4.address(1)} port 2222" in done.err
    assert ec2mpi("exec", "-w", "1", "-p", "22", "true").code == 0


def test_ssh_config_names_the_key(ec2mpi):
    configure(ec2mpi, "Host *\n  IdentityFile ~/.ssh/mine\n")
    os.rename(ec2mpi.folder / KEY, ec2mpi.home / ".ssh/mine")
    assert ec2mpi("exec-all", "true").code == 0


def test_a_key_of_ssh_config_that_others_can_read_is_refused(ec2mpi):
    configure(ec2mpi, "Host *\n  IdentityFile ~/.ssh/mine\n")
    os.rename(ec2mpi.folder / KEY, ec2mpi.home / ".ssh/mine")
    (ec2mpi.home / ".ssh/mine").chmod(0o644)
    done = ec2mpi("exec", "-w", "1", "true")
    assert done.code != 0 and "chmod 600" in done.err


def test_a_usual_key_of_the_user_serves_where_none_is_named(ec2mpi):
    (ec2mpi.home / ".ssh").mkdir(mode=0o700)
    os.rename(ec2mpi.folder / KEY, ec2mpi.home / ".ssh/id_rsa")
    assert ec2mpi("exec-all", "true").code == 0


@pytest.fixture
def crowded_agent(ec2mpi, agent):
    """The right key behind nine others, and encrypted in ~/right; its public key beside it."""
    for number in range(9):
        make_key(ec2mpi.home / f"other{number}")
        agent(ec2mpi.home / f"other{number}")
    variable = agent(ec2mpi.folder / KEY)
    os.rename(ec2mpi.folder / KEY, ec2mpi.home / "right")
    with open(ec2mpi.home / "right.pub", "w") as public:
        subprocess.run(["ssh-keygen", "-y", "-f", ec2mpi.home / "right"], check=True, stdout=public)
    encrypt(ec2mpi.home / "right", "open sesame")
    return variable


@pytest.mark.parametrize("lines", ["IdentityFile ~/right\n  IdentitiesOnly yes", "IdentityFile ~/right", "IdentityFile ~/right.pub"])
def test_of_a_crowded_agent_the_key_that_ssh_config_names_is_offered_first(ec2mpi, crowded_agent, lines):
    configure(ec2mpi, f"Host *\n  {lines}\n")
    done = ec2mpi("exec", "-w", "1", "true", env=crowded_agent, start_new_session=True)
    assert done.code == 0, done.err


def test_of_a_crowded_agent_the_key_that_a_flag_names_is_offered_first(ec2mpi, crowded_agent):
    done = ec2mpi("exec", "-w", "1", "-i", "~/right", "true", env=crowded_agent, start_new_session=True)
    assert done.code == 0, done.err


def test_a_public_key_stands_for_the_private_one_that_only_the_agent_holds(ec2mpi, crowded_agent):
    os.remove(ec2mpi.home / "right")
    configure(ec2mpi, "Host *\n  IdentityFile ~/right\n  IdentitiesOnly yes\n")
    done = ec2mpi("exec", "-w", "1", "true", env=crowded_agent)
    assert done.code == 0, done.err


def test_with_identities_only_no_other_key_is_offered(ec2mpi, agent, cluster4):
    variable = agent(ec2mpi.folder / KEY)
    (ec2mpi.home / ".ssh").mkdir(mode=0o700)
    os.rename(ec2mpi.folder / KEY, ec2mpi.home / ".ssh/id_rsa")
    make_key(ec2mpi.home / "wrong")
    agent(ec2mpi.home / "wrong")
    encrypt(ec2mpi.home / "wrong", "open sesame")
    configure(ec2mpi, "Host *\n  IdentityFile ~/wrong\n  IdentitiesOnly yes\n")
    done = ec2mpi("exec", "-w", "1", "true", env=variable, start_new_session=True)
    assert done.code == 255 and "login refused for user ubuntu with wrong;" in done.err


@pytest.mark.parametrize("words", ["{}", "${{MY_AGENT}}", "$MY_AGENT"])
def test_ssh_config_names_the_agent(ec2mpi, agent, words):
    path = agent(ec2mpi.folder / KEY)["SSH_AUTH_SOCK"]
    os.remove(ec2mpi.folder / KEY)
    configure(ec2mpi, f"Host *\n  IdentityAgent {words.format(path)}\n")
    done = ec2mpi("exec", "-w", "1", "true", env={"MY_AGENT": path})
    assert done.code == 0, done.err


def test_an_encrypted_key_that_the_agent_holds_needs_no_passphrase(ec2mpi, agent):
    variable = agent(ec2mpi.folder / KEY)
    encrypt(ec2mpi.folder / KEY, "open sesame")
    done = ec2mpi("exec-all", "true", env=variable, start_new_session=True)
    assert done.code == 0, done.err


def seal(key, form):
    """Encrypts it in a form that does not show which key it is."""
    subprocess.run(["ssh-keygen", "-q", "-p", "-m", form, "-N", "open sesame", "-f", key], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("form", ["PEM", "PKCS8"])
@pytest.mark.parametrize("words", [["-i", "e.key"], ["-i", "e.key", "-F", "none"], []])
def test_an_encrypted_pem_that_the_agent_holds_needs_no_passphrase(ec2mpi, agent, form, words):
    variable = agent(ec2mpi.folder / KEY)
    os.rename(ec2mpi.folder / KEY, ec2mpi.folder / "e.key")
    seal(ec2mpi.folder / "e.key", form)
    configure(ec2mpi, f"Host *\n  IdentityFile {ec2mpi.folder / 'e.key'}\n")
    done = ec2mpi("exec-all", *words, "true", env=variable, start_new_session=True)
    assert done.code == 0, done.err


def test_an_encrypted_pem_is_asked_for_once_if_no_key_of_the_agent_lets_in(ec2mpi, agent):
    make_key(ec2mpi.home / "other")
    variable = agent(ec2mpi.home / "other")
    seal(ec2mpi.folder / KEY, "PEM")
    done = ec2mpi("exec", "-w", "1", "true", env=variable, start_new_session=True)
    assert done.code == 255 and "login refused for user ubuntu with the agent" in done.err
    assert "the key ./key.pem is encrypted and its passphrase was not given or is wrong; or load it with ssh-add" in done.err
    with Terminal(ec2mpi, "exec-all", "-t", "2", "echo in", env=variable, somebody=True) as terminal:
        terminal.wait_for("Passphrase for ./key.pem: ")
        time.sleep(2.5)  # longer than the logins may take: none of them is over because of that
        terminal.type_hidden("open sesame\n")
        code = terminal.to_end()
    assert code == 0 and terminal.seen.count("Passphrase for") == 1 and terminal.seen.count("in\r\n") == 4, terminal.seen


def test_a_public_key_and_an_agent_that_does_not_answer(ec2mpi):
    variable = {"SSH_AUTH_SOCK": str(ec2mpi.home / "nobody")}
    with open(ec2mpi.folder / "own.pub", "w") as public:
        subprocess.run(["ssh-keygen", "-y", "-f", ec2mpi.folder / KEY], check=True, stdout=public)
    done = ec2mpi("exec", "-w", "1", "-i", "own.pub", "true", env=variable)
    assert done.code == 2 and f"the agent at {ec2mpi.home / 'nobody'}, which may hold the private one, does not answer" in done.err
    seal(ec2mpi.folder / KEY, "PEM")
    done = ec2mpi("exec", "-w", "1", "true", env=variable, start_new_session=True)
    assert done.code == 2 and f"is encrypted and its passphrase was not given or is wrong; or load it with ssh-add, and the agent at {ec2mpi.home / 'nobody'} does not answer" in done.err


def test_an_encrypted_key_that_the_agent_of_ssh_config_holds_needs_no_passphrase(ec2mpi, agent):
    path = agent(ec2mpi.folder / KEY)["SSH_AUTH_SOCK"]
    encrypt(ec2mpi.folder / KEY, "open sesame")
    configure(ec2mpi, f"Host *\n  IdentityAgent {path}\n")
    done = ec2mpi("exec-all", "-i", KEY, "true", start_new_session=True)
    assert done.code == 0, done.err


def test_a_usual_key_serves_beside_an_agent_that_does_not_have_it(ec2mpi, agent):
    make_key(ec2mpi.home / "first")
    variable = agent(ec2mpi.home / "first")
    (ec2mpi.home / ".ssh").mkdir(mode=0o700)
    os.rename(ec2mpi.folder / KEY, ec2mpi.home / ".ssh/id_rsa")
    assert ec2mpi("exec-all", "true", env=variable).code == 0


def test_ssh_config_may_name_several_keys_and_ask_for_known_hosts_only(ec2mpi):
    make_key(ec2mpi.home / "wrong")
    os.rename(ec2mpi.folder / KEY, ec2mpi.home / "right")
    configure(ec2mpi, "Host *\n  IdentityFile ~/wrong\n  IdentityFile ~/right\n")
    assert ec2mpi("exec-all", "true").code == 0
    configure(ec2mpi, "Host *\n  IdentityFile ~/right\n  StrictHostKeyChecking yes\n  HostKeyAlias x\n  UserKnownHostsFile /dev/null\n")
    known_hosts(ec2mpi).unlink()
    done = ec2mpi("exec", "-w", "1", "true")
    assert done.code == 255 and "only known ones are accepted" in done.err
    assert "not used of the ssh configuration: userknownhostsfile" in done.err
