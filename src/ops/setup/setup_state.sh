#!/bin/sh
# Prints the facts about a node that setup needs before it changes anything: `NAME VALUE` lines behind a first line.
# facts.sh of ops/node prints before it, trust.sh prints the states of files after it. sudo_words.sh stands in front.
#
#   user, port            the login user, and the port of its sshd
#   root                  hangs (sudo does not answer within 15 s), self, sudo (runs our programs and asks nothing),
#                         password (sudo would ask), none
#   sudo_said SENTENCE    why sudo does not serve; in front of root
#   host_key TYPE KEY     one line for each key in /etc/ssh
#   python_said TEXT      what python3 says where it does not run; no such line where it does
#   headers, packages     whether an mpicc is there; apt, dnf or none
#
# SSH_CONNECTION has the client's address and port, then the server's address and port.
# Standard error holds what tools complain about, as in facts.sh.
exec </dev/null
# ask_sudo: true if it asks nothing, 2 if it does not answer. timeout(1) may not end a program of root.
ask_sudo() {
  try_sudo >/dev/null 2>&1 & asked=$!
  tries=300
  while [ -d "/proc/$asked" ] && [ $((tries -= 1)) -gt 0 ]; do sleep 0.05; done
  [ $tries -gt 0 ] || return 2
  wait $asked || return 1
}
# A sudo that has just answered is asked once more, for its words: there may be no room for a file.
tell_refusal() {
  said=$(try_sudo 2>&1)
  said=$(sudo_words "$said" $?)
  echo "sudo_said $said"
  case $said in *'without a password here'*) echo root password ;; *) echo root none ;; esac
}
# shellcheck disable=SC2086 # four words
set -- $SSH_CONNECTION
echo "ec2mpi-setup-state 1"
echo "user $(id -un)"
echo "port ${4:-22}"
if [ "$(id -u)" = 0 ]; then echo root self
elif ! command -v sudo >/dev/null; then echo root none
else
  ask_sudo
  case $? in 0) echo root sudo ;; 1) tell_refusal ;; *) echo root hangs ;; esac
fi
for f in /etc/ssh/ssh_host_*_key.pub; do
  [ ! -f "$f" ] || awk 'NR == 1 { print "host_key", $1, $2 }' "$f"
done
timed=
! command -v timeout >/dev/null || timed='timeout -k 1 20'
path=${ec2mpi_path:-$PATH} # the user's own
python=$(PATH=$path && command -v python3)
if [ -n "$python" ]; then
  said=$($timed env PATH="$path" "$python" -c 'import importlib.util' 2>&1)
  status=$?
  # A Python that does not start says why in front of what it looked for.
  [ $status = 0 ] || said=$(printf '%s\n' "$said" | sed -n -e '/^Fatal Python error/{p;q;}' -e '$p')
  [ $status = 0 ] || printf '%.300s\n' "python_said ${said:-it ended with $status}${PYTHONHOME:+ (PYTHONHOME is $PYTHONHOME)}"
fi
headers=no
for c in mpicc /usr/lib64/openmpi/bin/mpicc /usr/lib64/mpich/bin/mpicc /opt/amazon/openmpi/bin/mpicc /opt/amazon/openmpi5/bin/mpicc; do
  command -v "$c" >/dev/null && headers=yes
done
echo "headers $headers"
if command -v apt-get >/dev/null; then echo packages apt
elif command -v dnf >/dev/null; then echo packages dnf
else echo packages none; fi
