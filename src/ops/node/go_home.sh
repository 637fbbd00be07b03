#!/bin/sh
# Relative paths begin in the home, whatever folder start-up files have entered, and even if they have unset HOME.
# shellcheck disable=SC2155,SC2164 # a node without homes is no reason to end
[ -n "$HOME" ] || export HOME="$(eval "echo ~$(id -un)")"
cd -- "$HOME" 2>/dev/null
