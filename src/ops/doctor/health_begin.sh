#!/bin/sh
# Begins a health report with the node's clock, before anything that takes time. The empty line ends a greeting that
# does not end its own line. Not every date(1) knows %N.
LC_ALL=C
export LC_ALL
exec 3>&2 </dev/null 2>/dev/null # 3: for what the facts' tools complain about
now=$(date +%s.%N)
case $now in *[!0-9.]*) now=$(date +%s) ;; esac
echo
echo "ec2mpi-health 1"
echo "clock $now"
