#!/bin/sh
# Runs a script of the user that arrives by standard input: run_script.sh SIZE ARGUMENT... The first SIZE bytes are the
# script, the bytes behind it are its input. A command line would show the script to other users of the node. The status
# is that of the script. Only names of ours are set, because a user may have exported any other. A folder for temporary
# files may be missing, or may allow no programs (noexec); test -x knows that. "[MARK script]" on standard output says
# that the script is here, with the mark that EC2MPI_TASK holds; without it, exec.cpp takes what stands on standard error
# for the reason. LD_PRELOAD is for the user's programs, and not for ours.
ec2mpi_lost() { printf 'ec2mpi: %s\n' "$1" >&2; exit 126; }
ec2mpi_missing() {
  echo "ec2mpi: the script asks for $1, which is not there or is no program" >&2
  exit 127
}
ec2mpi_size=$1
shift
ec2mpi_path=$PATH ec2mpi_preload=${LD_PRELOAD-}
unset LD_PRELOAD
PATH=/usr/local/bin:/usr/bin:/bin:$PATH
for ec2mpi_folder in "${TMPDIR:-/tmp}" /tmp /var/tmp "$HOME" /dev/shm; do
  ec2mpi_file=$(mktemp "$ec2mpi_folder/.ec2mpi-script-XXXXXX" 2>/dev/null) || continue
  chmod 700 "$ec2mpi_file" && [ -x "$ec2mpi_file" ] && break
  rm -f "$ec2mpi_file"
  ec2mpi_file=
done
[ -n "$ec2mpi_file" ] || ec2mpi_lost 'no folder takes it: tried TMPDIR, /tmp, /var/tmp and the home'
trap 'rm -f "$ec2mpi_file"' EXIT
trap 'exit 143' HUP INT TERM
ec2mpi_said=$( { head -c "$ec2mpi_size" >"$ec2mpi_file"; } 2>&1) ||
  ec2mpi_lost "cannot write into $ec2mpi_folder: ${ec2mpi_said##*: }"
# shellcheck disable=SC2046 # a number, in some systems behind blanks
[ $(wc -c <"$ec2mpi_file") -eq "$ec2mpi_size" ] || ec2mpi_lost 'only a part of it came'
printf '[%s script]' "$EC2MPI_TASK"
# The kernel's own message would name our file instead of the interpreter.
ec2mpi_first=$(head -n 1 "$ec2mpi_file" | head -c 4096 | tr -d '\000')
case $ec2mpi_first in
  '#!'*)
    ec2mpi_line=${ec2mpi_first#??}
    ec2mpi_first=$(printf '%s' "$ec2mpi_line" | awk '{ print $1 }')
    [ -x "$ec2mpi_first" ] || ec2mpi_missing "$ec2mpi_first"
    # The program that env is to find. Of an unknown option it is not known whether the next word belongs to it.
    ec2mpi_first=$(printf '%s' "$ec2mpi_line" | awk '$1 ~ /\/env$/ {
      for (i = 2; i <= NF && $i ~ /^-[Siv]*$|=/; i++);
      if (i <= NF && $i !~ /^-/) print $i
    }')
    [ -z "$ec2mpi_first" ] || (PATH=$ec2mpi_path && command -v "$ec2mpi_first") >/dev/null ||
      ec2mpi_missing "$ec2mpi_first" ;;
esac
if [ -z "$ec2mpi_preload" ]; then PATH=$ec2mpi_path "$ec2mpi_file" "$@"
else LD_PRELOAD=$ec2mpi_preload PATH=$ec2mpi_path "$ec2mpi_file" "$@"
fi
