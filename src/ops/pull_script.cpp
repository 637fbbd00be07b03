#include "src/ops/pull_script.hpp"

namespace ec2mpi::ops {

// tar takes -C DIR NAME for each source; made absolute, because GNU tar takes each -C from where the last one
// led. A source that is a link is followed, as with scp: to a folder by "LINK/.", to a file by -h, which is
// only safe to say where there are no folders.
const char* const kPullScript = R"sh(
token=$1
shift
LC_ALL=C
export LC_ALL

for source; do
  [ -e "$source" ] || [ -L "$source" ] || { printf 'ec2mpi: %s: No such file or directory\n' "${source#./}" >&2; exit 1; }
done

options= folders= links=
case $(tar --version 2>/dev/null) in *GNU*) options=--hard-dereference ;; esac
count=$#
while [ "$count" -gt 0 ]; do
  source=$1
  shift
  count=$((count - 1))
  case $source in /*) ;; *) source=$PWD/$source ;; esac
  while [ "$source" != "${source%/}" ]; do source=${source%/}; done
  parent=${source%/*} name=./${source##*/}
  if [ -d "$source/." ]; then
    folders=1
    [ ! -L "$source" ] || name=$name/.
  elif [ -L "$source" ] && [ -e "$source" ]; then
    links=1
  fi
  set -- "$@" -C "${parent:-/}" "$name"
done
[ -z "$links" ] || [ -n "$folders" ] || options="$options -h"
printf '%s\n' "$token"
exec tar $options -cf - "$@"
)sh";

}  // namespace ec2mpi::ops
