"""Faults, each with its undo. All of them are driven from outside the host, as trouble is."""

import contextlib
import os
import re
import signal
import time

from . import addresses, groups, host as hosts_, image, network
from .cluster import program
from .linux import (MS_BIND, MS_NODEV, MS_NOSUID, MS_RDONLY, MS_REMOUNT, ClusterError, is_killed, kill_and_wait, mount, namespace_of,
                    processes_in, run_inside, unmount)

# --- which hosts -------------------------------------------------------------------------------------------------

def one(cluster, index):
    if not 1 <= index <= len(cluster.hosts):
        raise ClusterError(f"there is no host {index}; the cluster {cluster.name} has {len(cluster.hosts)}")
    return cluster.hosts[index - 1]


def some(cluster, text):
    """The hosts of "2", "2,4", "1-4" or "all"."""
    if text == "all":
        return cluster.hosts
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", text):
        raise ClusterError(f"not a choice of hosts: {text} (2, or 2,4, or 1-4, or all)")
    indices = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        indices += range(int(first), int(last or first) + 1)
    return [one(cluster, index) for index in indices]


# --- the machine and its processes -------------------------------------------------------------------------------

def stop(cluster, host, args):
    """Orderly: open connections are closed. With --hard as if the power had failed: silence."""
    pid = host.pid
    if args.hard:
        network.unplug(host.index, cluster.keeper)
        kill_and_wait(pid)
    else:
        kill_and_wait(pid)
        network.unplug(host.index, cluster.keeper)
    host.entry["pid"] = None
    groups.remove(cluster.name, host.index)
    for fault in ("frozen", "refusing", "slow", "readonly", "throttled", "oom"):  # these end with the machine
        host.faults.pop(fault, None)


def start(cluster, host, args):
    if host.entry["pid"] is not None:
        raise ClusterError(f"host {host.index} is running")
    if args.new_address:
        host.entry["generation"] += 1
        host.entry["public"] = addresses.public(host.index, host.entry["generation"])
        network.apply_rules(cluster.state, cluster.keeper)
        cluster.write_instance_list()
    cluster.boot([host])


def freeze(cluster, host, args):
    if args.listener:
        if not hosts_.signal_listener(host.pid, signal.SIGSTOP):
            raise ClusterError(f"host {host.index} has no sshd listener")
    else:
        signal_all(host, signal.SIGSTOP)
    host.faults["frozen"] = "listener" if args.listener else "all"


def thaw(_cluster, host, _args):
    signal_all(host, signal.SIGCONT)
    host.faults.pop("frozen", None)


def signal_all(host, number):
    """Every process of the host, its first one too, and those that were born meanwhile."""
    namespace, done = namespace_of(host.pid, "pid"), set()
    while new := set(processes_in("pid", namespace)) - done:
        for pid in new:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        done |= new


# --- sshd --------------------------------------------------------------------------------------------------------

def refuse(_cluster, host, _args):
    """Nobody listens on port 22; open connections continue."""
    hosts_.stop_sshd(host.pid)
    host.faults["refusing"] = True


def accept(_cluster, host, _args):
    if hosts_.sshd_listener(host.pid) is None:
        hosts_.start_sshd(host.pid)
    host.faults.pop("refusing", None)


def kill_sshd(_cluster, host, _args):
    """Ends sshd's listener and all of its sessions by SIGKILL, and starts a new listener, as systemd does."""
    hosts_.stop_sshd(host.pid)
    for pid in processes_in("pid", namespace_of(host.pid, "pid")):
        if hosts_.name_of(pid).startswith("sshd"):
            kill_and_wait(pid)
    hosts_.start_sshd(host.pid)


def rekey(_cluster, host, _args):
    """New host keys. The first ones are kept for `unrekey`."""
    def work():
        os.chdir("/etc/ssh")
        os.makedirs("first_keys", exist_ok=True)
        for kind in image.HOST_KEY_TYPES:
            name = f"ssh_host_{kind}_key"
            for file in (name, name + ".pub"):
                if os.path.exists(f"first_keys/{file}"):
                    os.remove(file)
                else:
                    os.rename(file, f"first_keys/{file}")
            command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"root@{os.uname().nodename}", "-f", name]
            if os.spawnv(os.P_WAIT, "/usr/bin/ssh-keygen", command) != 0:  # a full disk, for one
                bring_back_first_keys()
                os._exit(1)
    change_keys(host, work)
    host.faults["rekeyed"] = True


def unrekey(_cluster, host, _args):
    if "rekeyed" in host.faults:
        change_keys(host, bring_back_first_keys)
        del host.faults["rekeyed"]


def bring_back_first_keys():
    for file in os.listdir("/etc/ssh/first_keys"):
        os.rename(f"/etc/ssh/first_keys/{file}", f"/etc/ssh/{file}")


def change_keys(host, work):
    if run_inside(host.pid, work) != 0:
        raise ClusterError(f"the keys of host {host.index} could not be changed")
    if hosts_.sshd_listener(host.pid) is not None:
        hosts_.stop_sshd(host.pid)
        hosts_.start_sshd(host.pid)


# --- the disk ----------------------------------------------------------------------------------------------------

def fill(cluster, host, args):
    """Makes the disk as small as its content, which costs no memory; deleting a file gives room, as it should."""
    resize_disk(cluster, host, f"+{args.leave}")
    host.faults["full"] = True


def drain(cluster, host, _args):
    resize_disk(cluster, host, cluster.state["options"]["disk"])
    host.faults.pop("full", None)


def resize_disk(cluster, host, size, inodes=None):
    """`inodes`: how many more files than now."""
    disk = cluster.disk(host.index)

    def work():
        if size.startswith("+") or inodes is not None:
            wait_for_deleted_files(disk)
        for attempt in range(20):
            wanted, use = size, os.statvfs(disk)
            if size.startswith("+"):
                wanted = str(bytes_used(disk) + int(size))
            options = f"size={wanted}" + ("" if inodes is None else f",nr_inodes={use.f_files - use.f_ffree + inodes}")
            try:
                return mount("disk", disk, "tmpfs", MS_REMOUNT | MS_NODEV | MS_NOSUID, options)
            except OSError:  # somebody has written more meanwhile
                if attempt == 19:
                    raise
        return None
    if run_inside(cluster.keeper, work, kinds=("mnt",)) != 0:
        raise ClusterError(f"the disk of host {host.index} could not be resized")


def wait_for_deleted_files(disk, seconds=5):
    """A process that is about to end may hold a file that is deleted already; the room would come back after the fault."""
    until = time.monotonic() + seconds
    while bytes_used(disk) - bytes_of_files(disk) > 65536 and time.monotonic() < until:
        time.sleep(0.05)


def bytes_used(disk):
    use = os.statvfs(disk)
    return (use.f_blocks - use.f_bfree) * use.f_frsize


def bytes_of_files(disk):
    """A file of several names counts once."""
    sizes = {}
    for folder, _, names in os.walk(disk):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                found = os.lstat(f"{folder}/{name}")
                sizes[found.st_ino] = found.st_blocks * 512
    return sum(sizes.values())


def noinodes(cluster, host, args):
    """Leaves the disk its room, but room for no file more than there are."""
    resize_disk(cluster, host, cluster.state["options"]["disk"], inodes=args.leave)
    host.faults["no inodes"] = True


def moreinodes(cluster, host, _args):
    resize_disk(cluster, host, cluster.state["options"]["disk"], inodes=1000000)
    host.faults.pop("no inodes", None)


def readonly(_cluster, host, _args):
    """/home and /tmp take no write. A process that stands in them already is not affected while it uses relative paths."""
    def work():
        for folder in READ_ONLY:
            mount(folder, folder, flags=MS_BIND)
            mount(folder, folder, flags=MS_BIND | MS_REMOUNT | MS_RDONLY)
    if "readonly" not in host.faults and run_inside(host.pid, work) != 0:
        raise ClusterError(f"host {host.index} could not be made read-only")
    host.faults["readonly"] = True


def writable(_cluster, host, _args):
    def work():
        for folder in READ_ONLY:
            unmount(folder)
    if host.faults.pop("readonly", None):
        run_inside(host.pid, work)


READ_ONLY = ("/home", "/tmp")

# --- processor, memory, clock ------------------------------------------------------------------------------------

def throttle(cluster, host, args):
    """All processes of the host share this many percent of a processor."""
    groups.enter(cluster.name, host.index, "cpu", {"cpu.cfs_period_us": 100000, "cpu.cfs_quota_us": args.percent * 1000},
                 processes_in("pid", namespace_of(host.pid, "pid")))
    host.faults["throttled"] = args.percent


def unthrottle(cluster, host, _args):
    groups.leave(cluster.name, host.index, "cpu", cluster.keeper)
    host.faults.pop("throttled", None)


def oom(cluster, host, args):
    """What the host's processes allocate from now on may be no more than this; then the kernel kills one of them."""
    groups.enter(cluster.name, host.index, "memory", {"memory.limit_in_bytes": args.leave},
                 processes_in("pid", namespace_of(host.pid, "pid")))
    host.faults["oom"] = True


def unoom(cluster, host, _args):
    groups.leave(cluster.name, host.index, "memory", cluster.keeper)
    host.faults.pop("oom", None)
    # The kernel may have chosen the listener, and on a busy machine it takes a moment until that ends.
    for pid in processes_in("pid", namespace_of(host.pid, "pid")):
        if is_killed(pid):
            kill_and_wait(pid)
    accept(cluster, host, None)


def clock(_cluster, host, args):
    """Programs that start from now on read another time of day. The kernel's clock, which dates files, is the machine's."""
    library, folder = program("clock_shift"), f"/proc/{host.pid}/root"
    with open(library, "rb") as file:
        content = file.read()
    image.write(f"{folder}/etc/clock_shift", f"{args.seconds}\n")
    with open(f"{folder}/usr/lib/clock_shift.so", "wb") as file:
        file.write(content)
    os.chmod(f"{folder}/usr/lib/clock_shift.so", 0o755)
    image.write(f"{folder}/etc/ld.so.preload", "/usr/lib/clock_shift.so\n")
    host.faults["clock"] = args.seconds


def unclock(_cluster, host, _args):
    if host.faults.pop("clock", None) is not None:
        os.remove(f"/proc/{host.pid}/root/etc/ld.so.preload")


# --- links -------------------------------------------------------------------------------------------------------

def cut(cluster, host, _args):
    host.faults["cut"] = True
    network.apply_rules(cluster.state, cluster.keeper)


def mend(cluster, host, _args):
    host.faults.pop("cut", None)
    network.apply_rules(cluster.state, cluster.keeper)


def mtu(cluster, host, _args):
    """Between the hosts, packets of more than 1500 bytes from and to this one are lost, silently."""
    host.faults["mtu"] = True
    network.apply_rules(cluster.state, cluster.keeper)


def jumbo(cluster, host, _args):
    host.faults.pop("mtu", None)
    network.apply_rules(cluster.state, cluster.keeper)


def slow(cluster, host, args):
    set_rate(cluster, host, args.rate)
    host.faults["slow"] = args.rate


def fast(cluster, host, _args):
    set_rate(cluster, host, None)
    host.faults.pop("slow", None)


def set_rate(cluster, host, rate):
    network.limit_rate(host.pid, "eth0", rate)
    network.limit_rate(cluster.keeper, addresses.port(host.index), rate)


def set_firewall(cluster, hosts, closed):
    """Between all hosts, or between two of them. `open` without hosts takes everything back."""
    rules = cluster.state["firewall"]
    if not hosts:
        rules.update(all=closed, pairs=rules["pairs"] if closed else [])
    elif len(hosts) != 2 or hosts[0] == hosts[1]:
        raise ClusterError("two hosts, or none for all")
    else:
        pair = sorted(one(cluster, index).index for index in hosts)
        rules["pairs"] = [p for p in rules["pairs"] if p != pair] + ([pair] if closed else [])
    network.apply_rules(cluster.state, cluster.keeper)
    cluster.save()


def change_uplink(cluster, rate, rtt, cut_):
    """Settings that are not given stay as they are (`rate` is ... then)."""
    uplink = cluster.state["uplink"]
    if cut_ is not None:
        uplink["cut"] = cut_
        network.apply_rules(cluster.state, cluster.keeper)
    if rate is not ... or rtt is not None:
        uplink["rate"] = uplink["rate"] if rate is ... else rate
        uplink["rtt"] = uplink["rtt"] if rtt is None else rtt
        network.set_uplink(cluster, lambda: program("delay_line"))
    cluster.save()


# --- everything --------------------------------------------------------------------------------------------------

def heal(cluster, host, args):
    """Undoes every fault of a host. The firewall and the uplink are not a host's."""
    if host.entry["pid"] is None:
        start(cluster, host, args)
    undo = {"frozen": thaw, "full": drain, "rekeyed": unrekey, "refusing": accept, "cut": mend, "slow": fast,
            "no inodes": moreinodes, "readonly": writable, "throttled": unthrottle, "oom": unoom, "clock": unclock, "mtu": jumbo}
    for fault, function in undo.items():
        if fault in host.faults:
            function(cluster, host, args)


def describe(cluster):
    try:
        cluster.load()
    except ClusterError as error:
        return f"{error}\n"
    uplink, firewall = cluster.state["uplink"], cluster.state["firewall"]
    facts = [f"{len(cluster.hosts)} hosts", f"uplink {uplink['rate'] or 'unlimited'}, rtt {uplink['rtt']:g} ms"]
    facts += ["uplink cut"] if uplink["cut"] else []
    facts += ["only port 22 among hosts"] if firewall["all"] else []
    facts += [f"only port 22 between {a} and {b}" for a, b in firewall["pairs"]]
    lines = [f"{cluster.name}: {'; '.join(facts)}; {cluster.folder}"]
    for host in cluster.hosts:
        entry = host.entry
        trouble = ["stopped"] if entry["pid"] is None else []
        trouble += [name if value is True else f"{name} ({value})" for name, value in host.faults.items()]
        lines.append(f"  {host.index:3}  {entry['hostname']:14} {entry['private']:11} {entry['public']:14} "
                     f"{entry['id']}  {', '.join(trouble) or 'running'}")
    return "\n".join(lines) + "\n"


NEW_ADDRESS = {"--new-address": dict(action="store_true", help="with another public address")}
FAULTS = {
    "stop": (stop, "stop hosts", {"--hard": dict(action="store_true", help="as by power failure: connections just fall silent")}),
    "start": (start, "start stopped hosts, with the disk they had", NEW_ADDRESS),
    "freeze": (freeze, "stop all processes of hosts",
               {"--listener": dict(action="store_true", help="only sshd's listener: connections open, but nobody speaks")}),
    "thaw": (thaw, "takes `freeze` back", {}),
    "refuse": (refuse, "sshd refuses connections", {}),
    "accept": (accept, "takes `refuse` back", {}),
    "rekey": (rekey, "change the host keys", {}),
    "unrekey": (unrekey, "takes `rekey` back", {}),
    "fill": (fill, "fill the disk", {"--leave": dict(type=int, default=0, metavar="BYTES", help="room to leave")}),
    "drain": (drain, "takes `fill` back", {}),
    "cut": (cut, "cut the link: every packet is lost, silently", {}),
    "mend": (mend, "takes `cut` back", {}),
    "slow": (slow, "limit the link's rate, each way", {"--rate": dict(required=True)}),
    "fast": (fast, "takes `slow` back", {}),
    "kill-sshd": (kill_sshd, "kill sshd with its sessions, and start it again", {}),
    "readonly": (readonly, "make /home and /tmp read-only", {}),
    "writable": (writable, "takes `readonly` back", {}),
    "noinodes": (noinodes, "no room for more files", {"--leave": dict(type=int, default=0, metavar="N", help="files to leave room for")}),
    "moreinodes": (moreinodes, "takes `noinodes` back", {}),
    "throttle": (throttle, "leave part of a processor", {"--percent": dict(type=int, default=5, metavar="N")}),
    "unthrottle": (unthrottle, "takes `throttle` back", {}),
    "oom": (oom, "leave hardly any memory", {"--leave": dict(type=int, default=4 << 20, metavar="BYTES")}),
    "unoom": (unoom, "takes `oom` back", {}),
    "clock": (clock, "set the clock to another time", {"--seconds": dict(type=int, default=-86400, metavar="N")}),
    "unclock": (unclock, "takes `clock` back", {}),
    "mtu": (mtu, "lose large packets between the hosts", {}),
    "jumbo": (jumbo, "takes `mtu` back", {}),
    "heal": (heal, "takes every fault of hosts back", NEW_ADDRESS),
}
