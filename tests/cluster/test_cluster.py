#!/usr/bin/python3
"""The test cluster's own test: does it behave as the README says? Needs root, takes about three minutes.

    ./test_cluster.py            or, for one of them:            ./test_cluster.py Faults.test_cut
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import unittest

CLUSTER = os.path.join(os.path.dirname(os.path.realpath(__file__)), "cluster")
PREFIX = os.environ.get("EC2MPI_SELFTEST", "selftest")  # so that parts of this file can run side by side
FIRST, SECOND, BARE = f"{PREFIX}-1", f"{PREFIX}-2", f"{PREFIX}-bare"


class Failed(Exception):
    pass


def cluster(*words, name=FIRST, check=True, **options):
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "timeout": 120}
    done = subprocess.run([CLUSTER, "--name", name, *map(str, words)], **settings | options)
    if check and done.returncode != 0:
        raise Failed(f"cluster {' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def path(name=FIRST):
    return cluster("path", name=name).stdout.strip()


def state(name=FIRST):
    with open(f"{path(name)}/state.json") as file:
        return json.load(file)


def ssh_command(address, *command, key, user="ubuntu"):
    return ["ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
            "-o", "BatchMode=yes", "-o", "ConnectTimeout=3", "-i", f"{key}/key.pem", f"{user}@{address}", *command]


def ssh(index, command, name=FIRST, user="ubuntu", address=None, **options):
    """From the laptop to a host."""
    target = address or state(name)["hosts"][index - 1]["public"]
    return cluster("exec", "--", *ssh_command(target, command, key=path(name), user=user), name=name, **options)


def says(index, command, **options):
    return ssh(index, command, **options).stdout.strip()


def ssh_fails(index, name=FIRST):
    return ssh(index, "true", name=name, check=False).stderr.strip()


def on_laptop(code, name=FIRST):
    return cluster("exec", "--", "/usr/bin/python3", "-c", code, name=name).stdout.strip()


def round_trip(name=FIRST, tries=5):
    """Milliseconds of a TCP handshake, which is one round trip; the best of some."""
    return float(on_laptop(f"""
import socket, time
def once():
    start = time.monotonic()
    socket.create_connection(("203.0.113.11", 22), 5).close()
    return (time.monotonic() - start) * 1000
print(min(once() for _ in range({tries})))""", name))


def megabits_up(index, megabytes):
    start = time.monotonic()
    with open("/dev/zero", "rb") as zeros:
        data = zeros.read(megabytes * 1000000)
    cluster("exec", "--", *ssh_command(state()["hosts"][index - 1]["public"], "cat >/dev/null", key=path()),
            input=data, text=False)
    return megabytes * 8 / (time.monotonic() - start)


def megabits_down(index, megabytes):
    start = time.monotonic()
    ssh(index, f"head -c {megabytes}000000 /dev/zero", text=False)
    return megabytes * 8 / (time.monotonic() - start)


# --- what must not stay behind -----------------------------------------------------------------------------------

def processes():
    """pid -> (parent, start time, command line) of everything on the machine."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with (open(f"/proc/{pid}/stat", errors="replace") as stat,  # names and words of other programs may be any bytes
                  open(f"/proc/{pid}/cmdline", errors="replace") as command):
                fields = stat.read().rpartition(")")[2].split()
                if fields[0] not in "ZX":
                    found[int(pid)] = (int(fields[1]), fields[19], command.read())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def keepers(name):
    return [pid for pid, (_, _, command) in processes().items() if command.startswith(f"cluster {name}\0")]


def below(root):
    """The identities of a process and all its descendants."""
    table, members = processes(), {root}
    while more := {pid for pid, entry in table.items() if entry[0] in members} - members:
        members |= more
    return {(pid, table[pid][1]) for pid in members if pid in table}


def alive(identities):
    table = processes()
    return {identity for identity in identities if table.get(identity[0], (0, 0))[1] == identity[1]}


def machine():
    """What a cluster could leave on the machine, apart from processes."""
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True).stdout
    names = [line.split(":")[1] for line in links.splitlines()]
    with open("/proc/mounts") as mounts, open("/etc/passwd") as passwd:
        return names, sorted(mounts), passwd.read(), os.listdir("/run/netns") if os.path.isdir("/run/netns") else []


class Running(unittest.TestCase):
    """Tests on one cluster of four, made once."""

    @classmethod
    def setUpClass(cls):
        cluster("down")
        cluster("up", 4)

    @classmethod
    def tearDownClass(cls):
        cluster("down")


class Hosts(Running):
    def test_every_host_answers_on_its_public_address(self):
        for index in range(1, 5):
            self.assertEqual(says(index, "hostname"), f"ip-10-0-0-{10 + index}")

    def test_a_host_sees_its_private_address_only(self):
        client, _, own, port = says(2, "echo $SSH_CONNECTION").split()
        self.assertEqual((client, own, port), ("198.18.0.2", "10.0.0.12", "22"))
        self.assertNotIn("203.0.113", says(2, "ip -o addr"))

    def test_the_laptop_does_not_reach_private_addresses(self):
        self.assertIn("timed out", ssh(1, "true", address="10.0.0.11", check=False).stderr)

    def test_nothing_has_a_route_out(self):
        code = "import socket\ntry: socket.create_connection(('192.88.99.1', 80), 2); print('out')\nexcept OSError: print('no')"
        self.assertEqual(on_laptop(code), "no")
        self.assertEqual(cluster("host", 1, "--", "/usr/bin/python3", "-c", code).stdout.strip(), "no")
        self.assertNotIn("eth", cluster("router", "--", "ip", "-o", "link").stdout.replace("link/ether", ""))

    def test_the_instance_list_is_the_console_paste(self):
        with open(f"{path()}/amazon_instances_info", encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertEqual(len(lines), 4)
        for index, line in enumerate(lines, 1):
            self.assertRegex(line, rf"^\u2013\ti-0[0-9a-f]{{16}}\tc5n\.large\t203\.0\.113\.{10 + index}\t"
                                   r"\d{4}/\d\d/\d\d \d\d:\d\d GMT-7$")
        self.assertEqual(os.stat(f"{path()}/key.pem").st_mode & 0o777, 0o600)
        with open(f"{path()}/key.pem") as file:
            self.assertEqual(file.readline(), "-----BEGIN RSA PRIVATE KEY-----\n")

    def test_the_user_is_ubuntu_with_sudo(self):
        self.assertEqual(says(1, "id -un; id -u; pwd; echo $SHELL; sudo -n id -u").split(),
                         ["ubuntu", "1000", "/home/ubuntu", "/bin/bash", "0"])
        self.assertEqual(says(1, "id -u", user="root"), "0")

    def test_hosts_share_nothing(self):
        ssh(1, "touch ~/a /tmp/a /dev/shm/a; sudo touch /etc/a /run/a")
        self.assertEqual(says(2, "ls ~ /tmp /dev/shm; ls /etc/a /run/a 2>/dev/null; true").split(),
                         ["/dev/shm:", "/home/ubuntu:", "/tmp:"])
        identities = {says(i, "ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null; cat /etc/machine-id "
                              "/proc/sys/kernel/random/boot_id") for i in (1, 2)}
        self.assertEqual(len(identities), 2)

    def test_killall_stays_on_its_host(self):
        for index in (1, 2):
            ssh(index, "sleep 300 >/dev/null 2>&1 & sleep 300 >/dev/null 2>&1 &")
        ssh(1, "killall sleep")
        counts = [cluster("host", i, "--", "pgrep", "-c", "sleep", check=False).stdout.strip() for i in (1, 2)]
        self.assertEqual(counts, ["0", "2"])
        ssh(2, "killall sleep")

    def test_hosts_trust_each_other(self):
        self.assertEqual(says(1, "ssh -o BatchMode=yes 10.0.0.13 hostname; ssh -o BatchMode=yes ip-10-0-0-14 hostname"),
                         "ip-10-0-0-13\nip-10-0-0-14")

    def test_the_environment_of_the_caller_stays_outside(self):
        done = cluster("host", 1, "--", "env", env={**os.environ, "SECRET": "1"})
        self.assertNotIn("SECRET", done.stdout)

    def test_mpi_over_all_hosts(self):
        ssh(1, """cat >mpi.py <<'X'
from mpi4py import MPI
import socket
world = MPI.COMM_WORLD
names = world.gather(socket.gethostname())
total = world.allreduce(world.rank)
if world.rank == 0:
    print(world.size, total, len(set(names)))
X
for i in 1 2 3 4; do echo 10.0.0.1$i slots=2; scp -qB mpi.py 10.0.0.1$i:; done >hosts""")
        self.assertEqual(says(1, "mpirun --hostfile hosts --bind-to none --mca mpi_yield_when_idle 1 "
                                 "/usr/bin/python3 mpi.py </dev/null"), "8 28 4")


class Laptop(Running):
    def test_exec_keeps_folder_status_and_streams(self):
        done = cluster("exec", "--", "sh", "-c", "pwd; cat; echo oops >&2; exit 7", cwd="/usr", input="in\n", check=False)
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("/usr\nin\n", "oops\n", 7))

    def test_exec_becomes_the_command(self):
        with subprocess.Popen([CLUSTER, "--name", FIRST, "exec", "--", "sleep", "60"]) as process:
            self.wait_until(lambda: processes()[process.pid][2].startswith("sleep\0"))
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(5), -signal.SIGINT)

    def test_exec_resets_signals(self):
        ignored = cluster("exec", "--", "grep", "SigIgn", "/proc/self/status").stdout.split()[1]
        self.assertEqual(int(ignored, 16) & 1 << (signal.SIGPIPE - 1), 0)

    def test_the_home_is_private_to_ssh_too(self):
        home, name = on_laptop("import os, pwd; print(os.environ['HOME'], pwd.getpwuid(0).pw_dir)").split()
        self.assertEqual((home, name), (f"{path()}/home", f"{path()}/home"))

    def test_a_missing_command(self):
        self.assertEqual(cluster("exec", "--", "/no/such", check=False).returncode, 127)

    def wait_until(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)


class Uplink(Running):
    def tearDown(self):
        cluster("uplink", "--rate", "none", "--rtt", 0, "--restore")

    def test_round_trip_time(self):
        self.assertLess(round_trip(), 100)
        cluster("uplink", "--rtt", 300)
        self.assertTrue(300 <= round_trip() < 400)
        cluster("uplink", "--rtt", 100)
        self.assertTrue(100 <= round_trip() < 200)
        cluster("uplink", "--rtt", 0)
        self.assertLess(round_trip(), 100)

    def test_rate(self):
        for rtt in (0, 20):
            cluster("uplink", "--rate", "20mbit", "--rtt", rtt)
            self.assertLess(megabits_up(1, 6), 20.5)
            self.assertLess(megabits_down(1, 6), 20.5)

    def test_cut_is_silent_and_heals(self):
        cluster("uplink", "--cut")
        self.assertIn("timed out", ssh_fails(1))
        cluster("uplink", "--restore")
        self.assertEqual(ssh_fails(1), "")

    def test_a_flood_over_100_ms_keeps_its_order(self):
        cluster("uplink", "--rtt", 100)
        self.assertGreater(self.flood(connections=10), 0)
        counters = dict(zip(*(line.split() for line in on_laptop(
            "print(*[l for l in open('/proc/net/netstat') if l.startswith('TcpExt')], sep='')").splitlines() if line)))
        self.assertEqual((counters["TCPSACKReorder"], counters["TCPTSReorder"], counters["TCPLostRetransmit"]),
                         ("0", "0", "0"))

    def flood(self, connections):
        """From the laptop to the router, for six seconds; the bytes that came after slow start."""
        server = subprocess.Popen([CLUSTER, "--name", FIRST, "router", "--", "/usr/bin/python3", "-c", f"""
import select, socket, time
listener = socket.create_server(("198.18.0.1", 5001), backlog=64); print("up", flush=True)
peers = [listener.accept()[0] for _ in range({connections})]
buffer, size, start = bytearray(1 << 20), 0, time.monotonic()
while (now := time.monotonic()) < start + 6:
    for peer in select.select(peers, [], [], 0.1)[0]:
        size += peer.recv_into(buffer) if now > start + 3 else 0 * peer.recv_into(buffer)
print(size)"""], stdout=subprocess.PIPE, text=True)
        self.assertEqual(server.stdout.readline(), "up\n")
        on_laptop(f"""
import select, socket
peers = [socket.create_connection(("198.18.0.1", 5001)) for _ in range({connections})]
for peer in peers: peer.setblocking(False)
data = bytes(1 << 18)
try:
    while True:
        for peer in select.select([], peers, [])[1]: peer.send(data)
except ConnectionError: pass""")
        size, _ = server.communicate(timeout=20)
        return int(size)


class Faults(Running):
    def tearDown(self):
        cluster("heal", "all")
        cluster("open")
        self.assertEqual([ssh_fails(i) for i in range(1, 5)], [""] * 4)

    def test_stop_and_start(self):
        ssh(2, "echo kept >~/kept")
        session = self.session(2)
        cluster("stop", 2)
        self.assertNotEqual(session.wait(3), 0)
        self.assertIn("timed out", ssh_fails(2))
        self.assertIn("timed out", says(1, "ssh -o ConnectTimeout=2 10.0.0.12 true 2>&1; true"))
        cluster("start", 2)
        self.assertEqual(says(2, "cat ~/kept"), "kept")
        self.assertEqual(says(1, "ssh -o BatchMode=yes 10.0.0.12 hostname"), "ip-10-0-0-12")

    def test_start_with_another_address(self):
        old = state()["hosts"][2]["public"]
        cluster("stop", 3)
        cluster("start", 3, "--new-address")
        new = state()["hosts"][2]["public"]
        self.assertNotEqual(old, new)
        with open(f"{path()}/amazon_instances_info") as file:
            self.assertIn(new, file.read().splitlines()[2])
        self.assertEqual(says(3, "echo $SSH_CONNECTION").split()[2], "10.0.0.13")
        self.assertIn("timed out", ssh(3, "true", address=old, check=False).stderr)

    def test_a_read_only_host_takes_no_new_file(self):
        cluster("readonly", 2)
        self.assertIn("Read-only file system", ssh(2, "echo x >~/new", check=False).stderr)
        cluster("heal", 2)
        self.assertEqual(says(2, "echo x >~/new && cat ~/new"), "x")

    def test_a_host_without_inodes_has_room_in_its_files_only(self):
        ssh(2, "echo x >~/old")
        cluster("noinodes", 2)
        self.assertIn("No space left", ssh(2, "echo x >~/other", check=False).stderr)
        self.assertEqual(says(2, "echo y >~/old && cat ~/old"), "y")

    def test_a_host_without_memory_loses_the_process_that_wants_it(self):
        cluster("oom", 2, "--leave", 50_000_000)  # room for a login and for python itself
        self.assertEqual(says(2, "python3 -c 'bytearray(100000000)' 2>/dev/null; echo $?"), "137")
        cluster("heal", 2)
        self.assertEqual(says(2, "python3 -c 'bytearray(100000000)'; echo $?"), "0")

    def test_a_listener_that_the_kernel_has_killed_comes_back(self):
        cluster("oom", 2, "--leave", 50_000_000)
        cluster("host", 2, "--", "sh", "-c", "kill -9 $(cat /run/sshd.pid)")
        cluster("heal", 2)
        self.assertEqual(ssh_fails(2), "")

    def test_a_throttled_host_reports_it_and_is_healed(self):
        cluster("throttle", 2, "--percent", 20)
        self.assertIn("throttled (20)", cluster("list").stdout)
        cluster("heal", 2)
        self.assertNotIn("throttled", cluster("list").stdout)

    def test_another_clock(self):
        cluster("clock", 2, "--seconds", -86400)
        late = int(says(1, "date +%s")) - int(says(2, "date +%s"))
        self.assertTrue(86300 < late < 86500, late)
        cluster("heal", 2)

    def test_a_killed_sshd_ends_sessions_and_comes_back(self):
        session = self.session(2)
        cluster("kill-sshd", 2)
        self.assertNotEqual(session.wait(60), 0)
        self.assertEqual(ssh_fails(2), "")

    def test_large_packets_between_hosts_are_lost(self):
        cluster("mtu", 2)
        self.assertEqual(says(1, "timeout 20 bash -c 'read -r line </dev/tcp/10.0.0.12/22; echo ${line%%-*}'"), "SSH")
        self.assertEqual(says(1, "timeout 6 ssh -o BatchMode=yes 10.0.0.12 true 2>/dev/null; echo $?"), "124")
        self.assertEqual(ssh_fails(2), "")

    def test_power_failure_is_silent(self):
        session = self.session(2)
        cluster("stop", 2, "--hard")
        with self.assertRaises(subprocess.TimeoutExpired):
            session.wait(1)

    def test_freeze(self):
        cluster("freeze", 2)
        self.assertIn("timed out", ssh_fails(2))
        cluster("thaw", 2)
        self.assertEqual(ssh_fails(2), "")

    def test_freeze_the_listener_only(self):
        session = self.session(2)
        cluster("freeze", 2, "--listener")
        self.assertIn("timed out", ssh_fails(2))
        session.stdin.write("alive\n")
        session.stdin.flush()
        self.assertEqual(session.stdout.readline(), "alive\n")

    def test_cut(self):
        cluster("cut", "2")
        self.assertIn("timed out", ssh_fails(2))
        self.assertIn("timed out", says(1, "ssh -o ConnectTimeout=2 10.0.0.12 true 2>&1; true"))
        self.assertEqual(ssh_fails(3), "")
        cluster("mend", "2")
        self.assertEqual(ssh_fails(2), "")

    def test_refuse(self):
        session = self.session(2)
        cluster("refuse", 2)
        self.assertIn("Connection refused", ssh_fails(2))
        self.assertIsNone(session.poll())
        cluster("accept", 2)
        self.assertEqual(ssh_fails(2), "")

    def test_rekey(self):
        self.assertEqual(says(1, "ssh -o BatchMode=yes 10.0.0.12 hostname"), "ip-10-0-0-12")
        cluster("rekey", 2)
        self.assertIn("IDENTIFICATION HAS CHANGED", says(1, "ssh -o BatchMode=yes 10.0.0.12 true 2>&1; true"))
        cluster("unrekey", 2)
        self.assertEqual(says(1, "ssh -o BatchMode=yes 10.0.0.12 hostname"), "ip-10-0-0-12")

    def test_fill(self):
        write = "head -c 1000000 /dev/zero 2>&1 >~/big; sync; stat -c %s ~/big; rm ~/big"
        self.assertIn("1000000", says(2, write))
        cluster("fill", 2)
        self.assertIn("No space left", ssh(2, "head -c 1000000 /dev/zero >~/big", check=False).stderr)
        ssh(2, "rm -f ~/big")
        cluster("drain", 2)
        self.assertIn("1000000", says(2, write))

    def test_room_that_a_deleted_file_still_takes_does_not_come_back_after_fill(self):
        ssh(2, "setsid sh -c 'exec 3>~/held; head -c 3000000 /dev/zero >&3; rm ~/held; : >~/begun; sleep 3' </dev/null >/dev/null 2>&1 &")
        ssh(2, "while [ ! -e ~/begun ]; do sleep 0.02; done; rm ~/begun")
        cluster("fill", 2)
        ssh(2, "sleep 3.5")
        self.assertIn("No space left", ssh(2, "head -c 1000000 /dev/zero >~/big", check=False).stderr)
        ssh(2, "rm -f ~/big")
        cluster("drain", 2)

    def test_slow(self):
        cluster("slow", 2, "--rate", "20mbit")
        self.assertLess(megabits_up(2, 6), 20.5)
        self.assertLess(megabits_down(2, 6), 20.5)
        self.assertGreater(megabits_up(3, 20), 20.5)
        cluster("fast", 2)
        self.assertGreater(megabits_up(2, 20), 20.5)

    def reaches(self, a, b, port):
        """Whether host a gets an answer from host b on a port; "refused" is one."""
        return cluster("host", a, "--", "/usr/bin/python3", "-c", f"""
import socket
try: socket.create_connection(("10.0.0.{10 + b}", {port}), 1); print("yes")
except ConnectionRefusedError: print("yes")
except TimeoutError: print("no")""").stdout.strip()

    def test_firewall(self):
        self.assertEqual(self.reaches(2, 3, 5000), "yes")
        cluster("firewall")
        self.assertEqual([self.reaches(2, 3, 5000), self.reaches(2, 3, 22), self.reaches(1, 4, 5000)],
                         ["no", "yes", "no"])
        cluster("open")
        cluster("firewall", 2, 3)
        self.assertEqual([self.reaches(2, 3, 5000), self.reaches(3, 2, 5000), self.reaches(2, 3, 22),
                          self.reaches(2, 4, 5000)], ["no", "no", "yes", "yes"])
        cluster("open", 2, 3)
        self.assertEqual(self.reaches(2, 3, 5000), "yes")

    def session(self, index):
        """An open ssh connection that echoes lines."""
        address = state()["hosts"][index - 1]["public"]
        process = subprocess.Popen([CLUSTER, "--name", FIRST, "exec", "--", *ssh_command(address, "cat", key=path())],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.end, process)
        process.stdin.write("hello\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "hello\n")
        return process

    def end(self, process):
        process.kill()
        with contextlib.suppress(BrokenPipeError):
            process.communicate()


class Life(unittest.TestCase):
    def setUp(self):
        for name in (FIRST, SECOND, BARE):
            cluster("down", name=name)
        self.before = machine()

    def tearDown(self):
        for name in (FIRST, SECOND, BARE):
            cluster("down", name=name)
            self.assertEqual(keepers(name), [])
        self.assertEqual(machine(), self.before)

    def test_up_and_down_leave_nothing(self):
        cluster("up", 3, "--rtt", 10)
        self.assertEqual(machine(), self.before)
        folder = path()
        laptop = subprocess.Popen([CLUSTER, "--name", FIRST, "exec", "--", "setsid", "sleep", "600"])
        ssh(1, "setsid sleep 600 >/dev/null 2>&1 &")
        members = below(state()["keeper"]["pid"])
        self.assertGreater(len(members), 8)
        cluster("down")
        self.assertEqual(alive(members), set())
        self.assertEqual(laptop.wait(30), -signal.SIGKILL)
        self.assertFalse(os.path.exists(folder))
        cluster("down")

    def test_up_twice_is_refused(self):
        cluster("up", 1)
        self.assertIn("up already", cluster("up", 1, check=False).stderr)
        self.assertEqual(ssh_fails(1), "")

    def test_two_side_by_side(self):
        cluster("up", 2)
        cluster("up", 2, "--key", "ed25519", name=SECOND)
        ssh(1, "touch ~/first")
        self.assertEqual(says(1, "ls", name=SECOND), "")
        self.assertNotEqual(ssh(1, "true", address="203.0.113.12", name=FIRST).returncode, 1)
        with open(f"{path(SECOND)}/key.pem") as file:
            self.assertIn("OPENSSH", file.readline())
        cluster("down")
        self.assertEqual(says(2, "ssh -o BatchMode=yes 10.0.0.11 hostname", name=SECOND), "ip-10-0-0-11")

    def test_bare_hosts_know_nobody(self):
        cluster("up", 2, "--bare", name=BARE)
        self.assertEqual(says(1, "ls ~/.ssh", name=BARE), "authorized_keys")
        self.assertIn("Host key verification failed",
                      says(1, "ssh -o BatchMode=yes 10.0.0.12 true 2>&1; true", name=BARE))
        self.assertNotIn("10.0.0.12", says(1, "cat /etc/hosts", name=BARE))

    def test_killed_half_way(self):
        half_way = 0
        for moment in (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6):
            up = subprocess.Popen([CLUSTER, "--name", FIRST, "up", "6", "--rtt", "10"], stderr=subprocess.DEVNULL)
            time.sleep(moment)
            up.kill()
            up.wait()
            if not self.complete():  # a fast machine may have finished; a half-built cluster ends without any `down`
                half_way += 1
                self.wait_until_gone(FIRST)
            cluster("down")
            self.wait_until_gone(FIRST)
        self.assertGreater(half_way, 0, "each `up` had finished before it was killed")
        cluster("up", 1)
        self.assertEqual(ssh_fails(1), "")

    def complete(self):
        return cluster("path", check=False).returncode == 0

    def test_up_clears_what_a_killed_up_left(self):
        up = subprocess.Popen([CLUSTER, "--name", FIRST, "up", "6"], stderr=subprocess.DEVNULL)
        time.sleep(0.3)
        up.kill()
        up.wait()
        if cluster("list").stdout.count("running") < 6:
            cluster("up", 2)
            self.assertEqual(ssh_fails(2), "")

    def wait_until_gone(self, name):
        end = time.monotonic() + 30
        while keepers(name):
            self.assertLess(time.monotonic(), end, "the keeper survives")
            time.sleep(0.01)

    def test_many_hosts(self):
        cluster("up", 64)
        self.assertEqual(says(64, "ssh -o BatchMode=yes 10.0.0.11 hostname"), "ip-10-0-0-11")
        cluster("down")
        self.assertEqual(keepers(FIRST), [])


if __name__ == "__main__":
    if os.getuid() != 0:
        sys.exit("needs root")
    unittest.main(verbosity=2)
