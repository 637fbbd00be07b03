#!/bin/sh
# In front of `sudo -n sh -c PROGRAM`: ends the program with one sentence if sudo would not run it. sudo_words.sh stands
# in front of this text.
ec2mpi_said=$(try_sudo 2>&1) || { printf 'ec2mpi: %s\n' "$(sudo_words "$ec2mpi_said" $?)" >&2; exit 1; }
