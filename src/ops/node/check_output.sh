#!/bin/sh
# In front of a program of ours: prints a line and ends the shell, before the begin mark, if its output is a terminal,
# which changes line ends and joins both streams. Standard error that a start-up file has closed is opened again,
# because else the next file that a program opens would take its place. A /dev/null that takes nothing makes every other
# check fail. remote_program.cpp takes a line from here only as a whole line.
[ ! -t 1 ] || { echo 'the output goes to a terminal; does a start-up file (.bashrc) run script?'; exit 1; }
{ command : >/dev/null; } 2>&- || {
  if [ -c /dev/null ] && [ -w /dev/null ]; then echo "the shell there cannot redirect: $({ : >/dev/null; } 2>&1)"
  else echo '/dev/null takes nothing there; fix it: sudo rm -f /dev/null; sudo mknod -m 666 /dev/null c 1 3'
  fi
  exit 1
}
(: >&2) || exec 2>/dev/null
