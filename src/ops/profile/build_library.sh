# Builds the profile's library on a node. In front of this text stand:
#   folder  where it goes, as libprofile.so
#   mpirun  path of the mpirun of the job, beside which its mpicc lies
#   wanted  the option of the compiler that names the MPI: -DWANT_OPEN_MPI=4
#   source  the text of shim.c
#   EC2MPI_JOB  the mark of the job, exported, by which an end of the job finds the compiler
# It ends with status 3 if the node has no mpicc; other failures print one line.
# shellcheck shell=sh
# shellcheck disable=SC2154 # the variables are set in front of this text
umask 077
fail() {
  echo "$1"
  exit 1
}
said=$(mkdir -p "$folder" 2>&1) || fail "cannot make $folder: ${said##*: }"
cd "$folder" 2>/dev/null || fail "cannot enter $folder"
name=${mpirun##*/} suffix=''
case $name in *.*) suffix=.${name#*.} ;; esac
for compiler in "${mpirun%/*}/mpicc$suffix" "${mpirun%/*}/mpicc" "$(command -v mpicc)" none; do
  [ ! -x "$compiler" ] || break
done
[ "$compiler" != none ] || exit 3
# The folder may be shared by all nodes.
own=$$.$(uname -n)
trap 'rm -f "$own".*' EXIT
# cat gives the reason; a shell calls a full disk an I/O error.
said=$( { printf '%s\n' "$source" | cat >"$own.c"; } 2>&1) || fail "cannot write to $folder: ${said##*: }"
# shellcheck disable=SC2086 # nothing or one word
said=$("$compiler" $wanted -O2 -fPIC -shared -o "$own.so" "$own.c" -ldl 2>&1) ||
  fail "$compiler: $(echo "$said" | grep -m 1 -i error || echo "$said" | tail -n 1)"
said=$(mv -f "$own.so" libprofile.so 2>&1) || fail "cannot write to $folder: ${said##*: }"
