#include "src/ops/push_script.hpp"

namespace ec2mpi::ops {

// How nothing comes to lie half-written under its final name: the archive is unpacked into a stage, a folder
// beside the target on the same file system. The archive's last member, `steps`, is shell text that moves
// what came to its place by renaming. If the stream breaks off anywhere, there are no steps, and the stage is
// removed.
//
// The stage is called after host and process, so that a stage whose process is gone (the node was switched
// off) is found and removed by the next push; the host's name matters where nodes share a home.
//
// tar goes on reading to the end of its input when the disk is full; so it is killed at its first word of
// complaint.
const char* const kPushScript = R"sh(
target=$1 into=$2
LC_ALL=C TZ=UTC0
export LC_ALL TZ
host=$(uname -n)

die() {
  printf 'ec2mpi: %s\n' "$1" >&2
  exit 1
}

is_folder() { [ -d "$1" ] && [ ! -L "$1" ]; }
exists() { [ -e "$1" ] || [ -L "$1" ]; }

# Folders of earlier pushes from this host whose process is gone.
remove_old_stages() {
  for old in "$1"/.ec2mpi-push."$host".*; do
    is_folder "$old" || continue
    grep -q ec2mpi-push "/proc/${old##*.}/cmdline" 2>/dev/null || remove "$old"
  done
}

# Folders in a stage are always writable for their owner.
remove() { rm -rf "$1" 2>/dev/null; }

# Unpacks standard input; gives tar's first complaints, nothing if all went well.
unpack() {
  options=
  case $(tar --version 2>/dev/null) in *GNU*) options=--warning=no-timestamp ;; esac
  sh -c 'echo $$; exec tar "$@"' tar $options -xpof - -C "$1" <&3 2>&1 | {
    read -r process
    IFS= read -r complaint || exit 0
    kill "$process" 2>/dev/null
    case $complaint in *': Wrote only '*) complaint=${complaint%%: Wrote only *}': No space left on device' ;; esac
    printf '%s\n' "$complaint"
  }
}

# From here on: the steps.

# A file whose content changed while it was being sent is not put in place.
discard() { rm -f "$stage/$1"; }

# Moves everything but folders from one folder to another; mv renames.
move_files() {
  find "$1/." ! -name . -prune ! -type d -exec sh -c 'to=$0; mv -f "$@" "$to/"' "$2" {} +
}

# Moves a folder's content into one that is there already.
merge() {
  [ -w "$2" ] || chmod u+rwx "$2" || return 1
  move_files "$1" "$2" || return 1
  for folder in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    is_folder "$folder" || continue
    if [ -d "$2/${folder##*/}" ]; then
      merge "$folder" "$2/${folder##*/}" || return 1
    else
      mv -f "$folder" "$2/" || return 1
    fi
  done
}

# The place of a source of this name: in the folder, or the new name. No name: what it holds goes into the folder.
find_place() {
  if [ "$into" = 1 ]; then as=$1; else as=$name; fi
  place=$base${as:+/$as}
}

# put NUMBER NAME: moves the NUMBER-th source to its place. It gets its name before it moves, so that mv need not be
# told where to: it would put it into a folder of that name.
put() {
  find_place "$2"
  if is_folder "$stage/$1" && [ -d "$place" ]; then
    merge "$stage/$1" "$place"
    return
  fi
  mkdir "$stage/named" && mv "$stage/$1" "$stage/named/$as" || return 1
  if is_folder "$place"; then
    echo "$place is there already and is a folder"
    return 1
  fi
  if is_folder "$stage/named/$as" && exists "$place"; then
    echo "$place is there already and is not a folder"
    return 1
  fi
  mv -f "$stage/named/$as" "$base/" && rmdir "$stage/named"
}

# folders NUMBER NAME: sets the modes and times of a source's folders, told by an archive within the archive.
folders() {
  find_place "$2"
  options=
  case $(tar --version 2>/dev/null) in *GNU*) options='--warning=no-timestamp --keep-directory-symlink' ;; esac
  tar $options -xpof "$stage/folders$1" -C "$place"
}

# The target as scp has it: a folder that is there, or must be one, takes the sources; else it is the new name.
exec 3<&0
[ -d "$target" ] && into=1
if [ "$into" = 1 ]; then
  base=${target%/} name=
else
  base=${target%/*} name=${target##*/}
fi
[ -n "$base" ] || base=/.
said=$(mkdir -p "$base" 2>&1) || die "$said"
remove_old_stages "$base"
stage=$base/.ec2mpi-push.$host.$$
trap 'exit 1' HUP INT TERM
trap '' PIPE
trap 'remove "$stage"' EXIT
said=$(mkdir -m 700 "$stage" 2>&1) || die "cannot write into $base: ${said##*: }"
said=$(unpack "$stage")
[ -z "$said" ] || die "$said"
[ -f "$stage/steps" ] || die 'the archive did not arrive whole; nothing was changed'
said=$(. "$stage/steps" 2>&1) || die "$said"
)sh";

}  // namespace ec2mpi::ops
