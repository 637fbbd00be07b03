#!/bin/sh
# Ends the ranks of earlier jobs: TERM, then KILL. It needs the function of leftovers.sh.
#
# Before each signal it looks again, because a pid may belong to another process by then. The exit status is 0 if none
# is left.
LC_ALL=C
export LC_ALL
exec </dev/null 2>/dev/null
pids() { leftovers | cut -d' ' -f1; }
for signal in TERM KILL KILL; do
  found=$(pids)
  [ -z "$found" ] && exit 0
  # shellcheck disable=SC2086 # several pids
  kill -$signal $found
  for _ in 1 2 3 4 5; do
    [ -z "$(pids)" ] && exit 0
    sleep 0.2
  done
done
exit 1
