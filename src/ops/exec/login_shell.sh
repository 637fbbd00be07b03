#!/bin/sh
# Prepares the login shell for a user's command. Start-up files have been read already; reading them again would repeat
# their effects. In front of this text stand:
#   ec2mpi_command  the user's command
#   ec2mpi_back     the text of take_back.sh
# Sets ec2mpi_option, the option without which the shell would read its start-up files, and completes ec2mpi_command.
# fish has had such an option since 3.3. Only names of ours are set, for a user may have exported any other.
# shellcheck disable=SC2154 # ec2mpi_command and ec2mpi_back are set in front of this text
# shellcheck disable=SC2034 # ec2mpi_command and ec2mpi_option are used behind this text
ec2mpi_option=
case ${SHELL##*/} in
  bash)
    ec2mpi_option=--norc
    ec2mpi_command=$ec2mpi_back$ec2mpi_command
    ;;
  zsh | csh | tcsh) ec2mpi_option=-f ;;
  fish) "$SHELL" -N -c : </dev/null 2>/dev/null && ec2mpi_option=-N ;;
esac
