#!/bin/sh
# Installs packages for MPI. Runs as root: install_packages.sh MANAGER MPI4PY MPI4PY_PACKAGE COMPILER PACKAGE...
#
#   MANAGER         apt or dnf
#   MPI4PY          yes if mpi4py is to be installed as well
#   MPI4PY_PACKAGE  its package; where it is empty or unknown, pip builds mpi4py with COMPILER, an mpicc
#
# Waits for cloud-init and for the package manager's lock, minutes if need be. Prints `doing TEXT` lines. On failure the
# reason is the last line of standard error.
#
# apt-get writes to a file, not to the connection, and the script ignores HUP and PIPE: a half installation is worse than
# one that continues after the connection has ended. The lock's holder is the process that has the lock file open.
# First it completes the work of a dpkg that was interrupted.
manager=$1 mpi4py=$2 mpi4py_package=$3 compiler=$4
shift 4
LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 PIP_BREAK_SYSTEM_PACKAGES=1
export LC_ALL DEBIAN_FRONTEND NEEDRESTART_SUSPEND PIP_BREAK_SYSTEM_PACKAGES
patience=900
trap '' PIPE HUP
exec </dev/null
log=$(mktemp 2>/dev/null || mktemp /run/ec2mpi.XXXXXX) || exit 1
trap 'rm -f "$log"' EXIT

doing='' before=''
say() {
  [ "$doing" = "$1" ] || printf 'doing %s\n' "$1"
  doing=$1
}

# A package manager's reasons begin in one of these ways.
complaint() {
  said=$(sed -n -e 's/^E: //p' -e 's/^Error: //p' -e 's/^ERROR: //p' "$log" 2>/dev/null | head -n 2 | tr '\n' ' ')
  printf '%s' "${said:-$(tail -n 1 "$log")}"
}

die() {
  printf '%s: %s%s\n' "$1" "$(complaint)" "$before" >&2
  exit 1
}

patiently() {
  patience=$((patience - 1))
  if [ "$patience" -lt 0 ]; then
    : >"$log"
    die "still $doing after 15 minutes"
  fi
  sleep 1
}

lock_holder() {
  # shellcheck disable=SC2044 # paths below /proc have no blanks
  for link in $(find /proc/[0-9]*/fd -lname '/var/lib/dpkg/lock*' -o -lname /var/lib/apt/lists/lock \
    -o -lname /var/cache/apt/archives/lock 2>/dev/null); do
    process=${link#/proc/}
    cat "/proc/${process%%/*}/comm" 2>/dev/null && return
  done
  return 1
}

wait_for_lock() {
  while holder=$(lock_holder); do
    say "waiting for apt's lock held by $holder"
    patiently
  done
}

# apt WHAT ARGUMENT...: again and again while another program gets the lock first.
apt() {
  what=$1
  shift
  while :; do
    wait_for_lock
    say "$what"
    apt-get -q "$@" >"$log" 2>&1 && return
    grep -q 'Could not get lock' "$log" || return 1
    patiently
  done
}

install() {
  if [ "$manager" = apt ]; then
    apt "installing $*" -y --no-install-recommends install "$@" || die "apt-get could not install $*"
  else
    say "installing $*"
    timeout "$patience" dnf -y install "$@" >"$log" 2>&1 || die "dnf could not install $*"
  fi
}

has_package() {
  if [ "$manager" = apt ]; then
    apt-cache show "$1" >/dev/null 2>&1
  else
    timeout "$patience" dnf -q info "$1" >/dev/null 2>&1
  fi
}

has_mpi4py() {
  python3 -c 'import importlib.util as u, sys; sys.exit(u.find_spec("mpi4py") is None)' 2>/dev/null
}

pip_mpi4py() {
  if [ "$manager" = apt ]; then install python3-pip python3-dev gcc; else install python3-pip python3-devel gcc; fi
  say 'building mpi4py'
  MPICC=$compiler python3 -m pip install -q --no-binary mpi4py mpi4py >"$log" 2>&1 || die 'pip could not install mpi4py'
}

if command -v cloud-init >/dev/null; then
  say 'waiting for cloud-init'
  timeout 600 cloud-init status --wait >/dev/null 2>&1
fi
if [ "$manager" = apt ]; then
  wait_for_lock
  if [ -n "$(dpkg --audit 2>/dev/null)" ]; then
    say 'finishing what an interrupted dpkg has left'
    dpkg --configure -a >"$log" 2>&1 || die 'dpkg --configure -a failed'
  fi
  # One source out of several that fails need not matter.
  apt 'reading the package lists' update || before="; before that, apt-get update failed: $(complaint)"
fi
if [ "$mpi4py" = yes ] && [ -n "$mpi4py_package" ] && has_package "$mpi4py_package"; then
  set -- "$@" "$mpi4py_package"
fi
[ $# = 0 ] || install "$@"
[ "$mpi4py" = no ] || has_mpi4py || pip_mpi4py
