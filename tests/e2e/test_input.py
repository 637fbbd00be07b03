"""Bad input ends with exit 2 and exactly one clear line, before any connection.

The program has no network here at all, not even loopback: one that tried to connect would say so instead, and exit 1.
"""

import subprocess

import pytest

from local_cluster import KEY, LIST

GOOD_LIST = "–\ti-0123456789abcdef0\tc5n.large\t203.0.113.11\t2021/06/01 10:00 GMT-7\n"
KEY_TEXT = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
"""


@pytest.fixture
def laptop(offline):
    """A good list and a good key."""
    (offline.folder / LIST).write_text(GOOD_LIST)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", offline.folder / KEY], check=True)
    (offline.folder / f"{KEY}.pub").unlink()
    return offline


def refused(program, *args, **options):
    """Runs it, checks that it is refused as it should be, and returns the line that says why."""
    before = program.files()
    done = program(*args, **options)
    assert (done.out, done.code) == ("", 2), done.err
    assert done.err.startswith("ec2mpi: ") and done.err.endswith("\n") and done.err.count("\n") == 1
    assert program.files() == before, "nothing was to be written"
    return done.err


def refused_list(laptop, content):
    (laptop.folder / LIST).write_bytes(content if isinstance(content, bytes) else content.encode())
    said = refused(laptop, "exec-all", "true")
    assert refused(laptop, "ips") == said and refused(laptop, "nodes") == said
    return said


def test_the_good_one_gets_as_far_as_the_network(laptop):
    done = laptop("exec-all", "true")
    assert done.code == 1 and "203.0.113.11 port 22 cannot be reached" in done.err


# --- the list ----------------------------------------------------------------------------------------------------

def test_no_list_at_all(laptop):
    (laptop.folder / LIST).unlink()
    assert "amazon_instances_info" in refused(laptop, "exec-all", "true")


def test_a_list_that_is_named_and_not_there(laptop):
    said = refused(laptop, "exec-all", "--list", "other_list", "true")
    assert "other_list" in said and "No such file" in said


def test_a_list_that_cannot_be_read(laptop):
    (laptop.folder / LIST).unlink()
    (laptop.folder / LIST).mkdir()
    assert LIST in refused(laptop, "exec-all", "true")


def test_an_empty_list(laptop):
    assert LIST in refused_list(laptop, "")
    assert LIST in refused_list(laptop, "\n\n  \n")


def test_an_html_page(laptop):
    said = refused_list(laptop, "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>...</body></html>\n")
    assert said.startswith(f"ec2mpi: {LIST}:") and ("HTML" in said or "page" in said)


def test_a_line_with_a_bad_address_is_named(laptop):
    said = refused_list(laptop, GOOD_LIST.replace("203.0.113.11", "203.0.113.300"))
    assert said.startswith(f"ec2mpi: {LIST}:1: ")
    assert f"{LIST}:2" in refused_list(laptop, "203.0.113.11\n203.0.113.300\n203.0.113.12\n")


def test_binary_rubbish(laptop):
    assert LIST in refused_list(laptop, bytes(range(256)) * 10)


def test_a_terminals_escapes_in_a_list_do_not_reach_the_terminal(laptop):
    assert "\x1b" not in refused_list(laptop, "\x1b[2J203.0.113.11\n")


# --- the selection -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("selection, word", [
    ("2", "no node 2"), ("0", "counted from 1"), ("3-2", "backwards"), ("workers", "only the master"),
    ("name=x*", "selects no node"), ("10.9.9.9", "selects no node"), ("", "empty"), ("@gpu", "no group 'gpu'"),
    ("failed", "earlier command"), ("i-0abc", "selects no node"), ("-2", "only 1 node"),
])
def test_a_selection_that_matches_nothing(laptop, selection, word):
    assert word in refused(laptop, "exec-all", "-w", selection, "true")


def test_a_selection_that_is_excluded_again(laptop):
    assert "empty" in refused(laptop, "exec-all", "-w", "1", "-x", "master", "true")


# --- the key -----------------------------------------------------------------------------------------------------

def test_a_missing_key(laptop):
    assert "no.pem" in refused(laptop, "exec-all", "-i", "no.pem", "true")


def test_no_key_at_all(laptop):
    (laptop.folder / KEY).unlink()
    assert "-i" in refused(laptop, "exec-all", "true")


def test_a_key_that_others_can_read_is_refused_with_what_to_type(laptop):
    (laptop.folder / KEY).chmod(0o644)
    said = refused(laptop, "exec-all", "true")
    assert "mode 0644" in said and said.endswith(f"chmod 600 ./{KEY}\n")


def test_what_is_to_be_typed_is_quoted_for_the_shell(laptop):
    (laptop.folder / KEY).rename(laptop.folder / "my key.pem")
    (laptop.folder / "my key.pem").chmod(0o640)
    assert "chmod 600 './my key.pem'" in refused(laptop, "exec-all", "true")


@pytest.mark.parametrize("content", ["", "not a key\n", KEY_TEXT])
def test_a_key_that_is_none(laptop, content):
    (laptop.folder / KEY).write_text(content)
    assert "not a private key" in refused(laptop, "exec-all", "true")


def test_two_keys_beside_the_list(laptop):
    (laptop.folder / "another.pem").write_text(KEY_TEXT)
    assert "there are 2 keys beside the list: name the one of these instances with -i ./another.pem" in refused(laptop, "exec-all", "true")


def test_a_folder_for_a_key(laptop):
    assert "not a file" in refused(laptop, "exec-all", "-i", ".", "true")


def test_a_broken_known_hosts(laptop):
    (laptop.folder / ".ec2mpi").mkdir(mode=0o700)
    (laptop.folder / ".ec2mpi/known_hosts").write_text("# fine\n\nonly-a-name\n")
    assert "known_hosts:3: " in refused(laptop, "exec-all", "true")


# --- the command line --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("args, word", [
    (["exec-all", "--no-such-flag", "true"], "no-such-flag"),
    (["no-such-command"], "ec2mpi"),
    (["exek", "true"], "did you mean exec?"),
    (["nodes", "--jsn"], "did you mean --json?"),
    (["--list", "x", "nodes"], "--list stands behind the command: ec2mpi nodes --list ..."),
    (["-w", "1", "exec", "true"], "-w stands behind the command: ec2mpi exec -w ..."),
    (["rm", "hello", "--older", "30"], "not both"),
    (["nodes", "extra"], "'extra' is a word too many"),
    (["push", "only-one"], "where to?"),
    ([], "--help"),
    (["exec-all"], "command is required"),
    (["exec-all", "-f", "many", "true"], "--fanout: a number from 0 to 1000000, not 'many'"),
    (["exec-all", "-t", "-1", "true"], "a number from 0.001 to 100000000, not '-1'"),
    (["exec-all", "-p", "70000", "true"], "70000"),
    (["exec-all", "--color", "pink", "true"], "--color: auto, always or never, not 'pink'"),
    (["nodes", "--address", "postal"], "--address: auto, public, private or ipv6, not 'postal'"),
    (["status"], "did you mean ec2mpi jobs?"),
    (["ls"], "did you mean ec2mpi nodes?"),
    (["push", "--relay", "often", "x", "y"], "--relay: auto, always or never, not 'often'"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_a_wrong_command_line(laptop, args, word):
    assert word in refused(laptop, *args)


def test_help_as_a_command(laptop):
    assert laptop("help").out == laptop("--help").out
    assert laptop("help", "push").out == laptop("push", "--help").out


def test_a_wrong_environment_variable(laptop):
    assert "soon" in refused(laptop, "exec-all", "true", env={"EC2MPI_TIMEOUT": "soon"})


# --- ec2mpi.toml -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, line, word", [
    ("user = \n", 1, ""),
    ("\nusers = 'me'\n", 2, "users"),
    ("port = 'x'\n", 1, "whole number"),
    ("port = 70000\n", 1, "65535"),
    ("[jobs.a]\nnp = 4\n", 1, "command"),
    ("[jobs.a]\ncommand = 'a'\nnp = 0\n", 3, "1 to"),
    ("user = 'a'\nuser = 'b'\n", 2, "user"),
])
def test_a_wrong_setting_is_named_with_its_line(laptop, text, line, word):
    (laptop.folder / "ec2mpi.toml").write_text(text)
    said = refused(laptop, "exec-all", "true")
    assert said.startswith(f"ec2mpi: ec2mpi.toml:{line}: ") and word in said


def test_the_users_own_settings_are_checked_too(laptop):
    folder = laptop.home / ".config/ec2mpi"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("nonsense = 1\n")
    assert "config.toml:1: " in refused(laptop, "exec-all", "true")
