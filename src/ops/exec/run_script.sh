#!/bin/sh
# Runs a script of the user that arrives by standard input: run_script.sh SIZE ARGUMENT... The first SIZE bytes are the
# script, the bytes behind it are its input. A command line would show the script to other users of the node. The status
# is that of the script.
size=$1
shift
file=$(mktemp) && trap 'rm -f "$file"' EXIT && trap 'exit 143' HUP INT TERM &&
  head -c "$size" >"$file" && chmod 700 "$file" && "$file" "$@"
