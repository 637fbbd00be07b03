#!/bin/sh
# Runs a program, as root where that is needed and possible without a password. In front of this text stands:
#   program  the text of the program
# It is needed when a process of another user began after our connection: that may be a sudo of ours, and only root can
# look through it. A ps that cannot tell may hide one.
# shellcheck disable=SC2154 # program is set in front of this text
strangers() {
  ps -e -o uid= -o etimes= -o pid= -o ppid= -o comm= |
    awk -v me="$(id -u)" -v age="$(ps -o etimes= -p "$PPID")" -v here="$$" '
      $3 == here { told = 1 }
      $1 != me && $2 <= age + 0 && $3 != 2 && $4 != 2 && $5 !~ /^sshd/ { found = 1 }
      END { exit told && !found }'
}
[ "$(id -u)" = 0 ] || ! strangers || ! sudo -n sh -c 'env true' </dev/null 2>/dev/null || exec sudo -n sh -c "$program"
exec sh -c "$program"
