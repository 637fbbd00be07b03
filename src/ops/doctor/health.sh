#!/bin/sh
# Prints a health report: `NAME VALUE` lines, then a last line. health.sh FILE...: the files are to be compared.
#
# It needs the functions `metadata` and `chosen_settings` (ops/node), and `leftovers` (leftovers.sh), and stands behind
# health_begin.sh and the facts. It changes nothing on the node. Every command in it that may hang has its own limit.
# shellcheck disable=SC2015 # "A && B || C" means that C also follows a failure of B
# shellcheck disable=SC2154 # ec2mpi_path, ec2mpi_no_home, ec2mpi_umask: programs of ops/node set them
# shellcheck disable=SC2034 # `read` names fields that are not used
# shellcheck disable=SC3045 # a limit that the shell does not know is not told
limited() { if command -v timeout >/dev/null; then timeout "$@"; else shift; "$@"; fi; }
free_kb() { df -Pk "$1" | awk 'NR == 2 { free = $4 } END { print free + 0 }'; }
# can_make TEMPLATE: makes nothing that stays; prints the reason if it cannot.
can_make() {
  if said=$(mktemp -d "$1" 2>/dev/null); then rmdir "$said"; return; fi
  said=$(mktemp -d "$1" 2>&1 >/dev/null)
  echo "${said##*: }"
  return 1
}
sum_of() { sha256sum | cut -d' ' -f1; }
file_state() {
  # Without a home a relative path would be one in /.
  [ -z "$ec2mpi_no_home" ] || case $1 in /*) ;; *) echo missing; return ;; esac
  if [ -d "$1" ]; then (cd "$1" && find . -type f -exec sha256sum {} + | sort -k 2 | sum_of)
  elif [ -r "$1" ]; then sum_of <"$1"
  elif [ -e "$1" ]; then echo unreadable
  else echo missing
  fi
}

{ metadata instance-id instance-type placement/availability-zone placement/group-name | sed 's/^/metadata /'; } &

echo "user $(id -un)"
seen=
IFS=:
for folder in $ec2mpi_path; do
  program=${folder:-.}/mpirun
  [ -f "$program" ] && [ -x "$program" ] || continue
  file=$(readlink -f "$program")
  case "$seen" in *"|$file|"*) continue ;; esac
  seen="$seen|$file|"
  echo "mpirun $program"
  limited 10 env PATH="$ec2mpi_path" "$program" --version | sed -n '1,8s/^/says /p'
done
unset IFS

# Settings of Open MPI: where they are, the components that they could name, and whether a program starts with them.
first=${seen#|}
first=${first%%|*}
settings=$(chosen_settings "${first%/bin/*}" | head -n 100)
if [ -n "$settings" ]; then
  printf '%s\n' "$settings" | sed 's/^/setting /'
  names=$(printf '%s\n' "$settings" | cut -d' ' -f1 | sort -u)
  (
    # Settings of ompi_info, too.
    for variable in $(env | sed -n 's/^\([A-Z]*_MCA_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$variable"; done
    limited 10 "${first%/*}/ompi_info" --parsable
  ) | sed -n 's/^mca:\([a-z]*\):\([a-z0-9_]*\):version:.*/\1 \2/p' | sort -u | while read -r framework component; do
    ! printf '%s\n' "$names" | grep -qx "$framework" || echo "component $framework $component"
  done
fi

python=$(PATH=$ec2mpi_path && command -v python3)
if [ -n "$python" ]; then
  if said=$(limited 20 env PATH="$ec2mpi_path" "$python" -c '
import mpi4py
mpi4py.rc.initialize = False
from mpi4py import MPI
print("mpi4py", mpi4py.__version__)
print("library", MPI.Get_library_version().split("\n")[0])' 2>&1); then
    echo "$said" | tail -n 2
    [ -z "$settings" ] || said=$(limited 20 env PATH="$ec2mpi_path" "$python" -c 'from mpi4py import MPI' 2>&1) ||
      echo "settings_error $(echo "$said" | grep -v -e '^-*$' -e '^ ' | head -n 1 | cut -c 1-300)"
  else
    # A Python that does not start says why at the top.
    case $said in *'Fatal Python error'*) said=$(echo "$said" | grep -m 1 'Fatal Python error')${PYTHONHOME:+ (PYTHONHOME is $PYTHONHOME)} ;; esac
    echo "mpi4py_error $(echo "$said" | tail -n 1 | cut -c 1-300)"
  fi
fi

before=$(date +%s%N)
limited 12 getent hosts "$(hostname)" >/dev/null && known=yes || known=no
after=$(date +%s%N)
case $before$after in *[!0-9]*) took=0 ;; *) took=$(((after - before) / 1000000)) ;; esac
echo "own_name $known $took"
command -v getent >/dev/null || echo 'names_error getent is not there to look names up'
[ ! -e /etc/hosts ] || [ -r /etc/hosts ] || echo 'names_error /etc/hosts cannot be read by the login user'

echo "home_free $(free_kb "$HOME")"
echo "tmp_free $(free_kb /tmp)"
echo "shm_free $(free_kb /dev/shm)"
said=$(can_make "$HOME/.ec2mpi-XXXXXX") || echo "home_error $said"
echo "shm_size $(df -Pk /dev/shm | awk 'NR == 2 { print $2 }')"
# Open MPI keeps its sessions below a folder whose name is made of the host and the user.
temp=${ec2mpi_tmpdir:-${TMPDIR:-${TEMP:-${TMP:-/tmp}}}}
echo "temp $temp"
said=$(can_make "$temp/ec2mpi-XXXXXX") || echo "temp_error $said"
echo "temp_inodes $(df -Pi "$temp" | awk 'NR == 2 && $2 > 0 { print $4 }')"
echo "temp_type $(stat -f -c %T "$temp")"
for session in "$temp"/ompi.*."$(id -u)"; do
  [ -e "$session" ] || continue
  if [ ! -O "$session" ]; then echo "foreign_session $session"
  elif [ ! -w "$session" ] || [ ! -x "$session" ]; then echo "closed_session $session"
  fi
done
awk '$1 == "MemTotal:" { print "memory", $2 } $1 == "MemAvailable:" { print "memory_available", $2 }' /proc/meminfo
# limit NAME VALUE [can_go|is_seen FILE:NUMBER:TEXT]: the first line of a start-up file about it. can_go: that line is to
# blame, and can be deleted: no other line is about the limit, it does nothing else, and the file stays whole without it.
# tell_limit NAME VALUE PATTERN LINE...: a line that can go is like one of these.
tell_limit() {
  name=$1 value=$2
  lines=$(grep -n "^[^#]*$3" "$HOME/.bashrc" "$HOME/.bash_profile" "$HOME/.profile" "$HOME/.zshenv" /etc/bash.bashrc \
    /etc/profile /dev/null)
  shift 3
  file=${lines%%:*} rest=${lines#*:} kind=${lines:+is_seen}
  for line in "$@"; do
    [ "${rest#*:}" != "$line" ] || ! sed "${rest%%:*}d" "$file" | bash -n || kind=can_go
  done
  echo "limit $name $value $kind $lines" | head -n 1
}
for letter in n l v d s u; do
  # dash calls -p what others call -u.
  value=$(ulimit -$letter) || { [ $letter = u ] && value=$(ulimit -p); } || continue
  [ "$value" = unlimited ] || tell_limit $letter "$value" "ulimit.*-[HS]*$letter" \
    "ulimit -$letter $value" "ulimit -S$letter $value" "ulimit -H$letter $value"
done
mask=${ec2mpi_umask#0}
[ -z "$mask" ] || tell_limit umask "$mask" umask "umask $mask" "umask 0$mask"
ip -4 -o addr show | while read -r number name family address rest; do
  echo "interface $name $address $(cat "/sys/class/net/$name/mtu")"
done
leftovers | sed 's/^/leftover /'
for file in "$@"; do
  echo "file $(file_state "$file")"
done
wait
echo "ec2mpi-health end"
