"""run against four real hosts: a real mpirun starts real ranks by ssh between them, and nothing of it stays."""

import json
import pathlib
import re
import signal
import subprocess

import pytest

from local_cluster import HOSTS_ROOT, run, wait_until

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent.parent / "examples"
HOSTS = (1, 2, 3, 4)
HOME = "/home/ubuntu"

WHO = """
from mpi4py import MPI
import os, socket
comm = MPI.COMM_WORLD
lines = comm.gather(f"{comm.rank} {comm.size} {socket.gethostname()} {os.environ.get('GREETING', '-')}")
if comm.rank == 0:
    print("\\n".join(lines), flush=True)
"""

# Ranks that will not go: they ignore every polite signal, and so do their children; one child hides its environment.
STUBBORN = """
import signal, subprocess, sys, time
from mpi4py import MPI
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
subprocess.Popen(["sleep", "31415"])
subprocess.Popen(["env", "-i", "sleep", "27182"])
MPI.COMM_WORLD.barrier()
if MPI.COMM_WORLD.rank == 0:
    print("all up", flush=True)
while True:
    time.sleep(1)
"""


def give(cluster, name, content, hosts=HOSTS, mode="644", folder=HOME):
    for host in hosts:
        done = cluster.host(host, f"mkdir -p {folder} && cat > {folder}/{name} && chmod {mode} {folder}/{name}", user="ubuntu",
                            input=content)
        assert done.code == 0, done.err


def of_the_job(cluster, host):
    """Whatever could belong to a job on a host: by name here, for the program under test goes by its mark."""
    listed = cluster.host(host, "ps -eo pid,args | grep -E '[m]pirun|[o]rted|[p]rte|[p]ython3|[s]leep (31415|27182)|[s]sh -x'")
    return listed.out.splitlines()


def nothing_left(cluster, seconds=10):
    wait_until(lambda: not any(of_the_job(cluster, host) for host in HOSTS), "no process of the job on any host", seconds)


def first_line(process):
    return process.stdout.readline()


@pytest.fixture
def who(cluster4):
    give(cluster4, "who.py", WHO)


@pytest.fixture
def stubborn(cluster4):
    give(cluster4, "stubborn.py", STUBBORN)
    yield
    nothing_left(cluster4)


# --- ranks where they belong -------------------------------------------------------------------------------------

def test_one_rank_for_each_core_of_four_hosts_in_order(ec2mpi, who, cluster4):
    cores = int(cluster4.host(1, "lscpu -p=CORE,SOCKET,ONLINE | grep -v '^#' | sort -u | wc -l").out)
    done = ec2mpi("run", "--", "python3", "who.py")
    assert done.code == 0, done.err
    expected = [f"{rank} {4 * cores} ip-10-0-0-1{rank // cores + 1} -" for rank in range(4 * cores)]
    assert done.out.splitlines() == expected
    assert f"{4 * cores} ranks on 4 nodes" in done.err and "Open MPI" in done.err
    nothing_left(cluster4)


def test_np_is_spread_evenly_and_per_node_goes_beyond_the_cores(ec2mpi, who):
    done = ec2mpi("run", "-np", "5", "--", "python3", "who.py")
    assert [line.split()[2][-2:] for line in done.out.splitlines()] == ["11", "11", "12", "13", "14"], done.err
    done = ec2mpi("run", "--per-node", "3", "-w", "2-3", "-x", "GREETING=two words; $HOME", "--", "python3", "who.py")
    assert done.code == 0, done.err
    assert done.out.splitlines() == [f"{rank} 6 ip-10-0-0-1{rank // 3 + 2} two words; $HOME" for rank in range(6)]


def test_words_behind_the_dashes_stay_words(ec2mpi):
    done = ec2mpi("run", "-n", "1", "--", "printf", "<%s>", "two words", "$HOME", "it's", "", "--np", "*")
    assert (done.code, done.out) == (0, "<two words><$HOME><it's><><--np><*>")


@pytest.mark.parametrize("shell", ["/usr/bin/tcsh", "/usr/bin/fish"])
def test_ranks_start_whatever_login_shell_the_accounts_have(ec2mpi, cluster4, shell):
    try:
        for host in (1, 2):
            assert cluster4.host(host, f"usermod -s {shell} ubuntu").code == 0
        done = ec2mpi("run", "-w", "1-2", "-np", "2", "--", "hostname")
        assert (done.code, sorted(done.out.split())) == (0, ["ip-10-0-0-11", "ip-10-0-0-12"]), done.err
    finally:
        for host in (1, 2):
            cluster4.host(host, "usermod -s /bin/bash ubuntu")


SPAWN = """
from mpi4py import MPI
import sys
child = "from mpi4py import MPI; MPI.Comm.Get_parent().gather(MPI.Get_processor_name(), root=0)"
comm = MPI.COMM_SELF.Spawn(sys.executable, ["-c", child], maxprocs=2)
print(*sorted(comm.gather(None, root=MPI.ROOT)))
"""


@pytest.mark.skipif(bool(HOSTS_ROOT), reason="seen with Open MPI 4")
def test_spawned_ranks_get_the_slots_that_were_left_free(ec2mpi, cluster4):
    give(cluster4, "spawn.py", SPAWN)
    done = ec2mpi("run", "-np", "1", "--spawn", "2", "--timeout", "30", "--", "python3", "spawn.py")
    assert done.code == 0 and len(done.out.split()) == 2, done
    done = ec2mpi("run", "-np", "1", "--timeout", "30", "--", "python3", "spawn.py")
    assert done.code != 0 and "hint: the program spawns ranks" in done.err


def test_a_python_of_its_own_without_mpi4py_starts_as_it_is(ec2mpi, cluster4):
    give(cluster4, "python3", "#!/bin/sh\nexec /usr/bin/python3 -S \"$@\"\n", mode="755", folder=f"{HOME}/venv/bin")
    give(cluster4, "plain.py", "print('plain')")
    done = ec2mpi("run", "-np", "2", "--", "./venv/bin/python3", "plain.py")
    assert (done.code, done.out) == (0, "plain\nplain\n"), done.err


@pytest.mark.parametrize("name, value", [("btl_tcp_if_exclude", "lo,docker0"), ("mca_base_env_list", "FOO=1;LD_LIBRARY_PATH")])
def test_the_users_own_settings_of_open_mpi_win_and_are_named(ec2mpi, cluster4, who, name, value):
    give(cluster4, "mca-params.conf", f"{name} = {value}\n", folder=f"{HOME}/.openmpi")
    try:
        done = ec2mpi("run", "--per-node", "1", "--", "python3", "who.py")
        assert done.code == 0 and len(done.out.splitlines()) == 4, done.err
        assert f"{HOME}/.openmpi/mca-params.conf:1 sets {name}" in done.err
    finally:
        for host in HOSTS:
            cluster4.host(host, f"rm -r {HOME}/.openmpi")


WORKERS_SETTINGS = [("btl_tcp_if_exclude", "lo,docker0", "is left out"), ("oob_tcp_if_exclude", "lo,docker0", "is left out"),
                    ("btl_tcp_if_include", "eth9", "which is not used"), ("pml", "cm", "which is not used"),
                    ("coll_tuned_use_dynamic_rules", "1", "unlike the master")]


@pytest.mark.skipif(bool(HOSTS_ROOT), reason="the names of Open MPI 4")
@pytest.mark.parametrize("place", ["file", "variable"])
@pytest.mark.parametrize("name, value, end", WORKERS_SETTINGS)
def test_a_setting_of_open_mpi_that_only_a_worker_has_holds_no_job_up_and_is_named(ec2mpi, cluster4, who, place, name, value, end):
    if place == "file":
        give(cluster4, "mca-params.conf", f"# mine\n{name} = {value}\n", hosts=(2, 3), folder=f"{HOME}/.openmpi")
        where = f"node[2-3]:{HOME}/.openmpi/mca-params.conf:2"
    else:
        for host in (2, 3):
            cluster4.host(host, f"cp -p {HOME}/.bashrc {HOME}/.bashrc.first; sed -i '1i export OMPI_MCA_{name}={value}' {HOME}/.bashrc")
        where = f"node[2-3]:{HOME}/.bashrc:1:OMPI_MCA_{name}"
    try:
        done = ec2mpi("run", "--per-node", "1", "--timeout", "60", "--", "python3", "who.py")
    finally:
        for host in (2, 3):
            cluster4.host(host, f"rm -rf {HOME}/.openmpi; cd {HOME} && [ ! -f .bashrc.first ] || mv .bashrc.first .bashrc")
    assert done.code == 0 and len(done.out.splitlines()) == 4, done.err
    said = [line for line in done.err.splitlines() if line.startswith(f"ec2mpi: {where} sets {name} to {value}")]
    assert len(said) == 1 and said[0].endswith(end) or f"{end}: " in said[0], done.err


def test_a_trouble_of_ssh_gets_its_own_hint_and_no_guess_of_open_mpis(ec2mpi, cluster4):
    config = "/etc/ssh/ssh_config"
    cluster4.host(1, f"cp -p {config} {config}.first; echo Frobnicate yes >>{config}")
    try:
        done = ec2mpi("run", "-w", "1-2", "--per-node", "1", "--", "true")
    finally:
        cluster4.host(1, f"mv {config}.first {config}")
    hints = [line for line in done.err.splitlines() if line.startswith("hint: ")]
    assert done.code != 0 and len(hints) == 1 and "frobnicate" in hints[0] and "/tmp" not in hints[0], done.err


def test_a_script_with_the_line_ends_of_windows_runs(ec2mpi, cluster4):
    (ec2mpi.folder / "run_crlf.sh").write_bytes(b"#!/bin/bash\r\necho \"np $EC2MPI_NP\"\r\n")
    done = ec2mpi("run", "-np", "2", "crlf")
    assert (done.code, done.out) == (0, "np 2\n"), done.err
    assert "line ends of Windows" in done.err


def test_a_script_with_the_line_ends_of_windows_finds_the_files_beside_it(ec2mpi, cluster4):
    script = "\r\n".join(["#!/bin/bash", 'cat "$(dirname "$0")/beside" "${BASH_SOURCE%/*}/beside"', ""])
    cluster4.host(1, f"cat >{HOME}/run_beside.sh; echo found >{HOME}/beside", user="ubuntu", input=script)
    (ec2mpi.folder / "run_laptop.sh").write_bytes(script.encode())
    for name in ("beside", "laptop"):
        done = ec2mpi("run", "-np", "2", name)
        assert (done.code, done.out) == (0, "found\n" * 2), done.err
    wait_until(lambda: cluster4.host(1, f"ls -A {HOME} | grep '^[.]run_'").out == "", "the copies are removed")


def test_a_program_that_ends_with_255_is_no_lost_job(ec2mpi):
    done = ec2mpi("run", "-np", "1", "--", "sh", "-c", "exit 255")
    assert done.code == 1, done


def test_too_many_ranks_are_refused_with_the_arithmetic(ec2mpi, cluster4):
    done = ec2mpi("run", "--slots", "1", "-np", "12", "--", "hostname")
    assert (done.code, done.out) == (2, "")
    assert "12 ranks, 4 slots (4 nodes x 1 slot); use --per-node 3" in done.err
    nothing_left(cluster4, 1)


def test_the_masters_folder_tells_what_was_run(ec2mpi, cluster4):
    done = ec2mpi("run", "-np", "4", "--", "true")
    assert done.code == 0, done.err
    job = re.search(r"(true-\d{8}-\d{6}-[0-9a-f]{4})", done.err)[1]
    folder = f"{HOME}/.ec2mpi/jobs/{job}"
    assert cluster4.host(1, f"stat -c %a {folder}").out == "700\n"
    addresses = "".join(f"10.0.0.1{host}\n" for host in HOSTS)
    assert cluster4.host(1, f"cat {folder}/nodeIPaddress {HOME}/nodeIPaddress").out == addresses * 2
    assert cluster4.host(1, f"cat {folder}/hosts").out == addresses.replace("\n", " slots=1\n")
    assert cluster4.host(1, f"cat {folder}/cmd").out.startswith("/usr/bin/mpirun --hostfile ")
    assert " --host " not in cluster4.host(1, f"cat {folder}/cmd").out


def test_explain_shows_the_line_and_starts_nothing(ec2mpi, cluster4):
    done = ec2mpi("run", "--explain", "--mca", "pml", "ucx", "--", "python3", "x.py")
    assert done.code == 0, done.err
    assert done.out.startswith("/usr/bin/mpirun --hostfile ")
    assert "-m mpi4py x.py" in done.out and "--mca pml ucx" in done.out and "pml ob1" not in done.out
    assert "10.0.0.14 slots=" in done.out
    job = re.search(r"jobs/(x-[0-9a-f-]+)/hosts", done.out)[1]
    assert cluster4.host(1, f"test -e {HOME}/.ec2mpi/jobs/{job}").code == 1


# --- named jobs, scripts, C++ -------------------------------------------------------------------------------------

def test_the_example_job_spread(ec2mpi, cluster4):
    (ec2mpi.folder / "ec2mpi.toml").write_text((EXAMPLES / "ec2mpi.toml").read_text())
    give(cluster4, "spread.py", (EXAMPLES / "spread.py").read_text())
    cluster4.host(1, f"rm -f {HOME}/spread_result.json")
    done = ec2mpi("run", "-np", "8", "--per-node", "2", "spread")
    assert done.code == 0, done.err
    assert re.fullmatch(r"spread: 8 agents on 4 hosts, \d+ steps, largest error \S+: correct\n", done.out)
    result = json.loads(cluster4.host(1, f"cat {HOME}/spread_result.json").out)
    assert result["positions"] == pytest.approx([i / 7 for i in range(8)], abs=1e-5)
    assert result["hosts"] == [f"ip-10-0-0-1{host}" for host in HOSTS for _ in range(2)]


def test_flags_win_over_the_jobs_settings(ec2mpi, cluster4):
    (ec2mpi.folder / "ec2mpi.toml").write_text(
        '[jobs.who]\ncommand = ["python3", "who.py"]\nnp = 2\nworkdir = "a b"\nenv = { GREETING = "toml" }\n')
    give(cluster4, "who.py", WHO, folder=f"'{HOME}/a b'")
    assert ec2mpi("run", "who").out.splitlines() == ["0 2 ip-10-0-0-11 toml", "1 2 ip-10-0-0-12 toml"]
    assert ec2mpi("run", "who", "--np", "1", "-x", "GREETING=flag", "--", "ignored").out == "0 1 ip-10-0-0-11 flag\n"


def test_a_missing_workdir_is_named(ec2mpi):
    done = ec2mpi("run", "--workdir", "nowhere", "--", "true")
    assert (done.code, done.out) == (1, "")
    assert f"there is no folder {HOME}/nowhere" in done.err


def test_a_workdir_that_is_missing_on_one_node_is_hinted_at_without_a_push(ec2mpi, cluster):
    """One node has another user, and so another home: a push would put the files into that one."""
    cluster.up(2, "--bare")
    cluster.host(2, "useradd -p '*' -m -s /bin/bash alice && cp -r /home/ubuntu/.ssh /home/alice/ && chown -R alice: /home/alice;"
                    "echo 'alice ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/alice")
    (ec2mpi.folder / "list").write_text(f"ubuntu@{cluster.address(1)}\nalice@{cluster.address(2)}\n")
    assert ec2mpi("setup", "--list", "list", "--no-packages").code == 0
    cluster.host(1, f"mkdir {HOME}/proj", user="ubuntu")
    done = ec2mpi("run", "--list", "list", "--per-node", "1", "--workdir", "proj", "--", "pwd")
    hints = [line for line in done.err.splitlines() if line.startswith("hint: ")]
    assert done.code == 1 and hints == [
        f"hint: node2 cannot enter the folder {HOME}/proj: it is missing there, or its permissions forbid it; this shows which: "
        f"ec2mpi exec -w 2 'ls -ld {HOME}/proj'"]


SCRIPT = """#!/bin/bash
nodes=()
while read -r line; do nodes+=("$line"); done < nodeIPaddress
list=$(IFS=,; echo "${nodes[*]}")
mpirun --mca btl_base_warn_component_unused 0 --host "$list" python3 -m mpi4py who.py
echo "$# $1 $(wc -l < "$EC2MPI_HOSTFILE")"
exit 7
"""


def test_the_tutorials_script_from_here(ec2mpi, who):
    script = SCRIPT.replace('--host "$list"', '--hostfile "$EC2MPI_HOSTFILE"') if HOSTS_ROOT else SCRIPT
    (ec2mpi.folder / "run_tutorial.sh").write_text(script)  # with --host and the master's address Open MPI 5 loses a rank
    done = ec2mpi("run", "tutorial", "-np", "4", "--", "an argument")
    assert done.code == 7, done.err
    assert done.out.splitlines() == [f"{rank} 4 ip-10-0-0-1{rank + 1} -" for rank in range(4)] + ["1 an argument 4"]


def test_an_mpirun_of_a_script_that_names_no_hosts_uses_the_nodes_of_the_job(ec2mpi):
    (ec2mpi.folder / "run_all.sh").write_text("mpirun hostname\n")
    done = ec2mpi("run", "all", "-np", "4")
    assert done.code == 0 and sorted(done.out.split()) == [f"ip-10-0-0-1{host}" for host in (1, 2, 3, 4)], done
    (ec2mpi.folder / "run_own.sh").write_text("echo 10.0.0.13 slots=2 >own\nmpirun -np 2 --hostfile own hostname; rm own\n")
    done = ec2mpi("run", "own", "-np", "4")
    assert done.code == 0 and done.out.split() == ["ip-10-0-0-13"] * 2, done


def test_a_script_that_only_the_master_has_runs_where_it_lies(ec2mpi, cluster4):
    give(cluster4, "run_there.sh", "pwd; cat nodeIPaddress; exit 3\n", hosts=(1,), folder=f"{HOME}/project")
    done = ec2mpi("run", "there", "--workdir", "project", "-w", "1-2")
    assert (done.code, done.out) == (3, f"{HOME}/project\n10.0.0.11\n10.0.0.12\n"), done.err


def test_an_unknown_job_is_named_with_the_places_looked_at(ec2mpi):
    done = ec2mpi("run", "nothing")
    assert (done.code, done.out) == (2, "")
    words = "there is no run_nothing.sh, neither here nor in /home/ubuntu; and ec2mpi.toml has no such job"
    assert words in done.err
    done = ec2mpi("run", "--json", "nothing")
    assert done.code == 2 and json.loads(done.out)["exit_code"] == 2 and words in json.loads(done.out)["error"]
    done = ec2mpi("run", "--json-lines", "nothing")
    assert (done.code, [json.loads(line)["event"] for line in done.out.splitlines()]) == (2, ["line", "end"]), done


def test_a_scripts_interpreter_that_is_missing_is_named(ec2mpi):
    for line, missing in (("/usr/bin/no-such-shell", "/usr/bin/no-such-shell"), ("/usr/bin/env no-such-shell", "no-such-shell"),
                          ("/usr/bin/env -S no-such-shell -x", "no-such-shell")):
        (ec2mpi.folder / "run_odd.sh").write_text(f"#!{line}\necho never\n")
        done = ec2mpi("run", "odd")
        assert (done.code, done.out) == (127, "")
        assert f"run_odd.sh asks for {missing}, which is not there" in done.err, done
    for line in ("/usr/bin/env bash", "/usr/bin/env -S A=1 bash -e", "/usr/bin/env -u HOME bash"):
        (ec2mpi.folder / "run_odd.sh").write_text(f"#!{line}\necho ran\n")
        done = ec2mpi("run", "odd")
        assert (done.code, done.out) == (0, "ran\n"), done


def test_a_program_in_cpp_goes_round_the_ring(ec2mpi, cluster4, tmp_path):
    built = run(["mpicxx", "-O1", "-Wl,--as-needed", "-DOMPI_SKIP_MPICXX", "-o", tmp_path / "ring", EXAMPLES / "ring.cpp"], timeout=120)
    assert built.code == 0, built.err
    give(cluster4, "ring", (tmp_path / "ring").read_bytes(), mode="755")
    done = ec2mpi("run", "-np", "4", "--", "./ring", "25")
    assert done.code == 0, done.err
    assert done.out.startswith("ring: 4 ranks, 25 rounds, sum 150 of 150: correct")


# --- output and statuses ------------------------------------------------------------------------------------------

def test_output_comes_as_it_is_and_while_it_runs(ec2mpi):
    """Open MPI 5 loses what is written together with a zero byte; and what a rank writes to both streams at once may come
    on standard error, from plain mpirun too."""
    odd = b"a\xffb" if HOSTS_ROOT else b"a\0\xffb"
    octal = "".join(f"\\{byte:03o}" for byte in odd)
    process = ec2mpi.start("run", "-q", "-n", "1", "--", "sh", "-c", f"printf '{octal}'; echo ' now'; sleep 1; echo bad >&2; read x; sleep 60",
                           text=False)
    assert process.stdout.readline() == odd + b" now\n"
    assert process.stderr.readline() == b"bad\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == (b"", 130), err


def test_the_status_of_a_failing_rank_is_passed_on(ec2mpi, cluster4):
    done = ec2mpi("run", "-np", "4", "--", "sh", "-c", "[ $OMPI_COMM_WORLD_RANK = 2 ] && exit 9; sleep 31415")
    assert done.code == 9, done.err
    nothing_left(cluster4)


def test_an_exception_in_one_rank_ends_the_job(ec2mpi, cluster4):
    give(cluster4, "fails.py", "from mpi4py import MPI\nc = MPI.COMM_WORLD\nif c.rank == 1: raise ValueError('no good')\nc.barrier()\n")
    done = ec2mpi("run", "-np", "4", "--", "python3", "fails.py")
    assert done.code == 1
    assert "ValueError: no good" in done.err
    nothing_left(cluster4)


def test_children_left_by_ranks_are_ended_also_after_success(ec2mpi, cluster4):
    give(cluster4, "leaves.py", "import subprocess\nfrom mpi4py import MPI\nMPI.COMM_WORLD.barrier()\n"
         "subprocess.Popen(['setsid', 'sleep', '31415'], stdin=-3, stdout=-3, stderr=-3)\n")
    done = ec2mpi("run", "-np", "4", "--", "python3", "leaves.py")
    assert done.code == 0, done.err
    assert "ended processes that the job left: 1 on node1, 1 on node2, 1 on node3, 1 on node4" in done.err
    nothing_left(cluster4, 3)


# --- the end, whatever happens ------------------------------------------------------------------------------------

def test_ctrl_c_ends_ranks_that_ignore_it_and_their_children(ec2mpi, cluster4, stubborn):
    bystander = subprocess.Popen(cluster4.host_argv(2, ["sleep", "16180"], user="ubuntu"))
    process = ec2mpi.start("run", "--per-node", "2", "--", "python3", "stubborn.py")
    assert first_line(process) == "all up\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "cancelling stubborn-" in err and "stopped on 4 nodes" in err
    nothing_left(cluster4, 3)
    assert cluster4.host(2, "pgrep -fc '[s]leep 16180'").out == "1\n"  # not ours: it goes on
    cluster4.host(2, "pkill -f '[s]leep 16180'")
    bystander.wait(timeout=20)


def test_ctrl_c_ends_a_script_and_the_ranks_of_its_own_mpirun(ec2mpi, cluster4, stubborn):
    (ec2mpi.folder / "run_stubborn.sh").write_text(
        '#!/bin/bash\nmpirun --hostfile "$EC2MPI_HOSTFILE" python3 stubborn.py\necho next line; sleep 31415\n')
    process = ec2mpi.start("run", "stubborn", "-np", "4")
    assert first_line(process) == "all up\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "next line" not in out and "stopped on 4 nodes" in err
    nothing_left(cluster4, 3)


def test_the_time_limit_ends_it_everywhere(ec2mpi, cluster4, stubborn):
    done = ec2mpi("run", "--timeout", "4", "--", "python3", "stubborn.py")
    assert done.code == 124, done.err
    assert "the time limit was over" in done.err and "stopped on 4 nodes" in done.err
    nothing_left(cluster4, 3)


def test_the_time_limit_ends_a_script_that_minds_no_term(ec2mpi, cluster4):
    (ec2mpi.folder / "run_deaf.sh").write_text("#!/bin/bash\ntrap '' TERM INT HUP\nfor i in $(seq 300); do sleep 1; done\n")
    done = ec2mpi("run", "--timeout", "2", "deaf", timeout=120)
    assert done.code == 124 and "the time limit was over" in done.err and "cannot be reached" not in done.err, done
    nothing_left(cluster4, 3)


FORGETFUL = """#!/bin/sh
[ "$1" = --version ] && echo 'mpirun (Open MPI) 5.0.7' && exit
for word; do case $word in --output-proctable=*) file=${word#*=} ;; esac; done
echo '(rank, host, exe, pid) = (0, ip-10-0-0-11, /usr/bin/true, 23)' >"$file"
"""


def test_a_rank_that_mpirun_does_not_start_is_a_failure_though_it_says_0(ec2mpi, cluster4):
    give(cluster4, "forgetful", FORGETFUL, hosts=(1,), mode="755")
    flags = ["run", "-w", "1", "--mpirun", f"{HOME}/forgetful", "--per-node"]
    assert ec2mpi(*flags, "1", "--", "true").code == 0
    done = ec2mpi(*flags, "2", "--", "true")
    assert done.code == 205 and "has started fewer ranks than requested" in done.err, done.err
    done = ec2mpi("logs", "--rank", "0")
    assert done.code == 0 and done.out == ""


def test_an_open_mpi_5_that_never_returns_from_short_ranks_is_ended(ec2mpi, cluster4):
    stuck = FORGETFUL + "mkfifo stuck; read never <stuck\n"  # without a child, which would count as a rank
    give(cluster4, "mpirun-stuck", stuck, hosts=(1,), mode="755")
    done = ec2mpi("run", "-w", "1", "-np", "1", "--mpirun", f"{HOME}/mpirun-stuck", "--", "true", timeout=120)
    assert done.code not in (0, 124) and "mpirun did not return although no rank was left" in done.err, done.err


def test_killing_mpirun_on_the_master_leaves_nothing(ec2mpi, cluster4, stubborn):
    process = ec2mpi.start("run", "-np", "4", "--", "python3", "stubborn.py")
    assert first_line(process) == "all up\n"
    cluster4.host(1, "pkill -KILL -x 'mpirun|prterun'")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + 9, err
    nothing_left(cluster4, 3)


def test_killing_a_daemon_leaves_nothing(ec2mpi, cluster4, stubborn):
    process = ec2mpi.start("run", "-np", "4", "--", "python3", "stubborn.py")
    assert first_line(process) == "all up\n"
    cluster4.host(3, "pkill -KILL -x 'orted|prted'")
    out, err = process.communicate(timeout=60)
    assert process.returncode not in (0, 255), err
    nothing_left(cluster4, 3)


def test_a_second_ctrl_c_leaves_at_once_with_a_warning(ec2mpi, cluster4):
    process = ec2mpi.start("run", "-np", "4", "--", "sh", "-c", "echo up; exec sleep 31415")
    assert [first_line(process) for _ in range(4)] == ["up\n"] * 4
    cluster4.fault("freeze", 1)  # so that the first one takes its time
    process.send_signal(signal.SIGINT)
    err = process.stderr.readline()
    while "cancelling" not in err:
        err = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=5)
    assert process.returncode == 130
    assert "left at once. The master continues to end sh-" in err
    cluster4.heal()
    if ec2mpi("cancel").code != 0:
        nothing_left(cluster4, 0)
    nothing_left(cluster4)


# --- nodes in trouble ---------------------------------------------------------------------------------------------

def test_a_node_that_refuses_is_named_and_nothing_starts(ec2mpi, cluster4):
    cluster4.fault("refuse", 3)
    done = ec2mpi("run", "--", "hostname")
    assert (done.code, done.out) == (1, "")
    assert "node3: connection refused" in done.err and "nothing was started" in done.err
    assert ec2mpi("run", "-np", "3", "--exclude", "3", "--", "hostname").code == 0


def test_nodes_that_fail_alike_are_one_line(ec2mpi):
    (ec2mpi.folder / "gone").write_text("".join(f"198.51.100.{i}\n" for i in range(1, 30)))
    done = ec2mpi("run", "--list", "gone", "-t", "1", "-np", "4", "--", "true")
    assert done.code == 1 and done.err.splitlines() == [
        "node[1-29]: no answer from its address port 22; stopped, moved, or closed by its security group?",
        "ec2mpi: see ec2mpi help no-connection", "ec2mpi: nothing was started: jobs start on node1"], done.err


def test_a_tail_that_cannot_follow_a_job_is_named(ec2mpi, cluster4):
    assert cluster4.host(1, "mv /usr/bin/tail /usr/bin/tail.away && ln -s /bin/busybox /usr/bin/tail").code == 0
    try:
        done = ec2mpi("run", "-w", "1", "-np", "1", "--", "true")
        assert done.code == 127 and "tail knows no --pid; install that of GNU" in done.err, done
    finally:
        assert cluster4.host(1, "mv -f /usr/bin/tail.away /usr/bin/tail").code == 0


def test_ctrl_c_while_connecting_starts_nothing(ec2mpi, cluster4):
    cluster4.fault("freeze", 3, "--listener")
    process = ec2mpi.start("run", "--", "hostname")
    wait_until(lambda: cluster4.host(1, "pgrep -u ubuntu sshd").code == 0, "logged in on the master")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, ""), err
    assert err == "ec2mpi: interrupted; nothing was started\n"


def test_a_full_disk_of_the_master_is_named(ec2mpi, cluster4):
    cluster4.fault("fill", 1)
    done = ec2mpi("run", "--", "hostname")
    assert (done.code, done.out) == (1, "")
    assert "on the master: cannot " in done.err and "/.ec2mpi/jobs/hostname-" in done.err


def test_a_frozen_master_is_given_up_in_time(ec2mpi, cluster4):
    cluster4.fault("freeze", 1)
    done = ec2mpi("run", "-t", "3", "--", "hostname", timeout=30)
    assert (done.code, done.out) == (1, "")
    assert "node1: " in done.err and "nothing was started" in done.err


def test_a_master_that_freezes_later_is_left_by_the_time_limit(ec2mpi, cluster4):
    process = ec2mpi.start("run", "--timeout", "12", "-np", "4", "--", "sh", "-c", "echo up; exec sleep 31415")
    assert [first_line(process) for _ in range(4)] == ["up\n"] * 4
    cluster4.fault("freeze", 1)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 124, err
    assert "node1 could not be looked at" in err and "stopped on 3 nodes" in err
    for host in (2, 3, 4):
        assert not of_the_job(cluster4, host)
    cluster4.heal()
    nothing_left(cluster4)


def test_a_silent_job_is_followed_again_when_its_frozen_master_thaws(ec2mpi, cluster4):
    process = ec2mpi.start("run", "-np", "1", "--", "sh", "-c", "echo up; until [ -e /tmp/go ]; do sleep 0.2; done; echo down")
    assert first_line(process) == "up\n"
    cluster4.fault("freeze", 1)
    said = ""
    while "connecting again" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    assert "does not answer any more" in said
    cluster4.call("thaw", 1)
    cluster4.host(1, "touch /tmp/go")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "down\n"), said + err
    cluster4.host(1, "rm /tmp/go")


# --- what is wrong before any connection --------------------------------------------------------------------------

@pytest.mark.parametrize("words, says", [
    (["run"], "nothing to run"),
    (["run", "--"], "nothing to run"),
    (["run", "-np", "2", "python3", "x.py"], "programs stand behind --: ec2mpi run ... -- python3 x.py"),
    (["run", "./ring"], "'./ring' is not a job's name"),
    (["run", "-np", "0", "--", "x"], "--np"),
    (["run", "--slots", "many", "--", "x"], "--slots takes cores, threads or a number"),
    (["run", "-x", "1A=2", "--", "x"], "-x 1A=2: not a variable's name; to leave out nodes: --exclude 1A=2"),
    (["run", "-x", "NO_SUCH_VARIABLE", "--", "x"], "it is not set here"),
    (["run", "-w", "9", "--", "x"], "9"),
])
def test_a_wrong_command_line_says_so_at_once(ec2mpi, cluster4, words, says):
    done = ec2mpi(*words)
    assert (done.code, done.out) == (2, "")
    assert says in done.err and len(done.err.splitlines()) == 1
    assert ".ec2mpi/known_hosts" not in ec2mpi.files(), "it must not have connected"
