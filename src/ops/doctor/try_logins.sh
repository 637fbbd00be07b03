#!/bin/sh
# Tries names and logins from this node to others: try_logins.sh DAEMON INDEX=ADDRESS=HOSTNAME...
#
#   no daemon                  DAEMON, a path that may be empty, is not there
#   name INDEX ADDRESS         what the resolver says for HOSTNAME; no address if it knows none
#   alias INDEX NAME ADDRESS   /etc/hosts has setup's block, but NAME (node2, master) means ADDRESS there
#   login INDEX STATUS TEXT    how `ssh ADDRESS` ended, and what it printed
#
# Names come first, and all names together have ten seconds, so that a dead name server leaves time for the logins. Four
# logins run at once, because sshd refuses connections from the tenth on (sshd_config(5), MaxStartups). exec: a trap of
# a start-up file does not run behind it. Only the end of the output is kept, because the words of ssh stand behind
# those of start-up files. Its warning of a changed key has about 900 characters. A process that a start-up file leaves
# in the background keeps ssh waiting: the answer counts, not the end.
LC_ALL=C
export LC_ALL
unset LD_LIBRARY_PATH LD_PRELOAD # of conda or modules: ssh would get another libcrypto, and a job's ssh does without
exec </dev/null 2>/dev/null
limited() { if command -v timeout >/dev/null; then timeout "$@"; else shift; "$@"; fi; }
echo
[ -z "$1" ] || [ -x "$1" ] || echo 'no daemon'
shift
end=$(($(date +%s) + 10))
command -v getent >/dev/null && for target in "$@"; do
  [ "$(date +%s)" -ge "$end" ] && break
  rest=${target#*=}
  [ -n "${rest#*=}" ] || continue
  echo "name ${target%%=*} $(limited 5 getent ahostsv4 "${rest#*=}" | sed -n '1s/ .*//p')"
done
# Only the file is asked, since no name server knows these names.
grep -q '^# BEGIN ec2mpi' /etc/hosts && for target in "$@"; do
  [ "$(date +%s)" -ge "$end" ] && break
  index=${target%%=*} rest=${target#*=}
  for name in "node$index" $([ "$index" != 1 ] || echo master); do
    found=$(limited 5 getent -s hosts:files ahostsv4 "$name" | sed -n '1s/ .*//p')
    [ -z "$found" ] || [ "$found" = "${rest%%=*}" ] || echo "alias $index $name $found"
  done
done
most=
! command -v timeout >/dev/null || most='timeout 20'
export most
# shellcheck disable=SC2016 # the inner shell expands these
printf '%s\n' "$@" | xargs -n 1 -P 4 sh -c '
  rest=${1#*=}
  said=$($most ssh -n -o BatchMode=yes -o ConnectTimeout=8 "${rest%%=*}" "exec /bin/echo ec2mpi-here" 2>&1)
  status=$?
  [ "$status" != 124 ] || case $said in *ec2mpi-here*) status=0 ;; esac
  printf "%s\n" "login ${1%%=*} $status $(printf %s "$said" | tail -c 2000 | tr "\n\t\r" "   ")"' sh
echo "ec2mpi-logins end"
