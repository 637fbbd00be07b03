#!/bin/sh
# Relative paths and ~ begin in the login user's home, whatever folder start-up files have entered or put into HOME, and even
# if they have unset it. What they put into HOME stays in ec2mpi_home, for jobs.
# shellcheck disable=SC2164 # a node without homes is no reason to end
# shellcheck disable=SC2154 # eval sets ec2mpi_at
ec2mpi_home=${ec2mpi_home-$HOME}
ec2mpi_user=$LOGNAME
case $ec2mpi_user in '' | *[!A-Za-z0-9._-]*) ec2mpi_user=$(id -un) ;; esac
case $ec2mpi_user in '' | *[!A-Za-z0-9._-]*) ec2mpi_at=$HOME ;; *) eval "ec2mpi_at=~$ec2mpi_user" ;; esac
[ ! -d "$ec2mpi_at/." ] || HOME=$ec2mpi_at
export HOME ec2mpi_home
cd -- "$HOME" 2>/dev/null
