"""What lies beside the list may come from somebody else: state that others could have written is refused, and no text
from a file becomes a line of a configuration that ssh reads."""

import base64
import hashlib
import hmac
import os
import shutil
import subprocess

import pytest

from local_cluster import KEY, LIST, run
from terminal import Terminal

NOBODY = 65534


def state(program, name=""):
    return program.folder / ".ec2mpi" / name


def refused(done, *words):
    """It ended before anything was begun, and said all of this in one line."""
    assert (done.out, done.code) == ("", 2), done
    lines = [line for line in done.err.splitlines() if all(word in line for word in words)]
    assert len(lines) == 1, done.err
    return True


def plain_list(program):
    (program.folder / LIST).write_text("203.0.113.1\n203.0.113.2\n")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", program.folder / KEY], check=True)
    os.remove(program.folder / f"{KEY}.pub")


# --- lines of an ssh configuration -------------------------------------------------------------------------------

INJECTION = "ubuntu\n  ProxyCommand touch PWNED; exit 1\n  # "


@pytest.mark.parametrize("place", ["toml", "flag", "variable"])
def test_a_user_cannot_bring_a_line_into_an_ssh_configuration(offline, place):
    plain_list(offline)
    if place == "toml":
        escaped = INJECTION.replace("\n", "\\n")
        (offline.folder / "ec2mpi.toml").write_text(f'user = "{escaped}"\n')
    done = offline("nodes", "--ssh-config", *(["-l", INJECTION] if place == "flag" else []),
                   env={"EC2MPI_USER": INJECTION} if place == "variable" else None)
    assert refused(done, "is not a user name", "ubuntu\\x0a  ProxyCommand")
    assert not state(offline, "ssh_config").exists()


@pytest.mark.parametrize("name", ['li\nProxyCommand touch PWNED\n"', "tab\there", "a${HOME}b"])
def test_a_folder_whose_name_cannot_stand_in_an_ssh_configuration(offline, name):
    plain_list(offline)
    folder = offline.folder / name
    folder.mkdir()
    for file in (LIST, KEY):
        os.rename(offline.folder / file, folder / file)
    assert refused(offline("nodes", "--ssh-config", cwd=folder), "cannot stand in an ssh configuration")
    assert not (folder / ".ec2mpi/ssh_config").exists()


def test_ssh_reads_a_folder_name_with_quotes_and_percent_signs_as_it_is(offline):
    plain_list(offline)
    folder = offline.folder / 'a "b" \'c\' %h \\d'
    folder.mkdir()
    for file in (LIST, KEY):
        os.rename(offline.folder / file, folder / file)
    written = offline("nodes", "--ssh-config", cwd=folder)
    assert written.code == 0, written.err
    read = subprocess.run(["ssh", "-G", "-F", written.out.rstrip("\n"), "node2"], capture_output=True, text=True, check=True)
    values = dict(line.split(" ", 1) for line in read.stdout.splitlines())
    assert os.path.normpath(values["identityfile"].replace("%%", "%")) == str(folder / KEY)
    assert values["userknownhostsfile"].replace("%%", "%") == str(folder / ".ec2mpi/known_hosts")


# --- settings that came with a folder ----------------------------------------------------------------------------

def test_a_job_that_came_with_the_folder_sends_nothing_from_elsewhere(ec2mpi, cluster4):
    secret = ec2mpi.home / "secret"
    secret.write_text("secret\n")
    (ec2mpi.folder / "link").symlink_to(secret)
    (ec2mpi.folder / "link-1").symlink_to(ec2mpi.home)
    for source in (str(secret), "../home/secret", "link", "{{node}}/../../home/secret", "link-{{index}}/secret"):
        (ec2mpi.folder / "ec2mpi.toml").write_text(f'[jobs.demo]\ncommand = "true"\npush = ["{source}"]\n')
        assert refused(ec2mpi("run", "demo"), "/home/secret, which lies outside", "--allow-outside"), source
    assert not cluster4.exists(1, "/home/ubuntu/secret")


def test_a_job_of_the_users_own_settings_sends_from_everywhere(ec2mpi, cluster4):
    (ec2mpi.home / "data").write_text("data\n")
    settings = ec2mpi.home / ".config/ec2mpi/config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[jobs.demo]\ncommand = "cat data"\nnp = 1\npush = ["{ec2mpi.home}/data"]\n')
    done = ec2mpi("run", "demo")
    assert (done.out, done.code) == ("data\n", 0), done.err
    os.rename(settings, ec2mpi.folder / "ec2mpi.toml")
    assert ec2mpi("run", "demo").code == 2
    assert ec2mpi("run", "--allow-outside", "demo").code == 0


def test_settings_as_large_as_nobody_writes_are_refused(offline):
    plain_list(offline)
    (offline.folder / "ec2mpi.toml").write_text("# long\n" * 50_000)
    assert refused(offline("nodes"), "ec2mpi.toml is larger than")
    (offline.folder / "ec2mpi.toml").write_text("a" + ".a" * 100_000 + " = 1\n")
    assert refused(offline("nodes"), "ec2mpi.toml:1: too many dots")


def test_names_remembered_of_a_list_bring_no_control_characters(offline):
    plain_list(offline)
    (offline.folder / LIST).write_text("i-0123456789abcdef0\tx\t203.0.113.1\n")
    state(offline, "lists").mkdir(mode=0o700, parents=True)
    state(offline, f"lists/{LIST}").write_text("1\ti-0123456789abcdef0\t203.0.113.1\t\x1b[2Jhead\n"
                                               "2\ti-0123456789abcdef1\t203.0.113.2\t\x1b]0;x\x07gone\n")
    done = offline("nodes")
    assert done.code == 0 and "gone" in done.err and "\x1b" not in done.out + done.err


# --- what nodes print on a terminal ------------------------------------------------------------------------------

FORGED = "printf 'x\\rnode2:  forged\\033[2J\\033]0;t\\a \\033[31mred\\033[m\\ttab \\342\\200\\256\\n'"


@pytest.mark.parametrize("form", [[], ["-b"], ["-N"]])
def test_a_node_cannot_write_over_labels_on_a_terminal(ec2mpi, cluster4, form):
    with Terminal(ec2mpi, "exec", *form, "-w", "1", FORGED, env={"TERM": "xterm"}) as terminal:
        assert terminal.to_end() == 0
    assert "x\\x0dnode2:  forged\\x1b[2J\\x1b]0;t\\x07 \x1b[31mred\x1b[m\ttab \\u{202e}" in terminal.seen
    assert "\x1b[2J" not in terminal.seen and "\rnode2:  forged" not in terminal.seen


def test_raw_and_a_pipe_leave_what_a_node_prints_as_it_is(ec2mpi, cluster4):
    with Terminal(ec2mpi, "exec", "--raw", "-w", "1", FORGED) as terminal:
        assert terminal.to_end() == 0
    assert "x\rnode2:  forged\x1b[2J" in terminal.seen
    assert "x\rnode2:  forged\x1b[2J" in ec2mpi("exec", "-w", "1", FORGED).out


def test_a_job_cannot_clear_a_terminal_unless_raw_is_asked_for(ec2mpi, cluster4):
    with Terminal(ec2mpi, "run", "-np", "1", "-w", "1", "--", "sh", "-c", FORGED, env={"TERM": "xterm"}) as terminal:
        assert terminal.to_end() == 0
    assert "forged\\x1b[2J\\x1b]0;t\\x07 \x1b[31mred" in terminal.seen and "\x1b[2J" not in terminal.seen
    with Terminal(ec2mpi, "logs", "--raw") as terminal:
        assert terminal.to_end() == 0
    assert "forged\x1b[2J" in terminal.seen
    assert "forged\x1b[2J" in ec2mpi("logs").out


# --- state that is not ours --------------------------------------------------------------------------------------

def test_a_state_folder_of_another_user_is_refused(offline):
    plain_list(offline)
    state(offline).mkdir(mode=0o700)
    os.chown(state(offline), NOBODY, NOBODY)
    for command in (["nodes"], ["exec-all", "true"], ["setup"], ["disconnect"]):
        assert refused(offline(*command), ".ec2mpi belongs to nobody", "rm -r .ec2mpi"), command


def test_a_state_folder_that_others_can_write_is_refused(offline):
    plain_list(offline)
    state(offline).mkdir()
    state(offline).chmod(0o777)
    assert refused(offline("exec-all", "true"), ".ec2mpi can be changed by others (mode 0777)")


@pytest.mark.parametrize("name", ["known_hosts", "lists/" + LIST, "failed", f"setup/{LIST}/nodes"])
def test_a_state_file_of_another_user_is_refused(offline, name):
    plain_list(offline)
    state(offline, name).parent.mkdir(mode=0o700, parents=True)
    state(offline, name).write_text("")
    os.chown(state(offline, name), NOBODY, NOBODY)
    assert refused(offline("setup"), f".ec2mpi/{name} belongs to nobody")


def test_a_cluster_key_that_others_can_read_is_not_taken_for_the_cluster_key(ec2mpi, cluster4):
    key = state(ec2mpi, f"setup/{LIST}/key")
    key.parent.mkdir(mode=0o700, parents=True)
    for folder in (key.parent, key.parent.parent, state(ec2mpi)):
        folder.chmod(0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    key.chmod(0o644)
    assert refused(ec2mpi("setup", "--no-packages"), "/key can be read by others (mode 0644)")
    assert not cluster4.exists(1, "/home/ubuntu/.ssh/ec2mpi/key")


@pytest.mark.parametrize("name", ["", "known_hosts", "setup"])
def test_state_behind_a_link_is_neither_read_nor_written(ec2mpi, name):
    elsewhere = ec2mpi.home / "elsewhere"
    if name == "known_hosts":
        elsewhere.write_text("")
        elsewhere.chmod(0o600)
        state(ec2mpi).mkdir(mode=0o700)
        state(ec2mpi, name).symlink_to(elsewhere)
    else:
        elsewhere.mkdir(mode=0o700)
        if name:
            state(ec2mpi).mkdir(mode=0o700)
        state(ec2mpi, name).symlink_to(elsewhere)
    assert refused(ec2mpi("setup", "--no-packages"), "is a link")
    assert elsewhere.is_dir() and not any(elsewhere.iterdir()) or elsewhere.is_file() and elsewhere.read_text() == ""


def test_state_that_is_no_file_is_refused_and_not_waited_for(offline):
    plain_list(offline)
    state(offline).mkdir(mode=0o700)
    os.mkfifo(state(offline, "known_hosts"), 0o600)
    assert refused(offline("exec-all", "true"), "known_hosts is no ordinary file")


def read_only(program, *words, env=None):
    """The program in a scratch folder in which nothing can be written."""
    argv = program.argv(*words, env=env)
    script = f'mount --bind "{program.folder}" "{program.folder}" && mount -o remount,ro,bind "{program.folder}" && exec "$@"'
    return run(["unshare", "-m", "sh", "-c", script, "sh", "env", "-C", str(program.folder), *argv],
               env=program.environment)


def test_in_a_read_only_folder_state_is_kept_elsewhere_and_that_is_said_once(offline):
    plain_list(offline)
    (offline.folder / LIST).write_text("i-0123456789abcdef0\tx\t203.0.113.1\n")
    first = read_only(offline, "nodes")
    assert first.code == 0, first
    place = offline.home / ".local/state/ec2mpi"
    assert f"its state folder is {place}/" in first.err
    second = read_only(offline, "nodes")
    assert (second.out, second.code, second.err) == (first.out, 0, "")
    assert [folder.stat().st_mode & 0o777 for folder in place.iterdir()] == [0o700]
    assert not state(offline).exists()
    other = offline.home / "state"
    assert read_only(offline, "nodes", env={"XDG_STATE_HOME": str(other)}).code == 0
    assert len(list(other.glob(f"ec2mpi/*/lists/{LIST}"))) == 1


def test_host_keys_that_are_known_in_a_read_only_folder_stay_known(offline):
    plain_list(offline)
    state(offline).mkdir(mode=0o700)
    state(offline, "known_hosts").write_text("203.0.113.1 ssh-ed25519 AAAAkey\n")
    assert read_only(offline, "nodes").code == 0
    moved = list(offline.home.glob(".local/state/ec2mpi/*/known_hosts"))
    assert [file.read_text() for file in moved] == ["203.0.113.1 ssh-ed25519 AAAAkey\n"]


def test_the_users_settings_are_read_where_xdg_config_home_says(offline):
    plain_list(offline)
    settings = offline.home / "settings/ec2mpi/config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("nonsense = 1\n")
    assert offline("nodes").code == 0
    assert refused(offline("nodes", env={"XDG_CONFIG_HOME": str(offline.home / "settings")}), "config.toml:1: 'nonsense'")


# --- known_hosts in OpenSSH's own forms --------------------------------------------------------------------------

WRONG = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRoaXMgaXMgbm90IHRoZSBrZXkgb2YgYW55IGhvc3Qh"


def id_of(program, index):
    return (program.folder / LIST).read_text().splitlines()[index - 1].split("\t")[1]


def hashed(name):
    salt = bytes(range(20))
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def known(program, text):
    shutil.rmtree(state(program), ignore_errors=True)
    state(program).mkdir(mode=0o700)
    state(program, "known_hosts").write_text(text)


FORMS = [lambda i: i, lambda i: i.upper(), lambda i: f"{i},203.0.113.99", lambda i: f"203.0.113.99,{i}", hashed,
         lambda i: i[:6] + "*", lambda i: "?" * len(i), lambda i: f"*,!{i}x"]


def test_a_wrong_key_is_refused_and_the_right_one_taken_in_every_form_of_known_hosts(ec2mpi, cluster4):
    name = id_of(ec2mpi, 2)
    right = " ".join(cluster4.host(2, "cat /etc/ssh/ssh_host_ed25519_key.pub").out.split()[:2])
    for form in FORMS:
        known(ec2mpi, f"{form(name)} {WRONG}\n")
        done = ec2mpi("exec", "-w", "2", "echo in")
        assert (done.out, done.code) == ("", 255) and "host key has changed" in done.err, (form(name), done)
        known(ec2mpi, f"{form(name)} {right}\n")
        done = ec2mpi("exec", "-w", "2", "--strict-host-keys", "echo in")
        assert (done.out, done.code) == ("node2\tin\n", 0), (form(name), done)
        assert state(ec2mpi, "known_hosts").read_text() == f"{form(name)} {right}\n"


def test_a_revoked_key_is_never_accepted(ec2mpi, cluster4):
    name, address = id_of(ec2mpi, 2), cluster4.address(2)
    right = " ".join(cluster4.host(2, "cat /etc/ssh/ssh_host_ed25519_key.pub").out.split()[:2])
    for names in (name, "*", hashed(name), address, f"[{address}]:22"):
        known(ec2mpi, f"{name} {right}\n@revoked {names} {right}\n")
        done = ec2mpi("exec", "-w", "2", "echo in")
        assert (done.out, done.code) == ("", 255) and "is revoked by .ec2mpi/known_hosts:2" in done.err, (names, done)


@pytest.mark.parametrize("line", ["@cert-authority * " + WRONG, "@other * " + WRONG, "|1|abc|def " + WRONG,
                                  "|2|abc " + WRONG, "host 1024 35 1234567890", "@revoked host", "host ssh-ed25519"])
def test_a_line_of_known_hosts_that_is_not_understood_is_an_error_with_its_number(offline, line):
    plain_list(offline)
    known(offline, f"# fine\n{line}\n")
    assert refused(offline("exec-all", "true"), "known_hosts:2: ")


def test_several_programs_at_once_on_first_contact_remember_each_host_once(ec2mpi):
    known(ec2mpi, "# no line feed at the end of the file")
    running = [ec2mpi.start("exec-all", "true") for _ in range(5)]
    assert [(process.communicate(timeout=60)[1], process.returncode)[1] for process in running] == [0] * 5
    first, *lines = state(ec2mpi, "known_hosts").read_text().splitlines()
    assert first == "# no line feed at the end of the file"
    assert sorted(line.split()[0] for line in lines) == sorted(id_of(ec2mpi, index) for index in (1, 2, 3, 4))
