"""Jobs belong to the master: they outlive ec2mpi, its connection and the laptop, and can be found again from anywhere."""

import json
import re
import signal
import time

import pytest

from local_cluster import Program, wait_until
from terminal import Terminal

HOSTS = (1, 2, 3, 4)
HOME = "/home/ubuntu"
COUNTS = 60

# One rank speaks, so that the order of the lines is known. It stays until it is told to go on to the end.
COUNTING = f"""i=0; while [ $i -lt {COUNTS} ]; do i=$((i+1)); echo line $i; echo err $i >&2; sleep 0.1; done
while [ ! -e {HOME}/go ]; do sleep 0.1; done; echo last; exit 7"""
EXPECTED = [f"line {i}" for i in range(1, COUNTS + 1)] + ["last"]
WAITING = f"echo up; while [ ! -e {HOME}/go ]; do sleep 0.1; done; exit 3"

# Ranks and their children that will not go, and one child that hides its environment.
STUBBORN = "trap '' INT TERM HUP; sleep 31415 & env -i sleep 27182 & echo up; while :; do sleep 31415; done"


def of_the_jobs(cluster, host):
    return cluster.host(host, "ps -eo pid,args | grep -E '[m]pirun|[o]rted|[p]rte|[s]leep (31415|27182)|[/]supervise|[s]h -s|[t]ail '").out


def no_rank_left(cluster):
    """At once; followers and the supervisor itself may take another moment."""
    pattern = "'[m]pirun|[o]rted|[p]rted|[p]rterun|[s]leep (31415|27182)'"
    for host in HOSTS:
        assert not cluster.host(host, f"ps -eo pid,args | grep -vE '[/]supervise' | grep -E {pattern}").out, host


def nothing_left(cluster, seconds=30):
    wait_until(lambda: not any(of_the_jobs(cluster, host) for host in HOSTS), "nothing of a job on any host", seconds)


def go(cluster):
    cluster.host(1, f"touch {HOME}/go", user="ubuntu")


def state(ec2mpi, job):
    return next(each for each in json.loads(ec2mpi("jobs", "--json").out) if each["id"] == job)


@pytest.fixture(autouse=True)
def clean(cluster4):
    cluster4.host(1, f"rm -f {HOME}/go")
    yield
    go(cluster4)
    cluster4.heal()
    nothing_left(cluster4)


@pytest.fixture
def fresh(cluster4, tmp_path):
    """The program on another laptop: a folder with the list and the key, and nothing else."""
    (tmp_path / "fresh").mkdir()
    program = Program(tmp_path / "fresh", cluster4)
    yield program
    said = program.finish()
    assert not said


def submit(ec2mpi, command, *flags):
    done = ec2mpi("run", "--detach", *flags, "--", "sh", "-c", command)
    assert done.code == 0, done.err
    return done.out.strip()


def lines_from(process, count):
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


def err_lines(text):
    return [line for line in text.splitlines() if line.startswith("err ")]


# --- a job outlives ------------------------------------------------------------------------------------------------

def test_a_killed_laptop_and_a_fresh_one(ec2mpi, fresh, cluster4):
    first = ec2mpi.start("run", "-np", "1", "--", "sh", "-c", COUNTING)
    assert lines_from(first, 3) == EXPECTED[:3]
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = fresh.start("attach")
    assert lines_from(second, len(EXPECTED) - 1) == EXPECTED[:-1]
    go(cluster4)
    out, err = second.communicate(timeout=60)
    assert (out, second.returncode) == ("last\n", 7), err
    assert err_lines(err) == [f"err {i}" for i in range(1, COUNTS + 1)]
    again = fresh("attach")
    assert (again.out.splitlines(), again.code) == (EXPECTED, 7), again.err


def test_a_lost_connection_is_made_again_and_no_byte_is_lost_or_doubled(ec2mpi, cluster4):
    process = ec2mpi.start("run", "-np", "1", "--", "sh", "-c", COUNTING)
    assert lines_from(process, 5) == EXPECTED[:5]
    cluster4.uplink("--cut")
    cluster4.host(1, "pkill -KILL -u ubuntu -x 'sshd|sshd-session'")  # what a connection that was idle too long on the way comes to
    wait_until(lambda: cluster4.host(1, "pgrep -f '[t]ail -c'").code != 0, "the followers on the master are gone")
    cluster4.uplink("--restore")
    assert lines_from(process, len(EXPECTED) - 6) == EXPECTED[5:-1]
    go(cluster4)
    out, err = process.communicate(timeout=90)
    assert (out, process.returncode) == ("last\n", 7), err
    assert err_lines(err) == [f"err {i}" for i in range(1, COUNTS + 1)]
    assert "the connection to the master is lost" in err and "continues there" in err and "connected again" in err


def test_quit_leaves_it_running(ec2mpi, cluster4):
    process = ec2mpi.start("run", "-np", "2", "--", "sh", "-c", WAITING)
    assert lines_from(process, 2) == ["up", "up"]
    process.send_signal(signal.SIGQUIT)
    out, err = process.communicate(timeout=20)
    assert (out, process.returncode) == ("", 0), err
    assert "continues; ec2mpi attach sh-" in err
    waiting = ec2mpi.start("wait")
    go(cluster4)
    out, err = waiting.communicate(timeout=60)
    assert (out, waiting.returncode) == ("", 3), err


def test_followers_end_by_themselves(ec2mpi, cluster4):
    submit(ec2mpi, WAITING, "-np", "1")
    following = ec2mpi.start("logs", "-f")
    assert lines_from(following, 1) == ["up"]
    following.send_signal(signal.SIGINT)
    following.wait(timeout=20)
    wait_until(lambda: cluster4.host(1, "pgrep -f '[t]ail -c'").code != 0, "no follower is left on the master")
    job = json.loads(ec2mpi("jobs", "--json").out)[0]["id"]
    assert state(ec2mpi, job)["state"] == "running"
    assert f"ec2mpi: {job} continues; ec2mpi attach {job} follows it" in following.stderr.read()
    following = ec2mpi.start("attach", "--json")
    wait_until(lambda: cluster4.host(1, "pgrep -f '[t]ail -c'").code == 0, "the job is followed again")
    following.send_signal(signal.SIGTERM)
    out, err = following.communicate(timeout=20)
    told = json.loads(out)
    assert told["exit_code"] == 143 and ("ec2mpi jobs" in told["error"] or f"{job} continues" in told["error"]), told
    assert err == f"ec2mpi: {told['error']}\n"


def test_a_master_that_is_not_reached_is_explained(ec2mpi, cluster4):
    for words in (["jobs"], ["wait", "x"], ["logs"], ["cancel", "--all"], ["rm", "x"]):
        done = ec2mpi(*words, "-p", "1", "-t", "1")
        assert done.code == 255 and "ec2mpi: see ec2mpi help no-connection\n" in done.err, done.err


# --- ending it -----------------------------------------------------------------------------------------------------

def test_cancel_ends_what_will_not_go_on_all_hosts(ec2mpi, fresh, cluster4):
    job = submit(ec2mpi, STUBBORN, "--per-node", "2")
    wait_until(lambda: fresh("logs", "sh").out.count("up\n") == 8, "all ranks are up")
    done = fresh("cancel")
    assert done.code == 0, done.err
    assert f"cancelling {job}: " in done.err
    assert "stopped on 4 nodes" in done.err
    no_rank_left(cluster4)
    assert state(ec2mpi, job)["exit_code"] == 130 and state(ec2mpi, job)["why"] == "cancelled"


def test_a_second_ctrl_c_leaves_and_the_master_goes_on_cleaning(ec2mpi, cluster4):
    process = ec2mpi.start("run", "--per-node", "1", "--", "sh", "-c", STUBBORN)
    assert lines_from(process, 4) == ["up"] * 4
    process.send_signal(signal.SIGINT)
    while "cancelling" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130
    nothing_left(cluster4)
    job = json.loads(ec2mpi("jobs", "--json").out)[0]
    assert (job["state"], job["why"]) in (("ended", "cancelled"), ("running", ""), ("ending", ""))


def test_the_time_limit_is_kept_without_a_laptop(ec2mpi, cluster4):
    job = submit(ec2mpi, STUBBORN, "--timeout", "2", "--per-node", "1")
    done = ec2mpi("wait", job)
    assert done.code == 124, done.err
    no_rank_left(cluster4)


def test_a_killed_supervisor_makes_it_lost_and_cancel_cleans_up(ec2mpi, cluster4):
    job = submit(ec2mpi, STUBBORN, "--per-node", "1")
    wait_until(lambda: ec2mpi("logs", job).out.count("up\n") == 4, "all ranks are up")
    cluster4.host(1, "pkill -KILL -f '[/]supervise'")
    assert state(ec2mpi, job)["state"] == "lost"
    done = ec2mpi("wait", job)
    assert done.code == 255 and "its supervisor on the master was killed" in done.err
    done = ec2mpi("cancel", job)
    assert done.code == 0, done.err
    no_rank_left(cluster4)


def test_a_job_whose_record_is_gone_is_never_a_success(ec2mpi):
    words = ["-np", "1", "--", "sh", "-c", "rm -rf ~/.ec2mpi/jobs/*; exit 3"]
    done = ec2mpi("run", *words)
    assert done.code == 255 and "nobody knows how it ended" in done.err, done
    (ec2mpi.folder / "ec2mpi.toml").write_text("[hooks]\ndone = 'rm -rf ~/.ec2mpi/jobs/$EC2MPI_JOB_ID'\n")
    done = ec2mpi("run", "-np", "1", "--", "sh", "-c", "exit 4")
    assert done.code in (4, 255), done


def test_a_rebooted_master_shows_it_as_lost(ec2mpi, cluster4):
    job = submit(ec2mpi, WAITING, "-np", "1")
    cluster4.fault("stop", 1, "--hard")
    cluster4.call("start", 1)
    assert ec2mpi("jobs").out.splitlines()[1].split()[:3] == [job, "lost", "(rebooted)"]


def at_terminal(program, columns, *args):
    """Its output on a terminal of this width."""
    with Terminal(program, *args, columns=columns, env={"TERM": "dumb"}) as terminal:
        assert terminal.to_end() == 0
    return terminal.seen.rsplit("\x1b[K", 1)[-1].replace("\r\n", "\n")


# --- leftovers, whatever ends the job ------------------------------------------------------------------------------

def test_ps_shows_ranks_and_kill_ends_orphans_only(ec2mpi, cluster4):
    lost = submit(ec2mpi, STUBBORN, "--per-node", "1", "-w", "1-2")
    wait_until(lambda: ec2mpi("logs", lost).out.count("up\n") == 2, "all ranks are up")
    cluster4.host(1, "pkill -KILL -f '[/]supervise'")
    job = submit(ec2mpi, WAITING, "--per-node", "1")
    wait_until(lambda: ec2mpi("logs", job).out.count("up\n") == 4, "all ranks are up")
    shown = json.loads(ec2mpi("ps", "--json").out)
    ranks = {(each["node"], each["rank"]) for each in shown if each["job"] == job and "rank" in each}
    assert ranks == {(f"node{host}", host - 1) for host in HOSTS}
    assert ec2mpi("ps").out.splitlines()[0].split() == ["NODE", "PID", "RANK", "JOB", "CPU", "TIME", "MEMORY", "PEAK", "AGE", "COMMAND"]
    assert max(map(len, ec2mpi("ps").out.splitlines())) > 120 >= max(map(len, at_terminal(ec2mpi, 120, "ps").splitlines()))
    done = ec2mpi("kill", "--orphans", "--json")
    assert done.code == 0 and f"node2: {lost}: ended pid" in done.err, done
    killed = json.loads(done.out)
    assert {each["job"] for each in killed["ended"]} == {lost} and killed["left"] == []
    assert {each["node"] for each in killed["ended"]} >= {"node2"}
    assert not cluster4.host(2, "pgrep -f '[s]leep 31415'").out
    assert {each["job"] for each in json.loads(ec2mpi("ps", "--json").out)} == {job}
    assert "no orphans" in ec2mpi("kill", "--orphans").err


def test_what_a_job_needs_is_pushed_first(ec2mpi, cluster4):
    (ec2mpi.folder / "ec2mpi.toml").write_text(
        '[jobs.hello]\ncommand = ["sh", "proj/hello.sh"]\npush = ["proj"]\nper_node = 1\nworkdir = "pushed"\n')
    (ec2mpi.folder / "proj").mkdir()
    (ec2mpi.folder / "proj" / "hello.sh").write_text("echo hello 1\n")
    done = ec2mpi("run", "hello")
    assert (done.code, done.out) == (0, "hello 1\n" * 4), done.err
    assert "pushed: 1 file sent" in done.err
    (ec2mpi.folder / "proj" / "hello.sh").write_text("echo hello two\n")
    assert ec2mpi("run", "hello", "--no-push").out == "hello 1\n" * 4
    assert ec2mpi("run", "hello").out == "hello two\n" * 4
    done = ec2mpi("run", "helo")
    assert done.code == 2 and "is hello meant?" in done.err


RESULTS = """
[jobs.work]
command = ["sh", "-c", "rank=$OMPI_COMM_WORLD_RANK; mkdir -p out; echo $1 >out/$rank; [ $rank != 0 ] || echo $1 >sum.txt; [ $1 != bad ]", "sh"]
per_node = 1
workdir = "with results"
pull = ["out", "s*.txt"]
"""


def results_of(program):
    """What lies in results/, by its path; the jobs' own files apart."""
    found = {str(path.relative_to(program.folder / "results")): path for path in (program.folder / "results").rglob("*") if path.is_file()}
    return ({name: path.read_text() for name, path in found.items() if "/job/" not in name},
            {name: path.read_text() for name, path in found.items() if "/job/" in name})


def test_results_come_into_a_folder_that_explains_itself_and_stays(ec2mpi, cluster4):
    (ec2mpi.folder / "ec2mpi.toml").write_text(RESULTS)
    for host in HOSTS:
        cluster4.host(host, f"mkdir -p '{HOME}/with results'", user="ubuntu")
    done = ec2mpi("run", "work", "--", "first")
    assert done.code == 0, done.err
    assert cluster4.host(1, f"cat {HOME}/.ec2mpi/jobs/*/environment").out, "the user's variables lie on the master"
    job = json.loads(ec2mpi("jobs", "--json").out)[0]["id"]
    expected = {f"{job}/node{host}/out/{host - 1}": "first\n" for host in HOSTS} | {f"{job}/node1/sum.txt": "first\n"}
    brought, own = results_of(ec2mpi)
    assert brought == expected
    assert f"results/{job}: 5 files from node[1-4]" in done.err
    assert own[f"{job}/job/hosts"] == "".join(f"10.0.0.1{host} slots=1\n" for host in HOSTS)
    assert own[f"{job}/job/cmd"].startswith("/usr/bin/mpirun ") and own[f"{job}/job/exit"] == "0\n"
    assert not [name for name in own if name.endswith(("/environment", "/run"))], own
    assert f"{job}/job/out" in own and "np 4\n" in own[f"{job}/job/meta"]
    assert sorted(name for name in own if "/swept/" in name) == [f"{job}/job/swept/node{host}" for host in HOSTS]
    # The next job overwrites what lies on the nodes, and fails: nothing of that comes here, not even when asked again.
    assert ec2mpi("run", "work", "--", "bad").code == 1
    done = ec2mpi("attach", job)
    assert done.code == 0 and "its results are here" in done.err, done.err
    assert results_of(ec2mpi)[0] == expected


def test_attach_brings_the_results_of_a_detached_job_to_another_laptop(ec2mpi, fresh, cluster4):
    (ec2mpi.folder / "ec2mpi.toml").write_text(RESULTS.replace('"s*.txt"', '"sum.txt", "nowhere"'))
    for host in HOSTS:
        cluster4.host(host, f"mkdir -p '{HOME}/with results'", user="ubuntu")
    job = ec2mpi("run", "-d", "work", "-np", "1", "--", "second").out.strip()
    done = fresh("attach", job)
    assert done.code == 1 and f"no node has {HOME}/with results/nowhere" in done.err, done.err
    cluster4.host(1, f"touch '{HOME}/with results/nowhere'", user="ubuntu")
    assert fresh("attach", job).code == 0
    brought, own = results_of(fresh)
    assert brought[f"{job}/node1/sum.txt"] == "second\n" and f"{job}/node1/nowhere" in brought
    assert f"{job}/job/cmd" in own and f"{job}/.unfinished" not in brought


def test_results_of_chosen_nodes_and_flags_that_say_nothing_about_results(ec2mpi, cluster4):
    (ec2mpi.folder / "ec2mpi.toml").write_text(
        RESULTS.replace("echo $1 >out/$rank;", "echo $1 >out/$rank; ln -s $rank out/latest;").replace('"out"', '"out/*"'))
    for host in HOSTS:
        cluster4.host(host, f"mkdir -p '{HOME}/with results'", user="ubuntu")
    job = ec2mpi("run", "-d", "work", "--", "first").out.strip()
    assert ec2mpi("wait", job).code == 0
    for flags in (["--flat"], ["--follow"], ["-n"], ["-c"], ["--sudo"], ["--max-size", "1G"], ["--exclude", "*.o"], ["--json-lines"]):
        done = ec2mpi("pull", *flags, job, "no/", timeout=60)
        name = {"-n": "--dry-run", "-c": "--checksum"}.get(flags[0], flags[0])
        assert done.code == 2 and f"{job} is a job, and {name} does not go with the results" in done.err, done
        assert f"a file of that name is ./{job}\n" in done.err, done
    assert not (ec2mpi.folder / "no").exists()
    done = ec2mpi("pull", "-w", "2", job, "out/")
    assert done.code == 0 and "2 files from node2" in done.err and "only of the chosen nodes" in done.err, done.err
    own = ec2mpi.folder / "out" / job
    assert {path.name for path in own.iterdir()} == {".unfinished", "job", "node2"}
    assert {path.name: path.read_text() for path in (own / "node2").iterdir()} == {"1": "first\n", "latest": "first\n"}
    done = ec2mpi("pull", "-x", "1-3", "--json", job, "out/")
    document = json.loads(done.out)
    assert done.code == document["exit_code"] == 0, done.err
    assert document["results"] == [{"job": job, "folder": f"out/{job}", "complete": False, "files_copied": 2, "bytes": 12}]
    assert {path.name for path in own.iterdir()} == {".unfinished", "job", "node2", "node4"}
    done = ec2mpi("pull", "--json", job, "out/")
    assert done.code == 0 and json.loads(done.out)["results"][0]["complete"], done
    assert {path.name for path in own.iterdir()} == {"job"} | {f"node{host}" for host in HOSTS}
    job = ec2mpi("run", "-d", "work", "-np", "1", "--", "second").out.strip()
    assert ec2mpi("wait", job).code == 0
    done = ec2mpi("pull", "-w", "3", job, "out/")
    assert done.code == 2 and f"{job} ran on node1, and -w or -x leaves none of its nodes" in done.err, done
    # The word is still a path where the home has one.
    cluster4.host(1, f"echo mine >{HOME}/{job}", user="ubuntu")
    done = ec2mpi("pull", "-w", "1", "--json", job, "mine")
    assert done.code == 0 and json.loads(done.out)["nodes"][0]["files_copied"] == 1, done
    assert (ec2mpi.folder / "mine").read_text() == "mine\n"


def test_a_master_cannot_bring_other_files_here_as_results(ec2mpi, fresh, cluster4):
    (ec2mpi.folder / "ec2mpi.toml").write_text(RESULTS)
    for host in HOSTS:
        cluster4.host(host, f"mkdir -p '{HOME}/with results'", user="ubuntu")
    job = ec2mpi("run", "-d", "work", "--", "third").out.strip()
    assert ec2mpi("wait", job).code == 0
    cluster4.host(1, f"echo 'pull /etc/passwd' >>{HOME}/.ec2mpi/jobs/{job}/meta")
    done = fresh("attach", job)
    assert done.code == 1 and "the master names /etc/passwd as a result" in done.err, done.err
    brought, _ = results_of(fresh)
    assert brought and not [name for name in brought if "passwd" in name]


def test_the_id_of_a_job_cannot_bring_a_command_into_what_is_printed_for_copying(ec2mpi, cluster4):
    job = submit(ec2mpi, "touch begun; sleep 31415", "-np", "1")
    cluster4.host(1, f"cd {HOME}; while [ ! -e begun ]; do sleep 0.05; done; rm begun; "
                     f"mv .ec2mpi/jobs/{job} '.ec2mpi/jobs/x;$(>PWNED)'")
    try:
        for words in (["jobs"], ["logs"], ["attach"], ["cancel"]):
            done = ec2mpi(*words)
            # A folder with a name that no job can have is not listed, and holds no other up.
            assert done.code == 0 if words == ["jobs"] else done.code not in (0, None), (words, done)
            assert "PWNED" not in done.out, (words, done)
            assert not re.search("ec2mpi [a-z]+ x;", done.err), (words, done)
    finally:
        cluster4.host(1, f"mv '{HOME}/.ec2mpi/jobs/x;$(>PWNED)' {HOME}/.ec2mpi/jobs/{job}")
    # The supervisor ends a job whose folder it misses; it may not have looked meanwhile.
    ec2mpi("cancel", job)


def test_two_starts_of_a_series_at_the_same_moment_make_one_and_the_other_says_so(cluster4, ec2mpi):
    (ec2mpi.folder / "ec2mpi.toml").write_text(
        '[jobs.twice]\ncommand = ["sleep", "{n}"]\nnp = 1\n[jobs.twice.sweep]\nn = [1]\n')
    both = [ec2mpi.start("run", "twice") for _ in range(2)]
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in both]
    assert sorted(code for _, code in ends)[0] == 0, ends
    # Which of the two sentences it is depends on the moment.
    for err, code in ends:
        err = err if isinstance(err, str) else err.decode()
        assert "mkdir" not in err, ends
        assert code == 0 or "was started just now by another ec2mpi; ec2mpi attach twice-n1 follows it" in err \
            or "--resume follows the series" in err, ends


# --- words ----------------------------------------------------------------------------------------------------------

def test_names_beginnings_and_the_newest(ec2mpi, cluster4):
    for name in ("alpha.py", "alphabet.py"):
        assert ec2mpi("run", "-np", "1", "--no-mpi4py-run", "--", "python3", "-c", f"print('{name}')", name).code == 0
    assert ec2mpi("logs").out == "alphabet.py\n"
    assert ec2mpi("logs", "alpha").out == "alpha.py\n"
    assert ec2mpi("logs", "alphab").out == "alphabet.py\n"
    done = ec2mpi("logs", "alp")
    assert done.code == 2 and "alp may be any of" in done.err
    for odd in ("../x", "no-such-job", ".", "a/b", "*"):
        assert ec2mpi("logs", "--", odd).code == 2
    assert ec2mpi("rm", "alpha").code == 0
    assert ec2mpi("logs", "alphabet").out == "alphabet.py\n"


def test_cancel_means_the_newest_that_has_not_ended(ec2mpi, cluster4):
    job = submit(ec2mpi, "sleep 31415", "-np", "2")
    assert ec2mpi("run", "-np", "1", "--", "echo", "done").code == 0
    newest = json.loads(ec2mpi("jobs", "--json").out)[0]["id"]
    assert newest != job
    done = ec2mpi("cancel", newest)
    assert done.code == 2 and f"{newest} has ended already" in done.err
    done = ec2mpi("cancel")
    assert done.code == 0 and f"cancelling {job}: " in done.err
    assert state(ec2mpi, job)["why"] == "cancelled"
    done = ec2mpi("cancel")
    assert done.code == 2 and "no job is running" in done.err and "cancelling" not in done.err


def test_a_name_cancels_the_job_that_runs_and_not_a_newer_one_that_has_ended(ec2mpi, cluster4):
    job, second = submit(ec2mpi, "sleep 31415", "-np", "1"), int(time.time())
    wait_until(lambda: int(time.time()) > second, "the next second, for a later id")
    assert ec2mpi("run", "-np", "1", "--", "sh", "-c", "true").code == 0
    assert ec2mpi("cancel", "sh").code == 0
    assert state(ec2mpi, job)["why"] == "cancelled"


def test_the_name_of_a_series_means_all_of_its_jobs(ec2mpi, fresh, cluster4):
    (ec2mpi.folder / "ec2mpi.toml").write_text('[jobs.three]\ncommand = ["echo", "n={n}"]\nnp = 1\nsweep = { n = "1..3" }\n'
                                               '[jobs.long]\ncommand = ["sleep", "{s}"]\nnp = 1\nsweep = { s = [31415, 31416] }\n')
    assert ec2mpi("run", "-d", "three").code == 0
    assert (fresh("wait", "three").code, fresh("wait", "three").out) == (0, "")
    assert sorted(fresh("logs", "three").out.split()) == ["n=1", "n=2", "n=3"]
    assert [row.split()[-1] for row in fresh("attach", "three").out.splitlines()] == ["n", "1", "2", "3"]
    told = json.loads(fresh("wait", "three", "--json").out)
    assert (told["schema"], told["series"], len(told["variants"])) == (1, "three", 3)
    told = json.loads(fresh("wait", "three", "three-n1", "--json").out)
    assert (told["schema"], told["exit_code"]) == (1, 0)
    assert told["jobs"][0]["series"] == "three" and told["jobs"][1]["job"]["id"] == "three-n1", told
    assert ec2mpi("run", "-d", "long").code == 0
    assert fresh("cancel", "long").code == 0
    assert {state(ec2mpi, f"long-s{s}")["outcome"] for s in (31415, 31416)} == {"cancelled"}
    assert fresh("wait", "long").code == 1 and fresh("cancel", "thre").code == 2
    assert ec2mpi("run", "-d", "long", "--set", "s=31415").code == 0 and ec2mpi("run", "-d", "-np", "1", "--", "sleep", "31415").code == 0
    done = fresh("cancel", "--all", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["exit_code"] == 0 and len(told["jobs"]) == 2 and {job["job"]["outcome"] for job in told["jobs"]} == {"cancelled"}, told
    assert json.loads(fresh("cancel", "--all", "--json").out)["jobs"] == []
    assert all(job["state"] in ("ended", "lost") for job in json.loads(ec2mpi("jobs", "--json").out))


def test_the_last_lines_and_json_of_a_job(ec2mpi, cluster4):
    job = submit(ec2mpi, f"seq 1 100; echo bad >&2; while [ ! -e {HOME}/go ]; do sleep 0.1; done; echo last; exit 3", "-np", "1")
    wait_until(lambda: "100\n" in ec2mpi("logs", job).out, "the lines of the job")
    assert ec2mpi("logs", "-n", "2", job).out == "99\n100\n"
    process = ec2mpi.start("logs", "-f", "-n", "1", job)
    assert process.stdout.readline() == "100\n"
    go(cluster4)
    assert process.stdout.read() == "last\n" and process.wait(timeout=20) == 0
    told = json.loads(ec2mpi("logs", "--json", "-n", "1", job).out)
    assert (told["schema"], told["job"]["outcome"], told["stdout"]) == (1, "exit 3", "last\n"), told
    done = ec2mpi("attach", "--json", job)
    assert done.code == 3 and json.loads(done.out)["stdout"].endswith("99\n100\nlast\n")
    done = ec2mpi("wait", "--json", job)
    assert done.code == 3 and json.loads(done.out)["job"]["exit_code"] == 3 and "stdout" not in json.loads(done.out)
    refused = json.loads(ec2mpi("rm", "--json", "nosuch", job).out)
    assert (refused["exit_code"], refused["removed"]) == (2, []) and "there is no job nosuch" in refused["messages"][0]
    removed = json.loads(ec2mpi("rm", "--json", job).out)
    assert (removed["exit_code"], removed["removed"], removed["messages"]) == (0, [job], [])


def test_a_job_that_waits_has_no_output_and_is_not_removed(ec2mpi, cluster4):
    ec2mpi("run", "-d", "--set", "n=1,2", "--max-parallel", 1, "-np", 1, "-w", 1, "--", "sh", "-c", "sleep 600; : {n}")
    try:
        waiting = [job["id"] for job in json.loads(ec2mpi("jobs", "--json").out) if job["state"] == "waiting"]
        assert len(waiting) == 1
        logs = ec2mpi("logs", waiting[0])
        assert (logs.code, logs.out) == (0, "") and "cannot be reached" not in logs.err, logs
        removed = ec2mpi("rm", waiting[0])
        assert removed.code == 1 and "is waiting; ec2mpi cancel" in removed.err
    finally:
        ec2mpi("cancel", "--all")


def test_a_signal_reaches_the_ranks(ec2mpi, cluster4):
    process = ec2mpi.start("run", "-np", "2", "--", "sh", "-c", "trap 'echo saved; exit 0' USR1; echo up; while :; do sleep 0.1; done")
    assert lines_from(process, 2) == ["up", "up"]
    done = ec2mpi("signal", "usr1", "--json")
    assert done.code == 0 and json.loads(done.out)["job"].startswith("sh-"), done
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == ("saved\nsaved\n", 0), err
    done = ec2mpi("signal", "sh", "USR1")
    assert done.code == 1 and "is not running" in done.err


def test_a_running_job_is_not_removed(ec2mpi, cluster4):
    submit(ec2mpi, WAITING, "-np", "1")
    done = ec2mpi("rm", "sh")
    assert done.code == 1 and "is running; ec2mpi cancel" in done.err


@pytest.mark.parametrize("words", [["rm"], ["signal"], ["signal", "WORLD"], ["logs", "a", "b"]])
def test_a_wrong_command_line_is_told_at_once(ec2mpi, words):
    done = ec2mpi(*words)
    assert (done.code, done.out) == (2, "")


@pytest.mark.parametrize("spoil, says", [
    ("rm -rf jobs; mkdir -m 700 jobs; chown root jobs", "may not read /home/ubuntu/.ec2mpi/jobs"),
    ("chown -R root .; chmod 700 .", "may not read /home/ubuntu/.ec2mpi,"),
    ("cd ..; rm -rf .ec2mpi; : >.ec2mpi", "is not a folder"),
])
def test_jobs_that_cannot_be_read_are_not_said_to_be_none(ec2mpi, fresh, cluster4, spoil, says):
    folder = "/home/ubuntu/.ec2mpi"
    assert cluster4.host(1, f"install -d -o ubuntu {folder} {folder}/jobs && mv {folder} {folder}.kept && mkdir -p {folder}/jobs && chown -R ubuntu {folder} && "
                            f"cd {folder} && {{ {spoil}; }}").code == 0
    try:
        for words in (["jobs"], ["jobs", "--json"], ["logs"], ["logs", "some"], ["cancel", "--all"], ["run", "-np", "1", "--", "true"]):
            done = ec2mpi(*words)
            assert done.code == 1 and says in done.err, (words, done)
            fix = done.err.partition("the jobs are: ec2mpi exec -w 1 '")[2].rpartition("'")[0]
            assert bool(fix) == ("may not" in says)
        if fix:
            assert ec2mpi("exec", "-w", "1", fix).code == 0
            assert "no jobs" in ec2mpi("jobs").err
    finally:
        cluster4.host(1, f"rm -rf {folder}; mv {folder}.kept {folder}")


def test_jobs_with_names_in_another_script_are_told_apart(cluster4, ec2mpi):
    (ec2mpi.folder / "ec2mpi.toml").write_text(
        "".join(f'[jobs."{name}"]\ncommand = ["echo", "{text}"]\nnp = 1\n' for name, text in (("训练", "one"), ("测试", "two"), ("m n", "three"))))
    for name in ("训练", "测试"):
        assert ec2mpi("run", name).code == 0
    assert [ec2mpi("logs", name).out for name in ("训练", "测试")] == ["one\n", "two\n"]
    assert ec2mpi("logs", "中文").code != 0
    assert ec2mpi("jobs", "--name", "训练").out.count("echo one") == 1 and "two" not in ec2mpi("jobs", "--name", "训练").out
    assert ec2mpi("rm", "训练").code == 0 and ec2mpi("logs", "训练").code == 2
    assert ec2mpi("run", "m n").code == 0
    assert "echo three" in ec2mpi("jobs", "--name", "m n").out and ec2mpi("rm", "m n").code == 0
    assert "echo three" not in ec2mpi("jobs").out and ec2mpi("logs", "测试").out == "two\n"


DAMAGE = ("mkdir {0}", "mkfifo {0}", "ln -s /dev/zero {0}", "date >{0}; chmod 0 {0}", "truncate -s 3M {0}")
PARTS = ("meta", "times", "why", "exit", "pid", "out", "err")


def test_damaged_jobs_hide_no_other_and_nothing_waits_for_them(ec2mpi, cluster4):
    good = submit(ec2mpi, "echo fine", "-np", "1")
    assert ec2mpi("wait", good).code == 0
    bad = {}
    for part in PARTS:
        for damage in DAMAGE[:4 if part in ("out", "err") else 5]:  # output may be long
            bad[f"bad{len(bad)}-20260101-000000-0000"] = part, damage.format(part)
    spoil = "".join(f"cp -r {good} {job} && cd {job} && rm -f {part} && {{ {damage}; }} && cd .. || exit 1\n" for job, (part, damage) in bad.items())
    closed = "closed-20260101-000000-0000"
    assert cluster4.host(1, f"cd {HOME}/.ec2mpi/jobs || exit\n{spoil}cp -r {good} {closed} && chmod 0 {closed}", user="ubuntu").code == 0
    bad[closed] = "folder", ""
    for words in (["jobs"], ["jobs", "--json"], ["kill", "--orphans"]):
        done = ec2mpi(*words)
        assert done.code == 1, (words, done)
        for job, (part, _) in bad.items():
            assert f"the record of {job} is damaged: its {part} cannot be read; ec2mpi rm {job} removes the job" in done.err, (words, job, done)
        assert words[0] == "kill" or good in done.out
    for job, (part, damage) in bad.items():
        if "mkfifo" in damage or job == closed:
            for word in ("logs", "attach", "wait") if part == "out" else ("logs",):
                done = ec2mpi(word, job)
                assert done.code == 1 and f"its {part} cannot be read" in done.err, (word, done)
    pipe = next(job for job, (part, damage) in bad.items() if damage == "mkfifo out")
    assert ec2mpi("report", pipe).code != 0
    assert ec2mpi("run", "-np", "1", "--", "true").code == 0  # which looks for nodes that are busy
    assert ec2mpi("rm", *bad).code == 0
    done = ec2mpi("jobs")
    assert done.code == 0 and good in done.out and not [job for job in bad if job in done.out], done
    assert ec2mpi("logs", good).out == "fine\n"
