#!/bin/sh
# On the master, as the login user: stops all nodes, this one last, when a job has ended. It returns at once, and waits
# in the background. In front of this text stand:
#   id         the job
#   addresses  the private addresses of all nodes, with blanks between them
#   sudo_words.sh of ops/node
# It answers nothing. Status 1, and the reason on standard error, if a machine could not be stopped. The words of a shutdown
# that is refused are in the job's file stop_failed.
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

other_nodes() {
  for address in $addresses; do
    case " $(hostname -I) " in *" $address "*) ;; *) echo "$address" ;; esac
  done
}

# on_others COMMAND: as root on each of the other nodes, whatever the login shell there. Prints "ADDRESS: REASON" for those
# on which it fails.
# shellcheck disable=SC2016 # other shells read the words in single quotes
on_others() {
  in_root='[ "$(id -u)" = 0 ] && root= || root="sudo -n"; '
  other_nodes | xargs -P 16 -I '{}' sh -c '
    said=$(timeout 60 ssh -o BatchMode=yes -o ConnectTimeout=8 -o LogLevel=ERROR "$1" "$2" 2>&1 </dev/null)
    case $? in
      0) exit ;;
      255) next="; ec2mpi setup joins the nodes" ;; # of ssh itself
      *) next= ;;
    esac
    printf "%s: %s%s\n" "$1" "$(printf "%s\n" "${said:-no answer}" | sed -n "\$p")" "$next"' sh '{}' "exec sh -c '$in_root$1'"
}

# shellcheck disable=SC2016
failed=$(on_others '[ -z "$root" ] || $root -l shutdown -h now >/dev/null')
[ -z "$failed" ] || {
  more=$(($(printf '%s\n' "$failed" | wc -l) - 1))
  [ $more -eq 0 ] && more= || more=" (and $more more)"
  echo "the master could not stop $(printf '%s\n' "$failed" | sed 1q)$more" >&2
  exit 1
}

stop_all() {
  # shellcheck disable=SC2016
  on_others '$root shutdown -h now'
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
