#!/bin/sh
# In front of a program of ours: prints a line and ends the shell, before the begin mark, if a limit leaves our programs
# too few descriptors, or files too small for what they write. Without this each tool would fail by itself, or be killed
# without a word. remote_program.cpp takes a line from here only as a whole line.
# shellcheck disable=SC3045 # the shells of all images know ulimit -n and -f
case $(ulimit -n) in
  ? | 1?) echo "too few files may be open there (ulimit -n $(ulimit -n)); does a start-up file (.bashrc) set it?"; exit 1 ;;
esac
case $(ulimit -f) in
  0) echo 'no file may be written (ulimit -f 0); does a start-up file (.bashrc) set that limit?'; exit 1 ;;
  ? | ??) echo "only tiny files may be written (ulimit -f $(ulimit -f)); does a start-up file (.bashrc) set that limit?"; exit 1 ;;
esac
