# The part of a job's file `run` that finds out how to start the user's script $script, named $name: as the kernel
# would, but the file need not be executable, its lines may end in CR LF as Windows writes them, and a missing
# interpreter is named. It sets $start, the words of the interpreter. A script that came from the laptop, or that has
# such line ends, is run as a copy, whose path is then in $script: in $workdir, because many scripts look for their
# files beside themselves (dirname "$0"), or else in the job's folder $folder. The file `copy` names it for the
# supervisor, which removes it.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # the text in front and behind sets and reads these variables

cr=$(printf '\r')
script_text() { if [ "${first%"$cr"}" != "$first" ]; then sed 's/\r$//' "$script"; else cat "$script"; fi; }

IFS= read -r first <"$script" # the last line may lack its end
copy=$workdir/.$name.${folder##*/}
if [ "${first%"$cr"}" != "$first" ] || [ "$script" = "$folder/$name" ]; then
  printf %s "$copy" >"$folder/copy"
  { script_text >"$copy"; } 2>/dev/null || copy=$folder/script.lf
  [ "$copy" != "$folder/script.lf" ] || script_text >"$copy" || exit 1
  script=$copy
fi
if [ "${first%"$cr"}" != "$first" ]; then
  echo "ec2mpi: $name has the line ends of Windows; it is run without them" >&2
  first=${first%"$cr"}
fi
# Sets $wanted, the programs that the words of the first line name: the interpreter, or env and the program that it is to
# find. Of an unknown option of env it is not known whether the next word belongs to it.
find_wanted() {
  wanted=$1
  case $1 in */env) shift ;; *) return ;; esac
  for word in "$@"; do
    case $word in -S | -i | -v | -vS | -iS | *=*) ;; -*) return ;; *) wanted="$wanted $word"; return ;; esac
  done
}
start='sh'
case $first in '#!'*) set -f; start=${first#??} ;; esac
# shellcheck disable=SC2086 # the words
find_wanted $start
# The command that installs the package of this name, if it is known for this system.
install_command() {
  for manager in apt-get dnf yum zypper; do
    command -v "$manager" >/dev/null || continue
    echo ": ec2mpi exec -w 1 --sudo '$manager -y install ${program##*/}'"
    return
  done
}
for program in $wanted; do
  (PATH=$ec2mpi_path && command -v "$program" >/dev/null) ||
    { echo "ec2mpi: $name asks for $program, which is not there; install it$(install_command)" >&2; exit 127; }
done
# The hosts of an mpirun that names none: it would start all ranks on the master. The user's own variables win. Only an
# MPI that reads this form of the file gets it: Open MPI counts "slots", Hydra has the ranks behind a colon.
read -r address slots <"$folder/hosts"
if [ -n "$slots" ]; then
  export OMPI_MCA_orte_default_hostfile="${OMPI_MCA_orte_default_hostfile:-$folder/hosts}"
  export PRTE_MCA_prte_default_hostfile="${PRTE_MCA_prte_default_hostfile:-$folder/hosts}"
else
  export HYDRA_HOST_FILE="${HYDRA_HOST_FILE:-$folder/hosts}"
fi
