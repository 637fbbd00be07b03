# shellcheck shell=bash
# In the bash that runs a user's command: what hand_over.sh has exported is known here, but not exported any more, and
# BASH_ENV is there again for the programs that the command starts.
# shellcheck disable=SC2086,SC2154,SC2163,SC3010,SC3045 # names, without blanks; only bash runs this text
[[ -z ${ec2mpi_variables-} ]] || builtin export -n $ec2mpi_variables
[[ -z ${ec2mpi_functions-} ]] || builtin export -nf $ec2mpi_functions
[[ -z ${ec2mpi_bash_env+given} ]] || builtin export BASH_ENV="$ec2mpi_bash_env"
builtin unset ec2mpi_variables ec2mpi_functions ec2mpi_bash_env
