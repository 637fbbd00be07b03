#!/bin/sh
# In front of `sudo -n sh -c PROGRAM`: ends the program with one sentence if sudo would not run it. Here sudo is asked
# with a short program, because its refusal repeats the program. sudo_words.sh stands in front of this text.
ec2mpi_said=$(LC_ALL=C sudo -n sh -c 'env true' 2>&1 </dev/null) || {
  case $?:$ec2mpi_said in
    126:*) ec2mpi_said='sudo there lets a program start no other one (noexec in sudoers), so nothing can be done as root' ;;
    *) ec2mpi_said=$(sudo_words "$ec2mpi_said") ;;
  esac
  printf 'ec2mpi: %s\n' "$ec2mpi_said" >&2
  exit 1
}
