# shellcheck shell=bash
# In a login shell that is bash, before another bash takes its place: exports the functions and variables that start-up
# files have defined without exporting them, so that a user's command finds them. The environment then holds:
#   ec2mpi_functions, ec2mpi_variables  their names; take_back.sh makes them unexported again
#   ec2mpi_bash_env                     the value of BASH_ENV, which each bash in between would read again
# Arrays are not handed over. If an environment has no room for all of it, the command runs without. A user may
# have functions and aliases of any name, hence builtin and [[.
# shellcheck disable=SC3043,SC3044,SC3045,SC3024,SC3053,SC3010,SC3003,SC3060 # only bash runs this text
# shellcheck disable=SC2034 # take_back.sh uses ec2mpi_bash_env
# shellcheck disable=SC2046,SC2086,SC2163 # names, without blanks
ec2mpi_hand_over() {
  builtin local ec2mpi_name ec2mpi_value ec2mpi_flags ec2mpi_known
  [[ $IFS = *$'\n'* ]] || builtin local IFS=$' \t\n'
  ec2mpi_known=$(builtin compgen -A export; builtin compgen -A arrayvar)
  ec2mpi_known=" ${ec2mpi_known//$'\n'/ } "
  if [[ $ec2mpi_known = *" BASH_ENV "* ]]; then
    builtin export ec2mpi_bash_env=$BASH_ENV
    builtin unset BASH_ENV
  fi
  ec2mpi_variables=
  for ec2mpi_name in $(builtin compgen -A variable); do
    case $ec2mpi_name in
      BASH* | COMP_* | EPOCH* | ec2mpi_* | _ | EUID | UID | PPID | SHELLOPTS | IFS | PS4 | OPT* | RANDOM | SRANDOM | \
        SECONDS | LINENO | HISTCMD | HOSTTYPE | MACHTYPE | OSTYPE | FUNCNEST | POSIXLY_CORRECT) builtin continue ;;
    esac
    case $ec2mpi_known in *" $ec2mpi_name "*) builtin continue ;; esac
    ec2mpi_value=${!ec2mpi_name-}
    [[ ${#ec2mpi_value} -lt 100000 ]] || builtin continue # Linux takes no string of 128 KiB
    ec2mpi_variables="$ec2mpi_variables $ec2mpi_name"
  done
  ec2mpi_functions=
  while builtin read -r _ ec2mpi_flags ec2mpi_name; do
    [[ $ec2mpi_flags != -f || $ec2mpi_name = ec2mpi_hand_over ]] || ec2mpi_functions="$ec2mpi_functions $ec2mpi_name"
  done <<END
$(builtin declare -F)
END
  builtin export ec2mpi_variables ec2mpi_functions $ec2mpi_variables
  [[ -z $ec2mpi_functions ]] || builtin export -f $ec2mpi_functions
  (builtin exec /bin/sh -c :) && builtin return
  [[ -z $ec2mpi_variables ]] || builtin export -n $ec2mpi_variables
  [[ -z $ec2mpi_functions ]] || builtin export -nf $ec2mpi_functions
  ec2mpi_variables='' ec2mpi_functions=''
  builtin return 1
}
ec2mpi_hand_over 2>&- ||
  builtin echo 'ec2mpi: an environment has no room for what the start-up files define; the command runs without it' >&2
