"""Output that can't be written is an error, and neither that nor TERM ends a job that is followed."""

import json
import shlex
import signal
import subprocess

import pytest

from local_cluster import KEY, LIST, SLOWNESS, wait_until
from terminal import Terminal

HOME = "/home/ubuntu"
NO_SPACE = "ec2mpi: cannot write standard output: No space left on device\n"
UNTIL_GO = f"while [ ! -e {HOME}/go ]; do sleep 0.1; done; exit 3"
TALKING = f"yes talk | head -c 400000; {UNTIL_GO}"


@pytest.fixture(autouse=True)
def clean(cluster4):
    cluster4.host(1, f"rm -f {HOME}/go")
    yield
    go(cluster4)
    wait_until(lambda: cluster4.host(1, "pgrep -f '[/]supervise'").code == 1, "no job is left")


def go(cluster):
    cluster.host(1, f"touch {HOME}/go", user="ubuntu")


def newest(ec2mpi):
    return json.loads(ec2mpi("jobs", "--json").out)[0]


def submit(ec2mpi, command):
    done = ec2mpi("run", "--detach", "-np", "1", "--", "sh", "-c", command)
    assert done.code == 0, done.err
    return done.out.strip()


def runs_to_its_own_end(ec2mpi, cluster):
    """The newest job runs, and ends with its own status when it may."""
    job = newest(ec2mpi)
    assert job["state"] == "running", job
    go(cluster)
    assert ec2mpi("wait", job["id"]).code == 3
    return job["id"]


def on_full_disk(ec2mpi, cluster, script):
    """Shell text on the laptop, where $0 is the program and disk/ has room for 64 KiB."""
    (ec2mpi.folder / "disk").mkdir(exist_ok=True)
    mounted = "mount -t tmpfs -o size=64k none disk && " + script
    return cluster.exec(["env", f"HOME={ec2mpi.home}", "unshare", "-m", "sh", "-c", mounted, ec2mpi.binary],
                        cwd=ec2mpi.folder, env=ec2mpi.environment)


def redirected(ec2mpi, cluster, redirection, *args):
    words = ["env", f"HOME={ec2mpi.home}", "sh", "-c", f'exec "$0" "$@" {redirection}', ec2mpi.binary, *args]
    return cluster.exec(words, cwd=ec2mpi.folder, env=ec2mpi.environment)


# --- every command's output counts -----------------------------------------------------------------------------------

PRINT = [
    "--version", "--help", "help run", "ips", "nodes", "nodes --json", "nodes --hostfile", "nodes --format {index}",
    "nodes --ssh-config", "exec -w 1 'echo x'", "exec-all 'echo x'", "exec-all -b 'echo x'", "exec-all --diff 'uname -n'",
    "exec-all --json true", "login -- echo x", "push -n list ./", "push --json list ./", "pull --json .bashrc got/",
    "setup --dry-run --json", "doctor", "doctor --json", "ps --json", "jobs", "jobs --json", "logs", "attach",
    "run -np 1 -- echo x", "run -np 1 --explain -- echo x", "run -d -np 1 -- echo x", "run --set n=1,2 --dry-run -- echo {n}",
    "run -np 1 --set n=1,2 --csv -- echo {n}", "net -w 1-2 --json",
]


@pytest.mark.parametrize("command", PRINT)
def test_a_full_disk_is_named_and_makes_the_exit_code_1(ec2mpi, command):
    (ec2mpi.folder / "list").write_text("a file to send\n")
    if command.split()[0] in ("jobs", "logs", "attach"):
        assert ec2mpi("run", "-np", "1", "--", "echo", "hello").code == 0
    with open("/dev/full", "w") as full:
        done = ec2mpi(*shlex.split(command), stdout=full)
    assert done.err.count(NO_SPACE) == 1 and done.code == 1, (done.err, done.code)


@pytest.mark.parametrize("command", ["--version", "nodes", "exec-all 'echo x'", "exec-all --json true", "run -np 1 -- echo x"])
def test_a_closed_standard_output_is_an_error(ec2mpi, cluster4, command):
    done = redirected(ec2mpi, cluster4, ">&-", *shlex.split(command))
    assert (done.out, done.code) == ("", 1), done
    assert "ec2mpi: cannot write standard output: Bad file descriptor\n" in done.err and "x\n" not in done.err


def test_all_three_may_be_closed_and_no_file_takes_their_place(ec2mpi, cluster4):
    done = redirected(ec2mpi, cluster4, "<&- >&- 2>&-", "exec-all", "--outdir", "out", "echo x; echo y >&2")
    assert (done.out, done.err, done.code) == ("", "", 1)
    for node in (1, 2, 3, 4):
        assert [(ec2mpi.folder / f"out/node{node}.{end}").read_text() for end in ("out", "err")] == ["x\n", "y\n"]


def test_a_lost_standard_error_is_no_bug_and_counts(ec2mpi, cluster4):
    done = redirected(ec2mpi, cluster4, "2>/dev/full", "exec-all", "echo x")
    assert (done.out.count("x\n"), done.code) == (4, 1)
    assert redirected(ec2mpi, cluster4, "2>/dev/full", "nosuch").code == 2


def test_a_document_that_was_cut_is_told_of(ec2mpi, cluster4):
    done = on_full_disk(ec2mpi, cluster4, '"$0" exec-all --json "seq 1 60000" > disk/json')
    assert (done.err.count(NO_SPACE), done.code) == (1, 1), done


def test_every_file_of_outdir_that_lacks_something_is_named(ec2mpi, cluster4):
    done = on_full_disk(ec2mpi, cluster4, '"$0" exec-all --outdir disk/o "seq 1 60000; echo small >&2"')
    assert done.code == 1
    for node in (1, 2, 3, 4):
        assert f"ec2mpi: cannot write disk/o/node{node}.out: No space left on device\n" in done.err


def test_a_file_of_outdir_has_no_gap(ec2mpi, cluster4):
    """Text that is written when the disk has room again would follow a gap."""
    done = on_full_disk(ec2mpi, cluster4, 'head -c 40000 /dev/zero >disk/ballast; '
                        '("$0" exec -w 1 --outdir disk/o "seq 1 12000; sleep 2; seq 12001 20000"; echo $? >code) & '
                        'sleep 1; rm disk/ballast; wait; cat disk/o/node1.out; exit $(cat code)')
    assert done.code == 1 and "cannot write disk/o/node1.out" in done.err
    assert "".join(f"{number}\n" for number in range(1, 20001)).startswith(done.out)


# --- a disk that is full before the command begins --------------------------------------------------------------------

def with_full_state(ec2mpi, cluster, script, kept="known_hosts"):
    """Shell text on the laptop, where the state folder has only the files `kept` and takes no byte more."""
    kept = f"(cd .ec2mpi; tar -c {kept}) | tar -x -C disk && " if kept else ""
    mounted = (f"mkdir -p disk && mount -t tmpfs -o size=64k,mode=700 none disk && {kept}mount --move disk .ec2mpi && "
               "{ head -c 1000000 /dev/zero >.ec2mpi/ballast 2>/dev/null; " + script + "; }")
    return cluster.exec(["env", f"HOME={ec2mpi.home}", "unshare", "-m", "sh", "-c", mounted, ec2mpi.binary],
                        cwd=ec2mpi.folder, env=ec2mpi.environment)


NOT_REMEMBERED = f"ec2mpi: cannot write .ec2mpi/lists/{LIST}: No space left on device; the nodes' numbers are not remembered\n"


def test_a_full_disk_keeps_nobody_from_a_job(ec2mpi, cluster4):
    job = submit(ec2mpi, UNTIL_GO)
    for words, code, out in (("exec -w 1 'echo in'", 0, "node1\tin\n"), ("jobs", 0, job), (f"logs {job}", 0, ""),
                             (f"cancel {job}", 0, "")):
        done = with_full_state(ec2mpi, cluster4, f'"$0" {words}')
        assert done.code == code and out in done.out, (words, done)
        assert done.err.count(NOT_REMEMBERED) == 1, (words, done)
    assert newest(ec2mpi)["state"] == "ended"


def test_a_job_starts_from_a_full_disk(ec2mpi, cluster4):
    assert ec2mpi("exec-all", "true").code == 0
    done = with_full_state(ec2mpi, cluster4, '"$0" run -np 1 -- sh -c "echo up; exit 3"')
    assert (done.out, done.code) == ("up\n", 3), done
    assert NOT_REMEMBERED in done.err


def test_on_a_full_disk_failed_does_not_mean_the_nodes_of_an_earlier_command(ec2mpi, cluster4):
    assert ec2mpi("exec", "-w", "1-3", "[ $EC2MPI_INDEX != 2 ]").code == 1
    done = with_full_state(ec2mpi, cluster4, "\"$0\" exec -w 2-3 '[ $EC2MPI_INDEX != 3 ]'; \"$0\" exec -w failed 'echo in'",
                           "known_hosts failed lists")
    assert "cannot write .ec2mpi/failed: No space left on device; -w failed does not know this command's nodes\n" in done.err
    assert (done.out, done.code) == ("", 2), done


def test_a_host_key_that_cannot_be_remembered_is_an_error(ec2mpi, cluster4):
    assert ec2mpi("exec-all", "true").code == 0
    done = with_full_state(ec2mpi, cluster4, '"$0" exec -w 1 "echo in"', kept="")
    assert (done.out, done.code) == ("", 255), done
    assert "cannot write .ec2mpi/known_hosts: No space left on device" in done.err


# --- commands on nodes -----------------------------------------------------------------------------------------------

def test_commands_whose_output_is_lost_are_ended_and_that_is_said(ec2mpi, cluster4):
    runs = "pgrep -fx 'sleep 31419'"
    with open("/dev/full", "w") as full:
        process = ec2mpi.start("exec-all", f"sleep 31419 & while [ ! -e {HOME}/go ]; do sleep 0.1; done; echo x; wait", stdout=full)
        wait_until(lambda: all(cluster4.host(node, runs).code == 0 for node in (1, 2, 3, 4)), "it runs on all")
        go(cluster4)
        err = process.communicate(timeout=60)[1]
    assert process.returncode == 1, err
    assert NO_SPACE + "ec2mpi: nobody reads the output: ending what runs on the nodes\n" in err
    assert "node[1-4] (4): interrupted; nothing left running" in err


def test_a_reader_that_has_enough_ends_the_commands_with_141(ec2mpi):
    process = ec2mpi.start("exec-all", "yes")
    assert process.stdout.readline().endswith("\ty\n")
    process.stdout.close()
    assert process.wait(60) == 128 + signal.SIGPIPE
    said = process.stderr.read()
    assert said.startswith("ec2mpi: nobody reads the output: ending what runs on the nodes\n")
    assert "Broken pipe" not in said and "nothing left running" in said


def test_a_second_term_is_the_first_one_again(ec2mpi):
    """timeout(1) sends it to the process and to its group."""
    process = ec2mpi.start("exec-all", "echo begun; exec sleep 31419")
    assert [process.stdout.readline()[5:] for _ in range(4)] == ["\tbegun\n"] * 4
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "node[1-4] (4): interrupted; nothing left running" in err, err


def says_how_to_follow(said, job):
    return f"{job} continues; ec2mpi attach {job} follows it" in said


# --- a job continues --------------------------------------------------------------------------------------------------

def test_a_job_goes_on_when_the_disk_of_its_follower_is_full(ec2mpi, cluster4):
    done = on_full_disk(ec2mpi, cluster4, f'"$0" run -np 1 -- sh -c {shlex.quote(TALKING)} >disk/log')
    assert done.code == 1 and NO_SPACE in done.err and "cancel" not in done.err.replace("ec2mpi cancel", ""), done
    job = runs_to_its_own_end(ec2mpi, cluster4)
    assert says_how_to_follow(done.err, job), done.err


@pytest.mark.parametrize("verb", [["attach"], ["logs", "-f"]], ids=["attach", "logs"])
@pytest.mark.parametrize("by_name", [False, True], ids=["newest", "named"])
def test_a_detached_job_goes_on_when_its_follower_cannot_write(ec2mpi, cluster4, verb, by_name):
    job = submit(ec2mpi, TALKING)
    with open("/dev/full", "w") as full:
        done = ec2mpi(*verb, *(["sh"] if by_name else []), stdout=full)
    assert done.code == 1 and NO_SPACE in done.err and "ending" not in done.err, done
    assert says_how_to_follow(done.err, job), done.err
    assert runs_to_its_own_end(ec2mpi, cluster4) == job


@pytest.mark.parametrize("verb", [["run", "-np", "1", "--", "sh", "-c", TALKING], ["attach"], ["logs", "-f"]], ids=["run", "attach", "logs"])
def test_a_job_goes_on_when_its_reader_has_enough(ec2mpi, cluster4, verb):
    if verb[0] != "run":
        submit(ec2mpi, TALKING)
    process = ec2mpi.start(*verb)
    assert process.stdout.readline() == "talk\n"
    process.stdout.close()
    said = process.stderr.read()
    assert process.wait(60) == 128 + signal.SIGPIPE
    job = runs_to_its_own_end(ec2mpi, cluster4)
    assert says_how_to_follow(said, job) and "cannot write" not in said, said


def test_logs_of_a_job_that_has_ended_say_nothing_to_a_reader_that_has_enough(ec2mpi, cluster4):
    assert ec2mpi("run", "-np", "1", "--", "sh", "-c", "yes talk | head -c 400000").code == 0
    for verb in ("logs", "attach"):
        process = ec2mpi.start(verb)
        assert process.stdout.readline() == "talk\n"
        process.stdout.close()
        assert (process.stderr.read(), process.wait(60)) == ("", 128 + signal.SIGPIPE)


@pytest.mark.parametrize("verb", [["run", "-np", "1", "--", "sh", "-c", "echo up; " + UNTIL_GO], ["attach"], ["logs", "-f"]], ids=["run", "attach", "logs"])
def test_term_lets_go_of_a_job(ec2mpi, cluster4, verb):
    if verb[0] != "run":
        submit(ec2mpi, "echo up; " + UNTIL_GO)
    process = ec2mpi.start(*verb)
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    job = runs_to_its_own_end(ec2mpi, cluster4)
    assert says_how_to_follow(err, job), err
    assert process.returncode == 128 + signal.SIGTERM


def test_a_time_limit_of_the_caller_lets_go_of_a_job(ec2mpi, cluster4):
    job = submit(ec2mpi, UNTIL_GO)
    words = ["env", f"HOME={ec2mpi.home}", "timeout", str(3 * SLOWNESS), ec2mpi.binary, "wait"]
    done = cluster4.exec(words, cwd=ec2mpi.folder, env=ec2mpi.environment)
    assert done.code == 124 and f"{job} continues" in done.err, done
    assert runs_to_its_own_end(ec2mpi, cluster4) == job


def test_term_before_there_is_a_job_ends_run(ec2mpi, cluster4):
    cluster4.fault("freeze", 3)
    known = {job["id"] for job in json.loads(ec2mpi("jobs", "--json").out)}
    process = ec2mpi.start("run", "-t", "60", "--", "sh", "-c", "echo up; " + UNTIL_GO)
    wait_until(lambda: subprocess.run(["grep", "-q", "SigCgt:.*[4-7c-f]...$", f"/proc/{process.pid}/status"]).returncode == 0,
               "it listens to TERM")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130 and "nothing was started" in err, err
    assert {job["id"] for job in json.loads(ec2mpi("jobs", "--json").out)} == known


def test_term_lets_go_of_a_series(ec2mpi, cluster4):
    process = ec2mpi.start("run", "-w", "1", "-np", "1", "--set", "n=1,2", "--", "sh", "-c", "echo n={n}; " + UNTIL_GO)
    while "handed to the master" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM and "continues on the master" in err, err
    go(cluster4)
    states = wait_until(lambda: (jobs := json.loads(ec2mpi("jobs", "--json").out)[:2]) and all(job["state"] == "ended" for job in jobs)
                        and jobs, "both have ended", 60)
    assert [job["exit_code"] for job in states] == [3, 3]


def test_the_words_of_logs_have_the_id_when_ctrl_c_comes(ec2mpi, cluster4):
    job = submit(ec2mpi, "echo up; " + UNTIL_GO)
    process = ec2mpi.start("logs", "-f")
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == f"ec2mpi: {job} continues; ec2mpi attach {job} follows it, ec2mpi cancel {job} ends it\n"


# --- the terminal ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_killed_question_gives_the_echo_back(ec2mpi, number):
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", ec2mpi.folder / KEY], check=True,
                   stdout=subprocess.DEVNULL)
    with Terminal(ec2mpi, "exec-all", "true", somebody=True) as terminal:
        terminal.wait_for("Passphrase for ./key.pem: ")
        terminal.wait_until_hidden()
        terminal.process.send_signal(number)
        assert terminal.to_end() == -number
        assert terminal.echoes()
