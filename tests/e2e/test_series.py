"""Series of jobs against eight real hosts: side by side on disjoint nodes, in a queue that needs no laptop."""

import csv
import io
import json
import signal

import pytest

from local_cluster import Cluster, Program, wait_until

HOME = "/home/ubuntu"

# Each rank leaves a file on its own host: job, when it began and ended, by the clock that all hosts share.
STEP = """
import json, os, socket, sys, time
from mpi4py import MPI
comm = MPI.COMM_WORLD
words = sys.argv[1:]
begun = time.monotonic()
while words[0] == "5" and os.path.exists("/home/ubuntu/gate"):
    time.sleep(0.05)
comm.barrier()
time.sleep(float(os.environ.get("PAUSE", "0.4")))
comm.barrier()
with open(f"/home/ubuntu/trace-{os.environ['EC2MPI_JOB']}-{comm.rank}", "w") as file:
    json.dump({"job": os.environ["EC2MPI_JOB"], "host": socket.gethostname(), "from": begun, "to": time.monotonic()}, file)
if words[0] == "13":
    sys.exit("an unlucky number")
if comm.rank == 0:
    print("a line before")
    print(f"ranks={comm.size}")
    print(f"text={json.dumps(words)}", flush=True)
"""

TOML = """
[jobs.step]
command = ["python3", "step.py", "{agents}", "{seed}"]
np = "{agents}+1"
per_node = 2
env = { PAUSE = "0.4" }
[jobs.step.sweep]
agents = [1, 3, 5]
seed = "1..4"

[jobs.long]
command = ["sh", "-c", "echo up; sleep {seconds}"]
np = 8
per_node = 1
sweep = { seconds = [31415] }

[jobs.same]
command = ["echo", "{n}"]
pull = "out.txt"
"""


@pytest.fixture(scope="module")
def hosts8():
    cluster = Cluster("series")
    try:
        cluster.up(8)
        for host in range(1, 9):
            assert cluster.host(host, f"cat >{HOME}/step.py", user="ubuntu", input=STEP).code == 0
        yield cluster
    finally:
        cluster.down()


@pytest.fixture
def ec2mpi(hosts8, tmp_path):
    program = Program(tmp_path, hosts8)
    (program.folder / "ec2mpi.toml").write_text(TOML)
    yield program
    said = program.finish()
    on_master(hosts8, "for job in .ec2mpi/jobs/*/; do : >$job/cancelled; read -r pid rest <$job/pid && kill $pid; done; "
              "sh .ec2mpi/schedule")
    wait_until(lambda: not states(hosts8) - {"exit"}, "all jobs over", 60)
    for host in range(1, 9):
        hosts8.host(host, f"rm -f {HOME}/trace-*")
    on_master(hosts8, "rm -rf .ec2mpi/jobs")
    hosts8.heal()
    assert not said, f"a sanitizer found something:\n{said}"


def on_master(cluster, text):
    return cluster.host(1, f"cd {HOME} && {{ {text}; }} 2>/dev/null", user="ubuntu")


def states(cluster):
    """Which of exit, pid and nothing each job has come to."""
    return set(on_master(cluster, "cd .ec2mpi/jobs && for job in *; do [ -d $job ] || continue; if [ -e $job/exit ]; then echo exit; "
                         "elif [ -e $job/pid ]; then echo pid; else echo nothing; fi; done").out.split())


def ended(cluster):
    return len(on_master(cluster, "ls .ec2mpi/jobs/*/exit").out.split())


def traces(cluster):
    """job -> (hosts, from, to), from the files that its ranks left."""
    jobs = {}
    for host in range(1, 9):
        for line in cluster.host(host, f"cd {HOME}; for f in trace-*; do [ -f $f ] && cat $f && echo; done").out.splitlines():
            trace = json.loads(line)
            hosts, begun, end = jobs.get(trace["job"], (set(), trace["from"], trace["to"]))
            jobs[trace["job"]] = (hosts | {trace["host"]}, min(begun, trace["from"]), max(end, trace["to"]))
    return jobs


def assert_disjoint(jobs):
    """No two that overlap in time share a host; returns how many pairs did overlap."""
    overlaps = 0
    for one, (hosts, begun, end) in jobs.items():
        for other, (hosts2, begun2, end2) in jobs.items():
            if one < other and begun < end2 and begun2 < end:
                assert not hosts & hosts2, (one, other, hosts & hosts2)
                overlaps += 1
    return overlaps


def rows(table):
    return {line.split()[0]: line.split() for line in table.splitlines()[1:]}


VARIANTS = [f"step-agents{agents}-seed{seed}" for agents in (1, 3, 5) for seed in (1, 2, 3, 4)]


def test_twelve_jobs_run_side_by_side_and_survive_a_killed_laptop(ec2mpi, hosts8):
    for host in range(1, 9):
        hosts8.host(host, f"touch {HOME}/gate")  # the jobs of five agents do not end while it is there
    process = ec2mpi.start("run", "step")
    wait_until(lambda: ended(hosts8) >= 2, "two jobs over", 60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for host in range(1, 9):
        hosts8.host(host, f"rm {HOME}/gate")
    wait_until(lambda: ended(hosts8) == 12, "the queue goes on without us", 120)
    done = ec2mpi("run", "step", "--resume")
    assert done.code == 0, done.err
    assert "0 jobs handed to the master, 12 skipped that had succeeded" in done.err
    table = rows(done.out)
    assert list(table) == VARIANTS
    jobs = traces(hosts8)
    assert sorted(jobs) == sorted(VARIANTS)
    assert assert_disjoint(jobs) > 0
    for name, (hosts, begun, end) in jobs.items():
        agents = int(name.split("-")[1][6:])
        assert len(hosts) == (agents + 1) // 2
        row = table[name]
        numbers = sorted(int(host.rsplit("-", 1)[1]) - 10 for host in hosts)
        shown = row[1].removeprefix("node").strip("[]")
        assert numbers == [n for part in shown.split(",") for n in range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1)]
        assert row[3:6] == ["s", "0", str(agents + 1)], row


def test_a_failing_variant_does_not_stop_the_others_and_resume_tries_it_again(ec2mpi, hosts8):
    done = ec2mpi("run", "step", "--set", "agents=1,13,3", "--set", "seed=7", "--csv")
    assert done.code == 1, done.err
    table = list(csv.DictReader(io.StringIO(done.out)))
    assert [(row["agents"], row["exit"], row["ranks"]) for row in table] == [("1", "0", "2"), ("13", "1", ""), ("3", "0", "4")]
    assert "step-agents13-seed7: exit 1" in done.err
    done = ec2mpi("run", "step", "--set", "agents=1,13,3", "--set", "seed=7", "--resume", "--json")
    assert done.code == 1
    assert "1 job handed to the master, 2 skipped" in done.err
    variants = json.loads(done.out)["variants"]
    assert [variant["variant"] for variant in variants] == ["step-agents1-seed7", "step-agents13-seed7-try2", "step-agents3-seed7"]
    assert [len(variant["nodes"]) for variant in variants] == [1, 7, 2]
    done = ec2mpi("run", "step", "--set", "agents=1", "--set", "seed=7")
    assert done.code == 0 and "step-agents1-seed7-run2" in done.out


def test_hostile_values_stay_words(ec2mpi, hosts8):
    values = ["$(touch /tmp/pwned)", "`id`;'\"", "a b,c", "--flag", "*"]
    sets = ",".join('"' + value.replace('"', '""') + '"' for value in values)
    done = ec2mpi("run", "step", "--set", "agents=1", "--set", f"seed={sets}", "--json")
    assert done.code == 0, done.err
    variants = json.loads(done.out)["variants"]
    assert [variant["parameters"]["seed"] for variant in variants] == values
    assert [json.loads(variant["results"]["text"]) for variant in variants] == [["1", value] for value in values]
    for host in range(1, 9):
        assert hosts8.host(host, "test -e /tmp/pwned").code == 1


def test_a_series_is_cancelled_once(ec2mpi, hosts8):
    process = ec2mpi.start("run", "long", "--set", "seconds=31416,31417")
    wait_until(lambda: on_master(hosts8, "cat .ec2mpi/jobs/long-seconds31416/out").out == "up\n" * 8, "the first runs", 60)
    process.send_signal(signal.SIGQUIT)
    process.communicate(timeout=60)
    done = ec2mpi("cancel", "long", timeout=90)
    assert done.code == 0 and done.err.count("cancelling long: ") == 1, done
    assert hosts8.host(2, "ps -eo args | grep '[s]leep 3141'").out == ""
    done = ec2mpi("cancel", "long")
    assert (done.code, done.err) == (2, "ec2mpi: long has ended already; ec2mpi jobs shows how\n")


def test_ctrl_c_cancels_all_and_ctrl_backslash_leaves_them(ec2mpi, hosts8):
    process = ec2mpi.start("run", "long", "--set", "seconds=0.1,31416,31417")
    # the second one is started by the first one's supervisor, and must be as easy to end
    wait_until(lambda: on_master(hosts8, "cat .ec2mpi/jobs/long-seconds31416/out").out == "up\n" * 8, "the second runs", 60)
    while "long-seconds31416: running" not in (line := process.stderr.readline()):  # ec2mpi knows it, too
        assert line, "the series ended"
    process.send_signal(signal.SIGQUIT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "continues on the master: 1 done, 1 running, 1 queued" in err, err
    again = ec2mpi("run", "long", "--set", "seconds=31416")
    assert again.code == 2 and "--resume follows the series" in again.err
    process = ec2mpi.start("run", "long", "--set", "seconds=0.1,31416,31417", "--resume")
    while "2 submitted before" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 130, err
    assert "cancelling long" in err
    assert [row[-1] for row in rows(out).values()] == ["0", "cancelled", "cancelled"]
    for host in range(1, 9):
        assert hosts8.host(host, "ps -eo args | grep '[s]leep 3141'").out == ""


def test_max_parallel_and_a_killed_supervisor_frees_its_nodes(ec2mpi, hosts8):
    done = ec2mpi("run", "long", "--set", "seconds=31415,0.1,0.2,0.3", "--detach", "--max-parallel", "1")
    assert done.code == 0 and done.out.splitlines()[0] == "long-seconds31415", done.err
    wait_until(lambda: "pid" in states(hosts8), "the first runs", 60)
    assert on_master(hosts8, "ls -d .ec2mpi/jobs/*/pid").out.split() == [".ec2mpi/jobs/long-seconds31415/pid"]
    on_master(hosts8, "read -r pid rest <.ec2mpi/jobs/long-seconds31415/pid; kill -KILL $pid")
    done = ec2mpi("run", "long", "--set", "seconds=0.1,0.2,0.3", "--resume")
    assert done.code == 0, done.err
    for host in range(1, 9):
        assert hosts8.host(host, "ps -eo args | grep '[s]leep 3141'").out == ""


def test_the_uplink_may_be_cut_meanwhile(ec2mpi, hosts8):
    process = ec2mpi.start("run", "step", "--set", "agents=3", "--set", "seed=1..6")
    wait_until(lambda: "pid" in states(hosts8), "one runs", 60)
    hosts8.uplink("--cut")
    wait_until(lambda: ended(hosts8) == 6, "all over without us", 120)
    hosts8.uplink("--restore")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert len(rows(out)) == 6


def test_scale_tells_speed_up_and_draws_it(ec2mpi, hosts8):
    (ec2mpi.folder / "ec2mpi.toml").write_text('[jobs.work]\ncommand = ["sh", "work.sh"]\npush = ["work.sh"]\nper_node = 1\n')
    (ec2mpi.folder / "work.sh").write_text("echo time=$((8 / OMPI_COMM_WORLD_SIZE))\n")
    done = ec2mpi("run", "work", "--scale", "np=1,2,4", "--svg", "plot.svg")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-4:] == ["ranks  nodes        time  speed-up  efficiency",
                                         "    1  node1      8.00 s      1.00       100 %",
                                         "    2  node[1-2]  4.00 s      2.00       100 %",
                                         "    4  node[1-4]  2.00 s      4.00       100 %"]
    assert "pushed: " in done.err
    assert (ec2mpi.folder / "plot.svg").read_text().startswith("<?xml")


def test_each_jobs_results_come_into_its_own_folder(ec2mpi, hosts8):
    (ec2mpi.folder / "ec2mpi.toml").write_text(
        '[jobs.write]\ncommand = ["sh", "-c", "mkdir -p $1; echo $2 >$1/out.txt", "sh", "made/{variant}", "{n}"]\nnp = 1\n'
        'pull = "made/{variant}/out.txt"\n')
    done = ec2mpi("run", "write", "--set", "n=1..3")
    assert done.code == 0, done.err
    results = ec2mpi.folder / "results"
    assert {path.name: [file.read_text() for file in path.glob("node*/out.txt")] for path in results.iterdir()} == {
        f"write-n{n}": [f"{n}\n"] for n in (1, 2, 3)}
    assert all((path / "job" / "cmd").exists() for path in results.iterdir())
    # The name of the series is a handle for pull and rm, too.
    done = ec2mpi("pull", "write", "out/")
    assert done.code == 0, done.err
    assert {path.name: [file.read_text() for file in path.glob("node*/out.txt")] for path in (ec2mpi.folder / "out").iterdir()} == {
        f"write-n{n}": [f"{n}\n"] for n in (1, 2, 3)}
    done = ec2mpi("rm", "write")
    assert (done.code, sorted(done.err.splitlines())) == (0, [f"removed write-n{n}" for n in (1, 2, 3)]), done
    assert ec2mpi("jobs", "--json").out == "[]\n"


def test_a_dry_run_shows_what_would_start_or_why_not_and_starts_nothing(ec2mpi, hosts8):
    done = ec2mpi("run", "step", "--set", "agents=3,6", "--set", "seed=9", "--dry-run")
    assert done.code == 0, done.err
    assert [line.split(None, 2) for line in done.out.splitlines()] == [
        ["variant", "ranks", "command"],
        ["step-agents3-seed9", "4", "python3 step.py 3 9"],
        ["step-agents6-seed9", "7", "python3 step.py 6 9"]]
    for words in (["step", "--set", "agents=3,99", "--set", "seed=9"], ["-np", "99", "--", "true"]):
        real, dry = ec2mpi("run", *words), ec2mpi("run", "--dry-run", *words)
        assert (dry.code, dry.err) == (real.code, real.err) and dry.code == 2 and " slots" in dry.err, (real, dry)
    nowhere = ["--workdir", "/nonexist", "-np", "2"]
    for words, code in ((["zzz"], 2), (["zzz", "--resume"], 2), ([*nowhere, "--", "true"], 1),
                        ([*nowhere, "--set", "n=1,2", "--", "echo", "{n}"], 1)):
        real, dry = ec2mpi("run", *words), ec2mpi("run", "--dry-run", *words)
        assert (dry.code, dry.out, dry.err) == (code, "", real.err) and "on the master: there is no" in dry.err, (real, dry)
    assert ec2mpi("jobs", "--json").out == "[]\n"
    done = ec2mpi("run", "-np", "1", "--dry-run", "--set", "w=/tmp,/nonexist", "--workdir", "{w}", "--", "true")
    assert (done.code, [line.split()[0] for line in done.out.splitlines()]) == (1, ["variant", "true-w-tmp"]), done
    assert done.err.startswith("true-w-nonexist: not started: on the master: there is no folder /nonexist"), done


@pytest.mark.parametrize("words, says", [
    (["step", "--set", "agents"], "'agents' is not NAME=VALUES"),
    (["step", "--set", "agnets=1"], "agnets is used nowhere in the job"),
    (["step", "--set", "agents=1", "--set", "agents=2"], "agents is set twice"),
    (["step", "--set", "agents=x"], "np: '{agents}+1', that is 'x+1'"),
    (["long", "--set", "seconds=1", "--scale", "agents=1"], "--scale takes numbers of ranks"),
    (["--set", "a=1", "--", "echo", "{b}"], "a is used nowhere"),
    (["same", "--set", "n=1,2"], "put {variant} into them and into pull"),
    (["--set", "a=1", "--", "echo", "{a}", "{b}"], "{b} in '{b}' has no value"),
])
def test_what_is_wrong_with_a_series_is_said_at_once(ec2mpi, hosts8, words, says):
    done = ec2mpi("run", *words)
    assert (done.code, done.out) == (2, "")
    assert says in done.err and len(done.err.splitlines()) == 1
