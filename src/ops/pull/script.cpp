#include "src/ops/pull/script.hpp"

namespace ec2mpi::ops {

namespace {

// records PATH DEPTH: "TYPE MODE SIZE BLOCKS INODE MTIME", the path below PATH and where a link leads, each
// ended by NUL; for PATH itself (followed if it is a link) and, with "all", for everything below. A find
// without -printf (busybox) has stat beside it; without fractions of seconds then.
constexpr const char* kRecords = R"sh(
token=$1
shift
LC_ALL=C TZ=UTC0
export LC_ALL TZ
status=0

die() {
  printf 'ec2mpi: %s\n' "$1" >&2
  exit 1
}

if find / -prune -printf '' 2>/dev/null; then
  records() {
    prune=
    [ "$2" = all ] || prune=-prune
    find -H "$1" $prune -printf '%y %m %s %b %i %T@\0%P\0%l\0' || status=1
  }
else
  records() {
    prune=
    [ "$2" = all ] || prune=-prune
    find -H "$1" $prune -exec sh -c 'for path; do
      link= follow=
      if [ "$path" = "$0" ]; then follow=-L; elif [ -L "$path" ]; then link=$(readlink "$path"; echo .); fi
      if [ -n "$link" ]; then type=l; elif [ -d "$path" ]; then type=d; elif [ -f "$path" ]; then type=f; else type=o; fi
      link=${link%??} below=${path#"$0"}
      printf "%s %s\0%s\0%s\0" $type "$(stat $follow -c "%a %s %b %i %Y" "$path")" "${below#/}" "$link"
    done' "$1" {} + || status=1
  }
fi
)sh";

// A source that is a link is followed, as with scp: to a folder by "LINK/.", to a file by its true path.
constexpr const char* kSources = R"sh(
patient=$1
shift

exists() { [ -e "$1" ] || [ -L "$1" ]; }

# list NUMBER PATH
list() {
  path=$2
  case $path in /*) ;; *) path=$PWD/$path ;; esac
  while [ "$path" != "${path%/}" ]; do path=${path%/}; done
  [ -n "$path" ] || path=/.
  if [ -L "$path" ] && [ -d "$path/." ]; then
    path=$path/.
  elif [ -L "$path" ] && [ -e "$path" ]; then
    path=$(readlink -f "$path"; echo .)
    path=${path%??}
  fi
  printf 'source %s\0%s\0%s\0' "$1" "$2" "$path"
  records "$path" all
}

# missing SOURCE: said, or waited for.
missing() {
  [ -z "$patient" ] || return 0
  die "${1#./}: No such file or directory"
}

# list_matches NUMBER GLOB SOURCE
list_matches() {
  number=$1 typed=$3
  eval "set -- $2"
  if exists "$1"; then
    for match; do list "$number" "$match"; done
  else
    missing "$typed"
  fi
}

# list_all (SOURCE GLOB)...
list_all() {
  count=0
  while [ $# -gt 0 ]; do
    if [ -n "$2" ] && ! exists "$1"; then
      list_matches "$count" "$2" "$1"
    elif exists "$1"; then
      list "$count" "$1"
    else
      missing "$1"
    fi
    count=$((count + 1))
    shift 2
  done
  printf 'end\0\0\0'
}
printf '%s\n' "$token"
)sh";

constexpr const char* kList = R"sh(
list_all "$@"
case $(tar --version 2>/dev/null) in
  *GNU*) tar --hard-dereference --null --no-recursion -P -cf - -T - ;;
  *bsdtar*) tar --null -n -P -cf - -T - ;;
  *) tr '\0' '\n' | tar --no-recursion -cf - -T - ;;
esac || status=1
exit "$status"
)sh";

// A tick that nobody takes ends the script, once the connection is gone.
constexpr const char* kWatch = R"sh(
last=
while read -r line; do
  while :; do
    now=$(list_all "$@" 2>/dev/null | cksum)
    [ "$now" = "$last" ] || break
    printf 'tick\0\0\0' || exit
    sleep 1
  done
  last=$now
  list_all "$@" 2>/dev/null
done
)sh";

// Zeros behind each file's bytes: if it has become shorter, the next answer still begins where it is
// expected; that it has shows in the record.
constexpr const char* kRanges = R"sh(
printf '%s\n' "$token"
while read -r number from count; do
  eval "path=\${$number}"
  if [ "$from" = record ]; then
    records "$path" one
  else
    [ -r "$path" ] || die "$path: Permission denied"
    { tail -c "+$from" "$path" </dev/null 2>/dev/null; cat /dev/zero 2>/dev/null; } | head -c "$count"
  fi
done
exit "$status"
)sh";

// In digits, as how many there are is known only at the end.
constexpr const char* kUntold = R"sh(
exec xargs -0 sh -c '
status=0
for path; do
  if [ ! -f "$path" ] || [ ! -r "$path" ]; then
    printf "ec2mpi: %s: cannot be read\n" "$path" >&2
    echo ! && status=1
  elif ! IFS= read -r start <"$path" && [ -z "$start" ]; then
    echo .
  elif od -An -v -tx1 <"$path"; then
    echo .
  else
    printf "ec2mpi: %s: cannot be read\n" "$path" >&2
    echo ! && status=1
  fi
done
exit $status' ec2mpi-pull
)sh";

}  // namespace

const std::string& pull_list_script() {
  static const std::string script = std::string(kRecords) + kSources + kList;
  return script;
}

const std::string& pull_watch_script() {
  static const std::string script = std::string(kRecords) + kSources + kWatch;
  return script;
}

const std::string& pull_untold_script() {
  static const std::string script = kUntold;
  return script;
}

const std::string& pull_ranges_script() {
  static const std::string script = std::string(kRecords) + kRanges;
  return script;
}

}  // namespace ec2mpi::ops
