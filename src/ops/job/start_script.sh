# The part of a job's file `run` that finds out how to start the user's script $script, named $name: as the kernel would,
# but the file need not be executable, its lines may end in CR LF as Windows writes them, and a missing interpreter is
# named. It sets $start, the words of the interpreter, and may change $script to a copy in the job's folder $folder.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # the text in front and behind sets and reads these variables

cr=$(printf '\r')
if IFS= read -r first <"$script" && [ "${first%"$cr"}" != "$first" ]; then
  sed 's/\r$//' "$script" >"$folder/script.lf" || exit 1
  echo "ec2mpi: $name has the line ends of Windows; it is run without them" >&2
  script=$folder/script.lf first=${first%"$cr"}
fi
case $first in
  '#!'*) set -f; start=${first#??}; for program in $start; do break; done ;;
  *) start=sh program=sh ;;
esac
# The command that installs the package of this name, if it is known for this system.
install_command() {
  for manager in apt-get dnf yum zypper; do
    command -v "$manager" >/dev/null || continue
    echo ": ec2mpi exec -w 1 --sudo '$manager -y install ${program##*/}'"
    return
  done
}
command -v "$program" >/dev/null ||
  { echo "ec2mpi: $name asks for $program, which is not there; install it$(install_command)" >&2; exit 127; }
