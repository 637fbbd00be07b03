#!/bin/sh
# Prepares the login shell for a user's command. Start-up files have been read already; reading them again would repeat
# their effects. In front of this text stand:
#   ec2mpi_command  the user's command
#   ec2mpi_back     the text of take_back.sh
# Sets ec2mpi_shell, the shell, and ec2mpi_option, the option without which it would read its start-up files, and
# completes ec2mpi_command. Behind hand_over.sh the shell is the login shell's bash. Elsewhere SHELL names it, or
# /bin/sh stands for it if SHELL does not name a program. fish has had such an option since 3.3. Only names of ours are
# set, because a user may have exported any other; command, because a user may have exported a function [.
# shellcheck disable=SC2154 # ec2mpi_command and ec2mpi_back are set in front of this text
# shellcheck disable=SC2034 # ec2mpi_command, ec2mpi_shell and ec2mpi_option are used behind this text
ec2mpi_option=
ec2mpi_shell=$SHELL
command [ -z "${ec2mpi_functions+given}" ] || ec2mpi_shell=$BASH
command [ -x "$ec2mpi_shell" ] || ec2mpi_shell=/bin/sh
case ${ec2mpi_shell##*/} in
  bash)
    ec2mpi_option=--norc
    if command [ -n "${BASH_ENV+given}" ]; then
      command export ec2mpi_bash_env="$BASH_ENV"
      command unset BASH_ENV
    fi
    # bash shows the line of a syntax error, which must be the user's alone. All other messages have only the number of
    # the line, which should be the user's.
    "$ec2mpi_shell" --norc -n -c "$ec2mpi_command" 2>&- || ec2mpi_command="
$ec2mpi_command"
    ec2mpi_command=$ec2mpi_back$ec2mpi_command ;;
  zsh | csh | tcsh) ec2mpi_option=-f ;;
  fish) "$ec2mpi_shell" -N -c : </dev/null 2>/dev/null && ec2mpi_option=-N ;;
esac
