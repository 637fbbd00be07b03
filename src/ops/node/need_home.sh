#!/bin/sh
# need_home TEXT: ends a program that uses the login user's home, if go_home.sh has found none: the program would use /
# instead. TEXT says what to do.
# shellcheck disable=SC2154 # go_home.sh sets ec2mpi_no_home
need_home() {
  [ -z "$ec2mpi_no_home" ] || {
    printf 'ec2mpi: %s; %s\n' "$ec2mpi_no_home" "$1" >&2
    exit 1
  }
}
