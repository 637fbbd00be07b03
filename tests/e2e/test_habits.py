"""What people bring along from ssh, mpirun, shells and schedulers: each habit against four real hosts."""

import json
import subprocess

from terminal import Terminal
from local_cluster import lines_of, wait_until

HOME = "/home/ubuntu"


# All ranks print the same traceback, and none ends before all have.
BOOM = """
import sys, traceback
from mpi4py import MPI
MPI.COMM_WORLD.barrier()
try:
    import nothing_of_this_name
except ImportError:
    traceback.print_exc()
MPI.COMM_WORLD.barrier()
sys.exit(1)
"""


def shell(ec2mpi, cluster, text, **options):
    """Shell text on the laptop, in the scratch folder; $EC2MPI is the program."""
    words = ["env", f"HOME={ec2mpi.home}", f"EC2MPI={ec2mpi.binary}", "sh", "-c", text]
    return cluster.exec(words, cwd=ec2mpi.folder, env=ec2mpi.environment, **options)


def on_all(cluster, name, text):
    for host in range(1, 5):
        cluster.host(host, f"cat >{HOME}/{name}", user="ubuntu", input=text)


# --- ssh ---

def test_login_forwards_a_port_as_ssh_does(cluster4, ec2mpi):
    login = ec2mpi.start("login", "-L", "7422:localhost:22", 2, "--", "echo up; cat", stdin=subprocess.PIPE)
    assert login.stdout.readline() == "up\n"
    greeting = shell(ec2mpi, cluster4, "exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/7422; head -c 7 <&3'")
    login.stdin.close()
    assert (greeting.out, login.wait(timeout=20)) == ("SSH-2.0", 0)


def test_login_with_a_forwarding_refuses_a_changed_host_key(cluster4, ec2mpi):
    assert ec2mpi("exec", "-w", 2, "true").code == 0
    known = ec2mpi.folder / ".ec2mpi" / "known_hosts"
    keys = known.read_text().split("\n")
    known.write_text(keys[0].replace("AAAAC3NzaC1lZDI1NTE5AAAAI", "AAAAC3NzaC1lZDI1NTE5AAAAIA")[:-1] + "\n")
    done = ec2mpi("login", "-A", 2, "--", "echo in")
    assert done.code not in (0, 127) and done.out == "" and "key" in done.err


# --- shells ---

def test_input_for_exec_is_refused_unless_stdin_says_so(cluster4, ec2mpi):
    done = shell(ec2mpi, cluster4, 'printf "1\\n" >nodes; printf "x\\n" | { sleep 1; exec "$EC2MPI" exec-all cat; }; echo $?; '
                                   '"$EC2MPI" exec-all cat <nodes; echo $?; "$EC2MPI" exec-all --stdin - cat <nodes')
    assert done.out.splitlines()[:2] == ["2", "2"] and done.out.count("\t1\n") == 4, done
    done = shell(ec2mpi, cluster4, 'while read -r node; do "$EC2MPI" exec -w "$node" "uname -n"; done <nodes')
    assert done.out == "node1\tip-10-0-0-11\n", done


def test_exec_in_a_loop_leaves_the_loop_its_input(cluster4, ec2mpi):
    done = shell(ec2mpi, cluster4, 'printf "1\\n2\\n3\\n" | while read -r node; do "$EC2MPI" exec -w "$node" "uname -n"; done')
    assert [line.split("\t")[0] for line in done.out.splitlines()] == ["node1", "node2", "node3"]


# --- copies ---

def test_pull_with_sudo_reads_the_files_of_root(cluster4, ec2mpi):
    cluster4.host(2, "mkdir -p /root/only && head -c 40000000 /dev/zero >/root/only/big && echo x >'/root/only/a b'")
    assert ec2mpi("pull", "-w", 2, "/root/only", "out/").code == 1
    done = ec2mpi("pull", "--sudo", "-w", 2, "/root/only", "out/")
    assert done.code == 0, done.err
    assert (ec2mpi.folder / "out/only/a b").read_text() == "x\n"
    assert (ec2mpi.folder / "out/only/big").stat().st_size == 40000000
    cluster4.host(2, "rm -rf /root/only")


def test_push_with_sudo_writes_the_files_of_root(cluster4, ec2mpi):
    (ec2mpi.folder / "conf").mkdir()
    (ec2mpi.folder / "conf" / "a'b").write_text("one\n")
    assert ec2mpi("push", "conf", "/etc/ec2mpi-test/").code == 1
    done = ec2mpi("push", "--sudo", "conf", "/etc/ec2mpi-test/")
    assert done.code == 0, done.err
    for host in (1, 4):
        seen = cluster4.host(host, "cd /etc/ec2mpi-test && stat -c '%U %n' conf/*; ls -A; cat conf/*").out
        assert seen == "root conf/a'b\nconf\none\n"
    assert "0 files sent, 1 unchanged" in ec2mpi("push", "--sudo", "conf", "/etc/ec2mpi-test/").err
    (ec2mpi.folder / "empty").mkdir()
    done = ec2mpi("push", "--sudo", "--delete", "empty/.", "/home/")
    assert done.code == 1 and "--force-delete" in done.err, "the home of the login is protected, not only that of root"
    assert ec2mpi("exec-all", "--sudo", "rm -r /etc/ec2mpi-test").code == 0


def test_push_with_sudo_says_why_sudo_does_not_serve(cluster4, ec2mpi):
    (ec2mpi.folder / "file").write_text("x")
    cluster4.host(2, "mv /etc/sudoers.d/90-cloud-init-users /root/")
    try:
        done = ec2mpi("push", "--sudo", "file", "/etc/")
    finally:
        cluster4.host(2, "mv /root/90-cloud-init-users /etc/sudoers.d/")
    assert done.code == 1 and "node2: sudo does not serve without a password here: a password is required" in done.err, done.err
    assert ec2mpi("exec-all", "--sudo", "rm -f /etc/file").code == 0


def test_push_reports_its_progress_as_json_lines(cluster4, ec2mpi):
    (ec2mpi.folder / "file").write_text("x" * 100)
    done = ec2mpi("push", "--json-lines", "file", "json-lines/")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [events[0][key] for key in ("event", "schema", "nodes")] == ["begin", 1, 4]
    assert {event["node"] for event in events if event["event"] == "node" and event["ok"]} == {f"node{n}" for n in range(1, 5)}
    assert {"connecting", "running"} <= {event["phase"] for event in events if event["event"] == "phase"}
    assert [events[-1][key] for key in ("event", "ok", "failed", "exit_code")] == ["end", 4, 0, 0]


# --- help from others ---

def test_bugreport_has_versions_log_and_doctor_but_no_address(cluster4, ec2mpi):
    assert ec2mpi("exec-all", "echo secret").code == 0
    done = ec2mpi("bugreport", "-o", "report.txt")
    text = (ec2mpi.folder / "report.txt").read_text()
    assert done.code == 0 and "report.txt" in done.err
    for part in ("== versions ==\nec2mpi ", "== doctor ==\n{", "node4: ok after", "exec-all"):
        assert part in text, text
    for hidden in ("secret", "203.0.113.", "10.0.0.1", "i-0"):
        assert hidden not in text, text


# --- jobs ---

def test_job_of_a_local_script_is_called_ok(cluster4, ec2mpi):
    (ec2mpi.folder / "run_hello.sh").write_text("#!/bin/sh\necho hello\n")
    assert ec2mpi("run", "hello").out == "hello\n"
    job = next(job for job in json.loads(ec2mpi("jobs", "--json").out) if job["id"].startswith("hello-"))
    assert (job["outcome"], job["why"]) == ("ok", "")


def test_a_missing_interpreter_is_named_with_the_command_that_installs_it(cluster4, ec2mpi):
    (ec2mpi.folder / "run_odd.sh").write_text("#!/usr/bin/odd-shell\necho hello\n")
    done = ec2mpi("run", "odd")
    assert done.code == 127
    assert "ec2mpi exec -w 1 --sudo 'apt-get -y install odd-shell'" in done.err


def test_equal_tracebacks_are_shown_once_and_logs_has_all(cluster4, ec2mpi):
    on_all(cluster4, "boom.py", BOOM)
    done = ec2mpi("run", "-np", 4, "--per-node", 1, "--no-mpi4py-run", "--", "python3", "boom.py")
    assert done.code != 0
    assert done.err.count("ModuleNotFoundError: No module named 'nothing_of_this_name'") == 1, done.err
    logs = ec2mpi("logs")
    printed = logs.err.count("ModuleNotFoundError")
    assert printed > 1, logs.err  # else the test shows nothing
    assert "rank 0-3:" in done.err or f"{printed} ranks:" in done.err, done.err


def test_jobs_can_be_filtered_and_a_quiet_detached_job_prints_its_id_only(cluster4, ec2mpi):
    started = ec2mpi("run", "-d", "-q", "-np", 1, "--", "sleep", 600)
    job = started.out.strip()
    try:
        assert (started.code, started.err) == (0, "")
        assert [entry["id"] for entry in json.loads(ec2mpi("jobs", "--running", "--json").out)] == [job]
        assert [entry["id"] for entry in json.loads(ec2mpi("jobs", "--name", "sleep-", "--json").out)][0] == job
        assert ec2mpi("jobs", "--name", "nothing").err == "ec2mpi: no such job on the master\n"
    finally:
        ec2mpi("cancel", job)
    assert ec2mpi("jobs", "--running").out == ""


def test_order_of_w_is_the_order_of_ranks(cluster4, ec2mpi):
    done = ec2mpi("run", "-w", "4,2,3", "-np", 3, "--", "sh", "-c", "echo $OMPI_COMM_WORLD_RANK $(uname -n)")
    assert sorted(done.out.splitlines()) == ["0 ip-10-0-0-14", "1 ip-10-0-0-12", "2 ip-10-0-0-13"]


def test_map_by_finds_the_slots_that_it_needs(cluster4, ec2mpi):
    on = {}
    for words in (("-np", 4, "--map-by", "ppr:2:node"), ("-np", 2, "--map-by", "slot"), ("--map-by", "ppr:1:node"),
                  ("-np", 2, "--map-by", "node")):
        done = ec2mpi("run", *words, "--", "uname", "-n")
        assert done.code == 0, done
        on[words] = sorted(done.out.split())
    hosts = [f"ip-10-0-0-{i}" for i in range(11, 15)]
    assert list(on.values()) == [[hosts[0]] * 2 + [hosts[1]] * 2, [hosts[0]] * 2, hosts, hosts[:2]]
    done = ec2mpi("run", "-np", 3, "--map-by", "ppr:2:node", "--set", "seed=1,2", "--", "sh", "-c", "uname -n #{seed}")
    assert done.code == 0, done


def test_a_second_job_takes_idle_nodes_and_a_third_says_what_it_shares(cluster4, ec2mpi):
    try:
        assert ec2mpi("run", "-d", "-w", "1-2", "-np", 2, "--", "sleep", 600).code == 0
        done = ec2mpi("run", "-np", 2, "--", "uname", "-n")
        assert sorted(done.out.split()) == ["ip-10-0-0-13", "ip-10-0-0-14"]
        assert "shares" not in done.err
        done = ec2mpi("run", "-np", 2, "-w", "1,3", "--per-node", 1, "--", "uname", "-n")
        assert "shares node1 with sleep-" in done.err
    finally:
        ec2mpi("cancel", "--all")


def test_hook_runs_on_the_master_when_a_job_is_over(cluster4, ec2mpi):
    (ec2mpi.folder / "ec2mpi.toml").write_text("[hooks]\ndone = 'echo $EC2MPI_JOB_ID $EC2MPI_STATUS >>hooked'\n")
    assert ec2mpi("run", "-np", 1, "-w", 2, "--", "sh", "-c", "exit 3").code == 3
    said = wait_until(lambda: cluster4.host(1, f"cat {HOME}/hooked").out, "the hook")
    cluster4.host(1, f"rm {HOME}/hooked")
    assert said.startswith("sh-") and said.endswith(" 3\n")


def test_a_job_of_the_queue_has_the_environment_of_its_submission(cluster4, ec2mpi):
    """The second job starts when the first one ends, the third by `cancel`, whose own programs run without these variables."""
    file, said = f"{HOME}/.bashrc", f"cat {HOME}/.ec2mpi/jobs/ownenv-n{{}}/out"
    cluster4.host(1, f"cp -p {file} {file}.first && sed -i \"1i export LC_ALL=C.UTF-8 PERL5LIB=/p IFS=n 'WORDS=two  words'\" {file}")
    show = 'echo "$LC_ALL|$PERL5LIB|$WORDS|$PWD"; [ {n} != 2 ] || exec sleep 31415'
    (ec2mpi.folder / "ec2mpi.toml").write_text(f"[jobs.ownenv]\ncommand = {json.dumps(['sh', '-c', show])}\n")
    try:
        done = ec2mpi("run", "-d", "--set", "n=1,2,3", "--max-parallel", 1, "-np", 1, "-w", 1, "ownenv")
        assert done.code == 0, done.err
        wait_until(lambda: cluster4.host(1, said.format(2)).out, "the second job", 60)
        cluster4.host(1, f"read -r pid rest <{HOME}/.ec2mpi/jobs/ownenv-n2/pid; kill -KILL $pid")
        assert ec2mpi("cancel", "ownenv-n2").code == 0
        wait_until(lambda: cluster4.host(1, said.format(3)).out, "the third job", 60)
        outs = [cluster4.host(1, said.format(n)).out for n in (1, 2, 3)]
    finally:
        cluster4.host(1, f"mv {file}.first {file}")
        ec2mpi("cancel", "--all")
    assert outs == [f"C.UTF-8|/p|two  words|{HOME}\n"] * 3


def test_a_series_stops_after_three_equal_failures(cluster4, ec2mpi):
    words = ["--json", "--set", "n=1..6", "--max-parallel", 1, "-np", 1, "--", "sh", "-c", "echo Error: bad {n} >&2; exit 1"]
    done = ec2mpi("run", *words)
    states = [variant["state"] for variant in json.loads(done.out)["variants"]]
    assert (done.code, states) == (1, ["done"] * 3 + ["cancelled"] * 3)
    assert "all 3 jobs that ran failed for one reason: Error: bad 1" in done.err and "3 jobs were not started" in done.err
    states = [variant["state"] for variant in json.loads(ec2mpi("run", "--keep-going", *words).out)["variants"]]
    assert states == ["done"] * 6


def test_logs_since_leaves_out_what_is_older(cluster4, ec2mpi):
    job = ec2mpi("run", "-d", "-np", 1, "-w", 1, "--", "sh", "-c",
                 "echo old; until [ -f go ]; do sleep 0.2; done; echo new; sleep 600").out.strip()
    try:
        wait_until(lambda: "old" in ec2mpi("logs", job).out, "the first line")
        sizes = f"{HOME}/.ec2mpi/jobs/{job}/sizes"
        noted = wait_until(lambda: cluster4.host(1, f"cat {sizes}").out.split(), "a look of the supervisor")
        cluster4.host(1, f"date -d @{int(noted[0]) - 3600} +%s >/dev/null && sed -i 's/^{noted[0]} /{int(noted[0]) - 3600} /' {sizes}")
        cluster4.host(1, f"touch {HOME}/go", user="ubuntu")
        wait_until(lambda: "new" in ec2mpi("logs", job).out, "the second line")
        assert ec2mpi("logs", job, "--since", "10m").out == "new\n"
        assert ec2mpi("logs", job, "--since", "2h").out == "old\nnew\n"
    finally:
        ec2mpi("cancel", job)
        cluster4.host(1, f"rm -f {HOME}/go")


# --- standard input ---

def test_standard_input_reaches_rank_0_whole_and_no_other_rank(cluster4, ec2mpi):
    data = "".join(f"{n} {'x' * 70}\n" for n in range(30000))
    done = ec2mpi("run", "-np", 4, "--per-node", 1, "--", "sh", "-c", "echo $OMPI_COMM_WORLD_RANK $(cksum)", input=data)
    counts = {line.split()[0]: int(line.split()[2]) for line in done.out.splitlines()}
    assert (done.code, counts) == (0, {"0": len(data), "1": 0, "2": 0, "3": 0}), done.err


def test_input_that_no_rank_reads_holds_nothing_up(cluster4, ec2mpi):
    """On the master: on another node, mpirun may take its daemon there for lost (docs/running.md)."""
    endless = subprocess.Popen(["yes"], stdout=subprocess.PIPE)
    with endless:
        done = ec2mpi("run", "-np", 1, "-w", 1, "--", "echo", "done", stdin=endless.stdout)
        endless.kill()
    assert (done.code, done.out) == (0, "done\n"), done


def test_input_that_is_empty_is_whole(cluster4, ec2mpi):
    """Its end may be known before the master has made the job's folder, so some runs are needed to see a race."""
    done = [ec2mpi("run", "-np", 1, "-w", 1, "--", "true", input="") for _ in range(8)]
    assert all(each.code == 0 for each in done), [each.err for each in done]


def test_input_that_is_typed_is_never_cut_off(cluster4, ec2mpi):
    with Terminal(ec2mpi, "run", "-np", 1, "-w", 1, "--", "sh", "-c", "echo begun; sleep 3", somebody=True) as terminal:
        terminal.wait_for("begun")
        terminal.type("\x1c")  # leaves the job
        terminal.wait_for("continues")
    done = ec2mpi("wait")
    assert done.code == 0, done
    assert "input lost" not in ec2mpi("jobs").out


def test_a_job_whose_input_was_cut_off_by_a_lost_connection_has_failed(cluster4, ec2mpi):
    running = ec2mpi.start("run", "-np", 1, "-w", 1, "--", "sh", "-c", "head -n 1; wc -c", stdin=subprocess.PIPE)
    running.stdin.write("begun\n")
    running.stdin.flush()
    assert running.stdout.readline() == "begun\n"
    cluster4.host(1, "pkill -KILL -u ubuntu -x 'sshd|sshd-session'")
    out, err = running.communicate("the rest\n", timeout=60)
    assert (running.returncode, out) == (1, "0\n"), err
    assert "did not get all of its standard input" in err
    assert "input lost" in ec2mpi("jobs").out


# --- series and several jobs ---

def test_resume_with_a_dry_run_shows_only_the_jobs_that_would_start(cluster4, ec2mpi):
    words = ["run", "--set", "n=0..2", "--keep-going", "-np", 1, "--per-node", 1]
    command = ["--", "sh", "-c", "exit {n}"]
    assert ec2mpi(*words, *command).code == 1
    plan = ec2mpi(*words[:3], "-np", 1, "--resume", "--dry-run", *command)
    assert [line.split("-")[1] for line in plan.out.splitlines()[1:]] == ["n1", "n2"], plan.out + plan.err
    assert "--per-node 1, as before" in plan.err and "2 of 3 jobs would start" in plan.err


def test_an_own_nodeIPaddress_is_renamed_and_named(cluster4, ec2mpi):
    cluster4.host(1, f"rm -f {HOME}/own/*; mkdir -p {HOME}/own; echo mine >{HOME}/own/nodeIPaddress", user="ubuntu")
    said = [ec2mpi("run", "-np", 1, "-w", 1, "--workdir", "own", "--", "true").err for _ in range(2)]
    assert ["is nodeIPaddress.2" in text for text in said] == [True, False], said
    assert cluster4.host(1, f"cat {HOME}/own/nodeIPaddress.2*; rm -r {HOME}/own", user="ubuntu").out == "mine\n"


def test_shell_with_sudo_runs_each_line_as_root(cluster4, ec2mpi):
    done = ec2mpi("shell", "--sudo", "-w", "2-3", input="id -un\n")
    assert done.code == 0 and "root\n" in done.out and "ubuntu" not in done.out
