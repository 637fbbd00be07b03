#!/bin/sh
# Ends the processes that belong to a mark, and proves it. The functions of find_marked.sh stand in front, and:
#   grace     seconds between TERM and KILL; 0: no TERM, for the processes are expected to end by themselves
#   siblings  "yes": the other processes of this ssh connection are ended, too
#
#   ec2mpi-sweep 1      the first line of the answer
#   ended PID NAME      a process that was there
#   left PID NAME       a process that is still there in spite of KILL; it has an "ended" line as well
#   ec2mpi-sweep end    the last line: the look is complete
# shellcheck disable=SC2154 # grace, siblings and pids come from the text in front
# shellcheck disable=SC2086 # $pids holds several numbers
export LC_ALL=C
exec </dev/null 2>/dev/null

# shellcheck disable=SC2034 # aged_family reads them
seen='' self=''
# shellcheck disable=SC2034
[ "$siblings" != yes ] || self=$$

# Processes fork meanwhile, so that each signal needs a new look. Without one there is no last line.
look() {
  seen=$(aged_family) || exit 1
  pids=
  for one in $seen; do pids="$pids ${one%:*}"; done
}

send() { [ -z "$pids" ] || kill -"$1" $pids; }

# By the clock: on a busy node a single look may take long.
wait_until_gone() {
  read -r now rest </proc/uptime
  over=$((${now%.*} + $1 + 1))
  while [ "${now%.*}" -lt $over ] && [ -n "$pids" ]; do
    sleep 0.1
    look
    read -r now rest </proc/uptime
  done
}

echo 'ec2mpi-sweep 1'
look
# A daemon whose launcher has just ended cleans up after itself if it has the time.
tries=6
while [ -n "$pids" ] && [ "$grace" = 0 ] && [ $((tries -= 1)) -gt 0 ]; do
  sleep 0.1
  look
done
name_all ended "$pids"
if [ "$grace" != 0 ]; then
  send TERM
  send CONT
  look
  wait_until_gone "$grace"
fi
for round in 1 2 3 4 5; do
  [ -n "$pids" ] || break
  send KILL
  sleep 0.2
  look
  # A process that was just being started shows up a little later.
  [ -n "$pids" ] || [ $round != 1 ] || { sleep 0.8; look; }
done
name_all left "$pids"
echo 'ec2mpi-sweep end'
