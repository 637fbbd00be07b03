#!/bin/sh
# The program of pull --follow: for each line of its input it prints a listing as soon as the listing differs from the
# last one. Meanwhile it prints "tick", "", "" every second: the end of the connection then ends the program. records.sh
# and sources.sh stand in front, and:
#   token  printed once, on its own line
# shellcheck disable=SC2154 # token is set in front of this text
printf '%s\n' "$token"
need cksum
need_list_tools
last=
while read -r _; do
  while :; do
    now=$(list_all 2>/dev/null | cksum)
    [ "$now" = "$last" ] || break
    printf 'tick\0\0\0' || exit
    sleep 1
  done
  last=$now
  list_all 2>/dev/null
done
