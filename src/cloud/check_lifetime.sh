#!/bin/sh
# On a new instance, as the login user: waits until the keeper of its end of life runs (install_lifetime.sh starts it
# when the machine has booted, which may be after the first login). In front of this text stands:
#   patience  for how many seconds
# Status 1, and the reason on standard error, if it does not run by then.
# shellcheck disable=SC2154 # patience stands in front of this text
folder=/var/lib/ec2mpi-lifetime

is_kept() {
  [ -s "$folder/end" ] || return 1
  if [ -d /run/systemd/system ]; then systemctl is-active --quiet ec2mpi-lifetime; else [ -d "/proc/$(cat "$folder/group")" ]; fi
}

until is_kept 2>/dev/null; do
  [ "$patience" -gt 0 ] || { echo "its user data has not set the end of its life" >&2; exit 1; }
  patience=$((patience - 1))
  sleep 1
done
