"""Control groups (version 1) of the hosts, made when a fault needs one: EC2MPI-CLUSTER-HOST at the controller's top."""

import os

TOP = "/sys/fs/cgroup"
CONTROLLERS = ("cpu", "memory")


def folder(controller, cluster, index):
    return f"{TOP}/{controller}/ec2mpi-{cluster}-{index}"


def put(path, value):
    with open(path, "w") as file:
        file.write(str(value))


def move(pids, group):
    for pid in pids:
        try:
            put(f"{group}/cgroup.procs", pid)
        except ProcessLookupError:  # it has ended meanwhile
            pass


def enter(cluster, index, controller, settings, pids):
    """Their children are born in the group too."""
    group = folder(controller, cluster, index)
    os.makedirs(group, exist_ok=True)
    for name, value in settings.items():
        put(f"{group}/{name}", value)
    move(pids, group)


def leave(cluster, index, controller, keeper):
    """All processes of the group go where the keeper is."""
    group = folder(controller, cluster, index)
    if not os.path.isdir(group):
        return
    home = TOP + "/" + controller + group_of(keeper, controller)
    while pids := members(group):
        move(pids, home)
    os.rmdir(group)


def remove(cluster, index):
    """After the end of the host; a group that still has processes stays."""
    for controller in CONTROLLERS:
        try:
            os.rmdir(folder(controller, cluster, index))
        except OSError:
            pass


def members(group):
    with open(f"{group}/cgroup.procs") as file:
        return file.read().split()


def group_of(pid, controller):
    with open(f"/proc/{pid}/cgroup") as file:
        for line in file:
            _, names, path = line.rstrip("\n").split(":", 2)
            if controller in names.split(","):
                return path
    return "/"
