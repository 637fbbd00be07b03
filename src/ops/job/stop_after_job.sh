#!/bin/sh
# On the master, as the login user: stops all nodes, this one last, when a job has ended. It returns at once, and waits
# in the background. In front of this text stand:
#   id         the job
#   addresses  the private addresses of the other nodes that the list has, with blanks between them
#   sudo_words.sh of ops/node
# It answers nothing. Status 1, and the reason on standard error, if this machine could not be stopped. The words of a
# shutdown that is refused are in the job's file stop_failed.
# shellcheck disable=SC2154 # id and addresses stand in front of this text
# shellcheck disable=SC2086 # several words
job=$HOME/.ec2mpi/jobs/$id
root='sudo -n'
[ "$(id -u)" != 0 ] || root=
[ -d "$job" ] || { echo "there is no job $id" >&2; exit 1; }
[ -z "$root" ] || said=$(LC_ALL=C $root -l shutdown -h now 2>&1) || {
  if [ -n "$said" ]; then said=$(sudo_words "$said")
  else said='sudo there does not let this account run shutdown as root; sudo -l shows what it allows'; fi
  echo "nobody could stop this machine later: $said" >&2
  exit 1
}

# A supervisor that is gone without a record is as good as an end.
wait_for_end() {
  silent=0
  while [ ! -f "$job/exit" ] && [ $silent -lt 3 ]; do
    if [ ! -f "$job/pid" ] || { read -r pid _ <"$job/pid" && kill -0 "$pid"; }; then silent=0; else silent=$((silent + 1)); fi
    sleep 2
  done
}

# setup has written all nodes into /etc/hosts.
other_nodes() {
  {
    printf '%s\n' $addresses
    sed -n '/^# BEGIN ec2mpi/,/^# END ec2mpi/s/^\([0-9a-f][0-9a-f.:]*\)[[:blank:]].*/\1/p' /etc/hosts
  } | sort -u | while read -r address; do
    case " $(hostname -I) " in *" $address "*) ;; *) echo "$address" ;; esac
  done
}

stop_all() {
  other_nodes | xargs -P 16 -I '{}' timeout 60 ssh -o BatchMode=yes -o ConnectTimeout=8 -o LogLevel=ERROR '{}' \
    "if [ \"\$(id -u)\" = 0 ]; then shutdown -h now; else sudo -n shutdown -h now; fi"
  # A shutdown that is refused, or does not end the machine, is asked for again, but not for ever.
  tries=0
  while [ $tries -lt 10 ]; do
    $root shutdown -h now
    tries=$((tries + 1))
    sleep 60
  done >"$job/stop_failed" 2>&1
}

(
  trap '' HUP
  wait_for_end
  stop_all
) </dev/null >/dev/null 2>&1 &
