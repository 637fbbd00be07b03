"""A node's account (its login shell, its start-up files, its variables) cannot change what our
programs do; and the text that a node prints instead of an answer is shown."""

import contextlib
import shlex
import time

import pytest

from local_cluster import HOSTS_ROOT

HOME = "/home/ubuntu"


@contextlib.contextmanager
def changed(cluster, host, how, undo):
    """A host with something changed by shell text, as root."""
    try:
        done = cluster.host(host, how)
        assert done.code == 0, done.err
        yield
    finally:
        done = cluster.host(host, undo)
        assert done.code == 0, done.err


def login_shell(cluster, host, shell):
    return changed(cluster, host, f"usermod -s {shell} ubuntu", "usermod -s /bin/bash ubuntu")


def start_up(cluster, host, line, file=".bashrc"):
    """A line at the top of a start-up file, where it counts for commands over ssh too."""
    path = f"{HOME}/{file}"
    return changed(cluster, host,
                   f"touch {path} && cp -p {path} {path}.first && {{ printf '%s\\n' {shlex.quote(line)}; cat {path}.first; }} >{path}",
                   f"mv {path}.first {path}")


def forced(cluster, host, command):
    """A command that the key is bound to, as on EC2's images for root."""
    keys = f"{HOME}/.ssh/authorized_keys"
    option = 'command="' + command.replace('"', '\\"') + '" '
    return changed(cluster, host,
                   f"cp -p {keys} {keys}.first && while IFS= read -r line; do printf '%s%s\\n' {shlex.quote(option)} \"$line\"; "
                   f"done <{keys}.first >{keys}", f"mv {keys}.first {keys}")


def plain(done):
    """What a command printed, without the node's name."""
    return "".join(line.partition("\t")[2] for line in ok(done).out.splitlines(keepends=True))


def ok(done):
    assert done.code == 0, done.err
    return done


def copies_both_ways(ec2mpi, cluster, host, name):
    """push and pull of a small tree, and where it lies: in the home."""
    tree = ec2mpi.folder / name
    tree.mkdir()
    (tree / "a.o").write_text("object")
    (tree / "b c").write_text("text")
    ok(ec2mpi("push", "-w", host, name, f"{name}-there/"))
    found = cluster.host(host, f"cd {HOME}/{name}-there/{name} && cat a.o 'b c'")
    assert found.out == "objecttext", found
    ok(ec2mpi("pull", "-w", host, f"{name}-there/{name}", "back/"))
    assert sorted(file.name for file in (ec2mpi.folder / "back").rglob("*") if file.is_file()) == ["a.o", "b c"]


# --- login shells -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shell", ["/usr/bin/tcsh", "/usr/bin/fish", "/usr/bin/zsh"])
def test_every_command_works_with_any_login_shell(ec2mpi, cluster4, shell):
    with login_shell(cluster4, 2, shell):
        assert plain(ec2mpi("exec", "-w", "2", "echo one\necho \"it's two\"; echo $EC2MPI_INDEX")) == "one\nit's two\n2\n"
        assert plain(ec2mpi("exec", "-w", "2", "--sudo", "id -un; echo second")) == "root\nsecond\n"
        (ec2mpi.folder / "s.sh").write_text("#!/bin/sh\nprintf '<%s>' \"$@\"; cat\n")
        done = ec2mpi("exec", "-w", "2", "--script", "s.sh", "--", "a\\\\b", "c'd", "!e")
        assert plain(done).rstrip("\n") == "<a\\\\b><c'd><!e>"
        (ec2mpi.folder / "in").write_text("input! 'x'\n")
        assert plain(ec2mpi("exec", "-w", "2", "--stdin", "in", "cat")) == "input! 'x'\n"
        done = ec2mpi("exec", "-w", "2", "-u", "2", "sleep 300")
        assert done.code != 0 and "nothing left running" in done.err
        copies_both_ways(ec2mpi, cluster4, 2, "tree")
        ok(ec2mpi("setup", "-w", "1-2"))
        ok(ec2mpi("doctor", "-w", "1-2"))


@pytest.mark.parametrize("what, said", [
    ("nologin", "This account is currently not available"),
    ("sftp", "This service allows sftp connections only"),
    ("forced", "only backups here"),
])
def test_an_account_that_runs_no_commands_is_shown_with_its_words(ec2mpi, cluster4, what, said):
    how = {"nologin": lambda: login_shell(cluster4, 2, "/usr/sbin/nologin"),
           "sftp": lambda: forced(cluster4, 2, "internal-sftp"),
           "forced": lambda: forced(cluster4, 2, "echo only backups here")}[what]
    (ec2mpi.folder / "file").write_text("x")
    with how():
        for words in (["exec", "-w", "2", "echo done"], ["push", "-w", "2", "file", "there"], ["pull", "-w", "2", "x", "back/"],
                      ["setup", "-w", "1-2"], ["doctor", "-w", "1-2"], ["run", "-w", "2", "-np", "1", "--", "true"]):
            done = ec2mpi(*words)
            assert done.code != 0, words
            assert said in done.out + done.err, (words, done)


def test_a_key_of_another_user_gets_its_name_at_once(ec2mpi, cluster4):
    (ec2mpi.folder / "file").write_text("x")
    with forced(cluster4, 2, "echo 'Please login as the user \"ec2-user\" rather than the user \"root\".';echo;sleep 10;exit 142"):
        for words in (["exec", "-w", "2", "true"], ["push", "-w", "2", "file", "there"], ["pull", "-w", "2", "x", "back/"]):
            begun = time.monotonic()
            done = ec2mpi(*words)
            assert done.code != 0
            assert "-l ec2-user" in done.err and "Please login as the user" in done.err
            assert time.monotonic() - begun < 9  # the node's command sleeps for ten


# --- start-up files -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("line", ["exit 0", "exec fish", "read answer"])
def test_ok_is_not_said_of_a_command_that_never_began(ec2mpi, cluster4, line):
    (ec2mpi.folder / "s.sh").write_text("#!/bin/sh\necho done\n")
    (ec2mpi.folder / "in").write_text("touch /tmp/input-was-run\n" * 2)
    (ec2mpi.folder / "file").write_text("x")
    # Our closed input ends a `read answer`, and the command follows: that is right.
    waits = [] if line == "read answer" else [["exec", "-w", "2", "echo done"], ["exec", "-w", "2", "--sudo", "echo done"],
                                             ["pull", "-w", "2", ".bashrc", "back/"]]
    with start_up(cluster4, 2, f"echo hello there; {line}"):
        for words in [*waits, ["exec", "-w", "2", "--script", "s.sh"], ["exec", "-w", "2", "--stdin", "in", "cat"],
                      ["push", "-w", "2", "file", "there"]]:
            limit = [] if line == "exit 0" else ["-u", "2"]
            done = ec2mpi(words[0], *limit, *words[1:])
            assert done.code != 0, (words, done)
            assert "done" not in done.out.split("\n"), (words, done)
            assert "hello there" in done.err, (words, done)
            assert "login shell" in done.err, (words, done)
        assert not cluster4.exists(2, "/tmp/input-was-run")


def test_a_node_whose_shell_never_comes_to_our_program_fails_without_any_limit_given(ec2mpi, cluster4):
    (ec2mpi.folder / "file").write_text("x")
    with start_up(cluster4, 2, "sleep 300"):
        done = ec2mpi("push", "-w", "1-2", "file", "there", timeout=60)
    assert done.code == 1
    assert "node2" in done.err and "login shell" in done.err and ".bashrc" in done.err


def test_a_command_that_was_given_up_does_not_begin_later(ec2mpi, cluster4):
    with start_up(cluster4, 2, "sleep 4"):
        done = ec2mpi("exec", "-w", "2", "-u", "1", "touch /tmp/began-later")
        assert done.code != 0 and "time limit" in done.err
        time.sleep(5)  # nothing tells when the shell has not done what it must not do
    assert not cluster4.exists(2, "/tmp/began-later")


def test_start_up_files_are_read_once(ec2mpi, cluster4):
    with start_up(cluster4, 2, "echo welcome >&2"):
        assert ok(ec2mpi("exec", "-w", "2", "echo done")).err.count("welcome") == 1
    with login_shell(cluster4, 2, "/usr/bin/tcsh"), start_up(cluster4, 2, "echo welcome", ".tcshrc"):
        assert ok(ec2mpi("exec", "-w", "2", "echo done")).out.count("welcome") == 1
    with login_shell(cluster4, 2, "/usr/bin/zsh"), start_up(cluster4, 2, "echo welcome", ".zshenv"):
        assert ok(ec2mpi("exec", "-w", "2", "echo done")).out.count("welcome") == 1


@pytest.mark.parametrize("line", ["echo welcome", "echo welcome; set -u", "echo welcome; [ -z \"$READ\" ] || exit 0; export READ=1"])
def test_a_start_up_file_in_bash_env_is_read_once_too(ec2mpi, cluster4, line):
    """As conda and module systems set it. Scripts that the command starts read it."""
    with start_up(cluster4, 2, f"export BASH_ENV={HOME}/.bashrc; {line}"):
        done = ok(ec2mpi("exec", "-w", "2", "echo \"[$BASH_ENV$unset]\""))
        assert done.out == f"node2\twelcome\nnode2\t[{HOME}/.bashrc]\n"
    with start_up(cluster4, 2, f"echo read", ".bash_env"), start_up(cluster4, 2, f"export BASH_ENV={HOME}/.bash_env"):
        assert plain(ec2mpi("exec", "-w", "2", "bash /dev/null; echo outer")) == "read\nouter\n"
    with login_shell(cluster4, 2, "/usr/bin/tcsh"), start_up(cluster4, 2, f"setenv SHELL /bin/bash; setenv BASH_ENV {HOME}/.bashrc", ".tcshrc"), \
            start_up(cluster4, 2, "echo welcome"):
        assert "welcome" not in ok(ec2mpi("exec", "-w", "2", "echo done")).out


def test_functions_and_variables_of_bash_start_up_files_reach_a_command(ec2mpi, cluster4):
    """As with ssh: also those that are not exported, and they stay unexported."""
    with start_up(cluster4, 2, "greet() { echo \"hi $1 $plain\"; }; plain='a  b'; sum=4"):
        assert plain(ec2mpi("exec", "-w", "2", "greet you; sh -c 'echo [$plain]'; echo $((sum + 1))")) == "hi you a  b\n[]\n5\n"


@pytest.mark.parametrize("line", ["test() { echo mine; }; cd() { echo mine; }; echo() { builtin echo mine; }", "export SHELL=/usr/bin/zsh",
                                  "unset SHELL USER", "exec 2>&1", "export PATH=/nowhere", "readonly IFS PATH",
                                  "enable -n printf echo test"])
def test_a_command_is_run_by_the_login_shell_whatever_start_up_files_replace(ec2mpi, cluster4, line):
    with start_up(cluster4, 2, line):
        done = ec2mpi("exec", "-w", "2", "builtin echo \"$EC2MPI_INDEX ${BASH_VERSION:+bash}\"; builtin pwd")
        assert plain(done) == f"2 bash\n{HOME}\n"
        assert "node2" not in done.err, done.err
        (ec2mpi.folder / "s.sh").write_text("#!/bin/sh\nread line; echo \"$1 $line\"\n")
        (ec2mpi.folder / "in").write_text("input\n")
        assert plain(ec2mpi("exec", "-w", "2", "--script", "s.sh", "--stdin", "in", "--", "x")) == "x input\n"


@pytest.mark.parametrize("line, said", [
    ("exec </dev/null", "no input arrives"),
    ("exec >&2", "standard error"),
    ("exec >/dev/null", "does not arrive here"),
    ("exec >>/tmp/session.log", "does not arrive here"),
    ("[ -n \"$RECORDED\" ] || RECORDED=1 exec script -qec \"$BASH_EXECUTION_STRING\" /dev/null", "terminal"),
])
def test_streams_that_start_up_files_replace_are_named_at_once(ec2mpi, cluster4, line, said):
    (ec2mpi.folder / "file").write_text("x")
    with start_up(cluster4, 2, line):
        for words in (["push", "-w", "2", "file", "there"], ["pull", "-w", "2", ".profile", "back/"], ["setup", "-w", "1-2"]):
            done = ec2mpi(*words, timeout=14)
            assert done.code == 1 and said in done.err and ".bashrc" in done.err, (words, done)


def test_an_answer_that_goes_elsewhere_is_no_answer(ec2mpi, cluster4):
    assert ec2mpi("run", "-np", "1", "--", "true").code == 0
    with start_up(cluster4, 1, "exec >>/tmp/session.log"):
        for words in (["exec", "-w", "1", "true"], ["exec", "-w", "1", "--sudo", "true"], ["jobs", "--json"], ["rm", "--older", "1"],
                      ["ps"], ["run", "-np", "1", "--", "true"], ["wait"], ["attach"], ["logs"], ["cancel"], ["report"]):
            done = ec2mpi(*words, timeout=40)
            assert done.code not in (0, None) and "does not arrive here" in done.err, (words, done)
            assert "again" not in done.err, "the connection is well"


def test_a_job_whose_report_goes_elsewhere_is_no_success(ec2mpi, cluster4):
    with start_up(cluster4, 1, "exec 2>>/tmp/errors.log"):
        done = ec2mpi("run", "-np", "1", "--", "sh", "-c", "exit 3", timeout=40)
        assert done.code not in (0, None) and "standard error" in done.err, done


def test_joined_streams_are_taken_apart(ec2mpi, cluster4):
    with start_up(cluster4, 1, "exec 2>&1"), start_up(cluster4, 2, "exec 2>&1"):
        done = ok(ec2mpi("run", "-np", "2", "--", "sh", "-c", "echo out; echo err >&2"))
        assert sorted(done.out.split()) == ["err", "err", "out", "out"], done
        assert ec2mpi("run", "-np", "1", "--", "sh", "-c", "echo out; exit 3").code == 3
        done = ok(ec2mpi("run", "-d", "-np", "1", "--", "sh", "-c", "echo one; sleep 1; echo two"))
        assert ok(ec2mpi("attach", done.out.strip())).out == "one\ntwo\n"
        assert plain(ec2mpi("exec", "-w", "2", "--sudo", "id -un")) == "root\n"
        (ec2mpi.folder / "in").write_text("input\n")
        assert plain(ec2mpi("exec", "-w", "2", "--sudo", "--stdin", "in", "cat", timeout=20)) == "input\n"


def test_a_signal_that_start_up_files_ignore_still_ends_a_job(ec2mpi, cluster4):
    """A shell cannot trap what was ignored when it began, and its children do not die of it."""
    mine = "pgrep -u ubuntu -f 'jobs/[^ ]*/(supervise|sampler)'"
    with start_up(cluster4, 1, "trap '' TERM"):
        assert ec2mpi("run", "--timeout", "2", "-np", "4", "--", "sleep", "600", timeout=60).code == 124
        job = ok(ec2mpi("run", "-d", "-np", "4", "--", "sleep", "600")).out.strip()
        assert ec2mpi("cancel", job, timeout=60).code == 0
        assert f"{job}" in ec2mpi("jobs").out and "cancelled" in ec2mpi("jobs").out
        ok(ec2mpi("run", "-np", "2", "--", "true"))
        ends = time.monotonic() + 30
        while (left := cluster4.host(1, mine)).code == 0 and time.monotonic() < ends:
            time.sleep(0.2)
        assert left.code == 1, cluster4.host(1, f"ps -o pid,args -p $({mine} | paste -sd,)").out


def test_a_script_runs_where_the_folder_for_temporary_files_allows_no_programs(ec2mpi, cluster4):
    (ec2mpi.folder / "s.sh").write_text("#!/bin/sh\necho ran\n")
    with changed(cluster4, 2, "mount -t tmpfs -o noexec,mode=1777 none /tmp", "umount /tmp"):
        assert plain(ec2mpi("exec", "-w", "2", "--script", "s.sh")) == "ran\n"
    with start_up(cluster4, 2, "export TMPDIR=/no/such"):
        assert plain(ec2mpi("exec", "-w", "2", "--script", "s.sh")) == "ran\n"


def sshd_setting(cluster, host, line):
    config = "/etc/ssh/sshd_config"
    again = "kill -HUP $(cat /run/sshd.pid); sleep 0.3"  # nothing tells when it has read its file again
    return changed(cluster, host, f"cp -p {config} {config}.first && {{ echo {shlex.quote(line)}; cat {config}.first; }} >{config} && {again}",
                   f"mv {config}.first {config} && {again}")


def test_one_session_for_each_connection_is_enough(ec2mpi, cluster4):
    with sshd_setting(cluster4, 2, "MaxSessions 1"):
        done = ec2mpi("exec", "-w", "2", "-u", "1", "sleep 300")
        assert done.code == 124 and "nothing left running" in done.err, done
        ok(ec2mpi("setup", "-w", "1-2"))
        done = ok(ec2mpi("doctor", "-w", "1-2"))
        assert "could not be tried" not in done.out
        copies_both_ways(ec2mpi, cluster4, 2, "tree")


def test_a_banner_of_sshd_does_not_stand_in_the_output_of_a_job(ec2mpi, cluster4):
    with changed(cluster4, 2, "echo Authorized use only >/etc/banner", "rm /etc/banner"), sshd_setting(cluster4, 2, "Banner /etc/banner"):
        shown = cluster4.host(1, "ssh -o BatchMode=yes 10.0.0.12 true", user="ubuntu")
        assert "Authorized" in shown.err, shown
        done = ok(ec2mpi("run", "-w", "1-2", "--per-node", "1", "--", "echo", "done"))
        assert done.out == "done\ndone\n" and "Authorized" not in done.err, done.err


@pytest.mark.parametrize("line", ["set -e", "set -u", "set -f", "trap 'echo trapped >&2' EXIT", "alias exec=false test=false eval=false",
                                  "export option=x command=y pid=z name=w", "unset SSH_CONNECTION LANG", "umask 077; set -o noclobber"])
def test_options_traps_and_variables_of_start_up_files_do_not_change_a_command(ec2mpi, cluster4, line):
    command = "false; echo $unknown; echo /etc/host*s; printf '%s,%s,%s,%s' \"$option\" \"$command\" \"$pid\" \"$name\""
    names = "x,y,z,w" if "option=x" in line else ",,,"
    with start_up(cluster4, 2, line):
        assert plain(ec2mpi("exec", "-w", "2", command)).rstrip("\n") == f"\n/etc/hosts\n{names}"


@pytest.mark.parametrize("line", ["set -x", "set -v"])
def test_a_start_up_file_that_traces_shows_nothing_of_our_program(ec2mpi, cluster4, line):
    with start_up(cluster4, 2, f"echo greeting >&2; {line}"):
        done = ec2mpi("exec", "-w", "2", "echo done")
        assert plain(done) == "done\n" and "greeting" in done.err
        assert "ec2mpi_" not in done.err and "/bin/sh" not in done.err, done.err


def test_a_restricted_shell_is_named(ec2mpi, cluster4):
    with login_shell(cluster4, 2, "/bin/rbash"):
        done = ec2mpi("pull", "-w", "2", ".profile", "back/")
        assert done.code == 1 and "restricted" in done.err, done


def test_a_background_process_of_a_start_up_file_holds_nobody_up(ec2mpi, cluster4):
    with start_up(cluster4, 2, "sleep 3000 &"):
        try:
            ok(ec2mpi("pull", "-w", "2", ".profile", "back/"))
            ok(ec2mpi("setup", "-w", "1-2"))
            ok(ec2mpi("doctor", "-w", "1-2"))
        finally:
            cluster4.host(2, "for p in $(ps -C sleep -o pid=,args= | awk '$3 == 3000 { print $1 }'); do kill $p; done")


WRAPPED = "sed grep awk tar find ls cat ps stat sort cut head tail mv tr"
WRAPPERS = (f"mkdir -p ~/bin; for t in {WRAPPED}; do printf '#!/bin/sh\\necho wrapper\\nexec /usr/bin/%s \"$@\"\\n' $t >~/bin/$t; "
            "chmod 755 ~/bin/$t; done; export PATH=~/bin:$PATH")


def test_wrappers_in_the_path_of_a_user_are_for_the_user_only(ec2mpi, cluster4):
    with start_up(cluster4, 1, WRAPPERS), start_up(cluster4, 2, WRAPPERS):
        copies_both_ways(ec2mpi, cluster4, 2, "wrapped")
        ok(ec2mpi("setup", "-w", "1-2"))
        assert "wrapper" not in ok(ec2mpi("doctor", "-w", "1-2")).out
        assert plain(ec2mpi("exec", "-w", "2", "echo a | sed s/a/b/")) == "wrapper\nb\n"
        # mpirun itself puts its own folder in front for the ranks
        done = ok(ec2mpi("run", "-w", "1-2", "-np", "2", "--", "sh", "-c", "echo a | sed s/a/b/"))
        assert done.out == "b\nb\n" and "wrapper" not in done.err, done
        (ec2mpi.folder / "run_look.sh").write_text("command -v sed\n")
        assert ok(ec2mpi("run", "-w", "1", "look")).out == f"{HOME}/bin/sed\n"


@pytest.mark.parametrize("line", ["cd /tmp", "export HOME=/tmp", "export HOME=/nonexistent; cd /tmp", "export CDPATH=/tmp:/usr", "export TAR_OPTIONS='--exclude=*.o'", "export TAR_OPTIONS=-v",
                                  "export TAR_OPTIONS=--strip-components=1", "export POSIXLY_CORRECT=1 TAPE=/dev/null",
                                  "tar() { echo mine; }; export -f tar", "exec 2>&1", "exec 2>&-", "export PATH=/nowhere", "export BLOCKSIZE=1M LS_OPTIONS=-x GREP_OPTIONS=-v COLUMNS=9"])
def test_what_start_up_files_set_does_not_change_our_programs(ec2mpi, cluster4, line):
    with start_up(cluster4, 2, line):
        copies_both_ways(ec2mpi, cluster4, 2, "tree")
        ok(ec2mpi("setup", "-w", "1-2"))
        ok(ec2mpi("run", "-w", "1-2", "-np", "2", "--", "true"))


def test_a_dev_null_that_takes_nothing_is_named_with_the_command_that_fixes_it(ec2mpi, cluster4):
    (ec2mpi.folder / "file").write_text("x")
    with changed(cluster4, 2, "chmod 600 /dev/null", "rm -f /dev/null; mknod -m 666 /dev/null c 1 3"):
        for words in (["push", "-w", "2", "file", "there"], ["pull", "-w", "2", ".profile", "back/"], ["setup", "-w", "1-2"],
                      ["doctor", "-w", "1-2"], ["run", "-w", "1-2", "-np", "2", "--", "true"]):
            done = ec2mpi(*words)
            assert done.code == 1 and "node2: /dev/null takes nothing there; fix it: " in done.out + done.err, (words, done)
            fix = (done.out + done.err).partition("fix it: ")[2].splitlines()[0]
        assert ec2mpi("exec", "-w", "2", "echo done").err.count("node2\t") == 0
        ok(ec2mpi("exec", "-w", "2", fix))
        ok(ec2mpi("push", "-w", "2", "file", "there"))
        assert cluster4.host(2, "stat -c '%F %a' /dev/null").out == "character special file 666\n"


def test_a_umask_that_takes_from_its_own_user_does_not_keep_our_programs_from_their_files(ec2mpi, cluster4):
    with start_up(cluster4, 2, "umask 777"):
        copies_both_ways(ec2mpi, cluster4, 2, "masked")
        ok(ec2mpi("setup", "-w", "1-2"))


def test_a_umask_that_takes_from_its_own_user_keeps_no_job_from_its_start(ec2mpi, cluster4):
    with start_up(cluster4, 1, "umask 777"):
        for words in (["-w", "1-2", "--set", "n=1,2", "--", "echo", "x={n}"],
                      ["-w", "1", "--", "sh", "-c", "echo x >masked; cat masked; cat nodeIPaddress"]):
            done = ok(ec2mpi("run", "-np", "2", *words, timeout=60))
            assert "nodeIPaddress" not in done.err, done
    cluster4.host(1, f"rm -f {HOME}/masked")


def test_a_limit_that_ends_our_programs_is_named_by_every_command(ec2mpi, cluster4):
    (ec2mpi.folder / "file").write_text("x")
    (ec2mpi.folder / "script").write_text("#!/bin/sh\n:\n")
    for limit, says in (("n 8", "too few files may be open there"), ("n 12", "too few files may be open there"),
                        ("f 0", "no file may be written")):
        with start_up(cluster4, 2, f"ulimit -{limit}"):
            for words in (["push", "-w", "2", "file", "there"], ["setup", "-w", "1-2"], ["exec", "-w", "2", "--script", "script"],
                          ["run", "-w", "1-2", "-np", "2", "--", "true"]):
                done = ec2mpi(*words)
                assert done.code in (1, 255) and f"node2: {says} (ulimit -{limit})" in done.out + done.err, (words, done)


def test_a_script_that_does_not_arrive_is_an_error_of_the_node_and_no_status(ec2mpi, cluster4):
    (ec2mpi.folder / "script").write_text("#!/bin/sh\n" + "echo much\n" * 10_000)
    cluster4.fault("fill", 2)
    done = ec2mpi("exec", "-w", "2", "--script", "script")
    assert done.code == 255 and "node2: the script did not arrive: cannot write into /tmp: No space left on device" in done.err, done
    assert done.out == "" and "exit" not in done.err, done


@pytest.mark.skipif(bool(HOSTS_ROOT), reason="seen with Open MPI 4")
def test_a_daemon_that_cannot_start_its_ranks_ends_the_job(ec2mpi, cluster4):
    with start_up(cluster4, 2, "ulimit -n 20"):
        done = ec2mpi("run", "-w", "1-2", "--per-node", "1", "--", "python3", "-c", "from mpi4py import MPI", timeout=120)
    assert done.code == 1 and "mpirun's daemon on a node could not start its ranks" in done.err, done


def test_a_limit_on_the_size_of_files_on_the_master_refuses_a_job_with_the_reason(ec2mpi, cluster4):
    with start_up(cluster4, 1, "ulimit -f 0"):
        done = ec2mpi("run", "-w", "1-2", "-np", "2", "--", "true")
    assert done.code == 1 and "no file may be written (ulimit -f 0); does a start-up file" in done.err, done
    assert "connection" not in done.err, done


def test_a_folder_of_a_job_whose_first_files_are_missing_is_a_lost_job(ec2mpi, cluster4):
    folder = f"{HOME}/.ec2mpi/jobs/half-1"
    cluster4.host(1, f"mkdir -p -m 700 {HOME}/.ec2mpi {folder}; touch -d '2 minutes ago' {folder}", user="ubuntu")
    try:
        done = ec2mpi("attach", "half-1", timeout=60)
        assert done.code == 255 and "lost" in done.err, done
    finally:
        cluster4.host(1, f"rm -r {folder}")


def test_a_job_has_the_home_that_the_users_start_up_file_sets(ec2mpi, cluster4):
    with start_up(cluster4, 1, "export HOME=/tmp"):
        done = ok(ec2mpi("run", "-w", "1", "-np", "1", "--", "sh", "-c", "echo $HOME; pwd"))
        assert done.out == f"/tmp\n{HOME}\n", done


def test_programs_of_a_node_that_hang_are_named(ec2mpi, cluster4):
    hanging = "printf '#!/bin/sh\\nexec sleep 1000\\n'"
    with start_up(cluster4, 2, f"mkdir -p ~/slow; {hanging} >~/slow/mpirun; chmod 755 ~/slow/mpirun; export PATH=~/slow:$PATH"):
        done = ec2mpi("run", "-w", "1-2", "-np", "2", "--", "true")
        assert done.code == 1 and f"node2: {HOME}/slow/mpirun does not answer there within 20 s" in done.err, done
    with changed(cluster4, 2, f"mv /usr/bin/sudo /usr/bin/sudo.away && {hanging} >/usr/bin/sudo && chmod 755 /usr/bin/sudo",
                 "mv -f /usr/bin/sudo.away /usr/bin/sudo"):
        done = ec2mpi("setup", "-w", "2")
        assert done.code == 1 and "node2: sudo does not answer there within 15 s" in done.err, done


def test_a_folder_in_the_place_of_a_file_of_ssh_is_named_and_nothing_stays_behind(ec2mpi, cluster4):
    config = f"{HOME}/.ssh/config"
    with changed(cluster4, 2, f"mv {config} {config}.kept; mkdir {config}; chown ubuntu {config}", f"rm -rf {config}; [ ! -e {config}.kept ] || mv {config}.kept {config}"):
        done = ec2mpi("setup", "-w", "1-2")
        assert done.code == 1 and "node2: " in done.err and "/.ssh/config is in the way, for it is no file; move it to another name" in done.err, done
        assert cluster4.host(2, f"ls -A {config} {HOME}/.ssh | grep ec2mpi-new").out == ""


def test_the_users_environment_reaches_commands_and_jobs_as_it_is(ec2mpi, cluster4):
    with start_up(cluster4, 1, "export TAR_OPTIONS=-v CDPATH=/tmp; mine() { echo function; }; export -f mine; cd /tmp"):
        assert plain(ec2mpi("exec", "-w", "1", "echo $TAR_OPTIONS $CDPATH; mine; pwd")) == "-v /tmp\nfunction\n/tmp\n"
        assert "-v /tmp" in ok(ec2mpi("run", "-w", "1", "-np", "1", "--", "sh", "-c", "echo $TAR_OPTIONS $CDPATH")).out


@pytest.mark.parametrize("command, tool", [(("push", "-w", "2", "sent", "/tmp/"), "stat"), (("setup", "-w", "2"), "awk"),
                                           (("setup", "-w", "2", "--undo"), "tail"), (("doctor", "-w", "2"), "awk"),
                                           (("pull", "-w", "2", ".profile", "back/"), "tar")])
def test_a_program_that_a_node_lacks_is_named_and_no_full_disk_suspected(ec2mpi, cluster4, command, tool):
    (ec2mpi.folder / "sent").write_text("text")
    path = cluster4.host(2, f"readlink -f /usr/bin/{tool}").out.strip()
    with changed(cluster4, 2, f"mv {path} {path}.away", f"mv {path}.away {path}"):
        done = ec2mpi(*command)
    assert done.code == 1, done.err
    said = done.out + done.err
    assert f"ec2mpi needs programs that this node lacks: {tool}" in said, said
    assert "disk full" not in said, said


def test_libraries_that_break_the_tools_are_named_and_nobody_installs_again(ec2mpi, cluster4):
    bad = "/opt/bad-libraries"
    with changed(cluster4, 2, f"mkdir {bad} && : >{bad}/libselinux.so.1 && : >{bad}/libopen-rte.so.40", f"rm -r {bad}"), \
            start_up(cluster4, 2, f"export LD_LIBRARY_PATH={bad}"):
        for words in (["setup", "-w", "1-2"], ["run", "-w", "1-2", "--per-node", "1", "--", "true"], ["doctor", "-w", "1-2"]):
            done = ec2mpi(*words)
            assert done.code != 0, words
            assert "file too short" in done.out + done.err, (words, done)


@pytest.mark.parametrize("prompt", [">", "+(${BASH_SOURCE}:${LINENO}):"])
def test_a_trace_without_a_blank_shows_nothing_of_our_program(ec2mpi, cluster4, prompt):
    with start_up(cluster4, 2, f"PS4='{prompt}'; set -x"):
        done = ok(ec2mpi("exec", "-w", "2", "echo hi"))
        assert "hand_over" not in done.err and "printf" not in done.err, done


def test_an_exec_that_prints_is_not_a_broken_null_device(ec2mpi, cluster4):
    (ec2mpi.folder / "file").write_text("x")
    with login_shell(cluster4, 2, "/usr/bin/tcsh"), start_up(cluster4, 2, "alias exec echo", ".tcshrc"):
        for words in (["push", "-w", "2", "file", "there"], ["exec", "-w", "2", "echo done"]):
            done = ec2mpi(*words)
            assert done.code != 0
            assert "mknod" not in done.out + done.err and "unset -f" not in done.out + done.err, (words, done)


# --- no home ------------------------------------------------------------------------------------------------------

def without_home(cluster, host, closed):
    """The keys are elsewhere, so that the account can log in; sshd then starts its programs in /."""
    keys = changed(cluster, host, f"install -D -m 644 {HOME}/.ssh/authorized_keys /etc/keys/ubuntu", "rm -r /etc/keys")
    how, undo = (f"chmod 000 {HOME}", f"chmod 755 {HOME}") if closed else (f"mv {HOME} /root/away", f"mv /root/away {HOME}")
    stack = contextlib.ExitStack()
    for each in (keys, sshd_setting(cluster, host, "AuthorizedKeysFile /etc/keys/%u"), changed(cluster, host, how, undo)):
        stack.enter_context(each)
    return stack


@pytest.mark.parametrize("closed, said", [(False, f"the home of the account, {HOME}, is not there"),
                                          (True, f"the account may not enter its home, {HOME}")])
def test_without_a_home_nothing_is_copied_into_another_folder(ec2mpi, cluster4, closed, said):
    (ec2mpi.folder / "tree").mkdir()
    (ec2mpi.folder / "tree/a").write_text("text")
    there = changed(cluster4, 2, "mkdir -m 777 /there; echo secret >/there/x", "rm -rf /there /tmp/there")
    with there, without_home(cluster4, 2, closed):
        for words in (["push", "-w", "2", "tree", "there/"], ["push", "-w", "2", "--sudo", "tree", "there/"],
                      ["push", "-w", "2", "tree", "~/there/"], ["pull", "-w", "2", "there/x", "back/"],
                      ["pull", "-w", "2", "--sudo", "there/x", "back/"], ["pull", "-w", "2", "/etc/hosts", "there/*", "back/"]):
            done = ec2mpi(*words)
            assert done.code == 1 and f"node2: {said}; give a path that begins with /" in done.err, (words, done)
        assert cluster4.host(2, "ls -A /there").out == "x\n" and not (ec2mpi.folder / "back/x").exists()
        ok(ec2mpi("push", "-w", "2", "tree", "/tmp/there/"))
        ok(ec2mpi("pull", "-w", "2", "/tmp/there/tree", "back/"))
        done = ec2mpi("setup", "-w", "2")
        assert done.code == 1 and said in done.err, done


def test_without_a_home_on_the_master_no_job_is_started_and_none_is_denied(ec2mpi, cluster4):
    with without_home(cluster4, 1, closed=True):
        for words in (["run", "-w", "1", "-np", "1", "--workdir", "/tmp", "--", "true"], ["jobs"]):
            done = ec2mpi(*words)
            assert done.code != 0 and f"the account may not enter its home, {HOME}" in done.out + done.err, (words, done)


# --- sudo ---------------------------------------------------------------------------------------------------------

def sudo_rule(cluster, host, rule):
    rules = "/etc/sudoers.d"
    return changed(cluster, host, f"mkdir -p /root/kept && mv {rules}/* /root/kept && printf '%s\\n' {shlex.quote(rule)} >{rules}/odd && "
                   f"chmod 440 {rules}/odd", f"rm {rules}/odd; mv /root/kept/* {rules}/")


@pytest.mark.parametrize("rule, said", [
    ("Defaults noexec\nubuntu ALL=(ALL) NOPASSWD:ALL", "sudo there lets a program start no other one (noexec in sudoers)"),
    ("Defaults !authenticate\nubuntu ALL=(ALL) NOPASSWD:/usr/bin/id, /usr/bin/true",
     "sudo there does not let this account run sh as root; sudo -l shows what it allows"),
    ("ubuntu ALL=(ALL) NOPASSWD: ALL, !/bin/sh, !/usr/bin/sh", "sudo there does not let this account run sh as root")])
def test_a_sudo_that_does_not_run_our_programs_is_named_and_they_are_not_shown(ec2mpi, cluster4, rule, said):
    (ec2mpi.folder / "file").write_text("x")
    # Names that an earlier setup may have written are wrong now, so that there is something to write.
    wrong_names = changed(cluster4, 2, "cp /etc/hosts /etc/hosts.first && sed -i 's/10.0.0.11/10.0.0.99/' /etc/hosts",
                          "cat /etc/hosts.first >/etc/hosts && rm /etc/hosts.first")
    with wrong_names, sudo_rule(cluster4, 2, rule):
        for words in (["push", "-w", "2", "--sudo", "file", "/etc/odd"], ["pull", "-w", "2", "--sudo", "/etc/hostname", "back/"],
                      ["exec", "-w", "2", "--sudo", "id -un"], ["setup", "-w", "1-2"], ["exec", "-w", "2", "-u", "1", "sleep 60"]):
            done = ec2mpi(*words)
            shown = done.out + done.err
            assert "-c " not in shown and "printf" not in shown and "Permission denied" not in shown and "did not arrive" not in shown, (words, done)
            if "--sudo" in words:
                assert done.code != 0 and said in shown, (words, done)
            if "setup" in words:
                assert done.code == 0 and f"/etc/hosts is not written: {said}" in shown, done
        assert cluster4.host(2, "ls /etc/odd").code != 0


# --- jobs ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shell, file, line", [("/bin/bash", ".bashrc", "echo greeting >&2; set -x"), ("/bin/bash", ".bashrc", "set -v"),
                                               ("/usr/bin/zsh", ".zshenv", "setopt xtrace"), ("/usr/bin/tcsh", ".tcshrc", "set echo verbose")])
def test_a_worker_that_traces_shows_nothing_in_a_job(ec2mpi, cluster4, shell, file, line):
    with login_shell(cluster4, 2, shell), start_up(cluster4, 2, line, file):
        done = ok(ec2mpi("run", "-w", "1-2", "--per-node", "1", "--", "hostname"))
        assert len(done.out.splitlines()) == 2
        for word in ("printf", "exec", "orted", "set +vx", "greeting", "begins"):
            assert word not in done.err, done.err


@pytest.mark.skipif(bool(HOSTS_ROOT), reason="Open MPI 5 has other words")
def test_a_file_that_does_not_start_is_hinted_at_by_its_first_line(ec2mpi, cluster4):
    make = (f"mkdir -p {HOME}/k/dir; cd {HOME}/k; printf '#!/bin/sh\\r\\ntrue\\r\\n' >crlf; printf '#!/no/such/interp\\ntrue\\n' >interp; "
            "chmod 755 crlf interp; chown -R ubuntu .")
    with changed(cluster4, 1, make, f"rm -r {HOME}/k"), changed(cluster4, 2, make, f"rm -r {HOME}/k"):
        for program, hint in (("k/crlf", "hint: k/crlf has the line ends of Windows; this removes them: sed -i 's/\\r$//' k/crlf"),
                              ("k/interp", "hint: the program asks in its first line for /no/such/interp, which a node lacks: "
                                           "ec2mpi exec-all 'ls -l /no/such/interp'"),
                              ("k/dir", "hint: k/dir is a folder and no program: ec2mpi run ... -- k/dir/PROGRAM")):
            done = ec2mpi("run", "-w", "1-2", "--per-node", "1", "--", program)
            assert done.code == 1 and done.err.rstrip().endswith(hint), (program, done)


def test_a_program_that_prints_words_of_open_mpi_gets_no_hint_of_them(ec2mpi, cluster4):
    text = "import sys; print('There are not enough slots available in the system', file=sys.stderr); sys.exit(3)"
    done = ec2mpi("run", "-w", "1-2", "--per-node", "1", "--", "python3", "-c", text)
    assert done.code == 3 and "There are not enough slots" in done.err and "hint:" not in done.err, done


def test_a_folder_that_may_not_be_written_keeps_scripts_only(ec2mpi, cluster4):
    folder = "/opt/app"
    with changed(cluster4, 1, f"mkdir -m 755 {folder}", f"rm -r {folder}"):
        done = ok(ec2mpi("run", "-w", "1", "-np", "1", "--workdir", folder, "--", "pwd"))
        assert done.out == folder + "\n"
        assert f"the job gets no nodeIPaddress: {folder}/nodeIPaddress cannot be written: Permission denied" in done.err, done
        (ec2mpi.folder / "run_odd.sh").write_text("cat nodeIPaddress\n")
        done = ec2mpi("run", "-w", "1", "--workdir", folder, "odd")
        assert done.code == 1 and f"cannot write {folder}/nodeIPaddress, which a script reads: Permission denied; choose a folder of yours: " \
            "--workdir FOLDER" in done.err, done
        assert "sh:" not in done.err, done
    done = ec2mpi("run", "-w", "1", "-np", "1", "--workdir", "/root", "--", "pwd")
    assert done.code == 1 and "ubuntu may not enter /root; name another folder with --workdir" in done.err, done


@pytest.mark.parametrize("line", ["ulimit -s 64", "ulimit -v 20000", "export PYTHONHOME=/nowhere"])
def test_doctor_does_not_take_a_python_that_cannot_start_for_a_frozen_node(ec2mpi, cluster4, line):
    with start_up(cluster4, 2, line):
        done = ec2mpi("doctor", "-w", "1-2", timeout=120)
    assert "frozen" not in done.out + done.err, done
    if "-v" in line:
        assert "it printed: " in done.out, done


def test_setup_shows_what_a_python_that_does_not_run_says_and_installs_nothing(ec2mpi, cluster4):
    with start_up(cluster4, 2, "export PYTHONHOME=/nowhere"):
        for words in (["setup", "-w", "1-2", "--dry-run"], ["setup", "-w", "1-2"]):
            done = ec2mpi(*words)
            assert done.code == 1 and "its python3 does not run: Fatal Python error" in done.err, done
            assert "(PYTHONHOME is /nowhere)" in done.err and "mpi4py" not in done.out + done.err, done


def test_a_file_of_the_user_does_not_keep_doctor_from_the_ports(ec2mpi, cluster4):
    with changed(cluster4, 2, f"echo 'raise SystemExit(3)' >{HOME}/socket.py", f"rm {HOME}/socket.py"):
        assert "could not be tried" not in ec2mpi("doctor", "-w", "1-2").out


def test_a_name_with_a_placeholder_is_shown_as_it_was_typed(ec2mpi, cluster4):
    note = "'{node}.txt' was typed, and {...} in it stands for a node's own"
    for words in (["pull", "-w", "2", "{node}.txt", "back/"], ["push", "-w", "2", "{node}.txt", "there/"]):
        done = ec2mpi(*words)
        assert done.code != 0 and "node2.txt: No such file" in done.err and note in done.err, (words, done)
