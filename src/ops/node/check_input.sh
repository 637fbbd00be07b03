#!/bin/sh
# In front of a program that reads its input: prints a line and ends the shell, before the begin mark, if a start-up
# file has closed or redirected the input. sshd gives a pipe or a socket.
[ ! -e /dev/stdout ] || [ -p /dev/stdin ] || [ -S /dev/stdin ] ||
  { echo 'no input arrives; does a start-up file (.bashrc) close or redirect it (exec <...)?'; exit 1; }
