#!/bin/sh
# Prints the facts about a node that setup needs before it changes anything: `NAME VALUE` lines behind a first line.
# facts.sh of ops/node prints before it, trust.sh prints the states of files after it.
#
#   user, port            the login user, and the port of its sshd
#   root                  self, sudo (asks nothing), password (sudo would ask), none
#   host_key TYPE KEY     one line for each key in /etc/ssh
#   headers, packages     whether an mpicc is there; apt, dnf or none
#
# SSH_CONNECTION has the client's address and port, then the server's address and port.
exec </dev/null 2>/dev/null
# shellcheck disable=SC2086 # four words
set -- $SSH_CONNECTION
echo "ec2mpi-setup-state 1"
echo "user $(id -un)"
echo "port ${4:-22}"
if [ "$(id -u)" = 0 ]; then echo root self
elif ! command -v sudo >/dev/null; then echo root none
elif sudo -n true; then echo root sudo
else echo root password; fi
for f in /etc/ssh/ssh_host_*_key.pub; do
  [ ! -f "$f" ] || awk 'NR == 1 { print "host_key", $1, $2 }' "$f"
done
headers=no
for c in mpicc /usr/lib64/openmpi/bin/mpicc /usr/lib64/mpich/bin/mpicc /opt/amazon/openmpi/bin/mpicc /opt/amazon/openmpi5/bin/mpicc; do
  command -v "$c" >/dev/null && headers=yes
done
echo "headers $headers"
if command -v apt-get >/dev/null; then echo packages apt
elif command -v dnf >/dev/null; then echo packages dnf
else echo packages none; fi
