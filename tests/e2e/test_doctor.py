"""doctor against four real hosts, each test with one thing broken: that check says so, and no other does."""

import contextlib
import json
import shlex
import signal
import subprocess
import textwrap

import pytest

from local_cluster import wait_until

HOSTS = (1, 2, 3, 4)
HOME = "/home/ubuntu"
CHECKS = ["ssh", "clock", "disk", "temp", "memory", "limits", "mpirun", "mpi", "path", "settings", "python", "mpi4py", "names", "shell",
          "interfaces", "logins", "ports", "leftovers", "slots", "placement"]


class Diagnosis:
    """What doctor said, as JSON."""

    def __init__(self, done):
        assert done.code in (0, 1), done.err
        self.code, self.err = done.code, done.err
        document = json.loads(done.out)
        self.ok = document["ok"]
        self.checks = {check["check"]: check for check in document["checks"]}

    def fired(self):
        return {name: check["verdict"] for name, check in self.checks.items() if check["verdict"] not in ("ok", "skipped")}

    def finding(self, name):
        """The only finding of a check."""
        findings = self.checks[name]["findings"]
        assert len(findings) == 1, findings
        return findings[0]


@pytest.fixture
def doctor(ec2mpi):
    def run(*words, **options):
        return Diagnosis(ec2mpi("doctor", "--json", *words, **options))
    return run


@contextlib.contextmanager
def broken(cluster, hosts, how, undo):
    """The hosts with something broken by shell text, as root."""
    try:
        for host in hosts:
            done = cluster.host(host, how)
            assert done.code == 0, done.err
        yield
    finally:
        for host in hosts:
            done = cluster.host(host, undo)
            assert done.code == 0, done.err


def away(cluster, hosts, path):
    return broken(cluster, hosts, f"mv {path} {path}.away", f"mv {path}.away {path}")


def program(cluster, hosts, path, text):
    """A program of ours on the hosts. /usr/local may be new there, and is left as it was."""
    folder = path.rsplit("/", 1)[0]
    return broken(cluster, hosts, f"mkdir -p {folder} && printf %s {shlex.quote(text)} >{path} && chmod 755 {path}", f"rm {path}")


def bashrc(cluster, hosts, line):
    """A line at the top of ~/.bashrc, where it counts for commands over ssh too."""
    file = f"{HOME}/.bashrc"
    return broken(cluster, hosts, f"cp {file} {file}.first && sed -i {shlex.quote('1i ' + line)} {file}", f"mv {file}.first {file}")


def expect(diagnosis, name, nodes, *words, verdict="failed", others=()):
    """Just this check fired, for these nodes, with these words; `others` follow from it."""
    assert diagnosis.fired().get(name) == verdict, diagnosis.checks
    assert set(diagnosis.fired()) == {name, *others}, diagnosis.checks
    finding = diagnosis.finding(name)
    assert finding["nodes"] == nodes, finding
    for word in words:
        assert word in finding["what"] + " | " + finding["command"] + " | " + finding["fix"], finding
    assert (diagnosis.code, diagnosis.ok) == ((1, False) if "failed" in diagnosis.fired().values() else (0, True))
    return finding


# --- all is well -------------------------------------------------------------------------------------------------

def test_nothing_fires_on_a_healthy_cluster(doctor):
    diagnosis = doctor()
    assert diagnosis.fired() == {}
    assert list(diagnosis.checks) == CHECKS
    assert [name for name, check in diagnosis.checks.items() if check["verdict"] == "skipped"] == ["placement"]
    assert (diagnosis.code, diagnosis.ok) == (0, True)


def test_for_people_it_is_a_line_for_each_check(ec2mpi):
    done = ec2mpi("doctor", "-w", "1-2")
    assert done.code == 0, done.err
    assert [line.split()[1] for line in done.out.splitlines()] == CHECKS
    assert "ok    mpi         Open MPI" in done.out and "everywhere" in done.out
    assert "2 nodes · all is well" in done.err and "\x1b" not in done.out + done.err


def test_one_node_alone_has_nobody_to_reach(doctor):
    diagnosis = doctor("-w", "2")
    assert diagnosis.fired() == {}
    assert diagnosis.checks["logins"]["verdict"] == diagnosis.checks["ports"]["verdict"] == "skipped"


@pytest.mark.parametrize("words, says", [(["-w", "9"], "9"), ([""], "empty"), (["~root/x"], "~root/x"), (["--fixx"], "--fixx")])
def test_bad_input_is_refused_before_any_connection(ec2mpi, words, says):
    done = ec2mpi("doctor", *words)
    assert (done.code, done.out) == (2, "")
    assert says in done.err and len(done.err.splitlines()) == 1


# --- getting there -----------------------------------------------------------------------------------------------

def test_ssh_one_node_refuses(doctor, cluster4):
    cluster4.fault("refuse", 3)
    expect(doctor(), "ssh", [3], "connection refused", "ec2mpi exec -w 3 true", "no sshd listens on that port")


def test_ssh_a_node_that_hangs_does_not_hold_the_others(doctor, cluster4):
    cluster4.fault("freeze", 3, "--listener")
    diagnosis = doctor("-t", "6")
    expect(diagnosis, "ssh", [3])
    assert diagnosis.checks["ports"]["summary"].startswith("6 connections")  # among the three others


def test_ssh_a_login_shell_that_hangs(doctor, cluster4):
    with bashrc(cluster4, [2], "sleep 300"):
        diagnosis = doctor("-u", "10")
    expect(diagnosis, "ssh", [2], "does not report about itself in time")
    assert diagnosis.checks["logins"]["verdict"] == "ok"


def test_ssh_a_limit_that_no_shell_can_hold_blames_no_security_group(doctor):
    finding = expect(doctor("-u", "0.001"), "ssh", [1, 2, 3, 4], "let us in, but")
    assert "doctor -u 120" in finding["fix"] and "ecurity group" not in finding["fix"]


def test_ssh_wrong_user(doctor):
    finding = expect(doctor("-l", "nobody"), "ssh", [1, 2, 3, 4], "nobody")
    assert "ec2mpi doctor -l USER" in finding["fix"]


def test_ssh_changed_host_key(doctor, cluster4, ec2mpi):
    assert ec2mpi("exec-all", "true").code == 0
    cluster4.fault("rekey", 2)
    expect(doctor(), "ssh", [2], "host key")


def test_interrupted(ec2mpi, cluster4):
    cluster4.fault("freeze", 3, "--listener")
    before = cluster4.login_attempts(1)
    process = ec2mpi.start("doctor", "-t", "60")
    wait_until(lambda: cluster4.login_attempts(1) > before, "asked node 1")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, ""), err


# --- the machines ------------------------------------------------------------------------------------------------

def test_clock_five_minutes_off(doctor, cluster4):
    cluster4.fault("clock", 3, "--seconds", -300)
    expect(doctor(), "clock", [3], "5 min 00 s behind", "timedatectl")


def test_disk_full(doctor, cluster4):
    cluster4.fault("fill", 2)
    expect(doctor(), "disk", [2], "only 0 B free in the home, 0 B free in /tmp", "df -h")


def test_a_home_where_nothing_can_be_made(doctor, cluster4):
    with broken(cluster4, [2], f"mount --bind {HOME} {HOME} && mount -o remount,ro,bind {HOME}", f"umount {HOME}"):
        expect(doctor(), "disk", [2], "nothing can be made in the home: Read-only file system")


def test_memory_short(doctor, cluster4):
    with broken(cluster4, [4], "sed '/^MemAvailable/s/[0-9][0-9]*/4096/' /proc/meminfo >/tmp/meminfo && "
                               "mount --bind /tmp/meminfo /proc/meminfo", "umount /proc/meminfo; rm /tmp/meminfo"):
        expect(doctor(), "memory", [4], "only 4.2 MB of", verdict="warning")


def type_fix(ec2mpi, finding):
    """Types the command that doctor prints as the fix."""
    assert finding["fix"].startswith("ec2mpi exec "), finding
    done = ec2mpi(*shlex.split(finding["fix"])[1:])
    assert done.code == 0, done.err


def test_limits_too_few_open_files_and_the_fix_is_one(doctor, cluster4, ec2mpi):
    with bashrc(cluster4, [1], "ulimit -n 200"):
        type_fix(ec2mpi, expect(doctor(), "limits", [1], "may open 200 files", "sed -i 1d"))
        assert doctor().fired() == {}


def test_limits_a_line_that_cannot_just_go_is_only_named(doctor, cluster4):
    with bashrc(cluster4, [1], "if true; then ulimit -n 200; fi"):
        finding = expect(doctor(), "limits", [1], "may open 200 files", f"raise it in {HOME}/.bashrc, line 1")
        assert "sed" not in finding["fix"]


@pytest.mark.parametrize("line, says, fix", [
    ("umask 177", "the umask 0177 takes", "sed -i 1d"), ("umask u=", "the umask 07", "let the owner's rights be"),
    ("ulimit -v 200000", "200000 kB of address space", "sed -i 1d"), ("ulimit -Ss 200", "a stack of 200 kB", "sed -i 1d")])
def test_limits_that_let_the_daemon_of_mpirun_or_a_rank_fail(doctor, cluster4, ec2mpi, line, says, fix):
    with bashrc(cluster4, [2], line):
        finding = expect(doctor(), "limits", [2], says, fix)
        if "sed" in fix:
            type_fix(ec2mpi, finding)
            assert doctor().fired() == {}


# --- settings of Open MPI -----------------------------------------------------------------------------------------

def mca_file(cluster, hosts, line):
    folder = f"{HOME}/.openmpi"
    return broken(cluster, hosts, f"mkdir -p {folder} && echo '{line}' >{folder}/mca-params.conf && chown -R ubuntu: {folder}",
                  f"rm -r {folder}")


@pytest.mark.parametrize("setting, says, hint", [
    ("btl_tcp_if_include=lo", "which leaves out 10.0.0.11, where the node is reached", "btl_tcp_if_include"),
    ("ess=singleton", "mpirun does not start with it", "ess"), ("rmaps=nosuch", "Open MPI has no rmaps nosuch there", "rmaps"),
    ("pml=ucx", "pml", "pml")])
def test_settings_that_stop_a_job_are_named_with_their_line_by_doctor_and_run(doctor, cluster4, ec2mpi, setting, says, hint):
    with bashrc(cluster4, [1], f"export OMPI_MCA_{setting}"):
        expect(doctor(), "settings", [1], f"OMPI_MCA_{setting.split('=')[0]} ({HOME}/.bashrc:1) sets", says,
               f"take it out of {HOME}/.bashrc, line 1")
        ring = "from mpi4py import MPI; c = MPI.COMM_WORLD; print(c.allreduce(1))"
        done = ec2mpi("run", "--timeout", "40", "--per-node", "1", "--", "python3", "-c", ring)
        assert done.code != 0, done.out
        assert f"{HOME}/.bashrc:1:OMPI_MCA_{hint} sets {hint}" in done.err, done.err
        assert done.code == 124 or f"OMPI_MCA_{hint} sets {hint}, " in done.err.splitlines()[-1], done.err


def test_a_setting_in_a_file_is_removed_by_the_fix(doctor, cluster4, ec2mpi):
    with mca_file(cluster4, [3], "ess = singleton"):
        type_fix(ec2mpi, expect(doctor(), "settings", [3], f"{HOME}/.openmpi/mca-params.conf:1 sets ess to singleton"))
        assert doctor().fired() == {}


def test_slots_unequal_nodes(doctor, cluster4):
    with program(cluster4, [2], "/usr/local/bin/lscpu", "#!/bin/sh\necho 0,0,0,Y\n"):
        expect(doctor(), "slots", [2], "1 core and", "--exclude 2", verdict="warning")


# --- MPI and Python ----------------------------------------------------------------------------------------------

def test_mpirun_missing(doctor, cluster4):
    with away(cluster4, [3], "/usr/bin/mpirun"):
        expect(doctor(), "mpirun", [3], "there is no mpirun", "ec2mpi setup -w 3")


def test_mpirun_not_in_path(doctor, cluster4):
    with away(cluster4, [3], "/usr/bin/mpirun"):
        with broken(cluster4, [3], "mkdir -p /usr/lib64/openmpi/bin && ln -s /usr/bin/orterun /usr/lib64/openmpi/bin/mpirun",
                    "rm -r /usr/lib64/openmpi"):
            expect(doctor(), "mpirun", [3], "/usr/lib64/openmpi/bin/mpirun is not in the PATH", verdict="warning")


OTHER_VERSION = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'mpirun (Open MPI) 4.1.0' || exec orterun \"$@\"\n"


def test_mpi_of_another_version(doctor, cluster4):
    with away(cluster4, [4], "/usr/bin/mpirun"), program(cluster4, [4], "/usr/bin/mpirun", OTHER_VERSION):
        expect(doctor(), "mpi", [4], "Open MPI 4.1.0, but Open MPI", "on node[1-3] (3)", others=("mpi4py",))


def test_mpi_in_another_folder_matters_where_the_daemon_is_not_there(ec2mpi, doctor, cluster4):
    other = "/opt/openmpi/bin"
    with broken(cluster4, [3], f"mkdir -p {other} && ln -s $(readlink -f /usr/bin/mpirun) {other}/mpirun && ln -s $(readlink -f /usr/bin/orted) "
                               f"{other}/orted", "rm -r /opt/openmpi"), bashrc(cluster4, [3], f"export PATH={other}:$PATH"):
        diagnosis = doctor()
        assert diagnosis.fired() == {} and f"{other}/mpirun" not in diagnosis.checks["mpi"]["summary"], diagnosis.checks
        assert ec2mpi("run", "--per-node", "1", "--", "true").code == 0
        with away(cluster4, [3], "/usr/bin/orted"):
            expect(doctor(), "mpi", [3], f"its mpirun is {other}/mpirun, but node1 starts /usr/bin/orted on all nodes, which is missing",
                   "ec2mpi exec -w 3 'ls -l /usr/bin/orted'")
            assert ec2mpi("run", "--per-node", "1", "--", "true").code != 0


def test_path_with_two_versions(doctor, cluster4):
    with program(cluster4, [1], "/usr/local/bin/mpirun", OTHER_VERSION):
        expect(doctor(), "path", [1], "/usr/local/bin/mpirun (Open MPI 4.1.0) comes before /usr/bin/mpirun", "which -a mpirun",
               others=("mpi", "mpi4py"))


def test_python_elsewhere(doctor, cluster4):
    with broken(cluster4, [2], "ln -s /usr/bin/python3 /usr/local/bin/python3", "rm /usr/local/bin/python3"):
        expect(doctor(), "python", [2], "python3 is /usr/local/bin/python3, but /usr/bin/python3 on node[1,3-4] (3)",
               verdict="warning")


def test_a_node_without_python_is_told_all_the_rest(doctor, cluster4):
    with away(cluster4, [2], "/usr/bin/python3"):
        diagnosis = doctor()
    expect(diagnosis, "python", [2], "there is no python3", "ec2mpi setup -w 2", others=("ports",))
    assert diagnosis.fired()["ports"] == "warning"
    assert diagnosis.finding("ports")["what"] == "could not be tried: no python3"


def test_mpi4py_missing(doctor, cluster4):
    with away(cluster4, [3], "/usr/lib/python3/dist-packages/mpi4py"):
        expect(doctor(), "mpi4py", [3], "cannot be imported: ModuleNotFoundError: No module named 'mpi4py'", "ec2mpi setup -w 3")


def test_mpi4py_for_another_mpi(doctor, cluster4):
    folder = f"{HOME}/.local/lib/python3.$(python3 -c 'import sys; print(sys.version_info[1])')/site-packages/mpi4py"
    module = "class MPI: Get_library_version = staticmethod(lambda: 'MPICH Version:      4.0.2\\nMPICH Release date: 2022')"
    with broken(cluster4, [2], f"mkdir -p {folder} && printf '%s\\n' {shlex.quote(module)} 'class rc: pass' '__version__ = \"4.0\"' "
                               f">{folder}/__init__.py", f"rm -r {HOME}/.local"):
        expect(doctor(), "mpi4py", [2], "runs on MPICH 4.0.2, but mpirun is Open MPI", "pip uninstall")


# --- names and shells --------------------------------------------------------------------------------------------

def hosts_file(cluster, hosts, command):
    return broken(cluster, hosts, f"cp /etc/hosts /etc/hosts.first && sed -i {shlex.quote(command)} /etc/hosts",
                  "cat /etc/hosts.first >/etc/hosts && rm /etc/hosts.first")


def test_names_own_name_unknown(doctor, cluster4):
    with hosts_file(cluster4, [3], "/this host/d"):
        expect(doctor(), "names", [3], "its own name ip-10-0-0-13 is not known", "ec2mpi setup")


def test_names_that_cannot_be_looked_up_are_no_task_for_setup(doctor, cluster4):
    with broken(cluster4, [3], "chmod 600 /etc/hosts", "chmod 644 /etc/hosts"):
        expect(doctor(), "names", [3], "/etc/hosts cannot be read by the login user", "chmod 644 /etc/hosts")
    getent = "/usr/bin/getent"
    with broken(cluster4, [3], f"mv {getent} {getent}.away", f"mv {getent}.away {getent}"):
        finding = expect(doctor(), "names", [3], "getent is not there", verdict="warning")
    assert finding["fix"] == ""


def test_names_of_others_mean_other_addresses(doctor, cluster4):
    with hosts_file(cluster4, [1], "s/^10.0.0.14 /10.0.0.99 /"):
        expect(doctor(), "names", [1], "ip-10-0-0-14 is taken for 10.0.0.99", verdict="warning")


def test_names_of_others_unknown(doctor, cluster4):
    with hosts_file(cluster4, [1, 2], "/10.0.0.1[34] /d"):
        expect(doctor(), "names", [1, 2], "does not know the names of 2 other nodes", "ec2mpi setup", verdict="warning")


def test_names_one_for_all_nodes(doctor, cluster4):
    with contextlib.ExitStack() as stack:
        for host in HOSTS:
            stack.enter_context(broken(cluster4, [host], f"hostname mpi-node; cp /etc/hosts /tmp/hosts; echo 10.0.0.1{host} mpi-node >>/etc/hosts",
                                       f"hostname ip-10-0-0-1{host}; cat /tmp/hosts >/etc/hosts; rm /tmp/hosts"))
        diagnosis = doctor()
    finding = diagnosis.finding("names")
    assert (finding["nodes"], finding["what"]) == (list(HOSTS), "they have one host name, mpi-node"), finding


def test_shell_that_talks(doctor, cluster4):
    with bashrc(cluster4, [2], "echo Welcome to node 2"):
        expect(doctor(), "shell", [2], "prints text before every command", "~/.bashrc", verdict="warning")


def test_variables_that_make_python_talk_change_no_answer(doctor, cluster4):
    with bashrc(cluster4, [2], "export PYTHONVERBOSE=1 PYTHONINSPECT=1"):
        assert doctor().fired() == {}


def test_logins_of_an_account_that_prints_much_and_ends_in_a_trap(doctor, cluster4):
    with bashrc(cluster4, [2], "yes Welcome | head -n 500; trap 'exit 9' EXIT"):
        expect(doctor(), "shell", [2], "prints text before every command", verdict="warning")


# --- between the nodes -------------------------------------------------------------------------------------------

def interface(cluster, hosts, name, *commands):
    """A network device that leads nowhere."""
    text = " && ".join([f"ip link add {name} type bridge", *(f"ip {command}" for command in commands), f"ip link set {name} up"])
    return broken(cluster, hosts, text, f"ip link del {name}")


def test_interfaces_docker_on_two_hosts(doctor, cluster4):
    with interface(cluster4, [1, 2], "docker0", "addr add 172.17.0.1/16 dev docker0"):
        expect(doctor(), "interfaces", [1, 2], "docker0 has the same address, 172.17.0.1", "--mca btl_tcp_if_include 10.0.0.8/29",
               verdict="warning")


def test_interfaces_docker_on_one_host_is_nobodys_trouble(doctor, cluster4):
    with interface(cluster4, [1], "docker0", "addr add 172.17.0.1/16 dev docker0"):
        assert doctor().fired() == {}


def test_interfaces_two_addresses_in_the_network(doctor, cluster4):
    with interface(cluster4, [3], "virbr0", "addr add 10.0.0.10/32 dev virbr0"):
        expect(doctor(), "interfaces", [3], "several addresses in 10.0.0.8/29", "virbr0 10.0.0.10")


def test_interfaces_smaller_packets(doctor, cluster4):
    with broken(cluster4, [4], "ip link set eth0 mtu 1500", "ip link set eth0 mtu 9001"):
        expect(doctor(), "interfaces", [4], "packets of at most 1500 bytes, most have 9001", verdict="warning")


def test_logins_without_the_nodes_key(doctor, cluster4):
    with away(cluster4, [2], f"{HOME}/.ssh/id_ed25519"):
        expect(doctor(), "logins", [2], "to 3 other nodes: the nodes do not let each other in",
               "ssh -o BatchMode=yes 10.0.0.11 true", "ec2mpi setup")


def test_logins_to_a_changed_host_key(doctor, cluster4):
    cluster4.fault("rekey", 4)  # for the laptop it is the first sight
    expect(doctor(), "logins", [4], "from 3 other nodes: a node remembers another machine's host key")


def test_logins_on_a_bare_cluster(doctor, cluster4):
    with away(cluster4, HOSTS, f"{HOME}/.ssh/known_hosts"):
        expect(doctor(), "logins", [1, 2, 3, 4], "between all nodes: the nodes do not know each other's host keys", "ec2mpi setup")


def test_ports_closed_by_the_security_group(doctor, cluster4):
    cluster4.fault("firewall", None)
    expect(doctor(), "ports", [1, 2, 3, 4], "between all nodes: no answer", "authorize-security-group-ingress")


def test_ports_closed_between_two_workers(doctor, cluster4):
    cluster4.fault("firewall", None, 2, 3)
    expect(doctor(), "ports", [2, 3], "node2 and node3: no answer", "TCP from 10.0.0.12 to 10.0.0.13", "nft list ruleset")


def test_ports_large_packets_are_lost(doctor, cluster4):
    rules = "table inet lossy { chain in { type filter hook input priority 0; tcp dport != 22 tcp sport != 22 meta length > 2000 drop; }; }"
    with broken(cluster4, [4], f"nft {shlex.quote('add ' + rules)}", "nft delete table inet lossy"):
        diagnosis = doctor()
    expect(diagnosis, "ports", [4], "to 3 other nodes: the connection opens, but large packets are lost", "let ICMP through")


# --- what is on them ---------------------------------------------------------------------------------------------

@pytest.fixture
def leftover(cluster4):
    """A job whose daemon on host 2 was killed: the rank's child is left there."""
    cluster4.host(1, "printf '10.0.0.11\\n10.0.0.12\\n' >hosts.two", user="ubuntu")
    mpirun = ["mpirun", "--hostfile", "hosts.two", "--map-by", "node", "-np", "2", "sh", "-c", "sleep 31415 & exec sleep 27182"]
    job = subprocess.Popen(cluster4.host_argv(1, mpirun, user="ubuntu"), stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for host in (1, 2):
        wait_until(lambda: cluster4.host(host, "pgrep -fc '^sleep (31415|27182)'").out == "2\n", "ranks and their children")
    yield job
    for host in (1, 2):
        cluster4.host(host, "pkill -KILL mpirun; pkill -KILL orted; pkill -KILL sleep")
    job.wait(timeout=20)


def test_a_process_with_a_variable_of_ranks_is_no_rank_and_stays(doctor, cluster4):
    with bashrc(cluster4, [2], "export OMPI_COMM_WORLD_RANK=0 PMI_RANK=0 PMIX_NAMESPACE=1"):
        cluster4.host(2, "OMPI_COMM_WORLD_RANK=0 setsid sleep 31416 >/dev/null 2>&1 </dev/null &", user="ubuntu")
        try:
            assert doctor("--fix").fired() == {}
            assert cluster4.host(2, "pgrep -fc '^sleep 31416'").out == "1\n"
        finally:
            cluster4.host(2, "pkill -f '^sleep 31416'")


def test_leftovers_of_a_killed_job_and_fix(doctor, cluster4, leftover):
    assert doctor().fired() == {}  # a job that runs is not left over
    cluster4.host(2, "pkill -KILL orted")
    leftover.wait(timeout=40)
    wait_until(lambda: cluster4.host(1, "pgrep -f '^sleep 27182'").code == 1, "the job has ended on host 1")
    diagnosis = doctor("-w", "2-4")
    expect(diagnosis, "leftovers", [2], "of an earlier job: pid", "sleep", "ec2mpi doctor --fix")
    fixed = doctor("-w", "2-4", "--fix")
    assert fixed.fired() == {}
    assert fixed.checks["leftovers"]["summary"].startswith("ended ")
    assert cluster4.host(2, "pgrep -f '^sleep (31415|27182)'").code == 1


def test_files_that_differ_or_are_missing(doctor, cluster4):
    for host in HOSTS:
        cluster4.host(host, "mkdir -p 'proj/a b' && echo one >'proj/a b/x.py' && echo same >same.py", user="ubuntu")
    assert doctor("proj", "same.py").checks["files"]["summary"] == "all are the same on 4 nodes"
    cluster4.host(3, "echo two >'proj/a b/x.py'", user="ubuntu")
    cluster4.host(4, "rm same.py", user="ubuntu")
    expect(doctor("proj/a b/x.py"), "files", [3], "proj/a b/x.py differs from that on node[1-2,4] (3)", "ec2mpi push -w 3")
    expect(doctor("~/same.py"), "files", [4], "~/same.py is missing")
    expect(doctor(f"{HOME}/proj"), "files", [3], "differs from that on node[1-2,4]")
    for host in HOSTS:
        cluster4.host(host, "rm -r proj same.py", user="ubuntu") if host != 4 else cluster4.host(host, "rm -r proj")


METADATA = textwrap.dedent("""
    import http.server, json, sys
    DATA = json.loads(sys.argv[1])
    class Service(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            self.answer("the-token" if "X-aws-ec2-metadata-token-ttl-seconds" in self.headers else None)
        def do_GET(self):
            wanted = self.headers["X-aws-ec2-metadata-token"] == "the-token"
            self.answer(DATA.get(self.path.replace("/latest/meta-data/", "")) if wanted else None)
        def answer(self, text):
            self.send_response(200 if text else 404)
            self.end_headers()
            self.wfile.write((text or "").encode())
        def log_message(self, *words):
            pass
    http.server.HTTPServer(("169.254.169.254", 80), Service).serve_forever()
""")


@contextlib.contextmanager
def metadata(cluster, host, data):
    cluster.host(host, "ip address add 169.254.169.254/32 dev lo; cat > /tmp/metadata.py", input=METADATA)
    cluster.host(host, f"setsid python3 /tmp/metadata.py {shlex.quote(json.dumps(data))} >/dev/null 2>&1 & "
                       "until ss -ltn | grep -q 169.254.169.254:80; do sleep 0.05; done")
    try:
        yield
    finally:
        cluster.host(host, "pkill -f /tmp/metadata.py; ip address del 169.254.169.254/32 dev lo; rm /tmp/metadata.py")


def place(zone, group=None):
    return {"placement/availability-zone": zone} | ({"placement/group-name": group} if group else {})


def test_placement(doctor, cluster4):
    with metadata(cluster4, 1, place("us-east-2a", "ring")), metadata(cluster4, 2, place("us-east-2a", "ring")):
        diagnosis = doctor("-w", "1-3")
        assert diagnosis.fired() == {}
        assert diagnosis.checks["placement"]["summary"] == "all in zone us-east-2a, placement group ring"
        with metadata(cluster4, 3, place("us-east-2b", "ring")):
            expect(doctor("-w", "1-3"), "placement", [3], "us-east-2b, but us-east-2a on node[1-2] (2)", verdict="warning")
        with metadata(cluster4, 3, place("us-east-2a") | {"instance-id": "i-0123456789abcdef0"}):
            diagnosis = doctor("-w", "1-3")
            assert diagnosis.fired() == {"placement": "failed"}
            told = " | ".join(finding["what"] for finding in diagnosis.checks["placement"]["findings"])
            assert "no placement group, but placement group ring" in told and "it is i-0123456789abcdef0 now" in told


def test_what_it_finds_on_fresh_instances_setup_fixes(cluster, ec2mpi):
    cluster.up(3, "--bare")
    before = Diagnosis(ec2mpi("doctor", "--json"))
    assert before.fired() == {"logins": "failed", "names": "warning"}
    assert [finding["fix"] for name in before.fired() for finding in before.checks[name]["findings"]] == ["ec2mpi setup"] * 2
    assert ec2mpi("setup", timeout=120).code == 0
    assert Diagnosis(ec2mpi("doctor", "--json")).fired() == {}


# --- hints of run ------------------------------------------------------------------------------------------------

def test_run_translates_known_errors(ec2mpi, cluster4):
    done = ec2mpi("run", "-np", "2", "--", "python3", "nowhere.py")
    assert done.code != 0
    assert f"hint: {HOME}/nowhere.py is not on every node; if it is in another folder there: --workdir FOLDER; else copy it there first: ec2mpi push FILE... ./" in done.err
    done = ec2mpi("run", "-np", "1", "--", "sh", "-c", "echo mistaken >&2; exit 3")
    assert done.code == 3 and "hint" not in done.err
    with away(cluster4, [1], f"{HOME}/.ssh/known_hosts"):
        done = ec2mpi("run", "-np", "4", "--", "hostname")
    assert done.code != 0
    assert "hint: the nodes do not know each other's host keys: ec2mpi setup" in done.err
