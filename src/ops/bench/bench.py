"""How fast this node is, in three seconds: one core, all cores, memory; and who takes time away from its processors.

    python3 bench.py [SECONDS]      for each of the three parts [1]

It prints `NAME VALUE` lines between the lines `ec2mpi-bench 1` and `ec2mpi-bench end`:
    method     programs of one method can be compared
    model      of the processor
    cores      which this program may use
    one, all   loops a second of processor time: of one process, and the mean of one process on each core
    memory     bytes copied a second of processor time
    stolen, throttled, missing, others      shares of the time of all cores, 0 to 1
    other      PID NAME of the program that took the greatest part of `others`

The speeds are by processor time, so that another program on the node does not change them. The speed of cores is the one that
a fifth of the short slices exceeds: a disturbance only makes a slice slower. That of memory is the best of all slices, because
other programs, and other instances on the same machine, use the same memory all the time.
"""

import os
import platform
import sys
import time

LOOPS = 20000  # in a slice: one millisecond
BUFFER = 32 << 20  # bytes, more than a core's share of any cache
FEWEST = 5  # slices
TICK = os.sysconf("SC_CLK_TCK")


def loop():
    x = 0
    for i in range(LOOPS):
        x = (x * 31 + i) & 0xFFFFFFF
    return LOOPS


def slices(work, seconds):
    """What `work` does a second of processor time, in each slice."""
    end, speeds = time.monotonic() + seconds, []
    while time.monotonic() < end or len(speeds) < FEWEST:
        begin = time.process_time()
        amount = work()
        used = time.process_time() - begin
        if used > 0:
            speeds.append(amount / used)
    return speeds


def good(speeds):
    return sorted(speeds)[len(speeds) * 4 // 5]


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def copy_speed(seconds):
    source, target = bytearray(BUFFER), bytearray(BUFFER)

    def copy():
        target[:] = source
        return BUFFER
    copy()  # the first time, the pages have to be found
    return max(slices(copy, seconds))


def ticks_of(pid):
    """User and system time of a process, or 0 if it is gone. Its name may hold anything."""
    words = read(f"/proc/{pid}/stat").rpartition(") ")[2].split()
    return int(words[11]) + int(words[12]) if len(words) > 12 else 0


def processes():
    return {int(name): ticks_of(name) for name in os.listdir("/proc") if name.isdigit()}


def machine():
    """Seconds that all cores were idle, and that the hypervisor has taken."""
    words = [int(word) for word in read("/proc/stat").split("\n", 1)[0].split()[1:]] + [0] * 8
    return (words[3] + words[4]) / TICK, words[7] / TICK


def throttled_seconds():
    """Of the control groups of this process, the time that they were held back; the greatest of them."""
    most = 0.0
    for line in read("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = "/sys/fs/cgroup/" + controllers
        for root in {root, "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"} if controllers else {root}:
            part = path
            while True:
                numbers = dict(pair.split() for pair in read(f"{root}{part.rstrip('/')}/cpu.stat").splitlines() if " " in pair)
                most = max(most, int(numbers.get("throttled_usec", 0)) / 1e6, int(numbers.get("throttled_time", 0)) / 1e9)
                if part in ("/", ""):
                    break
                part = os.path.dirname(part)
    return most


def on_all_cores(cores, seconds):
    """The mean speed of one process on each core, the processors' time that the processes did not get although it was
    free, and their pids."""
    children = []
    for _ in range(cores):
        source, target = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(source)
            os.write(target, b"%.6g" % good(slices(loop, seconds)))
            os._exit(0)
        os.close(target)
        children.append((pid, source))
    # Only while all of them run: the core of one that has ended is free.
    window = seconds * 0.8
    begin, idle, used = time.monotonic(), machine()[0], sum(ticks_of(pid) for pid, _ in children)
    time.sleep(window)
    wall, idle = time.monotonic() - begin, machine()[0] - idle
    used = (sum(ticks_of(pid) for pid, _ in children) - used) / TICK
    late = wall > window * 1.2  # then some may have ended
    missing = 0 if late else max(0, min(cores * wall - used, idle)) / (cores * wall)
    speeds = []
    for pid, source in children:
        speeds.append(float(os.read(source, 64)))
        os.waitpid(pid, 0)
    return sum(speeds) / len(speeds), missing, [pid for pid, _ in children]


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    cores = len(os.sched_getaffinity(0))
    before, begin = processes(), time.monotonic()
    _, stolen = machine()
    throttled = throttled_seconds()
    one = good(slices(loop, seconds))
    every, missing, own = on_all_cores(cores, seconds)
    # Some pages are better placed than others, so that the best of several buffers counts.
    memory = max(copy_speed(seconds / 4) for _ in range(4))
    time_of_cores = cores * (time.monotonic() - begin)
    stolen = machine()[1] - stolen
    throttled = throttled_seconds() - throttled
    own.append(os.getpid())
    others = {pid: (ticks - before.get(pid, 0)) / TICK for pid, ticks in processes().items() if pid not in own}
    others = {pid: used for pid, used in others.items() if used > 0}
    print("\nec2mpi-bench 1")
    print("method", platform.python_implementation(), platform.python_version())
    print("model", next((line.split(":", 1)[1].strip() for line in read("/proc/cpuinfo").splitlines() if line.startswith("model name")),
                        platform.machine()))
    print("cores", cores)
    print("one %.6g\nall %.6g\nmemory %.6g" % (one, every, memory))
    for name, value in ("stolen", stolen), ("throttled", throttled), ("others", sum(others.values())):
        print(name, "%.4f" % min(1, max(0, value / time_of_cores)))
    print("missing %.4f" % missing)
    if others:
        greatest = max(others, key=others.get)
        print("other", greatest, read(f"/proc/{greatest}/comm").strip())
    print("ec2mpi-bench end")


main()
