"""The file systems: the image that all hosts of a cluster start from, and the disk that each host writes to.

A host's root is an overlay of three layers:

    disk     one tmpfs per host: what makes this host differ, and all it writes    (its size is the size of the disk)
    image    one folder per cluster: the account, the keys, the sshd configuration  (what an AMI is to an instance)
    machine  / of this machine, or another distribution's tree                      (programs and libraries)

All three are seen from the cluster's own mount namespace only.
"""

import os
import shutil
import stat
import uuid

from . import addresses
from .linux import MS_NODEV, MS_NOSUID, mount

USER, UID = "ubuntu", 1000
HOST_KEY_TYPES = ("ed25519", "ecdsa")

# Of the machine's root a host sees its programs and settings, and nothing of its users or its work.
SHOWN = {"bin", "boot", "etc", "lib", "lib32", "lib64", "libx32", "opt", "sbin", "usr", "var"}
EMPTY = {"dev": 0o755, "home": 0o755, "media": 0o755, "mnt": 0o755, "proc": 0o755, "root": 0o700, "run": 0o755,
         "srv": 0o755, "sys": 0o755, "tmp": 0o1777, "etc/ssh": 0o755, "var/log": 0o755, "var/mail": 0o755,
         "var/tmp": 0o1777}

SSHD_CONFIG = """\
# Debian's defaults, less PAM, and with root allowed in by key.
HostKey /etc/ssh/ssh_host_ed25519_key
HostKey /etc/ssh/ssh_host_ecdsa_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"""

BASHRC = """\
# Nothing for shells that are not interactive, as on Ubuntu.
case $- in *i*) ;; *) return ;; esac
PS1='\\u@\\h:\\w\\$ '
"""

PROFILE = '[ -n "$BASH_VERSION" ] && [ -f ~/.bashrc ] && . ~/.bashrc\n'


def write(path, text, mode=0o644, owner=0):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    os.chown(path, owner, owner)


def make_folder(path, mode, owner=0):
    os.makedirs(path, exist_ok=True)
    os.chmod(path, mode)
    os.chown(path, owner, owner)


# --- the image ---------------------------------------------------------------------------------------------------

def build_image(image, lower, keys, host_count, bare):
    """`keys` holds authorized_keys, and for hosts that trust each other also node_key[.pub] and hostN_TYPE.pub."""
    make_folder(image, 0o755)
    hide_the_machine(image, lower)
    write_accounts(image, lower)
    write(f"{image}/etc/sudoers.d/90-cloud-init-users", f"{USER} ALL=(ALL) NOPASSWD:ALL\n", 0o440)
    write(f"{image}/etc/ssh/sshd_config", SSHD_CONFIG)
    if os.path.exists(f"{lower}/etc/ssh/ssh_config"):
        shutil.copy(f"{lower}/etc/ssh/ssh_config", f"{image}/etc/ssh/ssh_config")
    write(f"{image}/etc/resolv.conf", "")
    write_home(f"{image}/root", 0, keys)
    write_home(f"{image}/home/{USER}", UID, keys)
    if not bare:
        write_trust(f"{image}/home/{USER}/.ssh", keys, host_count)


def hide_the_machine(image, lower):
    for name, mode in EMPTY.items():
        make_folder(f"{image}/{name}", mode)
        os.setxattr(f"{image}/{name}", "trusted.overlay.opaque", b"y")
    for name in set(os.listdir(lower)) - SHOWN - EMPTY.keys():
        os.mknod(f"{image}/{name}", stat.S_IFCHR, 0)  # a whiteout


def write_accounts(image, lower):
    """The machine's system accounts without its people, and the image's user."""
    def system_entries(file, number):
        with open(f"{lower}/etc/{file}") as lines:
            entries = [line.rstrip("\n").split(":") for line in lines if line.strip()]
        return [e for e in entries if e[0] != USER and not 1000 <= int(e[number]) < 60000]

    def put(file, entries, mode=0o644):
        write(f"{image}/etc/{file}", "".join(":".join(e) + "\n" for e in entries), mode)

    people = system_entries("passwd", 2)
    for entry in people:
        if entry[0] == "root":
            entry[5:] = ["/root", "/bin/bash"]
    people.append([USER, "x", str(UID), str(UID), "Ubuntu", f"/home/{USER}", "/bin/bash"])
    groups = system_entries("group", 2) + [[USER, "x", str(UID), ""]]
    put("passwd", people)
    put("group", groups)
    # "*" is no password at all, which unlike "!" does not lock the account for keys.
    put("shadow", [[e[0], "*", "19000", "0", "99999", "7", "", "", ""] for e in people], 0o640)
    put("gshadow", [[e[0], "*", "", ""] for e in groups], 0o640)


def write_home(home, owner, keys):
    make_folder(home, 0o700 if owner == 0 else 0o755, owner)
    make_folder(f"{home}/.ssh", 0o700, owner)
    write(f"{home}/.bashrc", BASHRC, owner=owner)
    write(f"{home}/.profile", PROFILE, owner=owner)
    write(f"{home}/.ssh/authorized_keys", read(f"{keys}/authorized_keys"), 0o600, owner)


def write_trust(folder, keys, host_count):
    """What the tutorial's AMI has: one key pair on all hosts that opens all hosts, and every host key known."""
    public_key = read(f"{keys}/node_key.pub")
    write(f"{folder}/id_ed25519", read(f"{keys}/node_key"), 0o600, UID)
    write(f"{folder}/id_ed25519.pub", public_key, 0o644, UID)
    write(f"{folder}/authorized_keys", read(f"{folder}/authorized_keys") + public_key, 0o600, UID)
    known = []
    for index in range(1, host_count + 1):
        names = f"{addresses.private(index)},{addresses.hostname(index)}"
        known += [f"{names} {' '.join(read(f'{keys}/host{index}_{kind}.pub').split()[:2])}\n"
                  for kind in HOST_KEY_TYPES]
    write(f"{folder}/known_hosts", "".join(known), 0o600, UID)


def read(path):
    with open(path) as file:
        return file.read()


# --- a disk ------------------------------------------------------------------------------------------------------

def make_disk(disk, size, index, host_count, keys, bare):
    """A host's own layer, as it is before the first boot."""
    make_folder(disk, 0o755)
    mount("disk", disk, "tmpfs", MS_NODEV | MS_NOSUID, f"size={size},mode=755")
    upper = f"{disk}/upper"
    for folder in (upper, f"{disk}/work", f"{disk}/root"):
        make_folder(folder, 0o755)
    write(f"{upper}/etc/hostname", addresses.hostname(index) + "\n")
    write(f"{upper}/etc/hosts", hosts_file([index] if bare else range(1, host_count + 1), index))
    write(f"{upper}/etc/machine-id", uuid.uuid4().hex + "\n", 0o444)
    for kind in HOST_KEY_TYPES:
        path = f"{upper}/etc/ssh/ssh_host_{kind}_key"
        write(path, read(f"{keys}/host{index}_{kind}"), 0o600)
        write(path + ".pub", read(f"{keys}/host{index}_{kind}.pub"))


def hosts_file(indices, own):
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    lines += [f"{addresses.private(i)} {addresses.hostname(i)}" + (" # this host" if i == own else "")
              for i in indices]
    return "\n".join(lines) + "\n"


def mount_root(disk, image, lower):
    """The overlay of the three layers; returns where it is."""
    root = f"{disk}/root"
    mount("overlay", root, "overlay",
          options=f"lowerdir={image}:{lower},upperdir={disk}/upper,workdir={disk}/work")
    return root
