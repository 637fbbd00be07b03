"""The packages that setup installs: really, by apt-get, on a host whose root is an overlay, so that the machine stays as it is.

The hosts have no way out, so the host gets a repository of its own with the real package in it: python3-mpi4py, put together
again from the machine's installed files and dpkg's records of it.
"""

import hashlib
import os
import pathlib
import shutil
import signal

import pytest

from local_cluster import Cluster, Program, run, wait_until
from terminal import Terminal

PACKAGE = "python3-mpi4py"
REPOSITORY = "/srv/packages"
BOUND = 120  # seconds; a guard against hangs
PASSWORD = "corr3ct-horse"

# Holds dpkg's lock as unattended-upgrades does, until it is ended.
LOCKER = "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(600)"


def output(*argv):
    done = run(argv)
    assert done.code == 0, done.err
    return done.out


def put_together(package, folder):
    """The installed package as a .deb again: its files, its control fields, its maintainer's scripts."""
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    for name in output("dpkg-query", "-L", package).splitlines():
        source, target = pathlib.Path(name), tree / name.lstrip("/.")
        if source.is_dir() and not source.is_symlink():
            target.mkdir(parents=True, exist_ok=True)
        elif os.path.lexists(source):  # images may leave out the documentation
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    for script in ("preinst", "postinst", "prerm", "postrm"):
        path = run(["dpkg-query", "--control-path", package, script]).out.strip()
        if path:
            shutil.copy2(path, tree / "DEBIAN" / script)
    fields = [line for line in output("dpkg-query", "-s", package).splitlines() if not line.startswith(("Status:", "Config-Version:"))]
    (tree / "DEBIAN/control").write_text("\n".join(fields) + "\n")
    deb = folder / f"{package}.deb"
    output("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, deb)
    return deb, fields


def index_of(deb, fields):
    data = deb.read_bytes()
    extra = [f"Filename: ./{deb.name}", f"Size: {len(data)}", f"SHA256: {hashlib.sha256(data).hexdigest()}"]
    return "\n".join([*fields, *extra]) + "\n"


@pytest.fixture(scope="module")
def one_host(tmp_path_factory):
    deb, fields = put_together(PACKAGE, tmp_path_factory.mktemp("package"))
    hosts = Cluster("packages")
    try:
        hosts.up(1, "--bare")
        asked = [(f"mkdir -p {REPOSITORY} && cat >{REPOSITORY}/{deb.name}", deb.read_bytes()),
                 (f"cat >{REPOSITORY}/Packages", index_of(deb, fields)),
                 ("rm -rf /etc/apt/sources.list.d/* /var/lib/apt/lists/*; cat >/etc/apt/sources.list",
                  f"deb [trusted=yes] file:{REPOSITORY} ./\n"),
                 ("cp -a /etc/shadow /etc/sudoers /root", None)]
        for command, data in asked:
            done = hosts.host(1, command, input=data)
            assert done.code == 0, done.err
        yield hosts
    finally:
        hosts.down()


@pytest.fixture
def host(one_host):
    """The host without mpi4py, which is really gone there and nowhere else."""
    done = one_host.host(1, f"dpkg --purge --force-depends {PACKAGE}", timeout=BOUND)
    assert done.code == 0, done.err
    assert not has_mpi4py(one_host)
    yield one_host
    one_host.host(1, "pkill -x unattended-upgr; rm -f /usr/local/bin/cloud-init /tmp/cloud-is-ready")
    assert run(["/usr/bin/python3", "-c", "import mpi4py.MPI"]).code == 0, "the machine has it still"


@pytest.fixture
def ec2mpi(host, tmp_path):
    program = Program(tmp_path, host)
    yield program
    said = program.finish()
    assert not said, f"a sanitizer found something:\n{said}"


def has_mpi4py(cluster):
    return cluster.host(1, "/usr/bin/python3 -c 'import mpi4py.MPI'", user="ubuntu").code == 0


def hold_the_lock(cluster):
    done = cluster.host(1, f"cp /usr/bin/python3 /tmp/unattended-upgr && {{ setsid /tmp/unattended-upgr -c \"{LOCKER}\" "
                           "</dev/null >/dev/null 2>&1 & }")
    assert done.code == 0, done.err
    wait_until(lambda: cluster.host(1, "ls -l /proc/[0-9]*/fd | grep -q dpkg/lock-frontend").code == 0, "the lock is held", 60)


def test_a_missing_package_is_really_installed_and_then_left_alone(ec2mpi, host):
    done = ec2mpi("setup", "--dry-run", timeout=BOUND)
    assert done.code == 0 and f"node1: would install {PACKAGE}\n" in done.out, done.err
    assert not has_mpi4py(host)
    done = ec2mpi("setup", timeout=BOUND)
    assert done.code == 0, done.err
    assert f"node1: installed {PACKAGE}\n" in done.out
    assert has_mpi4py(host)
    assert "install ok installed" in host.host(1, f"dpkg -s {PACKAGE}").out
    done = ec2mpi("run", "-np", "2", "--", "python3", "-c", "from mpi4py import MPI; print(MPI.COMM_WORLD.size)", timeout=BOUND)
    assert (done.code, done.out) == (0, "2\n2\n"), done.err
    status = host.host(1, "stat -c %y /var/lib/dpkg/status").out
    assert ec2mpi("setup", timeout=BOUND).out == "node1: nothing to do\n"
    assert host.host(1, "stat -c %y /var/lib/dpkg/status").out == status


def test_it_waits_for_cloud_init_and_for_the_lock_and_says_for_whom(ec2mpi, host):
    cloud_init = "#!/bin/sh\\n[ \"$*\" = \"status --wait\" ] && until [ -e /tmp/cloud-is-ready ]; do sleep 0.1; done\\n"
    host.host(1, f"printf '{cloud_init}' >/usr/local/bin/cloud-init; chmod 755 /usr/local/bin/cloud-init")
    hold_the_lock(host)
    terminal = Terminal(ec2mpi, "setup", somebody=True)
    terminal.wait_for("waiting for cloud-init: node 1")
    host.host(1, "touch /tmp/cloud-is-ready")
    terminal.wait_for("waiting for apt's lock held by unattended-upgr: node 1")
    assert not has_mpi4py(host)
    host.host(1, "pkill -x unattended-upgr")
    assert terminal.to_end() == 0, terminal.seen
    assert f"node1: installed {PACKAGE}" in terminal.seen
    assert has_mpi4py(host)


def test_an_installation_goes_on_when_we_are_interrupted(ec2mpi, host):
    hold_the_lock(host)
    terminal = Terminal(ec2mpi, "setup", somebody=True)
    terminal.wait_for("waiting for apt's lock")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.to_end() == 130
    assert "the installation continues on the node, and the next setup waits for it" in terminal.seen
    host.host(1, "pkill -x unattended-upgr")
    done = ec2mpi("setup", timeout=BOUND)
    assert done.code == 0, done.err
    assert has_mpi4py(host)


def test_what_the_package_manager_complains_of_is_told(ec2mpi, host):
    host.host(1, f"mv {REPOSITORY}/{PACKAGE}.deb /root")
    try:
        done = ec2mpi("setup", timeout=BOUND)
        assert done.code == 1 and f"node1: apt-get could not install {PACKAGE}: " in done.err, done.err
        assert "File not found" in done.err and "apt-get update failed" not in done.err
        assert "node1: wrote " in done.out, "the rest is done all the same"
    finally:
        host.host(1, f"mv /root/{PACKAGE}.deb {REPOSITORY}")


def test_a_source_that_fails_does_not_matter_unless_the_package_does_not_come(ec2mpi, host):
    host.host(1, "echo 'deb [trusted=yes] file:/srv/nothing ./' >/etc/apt/sources.list.d/bad.list")
    try:
        assert ec2mpi("setup", timeout=BOUND).code == 0 and has_mpi4py(host)
        host.host(1, f"dpkg --purge --force-depends {PACKAGE}; mv {REPOSITORY}/{PACKAGE}.deb /root", timeout=BOUND)
        done = ec2mpi("setup", timeout=BOUND)
        assert done.code == 1 and "before that, apt-get update failed: Failed to fetch file:/srv/nothing" in done.err, done.err
    finally:
        host.host(1, f"rm /etc/apt/sources.list.d/bad.list; mv /root/{PACKAGE}.deb {REPOSITORY}; dpkg -i {REPOSITORY}/{PACKAGE}.deb")


def test_without_root_it_says_so_and_sudo_asks_once(ec2mpi, host):
    host.host(1, "mkdir -p /root/kept; mv /etc/sudoers.d/* /root/kept; echo 'ubuntu ALL=(ALL) ALL' >/etc/sudoers; "
                 f"echo ubuntu:{PASSWORD} | chpasswd; sed -i '/# BEGIN ec2mpi/,/# END ec2mpi/d' /etc/hosts")
    try:
        done = ec2mpi("setup", timeout=BOUND)
        assert done.code == 1 and f"node1: to install {PACKAGE} takes root; sudo wants a password, and --sudo asks for it" in done.err
        terminal = Terminal(ec2mpi, "setup", "--sudo", somebody=True)
        terminal.wait_for("Password for sudo")
        terminal.type_hidden("wrong\n")
        assert terminal.to_end() == 1 and "sudo refused the password" in terminal.seen
        terminal = Terminal(ec2mpi, "setup", "--sudo", somebody=True)
        terminal.wait_for("Password for sudo")
        terminal.type_hidden(PASSWORD + "\n")
        assert terminal.to_end() == 0, terminal.seen
        assert terminal.seen.count("Password for sudo") == 1 and PASSWORD not in terminal.seen
        assert has_mpi4py(host) and "ec2mpi" in host.host(1, "cat /etc/hosts").out
    finally:
        host.host(1, "cp -a /root/shadow /root/sudoers /etc; mv /root/kept/* /etc/sudoers.d; rm -rf /run/sudo/ts/*")


# --- other distributions: their package managers are played by scripts --------------------------------------------

UNPACK = f"dpkg-deb -x {REPOSITORY}/{PACKAGE}.deb /"
FAKE_DNF = f"""#!/bin/sh
echo "$@" >>/tmp/asked
case $* in
  '-q info python3-mpi4py-openmpi') [ ! -e /tmp/no-package ] ;;
  '-y install python3-mpi4py-openmpi') {UNPACK} ;;
  '-y install python3-pip python3-devel gcc') ;;
  *) echo "Error: Unable to find a match: $*" >&2; exit 1 ;;
esac
"""
FAKE_PIP = f"""
import os, sys
with open("/tmp/asked", "a") as log:
    print(os.environ["MPICC"], *sys.argv[1:], file=log)
os.system({UNPACK!r})
"""


@pytest.fixture
def without_apt(host):
    pip = output("/usr/bin/python3", "-c", "import sysconfig; print('/usr/local/lib/python' + sysconfig.get_python_version())").strip()
    pip += "/dist-packages/pip"
    host.host(1, "mv /usr/bin/apt-get /root; cat >/usr/local/bin/dnf; chmod 755 /usr/local/bin/dnf", input=FAKE_DNF)
    host.host(1, f"mkdir -p {pip}; touch {pip}/__init__.py; cat >{pip}/__main__.py", input=FAKE_PIP)
    yield host
    host.host(1, f"mv /root/apt-get /usr/bin; rm -rf /usr/local/bin/dnf /tmp/asked /tmp/no-package {pip}; dpkg -i {REPOSITORY}/{PACKAGE}.deb")


def asked(cluster):
    return cluster.host(1, "cat /tmp/asked").out.splitlines()


def test_dnf_is_used_where_there_is_no_apt(ec2mpi, without_apt):
    done = ec2mpi("setup", timeout=BOUND)
    assert done.code == 0 and "node1: installed python3-mpi4py-openmpi\n" in done.out, done.err
    assert asked(without_apt) == ["-q info python3-mpi4py-openmpi", "-y install python3-mpi4py-openmpi"]


def test_pip_where_the_distribution_has_no_package(ec2mpi, without_apt):
    without_apt.host(1, "touch /tmp/no-package")
    done = ec2mpi("setup", timeout=BOUND)
    assert done.code == 0, done.err
    assert asked(without_apt) == ["-q info python3-mpi4py-openmpi", "-y install python3-pip python3-devel gcc",
                                  "/usr/lib64/openmpi/bin/mpicc install -q --no-binary mpi4py mpi4py"]


def test_where_there_is_neither_it_says_what_to_install(ec2mpi, without_apt):
    without_apt.host(1, "rm /usr/local/bin/dnf")
    done = ec2mpi("setup", timeout=BOUND)
    assert done.code == 1 and "node1: it has neither apt-get nor dnf; install these by hand there" in done.err
