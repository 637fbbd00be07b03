"""ec2mpi reports the true end of a job: aborted is not ok, lost output is not ok, and an ended job is not called lost."""

import json

import pytest

from local_cluster import HOSTS_ROOT, wait_until

HOSTS = (1, 2, 3, 4)
HOME = "/home/ubuntu"

ABORT = """
import sys, time
from mpi4py import MPI
if MPI.COMM_WORLD.rank == 1:
    if sys.argv[1] == "exit":
        sys.exit(int(sys.argv[2]))
    MPI.COMM_WORLD.Abort(int(sys.argv[2]))
time.sleep(60)
"""

PRINTS = """
import sys
from mpi4py import MPI
print("MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD\\nwith errorcode 0.", file=sys.stderr)
print("PRTE has lost communication with a remote daemon.", file=sys.stderr)
print("application called MPI_Abort(MPI_COMM_WORLD, 0) - process 1", file=sys.stderr)
"""

# Prints until it is told to stop, and then a last line.
CHATTER = """
import os, time
from mpi4py import MPI
print("begin", flush=True)
while not os.path.exists("/home/ubuntu/go"):
    print("x" * 2000, flush=True)
    time.sleep(0.05)
print("DONE", flush=True)
"""

TOML = """
[jobs.abort]
command = ["sh", "-c", "echo result >out-{how}.txt; exec python3 -m mpi4py abort.py {how} {code}"]
np = 2
per_node = 1
pull = ["out-{how}.txt"]
sweep = { how = ["abort"], code = [0, 256] }

[jobs.table]
command = ["echo", "iters={iters}"]
np = 1
env = { KIND = "a" }
sweep = { iters = [5, 6] }
"""


@pytest.fixture(autouse=True)
def clean(cluster4):
    cluster4.host(1, f"rm -f {HOME}/go")
    yield
    cluster4.heal()
    cluster4.host(1, f"touch {HOME}/go", user="ubuntu")


def put(cluster, name, text):
    for host in HOSTS:
        cluster.host(host, f"cat >{HOME}/{name}", user="ubuntu", input=text)


def newest(ec2mpi):
    return json.loads(ec2mpi("jobs", "--json").out)[0]


# --- mpirun returns 0 ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("how, code", [("abort", 0), ("exit", 256)])
def test_an_abort_that_mpirun_shows_as_0_is_a_failure(ec2mpi, cluster4, how, code):
    put(cluster4, "abort.py", ABORT)
    done = ec2mpi("run", "-w", "1-2", "--per-node", "1", "--", "python3", "abort.py", how, str(code))
    assert done.code == 1 and "MPI_Abort" in done.err.splitlines()[-1]
    record = newest(ec2mpi)
    assert (record["state"], record["why"], record["exit_code"]) == ("ended", "aborted", 1)
    assert ec2mpi("wait").code == ec2mpi("attach").code == 1


def test_a_job_fails_as_its_mpirun_said_where_a_wrapper_returns_0(ec2mpi, cluster4):
    wrapper = f"{HOME}/bin/mpirun"
    for host in HOSTS:
        cluster4.host(host, f"mkdir -p {HOME}/bin && cat >{wrapper} && chmod +x {wrapper}", user="ubuntu",
                      input='#!/bin/sh\n"$(command -v mpirun)" "$@" | cat\n')
    try:
        for words, code in ((("python3", "-c", "raise SystemExit(3)"), 3), (("./nothere",), 1),
                            (("python3", "-c", "import os; os.kill(os.getpid(), 9)"), 137), (("true",), 0)):
            done = ec2mpi("run", "--mpirun", wrapper, "-np", "2", "--", *words)
            assert done.code == code, (words, done.code, done.err)
            assert (f"{wrapper} ended with 0, but" in done.err) == (code != 0), done.err
    finally:
        for host in HOSTS:
            cluster4.host(host, f"rm -f {wrapper}")


def test_an_aborted_job_of_a_series_has_failed_has_no_results_and_is_tried_again(ec2mpi, cluster4):
    put(cluster4, "abort.py", ABORT)
    (ec2mpi.folder / "ec2mpi.toml").write_text(TOML.replace("code = [0, 256]", "code = [256]"))
    words = ("run", "abort", "--json")
    first = ec2mpi(*words)
    assert first.code == 1 and [each["exit"] for each in json.loads(first.out)["variants"]] == [1], first.err
    assert not (ec2mpi.folder / "results").exists()
    again = json.loads(ec2mpi(*words, "--resume").out)["variants"]
    assert [each["variant"][-5:] for each in again] == ["-try2"]


def test_a_program_that_prints_what_mpirun_would_say_has_succeeded(ec2mpi, cluster4):
    put(cluster4, "prints.py", PRINTS)
    done = ec2mpi("run", "-np", "2", "--", "python3", "prints.py")
    assert done.code == 0, done.err


@pytest.mark.skipif(bool(HOSTS_ROOT), reason="these hosts have no MPICH")
def test_mpichs_line_about_an_abort_counts_only_whole(ec2mpi, cluster4):
    line = "Abort({}) on node 1 (rank 1 in comm 0): application called MPI_Abort(MPI_COMM_WORLD, 0) - process 1"
    mpich = ("run", "--mpirun", "/usr/bin/mpirun.mpich", "-np", "1", "--", "sh", "-c", 'echo "$1" >&2', "sh")
    assert ec2mpi(*mpich, line.format(0)).code == 1
    assert ec2mpi(*mpich, line.format(7)).code == 0
    assert ec2mpi(*mpich, "it said: " + line.format(0)).code == 0


# --- the master's disk is full -------------------------------------------------------------------------------------

def test_output_that_the_disk_does_not_take_is_a_failure_that_says_so(ec2mpi, cluster4):
    put(cluster4, "chatter.py", CHATTER)
    job = ec2mpi("run", "-d", "-w", "1", "-np", "2", "--", "python3", "chatter.py").out.strip()
    wait_until(lambda: "begin" in ec2mpi("logs", job).out, "the job prints")
    cluster4.fault("fill", 1, "--leave", 0)
    folder = f"{HOME}/.ec2mpi/jobs/{job}"
    wait_until(lambda: cluster4.exists(1, f"{folder}/lost_output") or not cluster4.exists(1, f"{folder}/spare"), "output is lost")
    cluster4.call("drain", 1)
    cluster4.host(1, f"touch {HOME}/go", user="ubuntu")
    waited = ec2mpi("wait", job)
    assert waited.code == 1 and "not all that" in waited.err
    logs = ec2mpi("logs", job)
    assert logs.out.endswith("DONE\n") and "could be kept" in logs.err
    assert (newest(ec2mpi)["why"], newest(ec2mpi)["exit_code"]) == ("output lost", 1)
    assert "output lost" in ec2mpi("jobs").out


def test_a_job_that_ends_on_a_full_disk_is_not_lost(ec2mpi, cluster4):
    waiting = f"while [ ! -e {HOME}/go ]; do sleep 0.1; done; exit 3"
    job = ec2mpi("run", "-d", "-w", "1", "-np", "1", "--", "sh", "-c", f"touch {HOME}/begun; {waiting}").out.strip()
    other = ec2mpi("run", "-d", "-w", "1", "-np", "1", "--", "sleep", "31415").out.strip()
    wait_until(lambda: cluster4.exists(1, f"{HOME}/begun"), "the job runs")
    wait_until(lambda: cluster4.exists(1, f"{HOME}/.ec2mpi/jobs/{other}/clock"), "the other, too")
    cluster4.fault("fill", 1, "--leave", 0)
    # What the job itself frees at its end is taken by somebody else at once.
    cluster4.host(1, f"setsid sh -c 'while [ ! -e {HOME}/enough ]; do head -c 4096 /dev/zero >>{HOME}/filler; done' "
                     ">/dev/null 2>&1 </dev/null &")
    cluster4.host(1, f"touch {HOME}/go", user="ubuntu")
    waited = ec2mpi("wait", job)
    assert waited.code == 3, waited.err
    assert ec2mpi("cancel", other).code == 0
    states = {each["id"]: each for each in json.loads(ec2mpi("jobs", "--json").out)}
    assert (states[job]["state"], states[other]["exit_code"]) == ("ended", 130)
    assert states[job]["ended"] >= states[job]["started"] > 0
    cluster4.host(1, f"touch {HOME}/enough; rm -f {HOME}/begun {HOME}/filler")


def test_a_job_is_not_said_to_go_on_on_a_master_that_never_had_it(ec2mpi, cluster4):
    """The master is lost before the job has its folder."""
    mkdir, real = "/usr/local/bin/mkdir", cluster4.host(1, "readlink -f /usr/bin/mkdir").out.strip()
    cluster4.host(1, f"cat >{mkdir}; chmod 755 {mkdir}",
                  input=f'#!/bin/sh\ncase $* in *jobs*) touch /tmp/asked; exec sleep 31415 ;; esac\nexec {real} "$@"\n')
    try:
        process = ec2mpi.start("run", "-w", "1", "-np", "1", "--", "true")
        wait_until(lambda: cluster4.exists(1, "/tmp/asked"), "the folder is about to be made")
        cluster4.fault("refuse", 1)
        cluster4.fault("kill-sshd", 1)
        _, err = process.communicate(timeout=90)
    finally:
        cluster4.host(1, f"rm -f {mkdir} /tmp/asked; pkill -x sleep")
    assert process.returncode not in (0, None) and " go on" not in err and " goes on" not in err, err


def test_a_series_that_waits_for_the_full_disk_of_the_master_says_so(ec2mpi, cluster4):
    words = ["run", "-d", "--set", "n=1,2", "--max-parallel", "1", "-np", "1", "--"]
    assert ec2mpi(*words, "sh", "-c", f"touch {HOME}/begun; while [ ! -e {HOME}/go ]; do sleep 0.1; done; echo {{n}}").code == 0
    wait_until(lambda: cluster4.exists(1, f"{HOME}/begun"), "the first job runs")
    cluster4.fault("fill", 1, "--leave", 0)
    waiting = ec2mpi.start("wait", "sh")
    said = waiting.stderr.readline()
    assert "the master cannot write: No space left on device" in said and "ec2mpi exec -w 1 'df -h ~" in said
    cluster4.call("drain", 1)
    cluster4.host(1, f"touch {HOME}/go", user="ubuntu")
    assert waiting.wait(60) == 0, waiting.stderr.read()
    cluster4.host(1, f"rm {HOME}/go {HOME}/begun")


def test_a_full_disk_of_a_worker_is_named(ec2mpi, cluster4):
    cluster4.fault("noinodes", 3, "--leave", 0)
    done = ec2mpi("run", "--per-node", "1", "--timeout", "60", "--", "hostname")
    assert done.code != 0
    assert "hint: the file system of /tmp on node3 is full: ec2mpi exec -w 3 'df -h /tmp" in done.err, done.err


def test_a_disk_of_a_worker_without_room_for_open_mpis_own_files_is_named(ec2mpi, cluster4):
    cluster4.fault("fill", 3)
    done = ec2mpi("run", "--per-node", "1", "--timeout", "60", "--", "python3", "-c", "from mpi4py import MPI")
    assert done.code != 0
    assert "hint: node3 has no space left for Open MPI's temporary files, which lie in /tmp" in done.err, done.err


def test_a_rank_that_aborts_is_named_with_its_node(ec2mpi, cluster4):
    abort = "from mpi4py import MPI; comm = MPI.COMM_WORLD; comm.rank == 2 and comm.Abort(5); comm.barrier()"
    done = ec2mpi("run", "--per-node", "1", "--", "python3", "-c", abort)
    assert done.code == 5 and f"ec2mpi: rank 2 on node3 ({cluster4.address(3)}) called MPI_Abort with 5" in done.err, done.err


def test_a_program_that_one_node_lacks_is_named_with_the_node(ec2mpi, cluster4):
    for host in (1, 2, 4):
        cluster4.host(host, f"cp /bin/true {HOME}/here", user="ubuntu")
    done = ec2mpi("run", "--per-node", "1", "--", "./here")
    assert done.code == 1 and "hint: ./here is missing on node3, or may not be executed there" in done.err, done.err


# --- cancel ----------------------------------------------------------------------------------------------------------

def test_cancel_looks_again_until_all_nodes_were_looked_at(ec2mpi, cluster4):
    # Of a script's own mpirun nothing is known, so that the look needs a new connection.
    (ec2mpi.folder / "run_sleep.sh").write_text('mpirun --hostfile "$EC2MPI_HOSTFILE" sleep 31415\n')
    job = ec2mpi("run", "-d", "--per-node", "1", "sleep").out.strip()
    wait_until(lambda: cluster4.host(4, "pgrep -x sleep").code == 0, "a rank runs on host 4")
    cluster4.fault("refuse", 4)
    first = ec2mpi("cancel", job)
    assert (first.code, ec2mpi("cancel", job).code) == (1, 1), first.err
    assert f"ec2mpi cancel {job} looks again" in first.err, first.err
    cluster4.host(4, f"setsid env EC2MPI_JOB={job} sleep 31416 >/dev/null 2>&1 </dev/null &", user="ubuntu")
    cluster4.call("accept", 4)
    assert ec2mpi("cancel", job).code == 0
    assert cluster4.host(4, "pgrep -x sleep").code != 0
    last = ec2mpi("cancel", job)
    assert last.code == 2 and "has ended already" in last.err


def test_the_look_at_the_end_needs_no_new_connection(ec2mpi, cluster4):
    job = ec2mpi("run", "-d", "--per-node", "1", "--", "sleep", "31415").out.strip()
    wait_until(lambda: cluster4.host(4, "pgrep -x sleep").code == 0, "a rank runs on host 4")
    cluster4.host(4, f"setsid env EC2MPI_JOB={job} sleep 31416 >/dev/null 2>&1 </dev/null &", user="ubuntu")
    cluster4.fault("refuse", 4)
    done = ec2mpi("cancel", job)
    cluster4.call("accept", 4)
    assert done.code == 0 and "stopped on 4 nodes" in done.err, done.err
    assert cluster4.host(4, "pgrep -x sleep").code != 0


# --- a series has results of one command ---------------------------------------------------------------------------

@pytest.mark.parametrize("before, after, what", [('"iters={iters}"', '"iters={iters}", "more=1"', "command"),
                                                 ("np = 1", "np = 2", "ranks"), ('"a"', '"b"', "variables")])
def test_resume_runs_again_what_succeeded_as_something_else(ec2mpi, before, after, what):
    config = ec2mpi.folder / "ec2mpi.toml"
    config.write_text(TOML)
    words = ("run", "table", "--json", "--resume")
    ids = [[each["variant"] for each in json.loads(ec2mpi(*words[:3]).out)["variants"]]]
    config.write_text(TOML.replace(before, after))
    changed = ec2mpi(*words)
    assert changed.code == 0 and f"before {what} changed" in changed.err, changed.err
    variants = json.loads(changed.out)["variants"]
    assert not {each["variant"] for each in variants} & set(ids[0])
    same = ec2mpi(*words)
    assert "changed" not in same.err and json.loads(same.out)["variants"] == variants


def test_resume_compares_a_script_that_lies_on_the_master(ec2mpi, cluster4):
    script = f"{HOME}/run_own.sh"
    cluster4.host(1, f"printf 'echo n=%s\\n' '$1' >{script}", user="ubuntu")
    words = ("run", "own", "--set", "n=1", "--json", "--", "{n}")
    assert ec2mpi(*words).code == 0
    cluster4.host(1, f"echo 'echo more=2' >>{script}", user="ubuntu")
    changed = ec2mpi(*words[:-2], "--resume", *words[-2:])
    assert "before script changed" in changed.err and json.loads(changed.out)["variants"][0]["results"]["more"] == "2"
    cluster4.host(1, f"rm {script}")


# --- secrets -----------------------------------------------------------------------------------------------------------

def test_the_value_of_a_variable_stands_on_no_command_line_and_in_no_file_that_others_read(ec2mpi, cluster4):
    secret = "s3cr3t-of-27182"
    show = f'echo "$TOKEN"; while [ ! -e {HOME}/go ]; do sleep 0.1; done'
    (ec2mpi.folder / "ec2mpi.toml").write_text('[jobs.own]\ncommand = ["sh", "-c", "echo ok >own.txt"]\npull = ["own.txt"]\n')
    process = ec2mpi.start("run", "-x", f"TOKEN={secret}", "-w", "1-2", "--per-node", "1", "--", "sh", "-c", show)
    assert [process.stdout.readline() for _ in range(2)] == [secret + "\n"] * 2
    for host in HOSTS:
        shown = cluster4.host(host, f"grep -slza {secret} /proc/[0-9]*/cmdline | while read -r file; do tr '\\0' ' ' <$file; echo; done").out
        assert not [line for line in shown.splitlines() if line.strip() and "grep " not in line], shown
        open_files = cluster4.host(host, f"grep -rsl {secret} {HOME} /tmp /dev/shm | xargs -r stat -c '%a %n'").out
        assert all(line.startswith("600 ") for line in open_files.splitlines()), open_files
    assert ec2mpi("cancel").code == 0
    process.communicate(timeout=30)
    assert ec2mpi("run", "own", "-x", f"TOKEN={secret}", "-np", "1").code == 0
    brought = list((ec2mpi.folder / "results").rglob("*"))
    assert any(path.name == "cmd" for path in brought)
    assert not [path for path in brought if path.is_file() and secret in path.read_text()]


def test_a_read_only_disk_keeps_our_tools_words_from_the_user(ec2mpi, cluster4):
    assert ec2mpi("run", "-np", "1", "--", "true").code == 0
    job = ec2mpi("run", "--detach", "-q", "-np", "4", "--", "sleep", "6.5").out.strip()
    wait_until(lambda: cluster4.host(4, "pgrep -fx 'sleep 6.5'").code == 0, "the ranks have started")
    cluster4.fault("readonly", 1)
    try:
        done = ec2mpi("attach", job)
        assert "mv:" not in done.err and "answer." not in done.err, done.err
        done = ec2mpi("rm", job)
        assert done.code == 1 and "Read-only file system" in done.err and "sudo" not in done.err, done.err
    finally:
        cluster4.fault("writable", 1)


def test_a_script_that_ends_on_a_full_disk_has_lost_output(ec2mpi, cluster4):
    (ec2mpi.folder / "run_much.sh").write_text(f"#!/bin/sh\necho begin\nwhile [ ! -e {HOME}/go ]; do sleep 0.1; done\nseq 1 60000\nexit 0\n")
    job = ec2mpi("run", "-d", "-w", "1", "much").out.strip()
    wait_until(lambda: "begin" in ec2mpi("logs", job).out, "the job prints")
    cluster4.fault("fill", 1, "--leave", 0)
    cluster4.host(1, f"touch {HOME}/go", user="ubuntu")
    waited = ec2mpi("wait", job)
    cluster4.call("drain", 1)
    assert (waited.code, newest(ec2mpi)["why"]) == (1, "output lost")
