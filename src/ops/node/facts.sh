#!/bin/sh
# Prints facts about this node. In front of this text stands:
#   want  the path of the mpirun to describe; empty: the one in the PATH, or in the folder where the EFA installer of
#         Amazon or the packages of Red Hat put it
#   the functions of find_settings.sh
#
#   ec2mpi-facts 1     the first line of the answer
#   hangs PROGRAM      a program that did not answer within 20 s, as on a file server that is down; only if there is one
#   lacks TOOL...      programs without which this text and others of ec2mpi fail; only if there are such
#   NAME VALUE         one fact; "mpi" lines repeat what mpirun prints about its version; "settings yes" says that
#                      chosen_settings prints some, and "setting" lines are those of them on which the nodes of a job
#                      must agree
#   ec2mpi-facts end   the last line
#
# Any POSIX shell can run it. It neither waits for input nor writes a file. Standard error holds what tools complain
# about; the first of it is shown where the answer is not understood, so what is usual is left out.
# shellcheck disable=SC2154 # want is set in front of this text
export LC_ALL=C
exec </dev/null

# The address at which sshd was reached (sshd(8): SSH_CONNECTION holds the client's address and port, then the
# server's). Behind the NAT of EC2 it is the private one. Over IPv6: the source address of the default route.
# shellcheck disable=SC2086 # four words
set -- $SSH_CONNECTION
private=${3#::ffff:}
case $private in
  *.*) ;;
  *) private=$(ip -4 -o route get 192.0.2.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p') ;;
esac

# Cores are distinct pairs of socket and core among the CPUs that are online; a vCPU of EC2 is a hardware thread.
threads=$(nproc 2>/dev/null) || threads=$(getconf _NPROCESSORS_ONLN)
cores=$(lscpu -p=CPU,CORE,SOCKET,ONLINE 2>/dev/null |
  awk -F, '!/^#/ && $4 != "N" { seen[$3 "," $2] = 1 } END { for (core in seen) count++; print count + 0 }')
case $cores in '' | 0) cores=$threads ;; esac

path=${ec2mpi_path:-$PATH} # the user's own
timed=
! command -v timeout >/dev/null || timed='timeout -k 1 20'
mpirun=
if [ -n "$want" ]; then
  [ -x "$want" ] && mpirun=$want
elif ! mpirun=$(PATH=$path && command -v mpirun); then
  for folder in /opt/amazon/openmpi/bin /opt/amazon/openmpi5/bin /usr/lib64/openmpi/bin /usr/local/openmpi/bin; do
    [ -x "$folder/mpirun" ] && { mpirun=$folder/mpirun; break; }
  done
fi

python=$(PATH=$path && command -v python3)
mpi4py=no hangs='' said=''
if [ -n "$mpirun" ]; then
  said=$($timed env PATH="$path" "$mpirun" --version 2>&1)
  case $? in 124 | 137) hangs=$mpirun ;; esac
fi
if [ -n "$python" ] && [ -z "$hangs" ]; then
  $timed env PATH="$path" "$python" -c 'import importlib.util as u, sys; sys.exit(u.find_spec("mpi4py") is None)' 2>/dev/null
  case $? in 0) mpi4py=yes ;; 124 | 137) hangs=$python ;; esac
fi
efa=no
[ -n "$(ls /sys/class/infiniband 2>/dev/null)" ] && efa=yes

echo 'ec2mpi-facts 1'
lacks=
for tool in awk cat grep id sed; do command -v "$tool" >/dev/null || lacks="$lacks $tool"; done
[ -z "$lacks" ] || echo "lacks$lacks"
[ -z "$hangs" ] || echo "hangs $hangs"
echo "private_address $private"
# shellcheck disable=SC2046 # several words
echo 'addresses' $(ip -4 -o addr show 2>/dev/null | awk '{ sub("/.*", "", $4); print $4 }')
echo "hostname $(uname -n)"
echo "home $HOME"
echo "boot_id $(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
echo "cores $cores"
echo "threads $threads"
echo "mpirun $mpirun"
# By the shell itself: the libraries that break mpirun may break sed.
[ -z "$said" ] || printf '%s\n' "$said" | {
  lines=20
  while [ $((lines -= 1)) -ge 0 ] && IFS= read -r line; do printf '%.200s\n' "mpi $line"; done
}
echo "python3 $python"
echo "mpi4py $mpi4py"
echo "efa $efa"
settings=
[ -z "$mpirun" ] || settings=$(chosen_settings "${mpirun%/bin/*}" 2>/dev/null)
if [ -n "$settings" ]; then echo settings yes; else echo settings no; fi
# The first one of a name is in force.
[ -z "$settings" ] || printf '%s\n' "$settings" | awk '!seen[$1]++' | while read -r name setting; do
  ! is_choice "$name" || printf '%s\n' "setting $name $setting"
done | cut -c 1-1000
echo 'ec2mpi-facts end'
