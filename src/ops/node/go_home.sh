#!/bin/sh
# Relative paths and ~ begin in the login user's home, whatever folder start-up files have entered or put into HOME, and
# even if they have unset it. What they put into HOME stays in ec2mpi_home, for jobs. Without a home the program stays
# where sshd starts it, which is /; ec2mpi_no_home then says why there is no home, for need_home.sh.
# shellcheck disable=SC2154 # eval sets ec2mpi_at
ec2mpi_home=${ec2mpi_home-$HOME}
ec2mpi_user=$LOGNAME
case $ec2mpi_user in '' | *[!A-Za-z0-9._-]*) ec2mpi_user=$(id -un) ;; esac
case $ec2mpi_user in '' | *[!A-Za-z0-9._-]*) ec2mpi_at=$HOME ;; *) eval "ec2mpi_at=~$ec2mpi_user" ;; esac
[ ! -d "$ec2mpi_at/." ] || HOME=$ec2mpi_at
export HOME ec2mpi_home
ec2mpi_no_home=
if [ -z "$HOME" ]; then ec2mpi_no_home='the account has no home'
elif ! cd -- "$HOME" 2>/dev/null; then
  ec2mpi_no_home="the home of the account, $HOME, is not there"
  [ ! -d "$HOME" ] || ec2mpi_no_home="the account may not enter its home, $HOME"
fi
[ -z "$ec2mpi_no_home" ] || export ec2mpi_no_home
