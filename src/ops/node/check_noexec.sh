#!/bin/sh
# First in a program that sudo has started: ends it where sudoers let it start no other programs (noexec). Without this
# each tool would fail by itself, and look like a closed file or an archive that did not arrive.
env true 2>/dev/null || [ $? != 126 ] || {
  echo 'ec2mpi: sudo there lets a program start no other one (noexec in sudoers), so nothing can be done as root' >&2
  exit 126
}
